"""Cells as JSON brings them → text as the CSV holds it. Pure.

A cell of a sheet is a string, a number or a boolean. Numbers come as their JSON text and keep every digit.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from sheets_decrypt.table import Header, Page

_LARGEST_EXPONENT: Final = 400  # a sheet's numbers are doubles, which end near 1e308


class Number(str):
    """The text of a number in JSON; a cell that somebody retyped, where strings are expected."""

    __slots__ = ()


Cell = str | bool | None
Row = Sequence[Cell]


def plain(number: str) -> str:
    """Write a JSON number with every digit, without an exponent and without a trailing `.0`.

    >>> plain("57300123456789012345"), plain("1e21"), plain("0.10"), plain("2.0"), plain("-0.0")
    ('57300123456789012345', '1000000000000000000000', '0.1', '2', '0')
    """
    value = Decimal(number)
    if abs(value.adjusted()) > _LARGEST_EXPONENT:
        return number
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def text_of(cell: Cell) -> str:
    """Write a cell as text; booleans are TRUE and FALSE, as in the sheet."""
    if isinstance(cell, Number):
        return plain(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return cell or ""


def is_blank(row: Row) -> bool:
    """Tell whether a row holds nothing; the API sends such rows as `[]` or as empty strings."""
    return all(cell is None or cell == "" for cell in row)


def trimmed(row: Row) -> list[Cell]:
    """Leave out the blank cells at a row's end; the API does so too, but not in every case."""
    end = len(row)
    while end and row[end - 1] in {"", None}:
        end -= 1
    return list(row[:end])


def page(first_row: int, rows: Sequence[Row], header: Header) -> Page:
    """Make a page of rows: pad and cut them to the header's width, and note what is out of place.

    Args:
        first_row: The sheet's row number of `rows[0]`.
        rows: The rows as the API sent them.
        header: What decides the width.
    """
    width = len(header.names)
    texts: list[list[str]] = []
    retyped: defaultdict[int, list[int]] = defaultdict(list)
    overflow: dict[int, Sequence[str]] = {}
    for number, row in enumerate(rows, first_row):
        line = [cell if cell.__class__ is str else text_of(cell) for cell in row]
        for column, cell in enumerate(row[:width]):
            if cell.__class__ is not str and cell is not None:
                retyped[column].append(number)
        if any(line[width:]):
            overflow[number] = tuple(line[width:])
        texts.append(line[:width] + [""] * (width - len(line)))
    return Page(first_row, texts, dict(retyped), overflow, _shifted(first_row, texts, overflow, header))


def _shifted(
    first_row: int, texts: Sequence[list[str]], overflow: dict[int, Sequence[str]], header: Header
) -> Sequence[int]:
    """Give the rows whose first cell is blank though they hold data, where most rows around them fill it.

    That is the trace that an append leaves when it lands further right. It is no proof: an answer may be missing.
    """
    if not header.names[0].strip():
        return ()
    held = [number for number, line in enumerate(texts, first_row) if any(line) or number in overflow]
    blank_start = [number for number in held if not texts[number - first_row][0]]
    return tuple(blank_start) if 2 * len(blank_start) < len(held) else ()
