"""A spreadsheet's tab → its header and pages of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Literal, TypeVar

from gspread.utils import absolute_range_name, rowcol_to_a1

from sheets_decrypt.cells import Number, Row, is_blank, page, text_of
from sheets_decrypt.errors import SheetEmpty, SheetMoved, WorksheetNotFound
from sheets_decrypt.google import blocks
from sheets_decrypt.google.blocks import Block, Limits, Moved, Pace
from sheets_decrypt.google.failures import strange_json
from sheets_decrypt.google.session import Session
from sheets_decrypt.table import Header, Page, did_you_mean

__all__ = ["PAGE_ROWS", "Limits", "Moved", "Sheet", "Tab", "list_tabs", "open_sheet"]

PAGE_ROWS: Final = 5000
MOST_CELLS: Final = 100_000_000  # ten times Google's limit; memory grows with the size of a grid
_LIMITS: Final = Limits()
_HOST: Final = "sheets.googleapis.com"
_FIELDS: Final = (
    "properties.title,sheets.properties(title,sheetId,index,sheetType,gridProperties(rowCount,columnCount))"
)
_OPTIONS: Final = {
    "stored": {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"},
    "displayed": {"valueRenderOption": "FORMATTED_VALUE"},
}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a spreadsheet.

    Args:
        title: Its title, as the user sees it.
        gid: Its number in the URL.
        rows: The grid's rows, blank ones included.
        columns: The grid's columns.
        index: Its position among the tabs, from 0.
    """

    title: str
    gid: int
    rows: int
    columns: int
    index: int


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of `open_sheet`, so that `reopen` can repeat it."""

    session: Session
    spreadsheet_id: str
    worksheet: str | None
    gid: int | None
    values: Literal["stored", "displayed"]
    page_rows: int
    limits: Limits
    pace: Pace
    again: bool = False


def open_sheet(
    session: Session,
    *,
    spreadsheet_id: str,
    worksheet: str | None,
    gid: int | None,
    values: Literal["stored", "displayed"],
    page_rows: int = PAGE_ROWS,
    limits: Limits = _LIMITS,
) -> "Sheet":
    """Find the tab and read its first rows.

    Args:
        session: The session with Google.
        spreadsheet_id: The id in the spreadsheet's URL.
        worksheet: The tab's exact title; it wins over `gid`.
        gid: The tab's number. With neither, the first tab is taken.
        values: `stored` reads strings as they are stored, `displayed` as the sheet shows them.
        page_rows: The most rows in a page.
        limits: How much one request asks for.

    Raises:
        GoogleRefused: The spreadsheet may not be read, or the tab was not found.
        GoogleUnavailable: Google could not be reached or had no quota left.
        SheetEmpty: The tab has no header.
    """
    return _open(_Request(session, spreadsheet_id, worksheet, gid, values, page_rows, limits, Pace(limits.pause)))


def list_tabs(session: Session, spreadsheet_id: str) -> tuple[str, list[Tab]]:
    """Return a spreadsheet's title and its tabs that hold cells, in their order.

    Raises:
        GoogleRefused: The spreadsheet may not be read or does not exist.
        GoogleUnavailable: Google could not be reached or had no quota left.
    """
    return _tabs(session.get_metadata(spreadsheet_id, fields=_FIELDS).content)


class Sheet:
    """An open tab: its header has been read, its rows follow page by page.

    `open_sheet` and `reopen` make it. `row_total` is the most rows that will follow, for a progress bar.
    """

    def __init__(
        self, request: _Request, title: str, tab: Tab, header: Header, rest: Iterator[list[Row]], total: int
    ) -> None:
        self._request = request
        self._rest: Iterator[list[Row]] | None = rest
        self.spreadsheet_id: Final = request.spreadsheet_id
        self.title: Final = title
        self.tab: Final = tab
        self.header: Final = header
        self.row_total: Final[int | None] = total

    def pages(self) -> Iterator[Page]:
        """Yield the rows below the header, once; blank rows at the end of the tab are left out.

        Raises:
            Moved: Rows moved while they were read. All pages so far are void: `reopen`, and start again.
            SheetMoved: They moved during the second reading too.
            GoogleUnavailable: Google could not be reached or had no quota left.
        """
        rest, self._rest = self._rest, None
        if rest is None:
            raise RuntimeError("the pages of a sheet are read once")
        rows, number = _rows(rest), 2
        while chunk := list(islice(rows, self._request.page_rows)):
            yield page(number, chunk, self.header)
            number += len(chunk)

    def reopen(self) -> "Sheet":
        """Open the same tab again, from its first row; raises the same errors as `open_sheet`."""
        return _open(replace(self._request, again=True))


def _open(request: _Request) -> Sheet:
    answer = request.session.get_metadata(request.spreadsheet_id, fields=_FIELDS).content
    title, tabs = _tabs(answer)
    tab = _choose(tabs, request.worksheet, request.gid)
    grid = _grid(request, tab, tabs)
    first = next(grid)
    names = tuple(text_of(cell) for cell in (first[0] if first else ()))
    if not any(name.strip() for name in names):
        raise SheetEmpty(
            f'the tab "{tab.title}" has no header: its first row is blank',
            hint="put the column names into row 1; check that this is the right tab",
        )
    total = len(first) - 1 if _fits(request, tab) else tab.rows - 1
    return Sheet(request, title, tab, Header(names), _chained(first[1:], grid), total)


def _fits(request: _Request, tab: Tab) -> bool:
    """Return whether one request may cover the grid."""
    return tab.rows * tab.columns <= request.limits.cells


def _grid(request: _Request, tab: Tab, tabs: Sequence[Tab]) -> Iterator[list[Row]]:
    """Yield the grid's rows from the header on, in one block or several."""
    if _fits(request, tab):
        yield _ask(request, absolute_range_name(tab.title), tabs).rows
        return

    def ask(first: int, last: int) -> Block:
        request.pace.wait()
        block = _ask(request, absolute_range_name(tab.title, f"A{first}:{rowcol_to_a1(last, tab.columns)}"), tabs)
        if len(block.rows) > last - first + 1:
            raise strange_json(_HOST)
        return block

    try:
        yield from blocks.read(tab.rows, tab.columns, ask, request.limits)
    except Moved as moved:
        if not request.again:
            raise
        final = SheetMoved(f"{moved.message}, twice", hint=moved.hint)
    else:
        return
    raise final


def _ask(request: _Request, cells: str, tabs: Sequence[Tab]) -> Block:
    try:
        answer = request.session.get_values(
            request.spreadsheet_id,
            cells,
            {"majorDimension": "ROWS", **_OPTIONS[request.values]},
            number=Number,
        )
    except WorksheetNotFound:
        gone = WorksheetNotFound("the tab was renamed or removed just now", hint=_list_of(tabs))
    else:
        return Block(_checked(answer.content), answer.size)
    raise gone


def _checked(content: Any) -> list[Row]:
    """Return the rows of a reply that has the shape of a ValueRange."""
    rows = content.get("values", []) if isinstance(content, dict) and "range" in content else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise strange_json(_HOST)
    if any(isinstance(cell, (list, dict)) for row in rows for cell in row):
        raise strange_json(_HOST)
    return rows


def _tabs(content: Any) -> tuple[str, list[Tab]]:
    """Return the spreadsheet's title and its tabs that are grids, in their order."""
    try:
        every = [_tab(sheet["properties"]) for sheet in content["sheets"]]
        title = _of_type(str, content["properties"]["title"])
    except (LookupError, TypeError, AttributeError):
        strange = strange_json(_HOST)
    else:
        return title, sorted((tab for tab in every if tab), key=lambda tab: tab.index)
    raise strange


def _tab(properties: dict[str, Any]) -> Tab | None:
    """Return the tab with these properties, or None for a chart sheet, which has no grid.

    Raises:
        LookupError, TypeError, AttributeError: They do not have the shape of Google's.
    """
    grid = properties.get("gridProperties")
    if properties.get("sheetType", "GRID") != "GRID" or not grid:
        return None
    tab = Tab(
        title=_of_type(str, properties["title"]),
        gid=_of_type(int, properties.get("sheetId", 0)),
        rows=_of_type(int, grid.get("rowCount", 0)),
        columns=_of_type(int, grid.get("columnCount", 0)),
        index=_of_type(int, properties.get("index", 0)),
    )
    if min(tab.rows, tab.columns) < 0 or tab.rows * tab.columns > MOST_CELLS:
        raise TypeError
    return tab


def _of_type(kind: type[T], value: object) -> T:
    if type(value) is not kind:  # a bool is an int
        raise TypeError
    return value


def _choose(tabs: Sequence[Tab], worksheet: str | None, gid: int | None) -> Tab:
    if worksheet is not None:
        found = [tab for tab in tabs if tab.title == worksheet]
        missing = f'the spreadsheet has no tab "{worksheet}"'
    elif gid is not None:
        found = [tab for tab in tabs if tab.gid == gid]
        missing = f"the spreadsheet has no tab with gid {gid}"
    else:
        found, missing = list(tabs), "the spreadsheet has no tab with cells"
    if not found:
        meant = did_you_mean(worksheet or "", [tab.title for tab in tabs])
        hint = f"{meant}{_list_of(tabs)}; if it was deleted, File, Version history restores it"
        raise WorksheetNotFound(missing, hint=hint)
    return found[0]


def _list_of(tabs: Sequence[Tab]) -> str:
    return "the tabs are: " + (", ".join(f'"{tab.title}" (gid {tab.gid})' for tab in tabs) or "none")


def _chained(first: list[Row], rest: Iterator[list[Row]]) -> Iterator[list[Row]]:
    yield first
    del first  # a block may be large: freed before the next is read
    yield from rest


def _rows(lists: Iterator[list[Row]]) -> Iterator[Row]:
    """Yield the rows one by one; blank ones only when one with data follows."""
    pending = 0
    for rows in lists:
        for row in rows:
            if is_blank(row):
                pending += 1
                continue
            for _ in range(pending):
                yield ()
            pending = 0
            yield row
        del rows  # as in `_chained`
