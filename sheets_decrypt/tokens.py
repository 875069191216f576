"""The tokens of one page: sorted column by column, decrypted format by format. Pure.

Work goes a column at a time: the counts come from whole columns, so that a cell costs little beside its cipher.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sheets_decrypt.ciphers import FORMATS, Cipher
from sheets_decrypt.table import NO_KEY_FITTED, Column, Format, Reason

# What Sheets shows where a retyped token was parsed as a formula (values.get gives error cells as these strings).
_SHEET_ERRORS: Final = frozenset({"#ERROR!", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!"})

# What is left of a token that was cut off, or that somebody copied with a blank, a line break or quotes: text without a
# gap and longer than any word, in the letters of base64.
_NEAR_MISS: Final = re.compile(r"[\s'\"]*(?:v2:\S{20,}|[A-Za-z0-9+/_-]{40,}={0,2})[\s'\"]*", re.IGNORECASE)
_FIRST_LETTERS: Final = frozenset(wire.begins[0] for wire in FORMATS if wire.begins)


@dataclass(slots=True)
class Tokens:
    """The tokens of one format in one column of a page.

    Args:
        index: The column's index.
        format: Their format.
        rows: The row within the page of each.
        bodies: What `read` gave for each.
    """

    index: int
    format: Format
    rows: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sorted:
    """The cells of one column of a page.

    Args:
        blank: How many are empty.
        missing: How many stand for an unanswered question.
        not_encrypted: How many are readable.
        lost: (row within the page, reason) of every cell that was a token once and is none any more.
        tokens: The tokens, by format; formats without one are left out.
    """

    blank: int
    missing: int
    not_encrypted: int
    lost: Sequence[tuple[int, Reason]]
    tokens: Sequence[Tokens]


def sort(rows: Sequence[Sequence[str]], index: int, missing_values: Collection[str]) -> Sorted:
    """Tell blank, missing, token and readable cells of one column apart.

    Args:
        rows: The page's rows.
        index: The column's index.
        missing_values: Texts that stand for an unanswered question.
    """
    blank = missing = not_encrypted = 0
    lost: list[tuple[int, Reason]] = []
    found = [Tokens(index, wire.format) for wire in FORMATS]
    readers = [(wire.read, tokens) for wire, tokens in zip(FORMATS, found, strict=True)]
    without_mark = [(read, tokens) for wire, (read, tokens) in zip(FORMATS, readers, strict=True) if not wire.begins]
    for place, row in enumerate(rows):
        cell = row[index]
        if not cell:
            blank += 1
            continue
        if cell in missing_values:
            missing += 1
            continue
        for read, tokens in readers if cell[0] in _FIRST_LETTERS else without_mark:
            body = read(cell)
            if body is not None:
                tokens.rows.append(place)
                tokens.bodies.append(body)
                break
        else:
            if reason := _lost(cell):
                lost.append((place, reason))
            else:
                not_encrypted += 1
    return Sorted(blank, missing, not_encrypted, lost, [tokens for tokens in found if tokens.rows])


def _lost(cell: str) -> Reason | None:
    """Say what became of a token that no format reads any more; None for a cell that never was one."""
    if cell in _SHEET_ERRORS:
        return Reason.SHEET_ERROR
    return Reason.DAMAGED if _NEAR_MISS.fullmatch(cell) else None


def begin(columns: Sequence[Tokens], cipher: Cipher | None) -> Callable[[], list[Column]]:
    """Begin to decrypt the tokens of one format in one page.

    Args:
        columns: The tokens of each column, all of the same format.
        cipher: The format's cipher, or None where no key is configured.

    Returns:
        What waits for the result: a `Column` for each of `columns`.
    """
    if cipher is None:
        return lambda: [_without_key(tokens) for tokens in columns]
    order = _by_rows(columns)
    bodies = [body for tokens in columns for body in tokens.bodies]
    waiting = cipher.begin(bodies if order is None else [bodies[place] for place in order])
    return lambda: _split(_unordered(waiting(), order), columns)


def _without_key(tokens: Tokens) -> Column:
    values = [Reason.NO_KEY if body else Reason.DAMAGED for body in tokens.bodies]
    return Column(values, bytes([NO_KEY_FITTED]) * len(values))


def _by_rows(columns: Sequence[Tokens]) -> list[int] | None:
    """Give the order in which the tokens of one row stand together: they may share a derived key."""
    if len(columns) == 1 or columns[0].format is not Format.SEALED_BOX:
        return None
    rows = [row for tokens in columns for row in tokens.rows]
    return sorted(range(len(rows)), key=rows.__getitem__)


def _unordered(column: Column, order: Sequence[int] | None) -> Column:
    if order is None:
        return column
    values: list[str | Reason] = [""] * len(order)
    keys = bytearray(len(order))
    for place, value, key in zip(order, column.values, column.keys, strict=True):
        values[place] = value
        keys[place] = key
    return Column(values, bytes(keys))


def _split(column: Column, columns: Sequence[Tokens]) -> list[Column]:
    parts, start = [], 0
    for tokens in columns:
        end = start + len(tokens.bodies)
        parts.append(Column(column.values[start:end], column.keys[start:end]))
        start = end
    return parts
