"""A spreadsheet: its tabs, who may use it, and its replies, which are cached until it changes."""

import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sheets_decrypt.sandbox.grid import Grid, Tab
from sheets_decrypt.sandbox.replies import Reply

MOST_CELLS: Final = 10_000_000
LONGEST_CELL: Final = 50_000
_CACHE_BYTES: Final = 2**30  # beyond this, replies are not cached


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
        """Return a tab; hold the lock while using it."""
        return self._grids[title]

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock, and drop the cached replies at the end."""
        with self.lock:
            try:
                yield
            finally:
                self._replies.clear()
                self._reply_bytes = 0

    def remembered(self, key: object, make: Callable[[], Reply]) -> Reply:
        """Return the reply to a read request, made at most once until the spreadsheet changes."""
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

    def described(self, titles: Collection[str]) -> dict[str, Any]:
        """Return the reply of `spreadsheets.get` for some tabs, without formats and themes, which no one requests."""
        tabs = [(index, grid) for index, grid in enumerate(self._grids.values()) if grid.title in titles]
        return {
            "spreadsheetId": self.id,
            "properties": {"title": self.title, "locale": "en_US", "autoRecalc": "ON_CHANGE", "timeZone": "Etc/GMT"},
            "sheets": [{"properties": _properties(grid, index)} for index, grid in tabs],
            "spreadsheetUrl": self.url,
        }


def new_id() -> str:
    """Return a random spreadsheet id of the usual form: 44 characters."""
    return "1" + secrets.token_urlsafe(33)[:43]


def _gid(tab: Tab, number: int) -> int:
    if tab.gid is not None:
        return tab.gid
    return 1 + secrets.randbelow(2**31 - 2) if number else 0


def _properties(grid: Grid, index: int) -> dict[str, Any]:
    return {
        "sheetId": grid.gid,
        "title": grid.title,
        "index": index,
        "sheetType": "GRID",
        "gridProperties": {"rowCount": grid.row_count, "columnCount": grid.column_count},
    }
