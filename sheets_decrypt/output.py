"""Rows → CSV as bytes: RFC 4180 with CRLF, and the formula guard. Pure: no file, network, clock or process access.

The guard follows OWASP's page "CSV Injection": a spreadsheet program runs a cell that begins with certain characters;
a leading `'` makes it text. `smart` spares what only looks like it: numbers and phone numbers.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

LINE_END: Final = "\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

# Digits with what people write between them: +57 300 1234567, -1,234.5, +1 (555) 123-4567 ext. 89, -1e5, +3.5%
_NUMBER_OR_PHONE: Final = re.compile(
    r"[+-]\s?(?:\d[\d.,]*(?:[eE][+-]?\d+)?%?|\.\d+(?:[eE][+-]?\d+)?%?|\(?\d[\d ().\-/]*(?: ?(?:x|ext\.?) ?\d+)?)"
)
_BETWEEN: Final = "\0"
_SMART: Final = frozenset("=@\t\r+-")
_OWASP: Final = frozenset("=+-@\t\r\n＝＋－＠")

Guard = Literal["smart", "owasp", "off"]


def _smart(cell: str) -> bool:
    return cell[0] not in "+-" or not _NUMBER_OR_PHONE.fullmatch(cell)


def _always(cell: str) -> bool:
    return bool(cell)


_GUARDS: Final[Mapping[str, tuple[frozenset[str], Callable[[str], bool]]]] = {
    "smart": (_SMART, _smart),
    "owasp": (_OWASP, _always),
    "off": (frozenset(), _always),
}


class CsvText:
    """Writes one CSV as bytes, page by page, and counts the cells that the guard changed.

    Args:
        encoding: `"utf-8-sig"` begins with a byte order mark, by which Excel reads accents right; or `"utf-8"`.
        guard: Which cells get a leading `'`, the header's among them: whoever may edit the sheet may write it.
    """

    def __init__(self, encoding: Literal["utf-8-sig", "utf-8"], guard: Guard) -> None:
        self._mark: Final = _BYTE_ORDER_MARK if encoding == "utf-8-sig" else b""
        self._triggers, self._runs = _GUARDS[guard]
        self._needles: Final = [_BETWEEN + trigger for trigger in self._triggers]
        self.guarded_cells = 0

    def header(self, names: Sequence[str]) -> bytes:
        """Give the first line, byte order mark included. A name is guarded as a cell is."""
        return self._mark + _lines(self._guarded([names]))

    def rows(self, rows: Sequence[Sequence[str]]) -> bytes:
        """Give the lines of a page.

        Args:
            rows: rows × columns of text, all of one width.
        """
        return _lines(self._guarded(rows))

    def _guarded(self, rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """Guard a column at a time: most columns hold no cell that needs a second look."""
        columns: list[Sequence[str]] = list(zip(*rows, strict=True))
        looked_at = [place for place, cells in enumerate(columns) if self._may_run(cells)]
        for place in looked_at:
            columns[place] = [self._guard(cell) if cell[:1] in self._triggers else cell for cell in columns[place]]
        return list(zip(*columns, strict=True)) if looked_at else rows

    def _may_run(self, cells: Sequence[str]) -> bool:
        text = _BETWEEN + _BETWEEN.join(cells)
        return any(needle in text for needle in self._needles)

    def _guard(self, cell: str) -> str:
        if not self._runs(cell):
            return cell
        self.guarded_cells += 1
        return "'" + cell


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows as RFC 4180 has them; cells are only quoted where they must be, which the csv module decides."""
    if not rows:
        return b""
    commas = len(rows[0]) - 1
    text = LINE_END.join(map(",".join, rows))
    ends = len(rows) - 1
    if (
        not commas
        or '"' in text
        or text.count(",") != commas * len(rows)
        or text.count("\r") + text.count("\n") != 2 * ends
    ):
        text = LINE_END.join(map(_line, rows))
    # A lone surrogate cannot come from Google or from strict UTF-8; if one comes, it goes out as it came in.
    return (text + LINE_END).encode("utf-8", "surrogatepass")


def _line(row: Sequence[str]) -> str:
    text = ",".join(row)
    if len(row) > 1 and text.count(",") == len(row) - 1 and not ('"' in text or "\r" in text or "\n" in text):
        return text
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator=LINE_END).writerow(row)
    return quoted.getvalue().removesuffix(LINE_END)


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
