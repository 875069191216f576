"""The emulated methods: the token endpoint, and the Sheets API's methods to read and write values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from sheets_decrypt.sandbox import masks, refusals, replies, sign_in, values
from sheets_decrypt.sandbox.faults import Kind
from sheets_decrypt.sandbox.parameters import Query
from sheets_decrypt.sandbox.quota import RequestCounter
from sheets_decrypt.sandbox.refusals import Refusal
from sheets_decrypt.sandbox.replies import Reply
from sheets_decrypt.sandbox.sign_in import ServiceAccount
from sheets_decrypt.sandbox.workbook import Workbook

TOKEN_HOST: Final = "oauth2.googleapis.com"
SHEETS_HOST: Final = refusals.SHEETS
HOSTS: Final = (SHEETS_HOST, TOKEN_HOST)

_SERVICE: Final = "google.apps.sheets.v4.SpreadsheetsService."


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Args:
        method: The HTTP method.
        host: The host that it is addressed to.
        path: The path, still percent-encoded.
        query: The query, still percent-encoded.
        authorization: The Authorization header.
        body: The body.
        now: Google's time, in seconds since 1970.
    """

    method: str
    host: str
    path: str
    query: str = ""
    authorization: str | None = None
    body: bytes = b""
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class _Route:
    host: str
    method: str
    path: re.Pattern[str]
    kind: Kind
    name: str


_ID: Final = r"/(?P<id>[^/:]+)"
_ROUTES: Final = tuple(
    _Route(host, method, re.compile(path), kind, name)
    for host, method, path, kind, name in (
        (TOKEN_HOST, "POST", r"/token", Kind.TOKEN, "token"),
        (SHEETS_HOST, "GET", rf"/v4/spreadsheets{_ID}/?", Kind.SPREADSHEET, "spreadsheets.get"),
        (SHEETS_HOST, "GET", rf"/v4/spreadsheets{_ID}/values:batchGet", Kind.VALUES, "spreadsheets.values.batchGet"),
        (SHEETS_HOST, "GET", rf"/v4/spreadsheets{_ID}/values/(?P<range>[^/]+)", Kind.VALUES, "spreadsheets.values.get"),
        (
            SHEETS_HOST,
            "POST",
            rf"/v4/spreadsheets{_ID}/values/(?P<range>[^/]+):append",
            Kind.APPEND,
            "spreadsheets.values.append",
        ),
        (
            SHEETS_HOST,
            "PUT",
            rf"/v4/spreadsheets{_ID}/values/(?P<range>[^/]+)",
            Kind.UPDATE,
            "spreadsheets.values.update",
        ),
    )
)


def kind_of(asked: Asked) -> Kind:
    """Return the kind of a request."""
    route, _ = _route(asked)
    return route.kind if route else Kind.OTHER


def _route(asked: Asked) -> tuple[_Route | None, Mapping[str, str]]:
    for route in _ROUTES:
        if (route.host, route.method) == (asked.host, asked.method) and (found := route.path.fullmatch(asked.path)):
            return route, {name: unquote(text) for name, text in found.groupdict().items()}
    return None, {}


class Api:
    """Answers requests.

    Args:
        account: The account that signs in.
        workbooks: Spreadsheet id → spreadsheet; later additions count.
        counter: Counts requests.
    """

    def __init__(self, account: ServiceAccount, workbooks: Mapping[str, Workbook], counter: RequestCounter) -> None:
        self._account: Final = account
        self._workbooks: Final = workbooks
        self._counter: Final = counter
        self._methods: Final[Mapping[str, Callable[[Workbook, Query, str, bytes], dict[str, Any]]]] = {
            "spreadsheets.get": values.spreadsheet_get,
            "spreadsheets.values.get": values.values_get,
            "spreadsheets.values.batchGet": values.values_batch_get,
            "spreadsheets.values.append": values.values_append,
            "spreadsheets.values.update": values.values_update,
        }

    def answer(self, asked: Asked) -> Reply:
        """Answer a request, or refuse it, as Google does."""
        route, names = _route(asked)
        if route is None:
            known = asked.host == SHEETS_HOST and asked.path.startswith("/v4/spreadsheets")
            return refusals.of_status(501) if known else replies.page(404)
        try:
            if route.kind is Kind.TOKEN:
                return self._account.grant(asked.body, asked.now)
            return self._spreadsheet(asked, route, names)
        except Refusal as refusal:
            return refusal.reply

    def _spreadsheet(self, asked: Asked, route: _Route, names: Mapping[str, str]) -> Reply:
        reads = asked.method == "GET"
        query = Query(route.name, parse_qsl(asked.query, keep_blank_values=True))
        service = _SERVICE + _SERVICE_METHODS[route.name]
        self._check_scopes(asked, sign_in.READING if reads else sign_in.WRITING, service)
        self._counter.count(asked.now, reads=reads)
        workbook = self._workbooks.get(names["id"])
        if workbook is None:
            raise Refusal(refusals.not_found())
        if not workbook.shared or not (reads or workbook.editable):
            raise Refusal(refusals.not_shared())
        make = self._methods[route.name]

        def reply() -> Reply:
            mask = values.mask_of(query, route.name)
            content = make(workbook, query, names.get("range", ""), asked.body)
            return Reply(
                200, replies.document(masks.apply(content, mask), pretty=query.flag("prettyPrint", default=True))
            )

        return workbook.remembered((asked.path, asked.query), reply) if reads else reply()

    def _check_scopes(self, asked: Asked, enough: frozenset[str], service: str) -> None:
        if asked.authorization is None:
            raise Refusal(refusals.unregistered())
        scopes = self._account.scopes(asked.authorization, asked.now)
        if scopes is None:
            raise Refusal(refusals.unauthenticated())
        if not scopes & enough:
            raise Refusal(refusals.scope_insufficient(service))


_SERVICE_METHODS: Final = {
    "spreadsheets.get": "GetSpreadsheet",
    "spreadsheets.values.get": "GetValues",
    "spreadsheets.values.batchGet": "BatchGetValues",
    "spreadsheets.values.append": "AppendValues",
    "spreadsheets.values.update": "UpdateValues",
}
