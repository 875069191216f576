"""Read a large tab in blocks of rows; each block begins with the last row of the previous one.

Two requests are not one snapshot. If that row differs, or the header does at the end, rows moved in between. This is
not a proof that none did: a blank row equals every other blank row.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sheets_decrypt.cells import Cell, Row, trimmed
from sheets_decrypt.errors import SheetMoved


class Moved(SheetMoved):
    """Rows moved between two blocks: read the sheet again, once, with `Sheet.reopen`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request asks for.

    Args:
        cells: How many grid cells one request may cover.
        size: How many bytes a block should have; Google advises 2 MB.
        blocks: The most blocks of a tab: 10,000,000 cells must stay below a quota of 60 requests a minute.
        pause: Seconds from the start of one request to the next.
    """

    cells: int = 1_000_000
    size: int = 2_000_000
    blocks: int = 50
    pause: float = 1.1


@dataclass(slots=True)
class Pace:
    """Spaces requests out.

    Args:
        pause: Seconds from the start of one to the next.
    """

    pause: float
    _next: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Sleep until the next request may begin; Ctrl-C ends the sleep."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self.pause


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one reply.

    Args:
        rows: Consecutive rows; blank ones at the end may be missing.
        size: The reply's length in bytes.
    """

    rows: list[Row]
    size: int


def read(rows: int, columns: int, ask: Callable[[int, int], Block], limits: Limits) -> Iterator[list[Row]]:
    """Read the rows of a grid in blocks; the lists together are the whole grid, blank rows included.

    Args:
        rows: The grid's rows.
        columns: The grid's columns.
        ask: Reads the rows from the first number to the last, both included and counted from 1.
        limits: How much one request asks for.

    Raises:
        Moved: The sheet changed between two blocks.
    """
    smallest = max(2, math.ceil(rows / limits.blocks) + 1)  # a block repeats a row of the previous one
    largest = max(smallest, limits.cells // columns)
    first, last, received = 1, min(smallest, rows), 0
    header: list[Cell] = []
    overlap: list[Cell] = []
    while True:
        block = _ask(ask, first, last)
        received += block.size
        content = [*block.rows, *[[]] * (last - first + 1 - len(block.rows))]
        if first == 1:
            header = trimmed(content[0])
        elif trimmed(content[0]) != overlap:
            raise _moved()
        overlap = trimmed(content[-1])
        del block  # it may be large: freed before the next is read
        yield content[1:] if first > 1 else content
        del content
        if last == rows:
            break
        advised = int(limits.size * last / received)  # rows of the advised size, if they are like the previous ones
        height = min(largest, 4 * (last - first + 1), max(smallest, advised))
        first, last = last, min(last + height - 1, rows)
    again = _ask(ask, 1, 1).rows
    if trimmed(again[0] if again else []) != header:
        raise _moved()


def _ask(ask: Callable[[int, int], Block], first: int, last: int) -> Block:
    try:
        return ask(first, last)
    except SheetMoved:  # the grid now ends before `first`
        moved = _moved()
    raise moved


def _moved() -> Moved:
    return Moved("rows moved while the sheet was read", hint="run again when no one sorts, inserts or deletes rows")
