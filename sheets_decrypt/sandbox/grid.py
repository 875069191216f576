"""A tab's grid: read a rectangle, write one, and find the table that a row is appended to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from sheets_decrypt.sandbox.a1 import Area, letters
from sheets_decrypt.sandbox.cells import Cell

LEAST_ROWS: Final = 1000
LEAST_COLUMNS: Final = 26

Row = Sequence[Cell]


class BeyondGrid(Exception):
    """A range begins, or a write ends, outside the grid."""

    def __init__(self, area: Area) -> None:
        super().__init__(str(area))
        self.area = area


class WorkbookFull(Exception):
    """A write would exceed the size limit of a spreadsheet."""


class BeyondRange(Exception):
    """A write does not fit the range that it names."""

    def __init__(self, area: Area, where: str) -> None:
        super().__init__(f"Requested writing within range [{area}], but tried writing to {where}")


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a new spreadsheet.

    Args:
        title: Its title.
        rows: Rows × cells; rows may differ in length. `GeneratedRows` keeps a huge one out of memory.
        gid: Its gid; default: 0 for the first tab, random for others.
        row_count: The grid's rows; default: the number of `rows`, but at least 1000.
        column_count: The grid's columns; default: as many as the widest row has, but at least 26.
    """

    title: str
    rows: Sequence[Row]
    gid: int | None = None
    row_count: int | None = None
    column_count: int | None = None


@dataclass(frozen=True)
class GeneratedRows(Sequence[Row]):
    """Rows that are generated on demand.

    Args:
        length: The number of rows.
        row: Row number, counted from 1 → that row's cells; always the same for the same number.
        width: The number of cells in the widest row.
    """

    length: int
    row: Callable[[int], Row]
    width: int

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        """Return a row, or a list of rows."""
        if isinstance(index, slice):
            return [self.row(number + 1) for number in range(*index.indices(self.length))]
        if not -self.length <= index < self.length:
            raise IndexError(index)
        return self.row(index % self.length + 1)


class Grid:
    """A tab's current content. The workbook's lock guards it."""

    def __init__(self, tab: Tab, gid: int) -> None:
        self.title: Final = tab.title
        self.gid: Final = gid
        self._rows: Sequence[Row] = tab.rows
        self.row_count = max(len(tab.rows), tab.row_count or max(LEAST_ROWS, len(tab.rows)))
        width = _width(tab.rows)
        self.column_count = max(width, tab.column_count or max(LEAST_COLUMNS, width))

    def rows(self) -> list[list[Cell]]:
        """Return a copy of every row."""
        return [list(row) for row in self._rows]

    def replace(self, rows: Sequence[Row]) -> None:
        """Replace the rows; the grid grows if necessary and never shrinks."""
        self._rows = rows
        self.row_count = max(self.row_count, len(rows))
        self.column_count = max(self.column_count, _width(rows))

    def resolve(self, area: Area) -> Area:
        """Close a range's open edges and clip it to the grid.

        Raises:
            BeyondGrid: It begins outside the grid.
        """
        if (area.top or 1) > self.row_count or (area.left or 1) > self.column_count:
            raise BeyondGrid(area)
        return area.clipped(self.row_count, self.column_count)

    def read(self, area: Area) -> Iterator[Row]:
        """Yield the rows of a resolved range, without padding."""
        top, left, bottom, right = _edges(area)
        for row in self._rows[top - 1 : bottom]:
            yield row if left == 1 and len(row) <= right else row[left - 1 : right]

    def update(self, area: Area, values: Sequence[Row]) -> Area:
        """Write `values` from the range's first cell on. None leaves a cell unchanged.

        Returns:
            The rectangle that was written.

        Raises:
            BeyondGrid: It begins or ends outside the grid.
            BeyondRange: The range cannot hold all values.
        """
        asked = self.resolve(area)
        target = _sized(asked, values)
        if not area.is_cell:
            _check_fit(asked, target)
        _, _, bottom, right = _edges(target)
        if bottom > self.row_count or right > self.column_count:
            raise BeyondGrid(target)
        self._write(target, values)
        return target

    def append(self, area: Area, values: Sequence[Row], *, insert: bool, room: int) -> tuple[Area | None, Area]:
        """Write `values` below the last table that the range touches, else at the range's first cell.

        Args:
            area: Where to look for a table.
            values: Rows × cells.
            insert: Whether to move the rows below down, instead of overwriting them.
            room: How many cells the grid may grow by.

        Returns:
            The table that was found, if any, and the rectangle that was written.

        Raises:
            BeyondGrid: The range begins outside the grid.
            WorkbookFull: The grid would have to grow by more than `room`.
        """
        asked = self.resolve(area)
        table = self._last_table(asked)
        first = Area(area.title, table.bottom + 1 if table and table.bottom else asked.top, (table or asked).left)
        target = _sized(first, values)
        top, _, bottom, right = _edges(target)
        row_count = max(self.row_count + len(values) * insert, bottom)
        column_count = max(self.column_count, right)
        if row_count * column_count > self.row_count * self.column_count + room:
            raise WorkbookFull
        if insert:
            self._writable()[top - 1 : top - 1] = [[] for _ in values[: max(0, len(self._rows) - top + 1)]]
        self.row_count, self.column_count = row_count, column_count
        self._write(target, values)
        return table, target

    def _writable(self) -> list[list[Cell]]:
        if not isinstance(self._rows, _Own):
            self._rows = _Own(list(row) for row in self._rows)
        return self._rows

    def _write(self, target: Area, values: Iterable[Row]) -> None:
        rows = self._writable()
        top, left, bottom, _ = _edges(target)
        rows.extend([] for _ in range(bottom - len(rows)))
        for row, cells in zip(rows[top - 1 :], values, strict=False):
            row.extend([""] * (left - 1 + len(cells) - len(row)))
            for column, cell in enumerate(cells, start=left - 1):
                if cell is not None:
                    row[column] = cell

    def _filled(self, row: int, left: int, right: int) -> bool:
        """Return whether any cell of a row lies between two columns, both included; rows and columns count from 1."""
        if not 1 <= row <= len(self._rows):
            return False
        return any(not _is_empty(cell) for cell in self._rows[row - 1][max(left, 1) - 1 : right])

    def _last_table(self, area: Area) -> Area | None:
        """Find the table that ends last among those that the range touches."""
        top, left, bottom, right = _edges(area)
        for row in range(min(bottom, len(self._rows)), top - 1, -1):
            for column in range(min(right, len(self._rows[row - 1])), left - 1, -1):
                if self._filled(row, column, column):
                    return self._table_around(area.title, row, column)
        return None

    def _table_around(self, title: str, row: int, column: int) -> Area:
        """Grow a rectangle from a filled cell until only empty cells surround it."""
        top = bottom = row
        left = right = column
        grown = True
        while grown:
            before = (top, left, bottom, right)
            while self._filled(top - 1, left - 1, right + 1):
                top -= 1
            while self._filled(bottom + 1, left - 1, right + 1):
                bottom += 1
            while left > 1 and any(self._filled(each, left - 1, left - 1) for each in range(top, bottom + 1)):
                left -= 1
            while any(self._filled(each, right + 1, right + 1) for each in range(top, bottom + 1)):
                right += 1
            grown = before != (top, left, bottom, right)
        return Area(title, top, left, bottom, right)


class _Own(list[list[Cell]]):
    """Rows that the grid created itself and may change."""


def _width(rows: Sequence[Row]) -> int:
    return rows.width if isinstance(rows, GeneratedRows) else max(map(len, rows), default=0)


def _is_empty(cell: Cell) -> bool:
    return cell is None or cell == ""


def _edges(area: Area) -> tuple[int, int, int, int]:
    """Return the four edges of a closed range."""
    return area.top or 1, area.left or 1, area.bottom or 1, area.right or 1


def _sized(area: Area, values: Sequence[Row]) -> Area:
    """Return the rectangle that `values` cover from the range's first cell on."""
    top, left, _, _ = _edges(area)
    width = max(map(len, values), default=0)
    return Area(area.title, top, left, top + max(len(values), 1) - 1, left + max(width, 1) - 1)


def _check_fit(asked: Area, target: Area) -> None:
    _, _, bottom, right = _edges(target)
    if bottom > (asked.bottom or 0):
        raise BeyondRange(asked, f"row [{(asked.bottom or 0) + 1}]")
    if right > (asked.right or 0):
        raise BeyondRange(asked, f"column [{letters((asked.right or 0) + 1)}]")
