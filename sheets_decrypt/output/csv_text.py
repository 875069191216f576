"""Rows → CSV as bytes: RFC 4180 with CRLF, and the formula guard. Pure: no file, network, clock or process access.

The guard follows OWASP's page "CSV Injection": a spreadsheet program runs a cell that begins with certain characters;
a leading `'` makes it text. `smart` spares what only looks like it: numbers and phone numbers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final, Literal

from sheets_decrypt.table import columns_of

LINE_END: Final = "\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

# Digits with what people write between them: +57 300 1234567, -1,234.5, +1 (555) 123-4567 ext. 89, -1e5, +3.5%
_NUMBER_OR_PHONE: Final = re.compile(
    r"[+-]\s?(?:\d[\d.,]*(?:[eE][+-]?\d+)?%?|\.\d+(?:[eE][+-]?\d+)?%?|\(?\d[\d ().\-/]*(?: ?(?:x|ext\.?) ?\d+)?)"
)
_BETWEEN: Final = "\0"
_QUOTE: Final = '"'
_SPECIAL: Final = (_QUOTE, ",", "\r", "\n")
_must_be_quoted: Final = re.compile('[",\r\n]').search  # RFC 4180, section 2, rules 6 and 7
_SMART: Final = frozenset("=@\t\r+-")
_OWASP: Final = frozenset("=+-@\t\r\n＝＋－＠")

Guard = Literal["smart", "owasp", "off"]


def _nothing(_: str) -> None:
    """Spare no cell."""


# Guard → how the cells begin that it looks at, and what it spares among them.
_GUARDS: Final[Mapping[str, tuple[frozenset[str], Callable[[str], object]]]] = {
    "smart": (_SMART, _NUMBER_OR_PHONE.fullmatch),
    "owasp": (_OWASP, _nothing),
    "off": (frozenset(), _nothing),
}


class CsvText:
    """Writes one CSV as bytes, page by page, and counts the cells that the guard changed.

    Args:
        encoding: `"utf-8-sig"` begins with a byte order mark, by which Excel reads accents right; or `"utf-8"`.
        guard: Which cells get a leading `'`, the header's among them: whoever may edit the sheet may write it.
    """

    def __init__(self, encoding: Literal["utf-8-sig", "utf-8"], guard: Guard) -> None:
        self._mark: Final = _BYTE_ORDER_MARK if encoding == "utf-8-sig" else b""
        self._triggers, self._spares = _GUARDS[guard]
        self.guarded_cells = 0

    def header(self, names: Sequence[str]) -> bytes:
        """Give the first line, byte order mark included. A name is guarded as a cell is."""
        return self._mark + self.rows([names])

    def rows(self, rows: Sequence[Sequence[str]]) -> bytes:
        """Give the lines of a page.

        Args:
            rows: rows × columns of text, all of one width.
        """
        return self.columns(columns_of(rows))

    def columns(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Give the lines of a page.

        Args:
            columns: columns × rows of text, all of one height.
        """
        fields = [self._fields(cells) for cells in columns]
        if len(fields) == 1:  # a line with nothing on it would be no record
            fields = [[field or _QUOTE + _QUOTE for field in fields[0]]]
        lines = map(",".join, zip(*fields, strict=True))
        # A lone surrogate cannot come from Google or from strict UTF-8; if one comes, it goes out as it came in.
        return LINE_END.join(chain(lines, ("",))).encode("utf-8", "surrogatepass")

    def _fields(self, cells: Sequence[str]) -> Sequence[str]:
        """Guard and quote the cells of one column: most columns hold none that needs a second look."""
        text = _BETWEEN + _BETWEEN.join(cells)
        # One character is looked for much faster than two.
        if any(trigger in text and _BETWEEN + trigger in text for trigger in self._triggers):
            cells = self._guarded(cells)
        if any(special in text for special in _SPECIAL):
            cells = [_quoted(cell) if _must_be_quoted(cell) else cell for cell in cells]
        return cells

    def _guarded(self, cells: Sequence[str]) -> Sequence[str]:
        triggers, spares = self._triggers, self._spares
        guarded = ["'" + cell if cell[:1] in triggers and not spares(cell) else cell for cell in cells]
        self.guarded_cells += sum(map(len, guarded)) - sum(map(len, cells))  # one character each
        return guarded


def _quoted(cell: str) -> str:
    return _QUOTE + cell.replace(_QUOTE, _QUOTE + _QUOTE) + _QUOTE


class RecordCount:
    """Counts the records of a CSV that passes by in pieces of bytes: line ends outside of quotes."""

    def __init__(self) -> None:
        self._ends = 0
        self._quoted = False
        self._last = b"\n"

    def add(self, data: bytes) -> None:
        """Look at the next piece."""
        if not data:
            return
        parts = data.split(b'"')
        outside = parts[1::2] if self._quoted else parts[::2]
        self._ends += sum(part.count(b"\n") for part in outside)
        self._quoted ^= len(parts) % 2 == 0
        self._last = data[-1:]

    @property
    def rows(self) -> int:
        """Give the number of records after the header."""
        return max(0, self._ends + (self._last != b"\n") - 1)
