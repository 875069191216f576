"""The Sheets API's methods for reading and writing.

Each takes the spreadsheet, the checked query, the range in the path and the body, and returns the reply's content.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from sheets_decrypt.sandbox import a1, masks, refusals
from sheets_decrypt.sandbox.a1 import Area
from sheets_decrypt.sandbox.cells import Cell, Shown, entered, shown
from sheets_decrypt.sandbox.grid import BeyondGrid, BeyondRange, Grid, WorkbookFull
from sheets_decrypt.sandbox.parameters import REPLIES, Query
from sheets_decrypt.sandbox.refusals import Refusal
from sheets_decrypt.sandbox.workbook import LONGEST_CELL, MOST_CELLS, Workbook

_FULL: Final = f"This action would increase the number of cells in the workbook above the limit of {MOST_CELLS} cells."


def mask_of(query: Query, name: str) -> masks.Mask:
    """Return the `fields` mask of a request; an empty one selects everything."""
    text = query.text("fields")
    if not text:
        return {}
    try:
        return masks.parse(text, REPLIES[name])
    except masks.MaskUnreadable as error:
        raise Refusal(refusals.bad_mask(str(error))) from None


def _area(workbook: Workbook, text: str) -> tuple[Grid, Area]:
    try:
        area = a1.parse(text, workbook.titles)
    except a1.RangeUnreadable:
        raise Refusal(refusals.unreadable_range(text)) from None
    return workbook.grid(area.title), area


def _resolved(workbook: Workbook, text: str) -> tuple[Grid, Area]:
    grid, area = _area(workbook, text)
    try:
        return grid, grid.resolve(area)
    except BeyondGrid as error:
        raise Refusal(refusals.beyond_grid(error.area, grid.row_count, grid.column_count)) from None


def spreadsheet_get(workbook: Workbook, query: Query, _range: str, _body: bytes) -> dict[str, Any]:
    """`spreadsheets.get`: the tabs. A request for their cells is refused, like a method that is not emulated."""
    titles = {_resolved(workbook, text)[1].title for text in query.all("ranges")} or set(workbook.titles)
    mask = mask_of(query, "spreadsheets.get")  # a mask, if given, alone decides whether cells are requested
    if masks.covers(mask, "sheets", "data") if mask else query.flag("includeGridData"):
        raise Refusal(refusals.of_status(501))
    return workbook.described(titles)


def values_get(workbook: Workbook, query: Query, text: str, _body: bytes) -> dict[str, Any]:
    """`spreadsheets.values.get`: the cells of a range."""
    grid, area = _resolved(workbook, text)
    option = query.text("valueRenderOption", "FORMATTED_VALUE")
    return _value_range(
        grid, area, option, query.text("dateTimeRenderOption", "SERIAL_NUMBER"), query.text("majorDimension", "ROWS")
    )


def values_batch_get(workbook: Workbook, query: Query, _range: str, body: bytes) -> dict[str, Any]:
    """`spreadsheets.values.batchGet`: the cells of several ranges."""
    ranges = [values_get(workbook, query, text, body) for text in query.all("ranges")]
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
    """Drop empty items at the end."""
    while items and (items[-1] == "" or items[-1] == []):
        items.pop()


def values_append(workbook: Workbook, query: Query, text: str, body: bytes) -> dict[str, Any]:
    """`spreadsheets.values.append`: rows below a table."""
    values = _written_values(query, body)
    with workbook.changing():
        grid, area = _area(workbook, text)
        insert = query.text("insertDataOption") == "INSERT_ROWS"
        try:
            table, target = grid.append(area, values, insert=insert, room=MOST_CELLS - workbook.cells())
        except BeyondGrid as error:
            raise Refusal(refusals.beyond_grid(error.area, grid.row_count, grid.column_count)) from None
        except WorkbookFull:
            raise Refusal(refusals.invalid(_FULL)) from None
        content: dict[str, Any] = {"spreadsheetId": workbook.id}
        if table:
            content["tableRange"] = str(table)
        return content | {"updates": _updates(workbook, grid, target, values, query)}


def values_update(workbook: Workbook, query: Query, text: str, body: bytes) -> dict[str, Any]:
    """`spreadsheets.values.update`: cells from a range's first cell on."""
    values = _written_values(query, body)
    with workbook.changing():
        grid, area = _area(workbook, text)
        try:
            target = grid.update(area, values)
        except BeyondGrid as error:
            raise Refusal(refusals.beyond_grid(error.area, grid.row_count, grid.column_count)) from None
        except BeyondRange as error:
            raise Refusal(refusals.invalid(str(error))) from None
        return _updates(workbook, grid, target, values, query)


def _updates(
    workbook: Workbook, grid: Grid, target: Area, values: Sequence[Sequence[Cell]], query: Query
) -> dict[str, Any]:
    """Describe a write; a row or column counts if any of its cells was written, and counts of 0 are left out."""
    written = [
        (row, column) for row, cells in enumerate(values) for column, cell in enumerate(cells) if cell is not None
    ]
    content: dict[str, Any] = {"spreadsheetId": workbook.id, "updatedRange": str(target)}
    if written:
        content["updatedRows"] = len({y for y, _ in written})
        content["updatedColumns"] = len({x for _, x in written})
        content["updatedCells"] = len(written)
    if query.flag("includeValuesInResponse"):
        option = query.text("responseValueRenderOption", "FORMATTED_VALUE")
        dates = query.text("responseDateTimeRenderOption", "SERIAL_NUMBER")
        content["updatedData"] = _value_range(grid, target, option, dates)
    return content


def _written_values(query: Query, body: bytes) -> list[list[Cell]]:
    """Parse the cells to write; None leaves a cell unchanged."""
    option = query.text("valueInputOption", "INPUT_VALUE_OPTION_UNSPECIFIED")
    if option == "INPUT_VALUE_OPTION_UNSPECIFIED":
        raise Refusal(refusals.invalid("'valueInputOption' is required but not specified"))
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise Refusal(refusals.invalid("Invalid JSON payload received. Unexpected token.")) from None
    content = content if isinstance(content, dict) else {}
    for name in content:
        if name not in {"range", "majorDimension", "values"}:
            message = f"Invalid JSON payload received. Unknown name \"{name}\" at 'data': Cannot find field."
            raise Refusal(refusals.invalid(message, field="data", description=message))
    rows = content.get("values") or []
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, list):
            kind = "type.googleapis.com/google.protobuf.ListValue"
            raise Refusal(refusals.invalid_value("data.values", kind, json.dumps(row)))
    if content.get("majorDimension") == "COLUMNS":
        rows = [list(column) for column in zip(*rows, strict=True)]
    return [[_written(cell, typed=option == "USER_ENTERED") for cell in row] for row in rows]


def _written(cell: object, *, typed: bool) -> Cell:
    if isinstance(cell, str):
        if len(cell) > LONGEST_CELL:
            raise Refusal(
                refusals.invalid("Your input contains more than the maximum of 50000 characters in a single cell.")
            )
        return entered(cell) if typed else cell
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    raise Refusal(refusals.invalid(f"Invalid values[0][0]: {json.dumps(cell)}"))
