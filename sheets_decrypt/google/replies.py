"""What Google, or something in between, replied → our error, with advice.

    a reply of the Sheets API      from_api
    a reply of the sign-in         from_sign_in
    a 200 that is not JSON         from_text

Where no reply came at all, `no_reply` explains. Each function returns the error and leaves the raising to its caller,
outside any `except` block, so that no traceback leads to a frame that holds a token. Google's texts are those of
recorded replies as far as they were recorded.
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
from sheets_decrypt.google.failures import (
    LATER,
    LOGIN,
    NEW_KEY,
    PORTAL,
    Failure,
    Transient,
    cut_off,
    may_pass,
    proxy_login,
)

_REPORT: Final = "see whether the spreadsheet opens in a browser; if it does, report this message"
_TOKEN: Final = re.compile(r"ya29\.\S+|eyJ\S{20,}|Bearer \S+", re.IGNORECASE)
_LONGEST: Final = 300  # characters of a server's text that are shown


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply.

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
class _ErrorObject:
    """The error object in a reply of a Google API (AIP-193)."""

    message: str
    status: str
    reason: str
    metadata: Mapping[str, Any]


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return the time in a reply's `Date` header, or None."""
    return _date(headers.get("Date", ""))


def from_api(reply: Reply, *, account: str) -> Failure:
    """Return the error that explains a reply of the Sheets API other than 200.

    Args:
        reply: The reply.
        account: The e-mail address that the spreadsheet must be shared with; may be empty.
    """
    error = _error_object(reply.body)
    if reply.status == requests.codes.too_many_requests:
        return _quota(reply, error)
    if may_pass(reply.status):
        return _down(reply)
    return _refused(reply.status, error, account) if error else _not_google(reply)


def from_sign_in(reply: Reply, *, skew: float | None) -> Failure:
    """Return the error that explains a reply of the token endpoint other than 200.

    Args:
        reply: The reply.
        skew: Seconds that this machine's clock is ahead of the reply's `Date`, or None.
    """
    if reply.status == requests.codes.too_many_requests:
        return _quota(reply, _error_object(reply.body))
    content = _json(reply.body)
    error = content.get("error") if isinstance(content, dict) else None
    if may_pass(reply.status):
        return _down(reply)
    if isinstance(error, dict):  # the IAM and STS services answer like the other APIs
        return refused_sign_in(_text(error.get("message")))
    if not isinstance(error, str):
        return _not_google(reply)
    if error in {"internal_failure", "server_error", "temporarily_unavailable"}:  # a 5xx in other words
        return _down(reply)
    return _refused_grant(error, _text(content.get("error_description")), skew)


def refused_sign_in(reason: str) -> CredentialsRefused:
    """Make the error for a sign-in that failed for a reason that only its text explains."""
    return CredentialsRefused(f"google refuses the sign-in: {_shown(reason) or 'no reason given'}", hint=NEW_KEY)


def from_text(body: bytes, *, host: str) -> Failure:
    """Return the error for a 200 that is not JSON: cut off if it starts like JSON, else not from Google."""
    if body.lstrip()[:1] == b"{":
        return cut_off(host)
    return NotGoogle(f"what answered for {host} is not google: the reply is not JSON", hint=PORTAL)


def _quota(reply: Reply, error: _ErrorObject | None) -> Transient:
    metadata = error.metadata if error else {}
    name = _text(metadata.get("quota_limit")) or (_between(error.message, "limit '", "'") if error else "")
    value = _text(metadata.get("quota_limit_value"))
    which = f" {_shown(name)}{f' ({_shown(value)})' if value else ''}" if name else ""
    return Transient(
        QuotaExhausted,
        f"google's quota{which} is used up",
        hint="other jobs and programs that sign in with the same account share it: start them at other times; " + LATER,
        retry_after=reply.retry_after,
        quota=True,
    )


def _down(reply: Reply) -> Transient:
    return Transient(
        GoogleDown, f"{reply.host} failed with status {reply.status}", hint=LATER, retry_after=reply.retry_after
    )


def _not_google(reply: Reply) -> SheetsDecryptError:
    if reply.status == requests.codes.proxy_authentication_required:
        return proxy_login()
    return NotGoogle(f"what answered for {reply.host} is not google: a page with status {reply.status}", hint=PORTAL)


def _refused(status: int, error: _ErrorObject, account: str) -> SheetsDecryptError:
    match status:
        case 400:
            return _bad_request(error)
        case 401:
            return CredentialsRefused(f"google does not accept the sign-in: {_shown(error.message)}", hint=NEW_KEY)
        case 403:
            return _forbidden(error, account)
        case 404:
            return SpreadsheetNotFound(
                "no spreadsheet with this id was found",
                hint="check the id in the spreadsheet's URL, between /d/ and /edit",
            )
    return GoogleRefused(f"google refuses the request ({status}): {_shown(error.message)}", hint=_REPORT)


def _bad_request(error: _ErrorObject) -> SheetsDecryptError:
    if error.status == "FAILED_PRECONDITION" or "not supported for this document" in error.message:
        return NotASpreadsheet(
            "the id is that of an Excel file in google drive, not of a google sheet",
            hint="open it there, choose File › Save as Google Sheets, and use the new spreadsheet's URL",
        )
    if "Unable to parse range" in error.message:
        return WorksheetNotFound("the tab was not found", hint="check the tab's title; it may have been renamed")
    if "exceeds grid limits" in error.message:
        return SheetMoved("the tab has fewer rows than a moment ago", hint="run again when no one deletes rows")
    return GoogleRefused(f"google does not understand the request: {_shown(error.message)}", hint=_REPORT)


def _forbidden(error: _ErrorObject, account: str) -> SheetsDecryptError:
    if error.reason in {"SERVICE_DISABLED", "accessNotConfigured"}:
        url = _text(error.metadata.get("activationUrl")) or _between(error.message, "visiting ", " ")
        return ApiDisabled(
            "the google sheets API is switched off in the account's project",
            hint=f"open {_shown(url) or 'the Google Cloud console'}, press Enable, and wait a few minutes",
        )
    if error.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" or "insufficient authentication scopes" in error.message:
        return ScopeInsufficient("the login does not cover reading spreadsheets", hint=f"log in again: {LOGIN}")
    if error.reason or "caller does not have permission" not in error.message:
        return NotShared(
            f"google does not let the account read the spreadsheet: {_shown(error.message)}", hint=_share(account)
        )
    return NotShared("the spreadsheet is not shared with the account", hint=_share(account))


def _share(account: str) -> str:
    with_whom = account or "the account that this machine signs in with"
    return f"share the Sheet as Viewer with {with_whom}; if it is shared, check the id in its URL"


def _refused_grant(error: str, description: str, skew: float | None) -> SheetsDecryptError:
    text = description.lower()
    if "reasonable timeframe" in text:
        return ClockWrong(
            f"this machine's clock is {_span(skew)}",
            hint="set the clock (Windows: w32tm /resync; Linux: timedatectl set-ntp true; macOS: Date & Time settings)",
        )
    if "signature" in text:
        return CredentialsRefused("google does not accept the key in the key file: it was revoked", hint=NEW_KEY)
    if "account not found" in text or error == "disabled_client":
        return CredentialsRefused(
            "the service account of the key file was deleted or switched off",
            hint=f"make a new service account, share the Sheet with it, and {NEW_KEY}",
        )
    if error == "invalid_scope":
        return ScopeInsufficient("the login does not cover reading spreadsheets", hint=f"log in again: {LOGIN}")
    if error == "invalid_grant" and ("expired or revoked" in text or "reauth" in text or "rapt" in text):
        return CredentialsRefused("the login on this machine has expired", hint=f"log in again: {LOGIN}")
    return refused_sign_in(f"{error}: {description}" if description else error)


def _error_object(body: bytes) -> _ErrorObject | None:
    content = _json(body)
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None
    details = [detail for detail in _list(error.get("details")) if isinstance(detail, dict)]
    info = next((detail for detail in details if "reason" in detail), {})
    metadata = info.get("metadata")
    known = {"activationUrl": _activation(details)}
    return _ErrorObject(
        message=_text(error.get("message")),
        status=_text(error.get("status")),
        reason=_text(info.get("reason")),
        metadata=known | (metadata if isinstance(metadata, dict) else {}),
    )


def _activation(details: list[dict[str, Any]]) -> str:
    """Return the address that switches the API on; older replies have it among the links."""
    links = [link for detail in details for link in _list(detail.get("links")) if isinstance(link, dict)]
    return next((_text(link.get("url")) for link in links if "activation" in _text(link.get("description"))), "")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return a value that should be text; any other type counts as missing."""
    return value if isinstance(value, str) else ""


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter if the zone is a huge number
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _span(skew: float | None) -> str:
    """Return how far a clock is off, in the largest unit that gives about two or more."""
    if skew is None:
        return "too far off for a sign-in"
    seconds = abs(skew)
    size, unit = next(
        ((size, unit) for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")) if seconds >= 1.95 * size),
        (1, "seconds"),
    )
    return f"{seconds / size:.0f} {unit} {'ahead of' if skew > 0 else 'behind'} google's"


def _between(text: str, start: str, end: str) -> str:
    """Return the text between two markers, or nothing."""
    return text.partition(start)[2].partition(end)[0]


def _shown(text: str) -> str:
    """Make one short line from a server's text, without control characters; an echoed token is left out."""
    line = " ".join(_TOKEN.sub("…", text[: 10 * _LONGEST]).split())[:_LONGEST]
    return "".join(character if character.isprintable() else "�" for character in line)
