"""The methods that are played: the token endpoint, the Sheets API's reading and writing of values, Drive's file."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from sheets_decrypt.sandbox import a1, masks, replies, tokens
from sheets_decrypt.sandbox.a1 import Area
from sheets_decrypt.sandbox.cells import Cell, Shown, entered, shown
from sheets_decrypt.sandbox.faults import Kind
from sheets_decrypt.sandbox.grid import BeyondGrid, BeyondRange, Grid, WorkbookFull
from sheets_decrypt.sandbox.parameters import REPLIES, Query
from sheets_decrypt.sandbox.quota import Meter
from sheets_decrypt.sandbox.replies import Refusal, Reply
from sheets_decrypt.sandbox.tokens import ServiceAccount
from sheets_decrypt.sandbox.workbook import LONGEST_CELL, MOST_CELLS, Workbook

TOKEN_HOST: Final = "oauth2.googleapis.com"
SHEETS_HOST: Final = replies.SHEETS
DRIVE_HOST: Final = "www.googleapis.com"
HOSTS: Final = (SHEETS_HOST, TOKEN_HOST, DRIVE_HOST)

_SERVICE: Final = "google.apps.sheets.v4.SpreadsheetsService."
_FULL: Final = f"This action would increase the number of cells in the workbook above the limit of {MOST_CELLS} cells."
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
            "spreadsheets.get": _get,
            "spreadsheets.values.get": _values_get,
            "spreadsheets.values.batchGet": _values_batch_get,
            "spreadsheets.values.append": _values_append,
            "spreadsheets.values.update": _values_update,
        }

    def answer(self, asked: Asked) -> Reply:
        """Answer a request, or refuse it, as Google does."""
        route, names = _route(asked)
        if route is None:
            known = asked.host == SHEETS_HOST and asked.path.startswith("/v4/spreadsheets")
            return replies.of_status(501) if known else replies.page(404)
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
            raise Refusal(replies.not_found())
        if not workbook.shared or not (reads or workbook.editable):
            raise Refusal(replies.not_shared())
        make = self._methods[route.name]

        def reply() -> Reply:
            mask = _mask(query, route.name)
            content = make(workbook, query, names.get("range", ""), asked.body)
            return Reply(
                200, replies.document(masks.apply(content, mask), pretty=query.flag("prettyPrint", default=True))
            )

        return workbook.remembered((asked.path, asked.query), reply) if reads else reply()

    def _check_scopes(self, asked: Asked, enough: frozenset[str], service: str) -> None:
        if asked.authorization is None:
            raise Refusal(replies.unregistered())
        scopes = self._account.scopes(asked.authorization, asked.now)
        if scopes is None:
            raise Refusal(replies.unauthenticated())
        if not scopes & enough:
            raise Refusal(replies.scope_insufficient(service))

    def _shared_file(self, asked: Asked, file_id: str, name: str) -> Workbook:
        self._check_scopes(asked, tokens.FILES, name)
        workbook = self._workbooks.get(file_id)
        if workbook is None or not workbook.shared:
            raise Refusal(replies.file_not_found(file_id))
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
        raise Refusal(replies.bad_selection(str(error))) from None
    return Reply(200, replies.document(masks.apply(content, mask)))


def _export(asked: Asked, workbook: Workbook) -> Reply:
    """Give the first tab as CSV, without a line break at its end, as the recorded reply has it."""
    kind = dict(parse_qsl(asked.query)).get("mimeType", "")
    if kind != "text/csv":
        raise Refusal(replies.of_status(501))
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


def _mask(query: Query, name: str) -> masks.Mask:
    text = query.text("fields")
    if not text:
        return {}
    try:
        return masks.parse(text, REPLIES[name])
    except masks.MaskUnreadable as error:
        raise Refusal(replies.bad_mask(str(error))) from None


def _area(workbook: Workbook, text: str) -> tuple[Grid, Area]:
    try:
        area = a1.parse(text, workbook.titles)
    except a1.RangeUnreadable:
        raise Refusal(replies.unreadable_range(text)) from None
    return workbook.grid(area.title), area


def _resolved(workbook: Workbook, text: str) -> tuple[Grid, Area]:
    grid, area = _area(workbook, text)
    try:
        return grid, grid.resolve(area)
    except BeyondGrid as error:
        raise Refusal(replies.beyond_grid(error.area, grid.row_count, grid.column_count)) from None


def _get(workbook: Workbook, query: Query, _range: str, _body: bytes) -> dict[str, Any]:
    areas = [_resolved(workbook, text)[1] for text in query.all("ranges")]
    mask = _mask(query, "spreadsheets.get")  # where there is a mask, it alone decides on the grid's data
    grid_data = masks.covers(mask, "sheets", "data") if mask else query.flag("includeGridData")
    return workbook.described(areas=areas, grid_data=grid_data)


def _values_get(workbook: Workbook, query: Query, text: str, _body: bytes) -> dict[str, Any]:
    grid, area = _resolved(workbook, text)
    option = query.text("valueRenderOption", "FORMATTED_VALUE")
    return _value_range(
        grid, area, option, query.text("dateTimeRenderOption", "SERIAL_NUMBER"), query.text("majorDimension", "ROWS")
    )


def _values_batch_get(workbook: Workbook, query: Query, _range: str, body: bytes) -> dict[str, Any]:
    ranges = [_values_get(workbook, query, text, body) for text in query.all("ranges")]
    return {"spreadsheetId": workbook.id} | ({"valueRanges": ranges} if ranges else {})


def _value_range(grid: Grid, area: Area, option: str, dates: str, dimension: str = "ROWS") -> dict[str, Any]:
    rows = [_shown_row(row, option, dates) for row in grid.read(area)]
    by_columns = dimension == "COLUMNS"
    if by_columns:
        width = max(map(len, rows), default=0)
        rows = [[row[column] if column < len(row) else "" for row in rows] for column in range(width)]
    for row in rows:
        _drop_empty(row)
    _drop_empty(rows)
    content: dict[str, Any] = {"range": str(area), "majorDimension": "COLUMNS" if by_columns else "ROWS"}
    return content | ({"values": rows} if rows else {})


def _shown_row(row: Sequence[Cell], option: str, dates: str) -> list[Shown]:
    if set(map(type, row)) <= {str}:
        return list(row)  # type: ignore[arg-type]  # every cell is text
    return [shown(cell, option, dates) for cell in row]


def _drop_empty(items: list[Any]) -> None:
    """Drop what is empty at the end."""
    while items and (items[-1] == "" or items[-1] == []):
        items.pop()


def _values_append(workbook: Workbook, query: Query, text: str, body: bytes) -> dict[str, Any]:
    values = _written_values(query, body)
    with workbook.changing():
        grid, area = _area(workbook, text)
        insert = query.text("insertDataOption") == "INSERT_ROWS"
        try:
            table, target = grid.append(area, values, insert=insert, room=MOST_CELLS - workbook.cells())
        except BeyondGrid as error:
            raise Refusal(replies.beyond_grid(error.area, grid.row_count, grid.column_count)) from None
        except WorkbookFull:
            raise Refusal(replies.invalid(_FULL)) from None
        content: dict[str, Any] = {"spreadsheetId": workbook.id}
        if table:
            content["tableRange"] = str(table)
        return content | {"updates": _updates(workbook, grid, target, values, query)}


def _values_update(workbook: Workbook, query: Query, text: str, body: bytes) -> dict[str, Any]:
    values = _written_values(query, body)
    with workbook.changing():
        grid, area = _area(workbook, text)
        try:
            target = grid.update(area, values)
        except BeyondGrid as error:
            raise Refusal(replies.beyond_grid(error.area, grid.row_count, grid.column_count)) from None
        except BeyondRange as error:
            raise Refusal(replies.invalid(str(error))) from None
        return _updates(workbook, grid, target, values, query)


def _updates(
    workbook: Workbook, grid: Grid, target: Area, values: Sequence[Sequence[Cell]], query: Query
) -> dict[str, Any]:
    cells = sum(cell is not None for row in values for cell in row)
    content: dict[str, Any] = {"spreadsheetId": workbook.id, "updatedRange": str(target)}
    if cells:
        content["updatedRows"] = len(values)
        content["updatedColumns"] = max(map(len, values))
        content["updatedCells"] = cells
    if query.flag("includeValuesInResponse"):
        option = query.text("responseValueRenderOption", "FORMATTED_VALUE")
        dates = query.text("responseDateTimeRenderOption", "SERIAL_NUMBER")
        content["updatedData"] = _value_range(grid, target, option, dates)
    return content


def _written_values(query: Query, body: bytes) -> list[list[Cell]]:
    """Read the cells that are to be written; None leaves a cell as it is."""
    option = query.text("valueInputOption", "INPUT_VALUE_OPTION_UNSPECIFIED")
    if option == "INPUT_VALUE_OPTION_UNSPECIFIED":
        raise Refusal(replies.invalid("'valueInputOption' is required but not specified"))
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise Refusal(replies.invalid("Invalid JSON payload received. Unexpected token.")) from None
    content = content if isinstance(content, dict) else {}
    for name in content:
        if name not in {"range", "majorDimension", "values"}:
            message = f"Invalid JSON payload received. Unknown name \"{name}\" at 'data': Cannot find field."
            raise Refusal(replies.invalid(message, field="data", description=message))
    rows = content.get("values") or []
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, list):
            kind = "type.googleapis.com/google.protobuf.ListValue"
            raise Refusal(replies.invalid_value("data.values", kind, json.dumps(row)))
    if content.get("majorDimension") == "COLUMNS":
        rows = [list(column) for column in zip(*rows, strict=True)]
    return [[_written(cell, typed=option == "USER_ENTERED") for cell in row] for row in rows]


def _written(cell: object, *, typed: bool) -> Cell:
    if isinstance(cell, str):
        if len(cell) > LONGEST_CELL:
            raise Refusal(
                replies.invalid("Your input contains more than the maximum of 50000 characters in a single cell.")
            )
        return entered(cell) if typed else cell
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    raise Refusal(replies.invalid(f"Invalid values[0][0]: {json.dumps(cell)}"))
