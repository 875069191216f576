"""Tables that lose nothing on a narrow screen: if a table is too wide, each row becomes a block of lines."""

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

_ROOM: Final = 24  # characters; text squeezed into fewer is hard to read
_UNLIMITED: Final = 1_000_000


def listing(*titles: str) -> Table:
    """Return a table without rows. Its last column is text and may be wrapped; the others are not."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=title != titles[-1])
    return table


def plain(table: Table) -> list[str]:
    """Return a table as lines of text of any length, for output that is not a screen."""
    console = Console(width=_UNLIMITED, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def fitted(table: Table, console: Console) -> RenderableType:
    """Return a table for a screen, with every value whole and no word broken, unless the word is longer than a line."""
    needed = sum(_needed(column, console) + 2 for column in table.columns) - 2
    return table if needed <= console.width else Group(*_blocks(table, console))


def _needed(column: Column, console: Console) -> int:
    """Return how many characters of width a column needs."""
    widths = [Measurement.get(console, console.options.update(max_width=_UNLIMITED), cell) for cell in _cells(column)]
    whole = max(width.maximum for width in widths)
    if column.no_wrap:
        return min(whole, column.max_width or whole)
    return max(min(whole, _ROOM), *(width.minimum for width in widths))


def _cells(column: Column) -> Iterator[Text]:
    for cell in (column.header, *column.cells):
        yield cell if isinstance(cell, Text) else Text(str(cell))


def _blocks(table: Table, console: Console) -> Iterator[Text]:
    """Yield each row as a block: a line for each value that is not blank, after the name of its column."""
    titles, *rows = zip(*(_cells(column) for column in table.columns), strict=True)
    indent = max(title.cell_len for title in titles) + 2
    for number, row in enumerate(rows):
        if number:
            yield Text()
        for title, value in zip(titles, row, strict=True):
            lines = _wrapped(value, console.width - indent) if value else []
            for place, line in enumerate(lines):
                yield _unbroken(Text(title.plain if place == 0 else "").append(" "), line, indent)


def _wrapped(value: Text, width: int) -> list[Text]:
    """Wrap text between words. A word longer than the line stays whole; rich would break it or cut it off."""
    lines: list[Text] = []
    for line in value.split("\n"):
        breaks, used = [], 0
        for word in re.finditer(r"\S+\s*", line.plain):
            if used and used + cell_len(word[0].rstrip()) > width:
                breaks.append(word.start())
                used = 0
            used += cell_len(word[0])
        lines += line.divide(breaks)
    return lines


def _unbroken(title: Text, line: Text, indent: int) -> Text:
    title.pad_right(indent - title.cell_len)
    line.rstrip()
    joined = title + line
    joined.no_wrap, joined.overflow = True, "ignore"  # a longer word is left to the terminal, which copies it whole
    return joined
