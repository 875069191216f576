"""A large tab is read in blocks of rows, each of which begins with the last row of the one before.

Two requests are no snapshot. Where that row differs, or the header does at the end, rows moved in between. It is a
trace and no proof: a blank row equals every other blank row.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sheets_decrypt.errors import SheetMoved
from sheets_decrypt.google.cells import Row, trimmed


class Moved(SheetMoved):
    """Rows moved between two blocks: read the sheet again, once. `Sheet.reopen` does it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked for at a time.

    Args:
        cells: Grid cells that one request may cover.
        size: Bytes that a block should have; Google advises 2 MB.
        blocks: The most blocks of a tab: 10,000,000 cells must stay below a quota of 60 requests a minute.
        pause: Seconds from the start of one request to the next.
    """

    cells: int = 1_000_000
    size: int = 2_000_000
    blocks: int = 50
    pause: float = 1.1


@dataclass(slots=True)
class Pace:
    """Keeps requests apart.

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
    """Rows as they came.

    Args:
        rows: Consecutive rows; those that are blank at the end may be missing.
        size: The reply's length in bytes.
    """

    rows: list[Row]
    size: int


def read(rows: int, columns: int, ask: Callable[[int, int], Block], limits: Limits) -> Iterator[list[Row]]:
    """Read the rows of a grid in blocks; together the lists are the whole grid, blank rows included.

    Args:
        rows: The grid's rows.
        columns: The grid's columns.
        ask: Reads the rows from the first number to the last, both included and counted from 1.
        limits: How much at a time.

    Raises:
        Moved: The sheet changed between two blocks.
    """
    smallest = max(2, math.ceil(rows / limits.blocks) + 1)
    largest = max(smallest, limits.cells // columns)
    first, height, size = 1, smallest, 0
    header: list[object] = []
    former: list[object] = []
    while True:
        last = min(first + height - 1, rows)
        block = _ask(ask, first, last)
        size += block.size
        content = block.rows + [[]] * (last - first + 1 - len(block.rows))
        if first == 1:
            header = list(trimmed(content[0]))
        elif trimmed(content[0]) != former:
            raise _moved()
        former = list(trimmed(content[-1]))
        del block
        yield content[1:] if first > 1 else content
        del content
        if last == rows:
            break
        height = min(largest, 4 * height, max(smallest, int(limits.size * last / size)))
        first = last
    head = _ask(ask, 1, 1).rows
    if trimmed(head[0] if head else []) != header:
        raise _moved()


def _ask(ask: Callable[[int, int], Block], first: int, last: int) -> Block:
    try:
        return ask(first, last)
    except SheetMoved:  # the grid has become shorter than `first`
        moved = _moved()
    raise moved


def _moved() -> Moved:
    return Moved("rows moved while the sheet was read", hint="run again when nobody sorts, inserts or deletes rows")
