"""What Google, or something in between, said → our error, with advice.

    a reply of the Sheets API      from_api
    a reply of the sign-in         from_sign_in
    a 200 that is not JSON         from_text

Where no reply came at all, `connection` explains. Each gives the error and leaves the raising to its caller, outside
of any `except` block, so that no traceback leads back to a frame that holds a token. A failure that may pass is
`Transient`; `retry` turns it into its final error. Google's texts are those of recorded replies where there is one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests

from sheets_decrypt.errors import (
    ApiDisabled,
    ClockWrong,
    CredentialsRefused,
    GoogleDown,
    GoogleRefused,
    GoogleUnavailable,
    NetworkUnreachable,
    NotASpreadsheet,
    NotGoogle,
    NotShared,
    QuotaExhausted,
    ScopeInsufficient,
    SheetMoved,
    SheetsDecryptError,
    SpreadsheetNotFound,
    WorksheetNotFound,
)

SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets.readonly"
LOGIN: Final = f"gcloud auth application-default login --scopes={SCOPE},https://www.googleapis.com/auth/cloud-platform"
ROUTE: Final = (
    "behind a proxy set HTTPS_PROXY or google.proxy; where it opens TLS, name its certificates in REQUESTS_CA_BUNDLE "
    "or google.ca_bundle; a firewall must let oauth2.googleapis.com and sheets.googleapis.com through"
)
LATER: Final = "run again later; nothing was written, and the former CSV is untouched"
PORTAL: Final = (
    "a captive portal or a proxy's page answered in google's place: open a web page in a browser and log in there, or "
    "ask for oauth2.googleapis.com and sheets.googleapis.com to be let through"
)
_ODD: Final = "see whether the spreadsheet opens in a browser; if it does, report this message"
_NEW_KEY: Final = "make a new JSON key for the service account (Google Cloud console, IAM, Service accounts, Keys)"

_TOKEN: Final = re.compile(r"ya29\.\S+|eyJ\S{20,}|Bearer \S+", re.IGNORECASE)


class Transient(Exception):
    """A failure that may pass, so that another try is worthwhile.

    Args:
        kind: The error that it is when every try failed.
        message: Its message, without the number of tries.
        hint: Its hint.
        retry_after: Seconds that the server asked to wait, or None.
        quota: Whether a quota is used up, whose window is a minute.
    """

    def __init__(
        self,
        kind: type[GoogleUnavailable],
        message: str,
        *,
        hint: str,
        retry_after: float | None = None,
        quota: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint
        self.retry_after = retry_after
        self.quota = quota

    def given_up(self, tries: int) -> GoogleUnavailable:
        """Give the final error after so many tries."""
        return self.kind(f"{self}; tried {'once' if tries == 1 else f'{tries} times'}", hint=self.hint)


Failure = SheetsDecryptError | Transient


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply that is not the one hoped for.

    Args:
        host: Who was asked.
        status: The HTTP status.
        headers: Its headers; names in any case.
        body: Its body, which may hold anything.
    """

    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait; a date counts from the server's own clock (RFC 9110, 10.2.3)."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text)
        until = _date(text)
        now = date_of(self.headers) or datetime.now(UTC)
        return max(0.0, (until - now).total_seconds()) if until else None


@dataclass(frozen=True, slots=True)
class _Said:
    """The error object in a reply of a Google API (AIP-193)."""

    message: str
    status: str
    reason: str
    metadata: Mapping[str, Any]


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Give the time that a reply's `Date` header shows, or None where there is none."""
    return _date(headers.get("Date", ""))


def from_api(reply: Reply, *, account: str) -> Failure:
    """Explain a reply of the Sheets API that is not 200.

    Args:
        reply: What came.
        account: The e-mail address that the spreadsheet must be shared with; may be empty.
    """
    said = _said(reply.body)
    if reply.status == requests.codes.too_many_requests:
        return _quota(reply, said)
    if passes(reply.status):
        return _down(reply)
    return _refused(reply.status, said, account) if said else _stranger(reply)


def from_sign_in(reply: Reply, *, skew: float | None) -> Failure:
    """Explain a reply of the token endpoint that is not 200.

    Args:
        reply: What came.
        skew: Seconds that this machine's clock is ahead of the reply's `Date`, or None.
    """
    if reply.status == requests.codes.too_many_requests:
        return _quota(reply, _said(reply.body))
    content = _json(reply.body)
    error = content.get("error") if isinstance(content, dict) else None
    if passes(reply.status):
        return _down(reply)
    if isinstance(error, dict):  # the IAM and STS services answer as the other APIs do
        return refused_sign_in(str(error.get("message", "")))
    if not isinstance(error, str):
        return _stranger(reply)
    if error in {"internal_failure", "server_error", "temporarily_unavailable"}:  # a 5xx in other words
        return _down(reply)
    return _refused_grant(error, str(content.get("error_description", "")), skew)


def refused_sign_in(said: str) -> CredentialsRefused:
    """Make the error of a sign-in that failed for a reason that only its words tell."""
    return CredentialsRefused(f"google refuses the sign-in: {_plain(said) or 'no reason given'}", hint=_NEW_KEY)


def from_text(body: bytes, *, host: str) -> Failure:
    """Explain a 200 whose body is not JSON: cut off where it starts like JSON, else not Google's."""
    if body.lstrip()[:1] == b"{":
        return Transient(GoogleDown, f"the reply of {host} was cut off", hint=LATER)
    return NotGoogle(f"what answered for {host} is not google: the reply is not JSON", hint=PORTAL)


def too_large(host: str, limit: int) -> NotGoogle:
    """Make the error of a reply of more than `limit` bytes."""
    return NotGoogle(
        f"what answered for {host} is not google: the reply is larger than {limit >> 20} MiB",
        hint="google's replies are far smaller; see which proxy or other machine stands in between",
    )


def out_of_time(host: str) -> Transient:
    """Make the error of a request that used up the deadline."""
    return Transient(GoogleDown, f"{host} took longer than google.deadline allows", hint=LATER)


def proxy_login() -> NetworkUnreachable:
    """Make the error of a proxy that wants to know who asks."""
    return NetworkUnreachable(
        "the proxy asks for a login (407)",
        hint=f"write it into the proxy's URL, HTTPS_PROXY=http://user:password@host:port; {ROUTE}",
    )


def _quota(reply: Reply, said: _Said | None) -> Transient:
    metadata = said.metadata if said else {}
    name = str(metadata.get("quota_limit") or "") or (_between(said.message, "limit '", "'") if said else "")
    value = str(metadata.get("quota_limit_value") or "")
    which = f" {_plain(name)}{f' ({_plain(value)})' if value else ''}" if name else ""
    return Transient(
        QuotaExhausted,
        f"google's quota{which} is used up",
        hint="other jobs and programs that sign in with the same account share it: let them start at other times; "
        + LATER,
        retry_after=reply.retry_after,
        quota=True,
    )


def _down(reply: Reply) -> Transient:
    return Transient(
        GoogleDown, f"{reply.host} is out of order ({reply.status})", hint=LATER, retry_after=reply.retry_after
    )


def _stranger(reply: Reply) -> SheetsDecryptError:
    if reply.status == requests.codes.proxy_authentication_required:
        return proxy_login()
    return NotGoogle(f"what answered for {reply.host} is not google: a page with status {reply.status}", hint=PORTAL)


def _refused(status: int, said: _Said, account: str) -> SheetsDecryptError:
    match status:
        case 400:
            return _bad_request(said)
        case 401:
            return CredentialsRefused(f"google does not accept the sign-in: {_plain(said.message)}", hint=_NEW_KEY)
        case 403:
            return _forbidden(said, account)
        case 404:
            return SpreadsheetNotFound(
                "google knows no spreadsheet with this id",
                hint="check the id in the spreadsheet's URL, between /d/ and /edit",
            )
    return GoogleRefused(f"google refuses the request ({status}): {_plain(said.message)}", hint=_ODD)


def _bad_request(said: _Said) -> SheetsDecryptError:
    if said.status == "FAILED_PRECONDITION" or "not supported for this document" in said.message:
        return NotASpreadsheet(
            "the id names an Excel file that lies in google drive, not a google sheet",
            hint="open it there, choose File › Save as Google Sheets, and use the new spreadsheet's URL",
        )
    if "Unable to parse range" in said.message:
        return WorksheetNotFound("google does not find the tab", hint="check the tab's title; it may have been renamed")
    if "exceeds grid limits" in said.message:
        return SheetMoved("the tab has fewer rows than a moment ago", hint="run again when nobody deletes rows")
    return GoogleRefused(f"google does not understand the request: {_plain(said.message)}", hint=_ODD)


def _forbidden(said: _Said, account: str) -> SheetsDecryptError:
    if said.reason in {"SERVICE_DISABLED", "accessNotConfigured"}:
        url = str(said.metadata.get("activationUrl") or "") or _between(said.message, "visiting ", " ")
        return ApiDisabled(
            "the google sheets API is switched off in the account's project",
            hint=f"open {_plain(url) or 'the Google Cloud console'}, press Enable, and wait some minutes",
        )
    if said.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" or "insufficient authentication scopes" in said.message:
        return ScopeInsufficient("the login does not cover reading spreadsheets", hint=f"log in again: {LOGIN}")
    if said.reason or "caller does not have permission" not in said.message:
        return NotShared(
            f"google does not let the account read the spreadsheet: {_plain(said.message)}", hint=_share(account)
        )
    return NotShared("the spreadsheet is not shared with the account", hint=_share(account))


def _share(account: str) -> str:
    with_whom = account or "the account that this machine signs in with"
    return f"share the Sheet as Viewer with {with_whom}; if it is shared, check the id in its URL"


def _refused_grant(error: str, description: str, skew: float | None) -> SheetsDecryptError:
    said = description.lower()
    if "reasonable timeframe" in said:
        return ClockWrong(
            f"this machine's clock is {_span(skew)}",
            hint="set the clock (Windows: w32tm /resync; Linux: timedatectl set-ntp true; macOS: Date & Time settings)",
        )
    if "signature" in said:
        return CredentialsRefused("google does not know the key in the key file: it was revoked", hint=_NEW_KEY)
    if "account not found" in said or error == "disabled_client":
        return CredentialsRefused(
            "the service account of the key file was deleted or switched off",
            hint=f"make a new service account, share the Sheet with it, and {_NEW_KEY}",
        )
    if error == "invalid_scope":
        return ScopeInsufficient("the login does not cover reading spreadsheets", hint=f"log in again: {LOGIN}")
    if error == "invalid_grant" and ("expired or revoked" in said or "reauth" in said or "rapt" in said):
        return CredentialsRefused("the login on this machine has expired", hint=f"log in again: {LOGIN}")
    return refused_sign_in(f"{error}: {description}" if description else error)


def _said(body: bytes) -> _Said | None:
    content = _json(body)
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None
    details = [detail for detail in _list(error.get("details")) if isinstance(detail, dict)]
    info = next((detail for detail in details if "reason" in detail), {})
    metadata = info.get("metadata")
    known = {"activationUrl": _activation(details)}
    return _Said(
        message=str(error.get("message", "")),
        status=str(error.get("status", "")),
        reason=str(info.get("reason", "")),
        metadata=known | (metadata if isinstance(metadata, dict) else {}),
    )


def _activation(details: list[dict[str, Any]]) -> str:
    """Give the address that switches the API on; older replies have it among the links."""
    links = [link for detail in details for link in _list(detail.get("links")) if isinstance(link, dict)]
    return next((str(link.get("url")) for link in links if "activation" in str(link.get("description"))), "")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def passes(status: int) -> bool:
    """Tell the statuses that a later try may not get: 408 and 5xx."""
    return bool(status == requests.codes.request_timeout or status >= requests.codes.server_error)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter where the zone is a huge number
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _span(skew: float | None) -> str:
    """Say by how much a clock is off, in the largest unit of which there are about two or more."""
    if skew is None:
        return "too far off for a sign-in"
    seconds = abs(skew)
    size, unit = next(
        ((size, unit) for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")) if seconds >= 1.95 * size),
        (1, "seconds"),
    )
    return f"{seconds / size:.0f} {unit} {'ahead of' if skew > 0 else 'behind'} google's"


def _between(text: str, start: str, end: str) -> str:
    """Give what stands between two marks, or nothing."""
    return text.partition(start)[2].partition(end)[0]


def _plain(text: str) -> str:
    """Make one short line of what a server said; should it ever echo a token, that is left out."""
    return " ".join(_TOKEN.sub("…", text).split())[:300]
