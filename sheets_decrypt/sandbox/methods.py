"""The methods that are played: the token endpoint, the Sheets API's reading and writing of values, Drive's file."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from sheets_decrypt.sandbox import masks, refusals, replies, tokens, values
from sheets_decrypt.sandbox.cells import shown
from sheets_decrypt.sandbox.faults import Kind
from sheets_decrypt.sandbox.parameters import Query
from sheets_decrypt.sandbox.quota import Meter
from sheets_decrypt.sandbox.refusals import Refusal
from sheets_decrypt.sandbox.replies import Reply
from sheets_decrypt.sandbox.tokens import ServiceAccount
from sheets_decrypt.sandbox.workbook import Workbook

TOKEN_HOST: Final = "oauth2.googleapis.com"
SHEETS_HOST: Final = refusals.SHEETS
DRIVE_HOST: Final = "www.googleapis.com"
HOSTS: Final = (SHEETS_HOST, TOKEN_HOST, DRIVE_HOST)

_SERVICE: Final = "google.apps.sheets.v4.SpreadsheetsService."
_DRIVE_FIELDS: Final[masks.Schema] = dict.fromkeys(
    ("kind", "id", "name", "mimeType", "createdTime", "modifiedTime", "trashed", "webViewLink")
)
_DRIVE_DEFAULT: Final = ("kind", "id", "name", "mimeType")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived.

    Args:
        method: The HTTP method.
        host: The host that it is meant for.
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
        (SHEETS_HOST, "GET", rf"/v4/spreadsheets{_ID}", Kind.SPREADSHEET, "spreadsheets.get"),
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
        (DRIVE_HOST, "GET", rf"/drive/v3/files{_ID}", Kind.DRIVE, "drive.files.get"),
        (DRIVE_HOST, "GET", rf"/drive/v3/files{_ID}/export", Kind.DRIVE, "drive.files.export"),
    )
)


def kind_of(asked: Asked) -> Kind:
    """Tell what a request asks for."""
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
        workbooks: Spreadsheet id → spreadsheet; what is added later is seen.
        meter: Counts requests.
    """

    def __init__(self, account: ServiceAccount, workbooks: Mapping[str, Workbook], meter: Meter) -> None:
        self._account: Final = account
        self._workbooks: Final = workbooks
        self._meter: Final = meter
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
            if route.kind is Kind.DRIVE:
                workbook = self._shared_file(asked, names["id"], route.name)
                return _file(asked, workbook) if route.name == "drive.files.get" else _export(asked, workbook)
            return self._spreadsheet(asked, route, names)
        except Refusal as refusal:
            return refusal.reply

    def _spreadsheet(self, asked: Asked, route: _Route, names: Mapping[str, str]) -> Reply:
        reads = asked.method == "GET"
        query = Query(route.name, parse_qsl(asked.query, keep_blank_values=True))
        service = _SERVICE + _SERVICE_METHODS[route.name]
        self._check_scopes(asked, tokens.READING if reads else tokens.WRITING, service)
        self._meter.count(asked.now, reads=reads)
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

    def _shared_file(self, asked: Asked, file_id: str, name: str) -> Workbook:
        self._check_scopes(asked, tokens.FILES, name)
        workbook = self._workbooks.get(file_id)
        if workbook is None or not workbook.shared:
            raise Refusal(refusals.file_not_found(file_id))
        return workbook


def _file(asked: Asked, workbook: Workbook) -> Reply:
    content = {
        "kind": "drive#file",
        "id": workbook.id,
        "name": workbook.title,
        "mimeType": "application/vnd.google-apps.spreadsheet",
        "createdTime": workbook.created,
        "modifiedTime": workbook.modified,
        "trashed": False,
        "webViewLink": workbook.url,
    }
    fields = dict(parse_qsl(asked.query)).get("fields", ",".join(_DRIVE_DEFAULT))
    try:
        mask = masks.parse(fields, _DRIVE_FIELDS)
    except masks.MaskUnreadable as error:
        raise Refusal(refusals.bad_selection(str(error))) from None
    return Reply(200, replies.document(masks.apply(content, mask)))


def _export(asked: Asked, workbook: Workbook) -> Reply:
    """Give the first tab as CSV, without a line break at its end, as the recorded reply has it."""
    kind = dict(parse_qsl(asked.query)).get("mimeType", "")
    if kind != "text/csv":
        raise Refusal(refusals.of_status(501))
    text = io.StringIO()
    with workbook.lock:
        for row in workbook.grid(workbook.titles[0]).rows():
            csv.writer(text).writerow([shown(cell, "FORMATTED_VALUE") for cell in row])
    return Reply(200, text.getvalue().removesuffix("\r\n").encode(), "text/csv")


_SERVICE_METHODS: Final = {
    "spreadsheets.get": "GetSpreadsheet",
    "spreadsheets.values.get": "GetValues",
    "spreadsheets.values.batchGet": "BatchGetValues",
    "spreadsheets.values.append": "AppendValues",
    "spreadsheets.values.update": "UpdateValues",
}
