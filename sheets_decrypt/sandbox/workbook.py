"""A spreadsheet: its tabs, who may see it, and its replies, each of which is made once for each state of it."""

import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sheets_decrypt.sandbox.a1 import Area
from sheets_decrypt.sandbox.cells import Cell, Formula, plain, serial, shown
from sheets_decrypt.sandbox.grid import Grid, Tab
from sheets_decrypt.sandbox.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CELLS: Final = 10_000_000
LONGEST_CELL: Final = 50_000
_CACHE_BYTES: Final = 2**30  # beyond this, replies are made again each time
_ROW_PIXELS: Final = 21
_COLUMN_PIXELS: Final = 100


class Workbook:
    """A spreadsheet.

    Args:
        spreadsheet_id: Its id.
        title: Its title.
        tabs: Its tabs; the titles differ.
        shared: Whether the account may read it.
        editable: Whether the account may also write to it.
    """

    def __init__(
        self, spreadsheet_id: str, title: str, tabs: Sequence[Tab], *, shared: bool = True, editable: bool = True
    ) -> None:
        self.id: Final = spreadsheet_id
        self.title: Final = title
        self.shared = shared
        self.editable = editable
        self.created: Final = _now()
        self.modified = self.created
        self.lock: Final = threading.RLock()
        self._grids: Final = {tab.title: Grid(tab, _gid(tab, number)) for number, tab in enumerate(tabs)}
        if not tabs or len(self._grids) < len(tabs):
            raise ValueError("a spreadsheet has at least one tab, and their titles differ")
        self._replies: dict[object, Reply] = {}
        self._reply_bytes = 0

    @property
    def url(self) -> str:
        """The address in a browser."""
        return f"https://docs.google.com/spreadsheets/d/{self.id}/edit"

    @property
    def titles(self) -> list[str]:
        """The tabs' titles, in order."""
        return list(self._grids)

    def grid(self, title: str) -> Grid:
        """Give a tab; hold the lock while using it."""
        return self._grids[title]

    @contextmanager
    def changing(self) -> "Iterator[None]":
        """Hold the lock, and take what was remembered for out of date."""
        with self.lock:
            try:
                yield
            finally:
                self._replies.clear()
                self._reply_bytes = 0
                self.modified = _now()

    def remembered(self, key: object, make: Callable[[], Reply]) -> Reply:
        """Give the reply to a reading request, made at most once for each state of the spreadsheet."""
        with self.lock:
            reply = self._replies.get(key)
            if reply is None:
                reply = make()
                if self._reply_bytes + len(reply.body) <= _CACHE_BYTES:
                    self._replies[key] = reply
                    self._reply_bytes += len(reply.body)
            return reply

    def cells(self) -> int:
        """Count the cells of every grid."""
        return sum(grid.row_count * grid.column_count for grid in self._grids.values())

    def described(self, *, areas: Sequence[Area] = (), grid_data: bool = False) -> dict[str, Any]:
        """Give the reply of `spreadsheets.get`.

        Args:
            areas: Resolved ranges; where there are any, only their tabs are described.
            grid_data: Whether the cells come along.
        """
        sheets = []
        for index, grid in enumerate(self._grids.values()):
            mine = [area for area in areas if area.title == grid.title]
            if areas and not mine:
                continue
            sheet: dict[str, Any] = {"properties": _properties(grid, index)}
            if grid_data:
                sheet["data"] = [_data(grid, area) for area in mine or [grid.resolve(Area(grid.title))]]
            sheets.append(sheet)
        return {
            "spreadsheetId": self.id,
            "properties": _spreadsheet_properties(self.title),
            "sheets": sheets,
            "spreadsheetUrl": self.url,
        }


def new_id() -> str:
    """Give a spreadsheet id of the usual look: 44 characters."""
    return "1" + secrets.token_urlsafe(33)[:43]


def _gid(tab: Tab, number: int) -> int:
    if tab.gid is not None:
        return tab.gid
    return 1 + secrets.randbelow(2**31 - 2) if number else 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _properties(grid: Grid, index: int) -> dict[str, Any]:
    return {
        "sheetId": grid.gid,
        "title": grid.title,
        "index": index,
        "sheetType": "GRID",
        "gridProperties": {"rowCount": grid.row_count, "columnCount": grid.column_count},
    }


def _data(grid: Grid, area: Area) -> dict[str, Any]:
    """Give a rectangle as GridData; a start of 0 is left out, as everywhere in proto3's JSON."""
    top, left = area.top or 1, area.left or 1
    rows = [{"values": [_cell(cell) for cell in row]} if any(_cell(c) for c in row) else {} for row in grid.read(area)]
    data: dict[str, Any] = {}
    if top > 1:
        data["startRow"] = top - 1
    if left > 1:
        data["startColumn"] = left - 1
    while rows and not rows[-1]:
        rows.pop()
    if rows:
        data["rowData"] = rows
    data["rowMetadata"] = [{"pixelSize": _ROW_PIXELS}] * ((area.bottom or 0) - top + 1)
    data["columnMetadata"] = [{"pixelSize": _COLUMN_PIXELS}] * ((area.right or 0) - left + 1)
    return data


def _cell(cell: Cell) -> dict[str, Any]:
    if cell is None or cell == "":
        return {}
    inner = cell.value if isinstance(cell, Formula) else cell
    entered = {"formulaValue": cell.text} if isinstance(cell, Formula) else _extended(inner)
    return {
        "userEnteredValue": entered,
        "effectiveValue": _extended(inner),
        "formattedValue": shown(cell, "FORMATTED_VALUE"),
    }


def _extended(cell: Cell) -> dict[str, Any]:
    match cell:
        case bool():
            return {"boolValue": cell}
        case int() | float():
            return {"numberValue": plain(cell)}
        case str():
            return {"stringValue": cell}
        case _:
            return {"numberValue": serial(cell)}  # type: ignore[arg-type]  # only a date is left


_WHITE: Final = {"red": 1, "green": 1, "blue": 1}


def _spreadsheet_properties(title: str) -> dict[str, Any]:
    """Give the properties of a spreadsheet in the default format, as the recorded reply has them."""
    return {
        "title": title,
        "locale": "en_US",
        "autoRecalc": "ON_CHANGE",
        "timeZone": "Etc/GMT",
        "defaultFormat": {
            "backgroundColor": _WHITE,
            "padding": {"top": 2, "right": 3, "bottom": 2, "left": 3},
            "verticalAlignment": "BOTTOM",
            "wrapStrategy": "OVERFLOW_CELL",
            "textFormat": {
                "foregroundColor": {},
                "fontFamily": "arial,sans,sans-serif",
                "fontSize": 10,
                "bold": False,
                "italic": False,
                "strikethrough": False,
                "underline": False,
                "foregroundColorStyle": {"rgbColor": {}},
            },
            "backgroundColorStyle": {"rgbColor": _WHITE},
        },
        "spreadsheetTheme": {
            "primaryFontFamily": "Arial",
            "themeColors": [{"colorType": name, "color": {"rgbColor": colour}} for name, colour in _THEME.items()],
        },
    }


_THEME: Final = {
    "TEXT": {},
    "BACKGROUND": _WHITE,
    "ACCENT1": {"red": 0.25882354, "green": 0.52156866, "blue": 0.95686275},
    "ACCENT2": {"red": 0.91764706, "green": 0.2627451, "blue": 0.20784314},
    "ACCENT3": {"red": 0.9843137, "green": 0.7372549, "blue": 0.015686275},
    "ACCENT4": {"red": 0.20392157, "green": 0.65882355, "blue": 0.3254902},
    "ACCENT5": {"red": 1, "green": 0.42745098, "blue": 0.003921569},
    "ACCENT6": {"red": 0.27450982, "green": 0.7411765, "blue": 0.7764706},
    "LINK": {"red": 0.06666667, "green": 0.33333334, "blue": 0.8},
}
