"""Scripted faults: the kind of fault, the request that it hits, and how often."""

import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox import refusals, replies
from sheets_decrypt.sandbox.replies import Reply


class Kind(StrEnum):
    """The kinds of request; `any` matches all of them except `connect`, which asks the proxy for a tunnel."""

    CONNECT = "connect"
    TOKEN = "token"
    SPREADSHEET = "spreadsheet"
    VALUES = "values"
    APPEND = "append"
    UPDATE = "update"
    OTHER = "other"
    ANY = "any"


class What(StrEnum):
    """The kinds of fault.

    In place of the answer: `status` (Google's usual body for a status), `page` (a page for people with that status),
    `html` (such a page with 200), `invalid_grant`, `disabled`, `unsupported`, `scope`, and `reset` (the connection
    breaks before anything is done). On the way back: `lost` (the connection breaks after it was done), `stall` (silence
    first), `drip` (a little at a time), `truncate` (the connection ends in the middle of the body). Also `skew`
    (Google's clock is ahead by some seconds) and `call` (a function is called just before the answer is made).
    """

    STATUS = "status"
    PAGE = "page"
    HTML = "html"
    INVALID_GRANT = "invalid_grant"
    DISABLED = "disabled"
    UNSUPPORTED = "unsupported"
    SCOPE = "scope"
    RESET = "reset"
    LOST = "lost"
    STALL = "stall"
    DRIP = "drip"
    TRUNCATE = "truncate"
    SKEW = "skew"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Args:
        kind: The requests that it matches; a word of `Kind`.
        what: What goes wrong; a word of `What`.
        times: How many matching requests it hits; None for all.
        after: How many it lets pass first. A fault sees only the requests that earlier faults let pass.
        status: For `status` and `page`.
        retry_after: The value of a Retry-After header, for an answer in place of the real one.
        seconds: How long `stall` is silent, how long `drip` waits between pieces, how far `skew` is off.
        description: For `invalid_grant`: Google's error_description.
        then: For `call`: the function.
    """

    kind: str = "any"
    what: str = "status"
    times: int | None = 1
    after: int = 0
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    description: str = "Invalid JWT Signature."
    then: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        Kind(self.kind)
        What(self.what)

    def fits(self, kind: Kind) -> bool:
        """Return whether it matches this kind of request."""
        return self.kind == kind or (self.kind == Kind.ANY and kind is not Kind.CONNECT)

    def reply(self, kind: Kind) -> Reply | None:
        """Return the answer that replaces the real one, or None."""
        match What(self.what):
            case What.STATUS:
                answer = _in_place(self.status, kind)
            case What.PAGE:
                answer = replies.page(self.status)
            case What.HTML:
                answer = replies.page(200)
            case What.INVALID_GRANT:
                answer = refusals.token_error("invalid_grant", self.description)
            case What.DISABLED:
                answer = refusals.service_disabled()
            case What.UNSUPPORTED:
                answer = refusals.unsupported()
            case What.SCOPE:
                answer = refusals.scope_insufficient("google.apps.sheets.v4.SpreadsheetsService.GetSpreadsheet")
            case _:
                return None
        more = (("Retry-After", self.retry_after),) if self.retry_after is not None else ()
        return Reply(answer.status, answer.body, answer.content_type, answer.headers + more)


class Script:
    """The pending faults. At most one applies to a request: the first that matches."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._faults: list[tuple[Fault, list[int]]] = []

    def add(self, *faults: Fault) -> None:
        """Add faults at the end."""
        with self._lock:
            self._faults.extend((fault, [0]) for fault in faults)

    def clear(self) -> None:
        """Drop all of them."""
        with self._lock:
            self._faults.clear()

    def next(self, kind: Kind) -> Fault | None:
        """Return the fault that applies to this request, by its kind."""
        with self._lock:
            for fault, seen in self._faults:
                if not fault.fits(kind):
                    continue
                seen[0] += 1
                if seen[0] > fault.after and (fault.times is None or seen[0] <= fault.after + fault.times):
                    return fault
        return None


_SYNTAX: Final = re.compile(
    r"""
    (?P<kind>[a-z]+) : (?P<what>[a-z_]+|[0-9]{3})
    (?: = (?P<value>[^;*@]*) )?
    (?: ;retry-after= (?P<retry_after>[^*@]*) )?
    (?: (?P<repeated>\*) (?P<times>[0-9]*) )?
    (?: @ (?P<after>[0-9]+) )?
    """,
    re.VERBOSE,
)


def parse_fault(text: str) -> Fault:
    """Parse a fault from the command line: `KIND:WHAT[=VALUE][;retry-after=SECONDS][*TIMES][@AFTER]`.

    `KIND` is a word of `Kind`. `WHAT` is a status such as 429, or a word of `What` except `call`. `*` alone means every
    time. Examples:

    - `values:429*2`: the first two reads of values meet the quota.
    - `any:503;retry-after=7`: one request is answered 503 with `Retry-After: 7`.
    - `values:page=502*`: every read of values is answered 502 with a page for people.
    - `spreadsheet:html`: a captive portal answers 200.
    - `values:reset@1`: the second read of values ends in a reset connection.
    - `values:stall=30`, `values:drip=0.5`, `values:truncate`, `append:lost`.
    - `token:invalid_grant=Invalid grant: account not found`.
    - `token:skew=7200*`: Google's clock is two hours ahead of this machine's.
    - `connect:407`: the proxy asks for a password.
    - `any:disabled*`, `values:unsupported`, `spreadsheet:scope`.

    Raises:
        ConfigurationError: It breaks the syntax, or a word is unknown.
    """
    found = _SYNTAX.fullmatch(text)
    with contextlib.suppress(ValueError):
        if found is not None:
            return _fault(found.groupdict())
    raise ConfigurationError(
        f"not a valid fault: {text!r}",
        hint="write it as in values:429*2, token:invalid_grant, values:stall=30 or append:503;retry-after=7",
    )


def _fault(part: dict[str, str | None]) -> Fault:
    """Make a fault from the parts of its text.

    Raises:
        ValueError: A word is unknown, or its value is not valid.
    """
    times = int(part["times"]) if part["times"] else None
    return Fault(
        kind=part["kind"] or "",
        times=times if part["repeated"] else 1,
        after=int(part["after"] or 0),
        retry_after=part["retry_after"],
        **_what(part["what"] or "", part["value"] or ""),
    )


def _what(word: str, value: str) -> dict[str, Any]:
    """Return the fields of `Fault` that a word and its value set.

    Raises:
        ValueError: The word is unknown, or its value is not valid.
    """
    if word.isdigit():
        return {"what": What.STATUS, "status": int(word)}
    what = What(word)
    if what is What.CALL:
        raise ValueError(word)
    if what in {What.STALL, What.DRIP, What.SKEW}:
        return {"what": what, "seconds": float(value)}
    if what in {What.PAGE, What.STATUS} and value:
        return {"what": what, "status": int(value)}
    if what is What.INVALID_GRANT and value:
        return {"what": what, "description": value}
    return {"what": what}


def _in_place(status: int, kind: Kind) -> Reply:
    """Return the usual answer with a status. Those of the token endpoint are not recorded, but follow RFC 6749."""
    if kind is Kind.CONNECT:
        return replies.page(status)
    if kind is not Kind.TOKEN:
        return refusals.of_status(status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return refusals.token_error("internal_failure", "Backend Error", status)
    limited = status == HTTPStatus.TOO_MANY_REQUESTS
    return refusals.token_error("rate_limit_exceeded" if limited else "invalid_request", "", status)
