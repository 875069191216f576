"""A1 notation: `'My tab'!A1:C`, `Tab`, `A2:B`, `A1:1`, `1:3`, `A:A`.

Sources: "A1 notation" in the Sheets API's guide; the recorded replies for what Google quotes and how it clips; gspread
for `A1:1`. R1C1 notation, which Google also accepts, is not supported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_QUOTED: Final = re.compile(r"'((?:[^']|'')+)'(?:!(.+))?", re.DOTALL)
_POINT: Final = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,9})?")
_PLAIN_TITLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIKE_A_CELL: Final = re.compile(r"[A-Za-z]{1,3}[0-9]+|[Rr][0-9]*[Cc][0-9]*")
_LETTERS: Final = 26


class RangeUnreadable(Exception):
    """The text is not a range of this spreadsheet."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a tab, with rows and columns counted from 1; None means an open edge.

    Args:
        title: The tab.
        top: The first row.
        left: The first column.
        bottom: The last row.
        right: The last column.
    """

    title: str
    top: int | None = None
    left: int | None = None
    bottom: int | None = None
    right: int | None = None

    @property
    def is_cell(self) -> bool:
        """Whether it is a single cell."""
        return None not in (self.top, self.left) and (self.top, self.left) == (self.bottom, self.right)

    def clipped(self, rows: int, columns: int) -> "Area":
        """Close the open edges, and clip the rectangle to a grid of `rows` × `columns`."""
        return Area(
            self.title,
            self.top or 1,
            self.left or 1,
            min(self.bottom or rows, rows),
            min(self.right or columns, columns),
        )

    def __str__(self) -> str:
        """Return the range as Google echoes it."""
        title = quoted(self.title)
        first = letters(self.left) * bool(self.left) + str(self.top or "")
        last = letters(self.right) * bool(self.right) + str(self.bottom or "")
        if not first + last:
            return title
        return f"{title}!{first}" if self.is_cell else f"{title}!{first}:{last}"


def parse(text: str, titles: Sequence[str]) -> Area:
    """Parse a range.

    Args:
        text: The range. Without a title it means the first tab; a bare word that could be a cell is a cell.
        titles: The titles of the spreadsheet's tabs, in order.

    Raises:
        RangeUnreadable: It is not A1 notation, or no tab has that title.
    """
    title, cells = _split(text)
    if title is None and cells is not None and (corners := _corners(cells)):
        return Area(titles[0], *corners)
    if title is None:
        title, cells = text, None
    if title not in titles:
        raise RangeUnreadable(text)
    if cells is None:
        return Area(title)
    if not (corners := _corners(cells)):
        raise RangeUnreadable(text)
    return Area(title, *corners)


def quoted(title: str) -> str:
    """Return a title for use in a range: in quotes unless it is one plain word that does not look like a cell."""
    if _PLAIN_TITLE.fullmatch(title) and not _LIKE_A_CELL.fullmatch(title):
        return title
    return "'" + title.replace("'", "''") + "'"


def letters(column: int | None) -> str:
    """Return a column's letters: 1 → A, 27 → AA; nothing for None."""
    name = ""
    column = column or 0
    while column:
        column, rest = divmod(column - 1, _LETTERS)
        name = chr(ord("A") + rest) + name
    return name


def number(name: str) -> int:
    """Return a column's number: A → 1, AA → 27."""
    column = 0
    for letter in name.upper():
        column = column * _LETTERS + ord(letter) - ord("A") + 1
    return column


def _split(text: str) -> tuple[str | None, str | None]:
    """Split the title from the cells; without a `!`, the text may be either."""
    if found := _QUOTED.fullmatch(text):
        return found[1].replace("''", "'"), found[2]
    title, mark, cells = text.rpartition("!")
    return (title, cells) if mark else (None, text)


def _corners(cells: str) -> tuple[int | None, int | None, int | None, int | None] | None:
    """Parse `A1:B2`, `A1`, `A:B`, `1:3`, or open below or to the right `A2:B`, `A1:1`; None for anything else."""
    first, colon, last = cells.partition(":")
    start = _point(first)
    end = _point(last) if colon else start
    if start is None or end is None:
        return None
    (top, left), (bottom, right) = start, end
    if not colon and None in start:
        return None  # a lone A or 1 is a title
    if None in start and (top is None, left is None) != (bottom is None, right is None):
        return None  # only a range that begins with a cell may be open
    if top and bottom:
        top, bottom = sorted((top, bottom))
    if left and right:
        left, right = sorted((left, right))
    return top, left, bottom, right


def _point(text: str) -> tuple[int | None, int | None] | None:
    found = _POINT.fullmatch(text)
    if not found or not (found[1] or found[2]) or (found[2] and not int(found[2])):
        return None
    return int(found[2]) if found[2] else None, number(found[1]) if found[1] else None
