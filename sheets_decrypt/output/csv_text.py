"""Rows → CSV as bytes: RFC 4180 with CRLF, and the formula guard. Pure: no file, network, clock or process access.

A spreadsheet program runs a cell that begins with certain characters; a leading `'` makes it text. The characters are
those of OWASP's page "CSV Injection". Marks, blanks and control characters before them are skipped, because programs
remove them first: LibreOffice 7.4 runs `=1+1` after a NUL, after U+FEFF at the beginning of the file, and after blanks
with the import option "Remove spaces". `smart` exempts cells that contain only a number or a phone number.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from sheets_decrypt.table import columns_of

LINE_END: Final = "\r\n"
LONGEST_EXCEL_CELL: Final = 32_767  # characters, as Excel counts them: "Excel specifications and limits"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

# Ranges of invisible characters: blanks, line and paragraph ends, format marks, fillers, variation selectors.
_UNSEEN: Final = (
    r"\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SKIPPED: Final = rf"\x00-\x20\x7f-\x9f{_UNSEEN}"
# Digits with the separators that people use: +57 300 1234567, -1,234.5, +1 (555) 123-4567 ext. 89, -1e5, +3.5%
_NUMBER_OR_PHONE: Final = (
    r"\s?(?:\d[\d.,]*(?:[eE][+-]?\d+)?%?|\.\d+(?:[eE][+-]?\d+)?%?"
    rf"|\(?\d[\d ().\-\u2010-\u2015/{_UNSEEN}]*(?: ?(?:x|ext\.?) ?\d+)?)[ {_UNSEEN}]*+\Z"
)
_NAMED: Final = 3  # long cells that a warning names
_BETWEEN: Final = "\0"
_QUOTE: Final = '"'
_SPECIAL: Final = (_QUOTE, ",", "\r", "\n")
_announces_separator: Final = re.compile(rf"[{_SKIPPED}]*+sep=", re.IGNORECASE).match
_must_be_quoted: Final = re.compile('[",\r\n]').search  # RFC 4180, section 2, rules 6 and 7

Guard = Literal["smart", "owasp", "off"]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One guard.

    Args:
        triggers: Characters; every cell that must be guarded contains at least one of them.
        may_run: Search a column's cells, each preceded by `_BETWEEN`, for one that may begin like a formula.
        runs: Match a cell that must be guarded.
    """

    triggers: str
    may_run: Callable[[str], object]
    runs: Callable[[str], object]


def _rule(alone: str, runs: str) -> _Rule:
    """Return the guard that looks for `alone` at the very start of a cell, or for `runs` after skipped characters.

    `may_run` searches for a single character class: an expression with branches takes twice as long.
    """
    # NUL, which is skipped too, also separates two cells.
    begins = rf"{_BETWEEN}[\x01-\x20\x7f-\x9f{_UNSEEN}=@+\-＝＠＋－]"
    cell = rf"[{alone}]|[{_SKIPPED}]*+(?:{runs})"
    return _Rule(f"=@+-{alone}＝＠＋－", re.compile(begins).search, re.compile(cell).match)


_RULES: Final[Mapping[Guard, _Rule | None]] = {
    "smart": _rule("\t\r", rf"[=@＝＠]|[+\-＋－](?!{_NUMBER_OR_PHONE})"),
    "owasp": _rule("\t\r\n", r"[=@+\-＝＠＋－]"),
    "off": None,
}


class CsvText:
    """Writes one CSV as bytes, page by page, and counts the cells that the guard changed; a `Writer`.

    Args:
        encoding: `"utf-8-sig"` for a byte order mark, which Excel needs to read accents correctly; or `"utf-8"`.
        guard: Which cells get a leading `'`, including the header's: anyone who can edit the sheet can edit it.
    """

    def __init__(self, encoding: Literal["utf-8-sig", "utf-8"], guard: Guard) -> None:
        self._mark: Final = _BYTE_ORDER_MARK if encoding == "utf-8-sig" else b""
        self._rule: Final = _RULES[guard]
        self._records = 0
        self.plain = b""
        self.guarded_cells = 0
        self.long_cells: Final[
            list[tuple[int, int]]
        ] = []  # (row, column) of cells that Excel cuts off, counted from 1 and from 0

    def header(self, names: Sequence[str]) -> bytes:
        """Return the first line, byte order mark included. Names are guarded like cells.

        If a file begins with `sep=;`, Excel splits it at each `;`, and could run the part of a cell after a `;`.
        """
        if self._rule and names and _announces_separator(names[0]):
            names = ["'" + names[0], *names[1:]]
            self.guarded_cells += 1
        return self._mark + self.rows([names])

    def rows(self, rows: Sequence[Sequence[str]]) -> bytes:
        """Return the lines of a page.

        Args:
            rows: rows × columns of text, all of the same width.
        """
        return self.columns(columns_of(rows))

    def columns(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Return the lines of a page.

        Args:
            columns: columns × rows of text, all of the same height.
        """
        fields = [self._fields(place, cells) for place, cells in enumerate(columns)]
        self._records += len(fields[0]) if fields else 0
        if len(fields) == 1:  # an empty line would not be a record
            fields = [[field or _QUOTE + _QUOTE for field in fields[0]]]
        lines = map(",".join, zip(*fields, strict=True))
        # Neither Google nor strict UTF-8 can deliver a lone surrogate; should one come, it is written unchanged.
        self.plain = LINE_END.join(chain(lines, ("",))).encode("utf-8", "surrogatepass")
        return self.plain

    def end(self) -> Iterator[bytes]:
        """Yield nothing: a CSV ends with its last line."""
        return iter(())

    def warnings(self, names: Sequence[str]) -> list[str]:
        """Return what a reader of the CSV must know about it, one sentence each, without values.

        Args:
            names: The columns' names.
        """
        if not self.long_cells:
            return []
        first = ", ".join(f"row {row} of {names[column]!r}" for row, column in self.long_cells[:_NAMED])
        more = ", …" if len(self.long_cells) > _NAMED else ""
        count = f"{len(self.long_cells)} cell{'' if len(self.long_cells) == 1 else 's'}"
        where = f"{count} longer than {LONGEST_EXCEL_CELL:,} characters ({first}{more})"
        return [f"{where}: whole in the csv, but excel cuts off the end without a message"]

    def _fields(self, place: int, cells: Sequence[str]) -> Sequence[str]:
        """Guard and quote the cells of one column; in most columns no cell needs either."""
        text = _BETWEEN + _BETWEEN.join(cells)
        rule = self._rule
        # Look for single characters first: this takes 1 µs for a column of 5,000 cells, the expression 80 µs.
        if rule and any(trigger in text for trigger in rule.triggers) and rule.may_run(text):
            guarded = ["'" + cell if rule.runs(cell) else cell for cell in cells]
            self.guarded_cells += sum(map(len, guarded)) - sum(map(len, cells))  # one character each
            cells = guarded
        if _may_be_long(text):
            rows = (row for row, cell in enumerate(cells, self._records + 1) if is_long(cell))
            self.long_cells.extend((row, place) for row in rows)
        if any(special in text for special in _SPECIAL):
            cells = [_quoted(cell) if _must_be_quoted(cell) else cell for cell in cells]
        return cells


def _may_be_long(text: str) -> bool:
    """Return whether two `_BETWEEN`s are so far apart that the cell between them may be long; skip in large strides."""
    stride = LONGEST_EXCEL_CELL // 2  # a character beyond U+FFFF counts twice
    start = 0
    while start + stride < len(text):
        end = text.rfind(_BETWEEN, start + 1, start + stride + 1)
        if end < 0:
            return True
        start = end
    return False


def is_long(cell: str) -> bool:
    """Return whether Excel cuts off the end of a cell."""
    return (
        len(cell) > LONGEST_EXCEL_CELL // 2 and len(cell.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_EXCEL_CELL
    )


def _quoted(cell: str) -> str:
    return _QUOTE + cell.replace(_QUOTE, _QUOTE + _QUOTE) + _QUOTE


class RecordCount:
    """Counts the records of a CSV that comes in pieces of bytes: line ends outside quotes."""

    def __init__(self) -> None:
        self._ends = 0
        self._quoted = False
        self._last = b"\n"

    def add(self, data: bytes) -> None:
        """Count the next piece."""
        if not data:
            return
        parts = data.split(b'"')
        outside = parts[1::2] if self._quoted else parts[::2]
        self._ends += sum(part.count(b"\n") for part in outside)
        self._quoted ^= len(parts) % 2 == 0
        self._last = data[-1:]

    @property
    def rows(self) -> int:
        """Return the number of records after the header."""
        return max(0, self._ends + (self._last != b"\n") - 1)
