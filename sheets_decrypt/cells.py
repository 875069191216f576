"""Cells of a sheet or workbook → the text that goes into the CSV, one page at a time. Pure.

A cell is a string, a number or a boolean. A number arrives as the text in the reply or file, and keeps every digit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, TypeGuard

from sheets_decrypt.table import Header, Page

_LARGEST_EXPONENT: Final = 400  # a sheet's numbers are doubles, which end near 1e308


class Number(str):
    """The text of a number; where strings are expected, it shows that the cell was retyped."""

    __slots__ = ()


Cell = str | bool | None
Row = Sequence[Cell]


def plain(number: str) -> str:
    """Return a number with every digit, without an exponent and without a trailing `.0`.

    A number whose exponent is too large for a sheet is returned unchanged.

    >>> plain("57300123456789012345"), plain("1e21"), plain("0.10"), plain("2.0"), plain("-0.0")
    ('57300123456789012345', '1000000000000000000000', '0.1', '2', '0')
    """
    try:
        value = Decimal(number)
    except InvalidOperation:  # the exponent has more digits than `decimal` accepts
        return str(number)
    if abs(value.adjusted()) > _LARGEST_EXPONENT:
        return str(number)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def text_of(cell: Cell) -> str:
    """Return a cell as text; booleans are TRUE and FALSE, as in the sheet."""
    if isinstance(cell, Number):
        return plain(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return cell or ""


def is_blank(row: Row) -> bool:
    """Return whether a row is blank; the API sends such rows as `[]` or as empty strings."""
    return all(cell is None or cell == "" for cell in row)


def trimmed(row: Row) -> list[Cell]:
    """Return a row without the blank cells at its end; the API usually drops them, but not always."""
    end = len(row)
    while end and row[end - 1] in {"", None}:
        end -= 1
    return list(row[:end])


def page(first_row: int, rows: Sequence[Row], header: Header) -> Page:
    """Make a page of rows: pad or cut them to the header's width, and note what is out of place.

    Args:
        first_row: The sheet's row number of `rows[0]`.
        rows: The rows, as sent by the API or stored in the workbook.
        header: Its width is the page's.
    """
    width = len(header.names)
    texts: list[list[str]] = []
    retyped: defaultdict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(_fitted(rows, width), first_row):
        if _is_text(row):
            texts.append(row)
            continue
        texts.append(list(map(text_of, row)))
        for column, cell in enumerate(row):
            if cell.__class__ is not str and cell is not None:
                retyped[column].append(number)
    overflow = {number: beyond for number, row in enumerate(rows, first_row) if (beyond := _beyond(row, width))}
    return Page(first_row, texts, dict(retyped), overflow, _shifted(first_row, texts, overflow, header))


def _fitted(rows: Sequence[Row], width: int) -> Sequence[Row]:
    """Pad or cut rows to one width; the API drops blank cells at a row's end."""
    if set(map(len, rows)) == {width}:
        return rows
    return [[*row, *[""] * (width - len(row))][:width] for row in rows]


def _is_text(row: Row) -> TypeGuard[list[str]]:
    """Return whether all cells of a row are strings, which they are unless one was retyped."""
    return set(map(type, row)) == {str}


def _beyond(row: Row, width: int) -> tuple[str, ...]:
    """Return the cells to the right of the header, or nothing if they are blank."""
    cells = tuple(map(text_of, row[width:])) if len(row) > width else ()
    return cells if any(cells) else ()


def _shifted(
    first_row: int, texts: Sequence[Sequence[str]], overflow: Mapping[int, Sequence[str]], header: Header
) -> Sequence[int]:
    """Return the rows that hold data but no first cell, if most rows of the page fill it.

    An append that lands further right leaves this trace. It is not a proof: an answer may be missing.
    """
    if not header.names[0].strip() or all(line[0] for line in texts):
        return ()
    held = [number for number, line in enumerate(texts, first_row) if any(line) or number in overflow]
    blank_start = [number for number in held if not texts[number - first_row][0]]
    return tuple(blank_start) if 2 * len(blank_start) < len(held) else ()
