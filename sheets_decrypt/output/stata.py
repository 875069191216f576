"""Rows → a Stata dataset as bytes: every column is text.

The format is 118, of Stata 14 and later, as described in Stata's `help dta`. Its beginning contains the number of rows,
the width of each text and the place of the long texts, so nothing can be written before the last row is known. Until
then the pages wait in memory, compressed: a vault's files are written from start to end, a copy outside the vault is
out of the question, and one inside would stay there after a power failure. The bytes depend only on the rows; the time
stamp is left out. Measured with 200,000 rows × 20 columns, CPU time and peak memory: this 3 s and 99 MB; pandas, which
needs all rows at once, 4 s and 593 MB. pyreadstat can only write to a path, and a file in a Cryptomator vault has none.

A column is a `str#` as wide as its longest text, because Stata can sort and merge by it. It is a `strL` if a text is
longer than 2,045 bytes or contains a NUL, which would end it, or if a few long texts among short ones would make every
row so wide that the column took more than four times the space.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import BinaryIO, Final

from sheets_decrypt.errors import SheetRefused
from sheets_decrypt.output.stata_names import variable_label, variable_names

COLUMNS: Final = 32_767  # variables, of Stata/SE; Stata/MP's more need format 119
WIDEST: Final = 2045  # bytes of a str#
_LONGEST_KEY: Final = 255  # bytes; a column to sort or merge by is shorter
_WASTE: Final = 4  # times as large as with a strL
_PIECE: Final = 1 << 20  # bytes of rows that are written at a time
_STRL: Final = 32_768
_TEXT: Final = 130  # the content type of a GSO: a text that ends in a NUL, or bytes
_BYTES: Final = 129
_GSO: Final = struct.Struct("<3sIQBI")
_START: Final = b"<stata_dta><header><release>118</release><byteorder>LSF</byteorder><K>"


class StataText:
    """Writes one dataset as bytes, at the end of the rows; a `Writer`."""

    guarded_cells: Final = 0  # a text is never run

    def __init__(self) -> None:
        self.plain = b""
        self._names: Sequence[str] = ()
        self._columns: list[_Column] = []
        self._pages: Final[list[bytes]] = []
        self._rows = 0

    def header(self, names: Sequence[str]) -> bytes:
        """Take the names; nothing can be written yet.

        Raises:
            SheetRefused: There are more columns than a dataset can have variables.
        """
        if len(names) > COLUMNS:
            raise SheetRefused(
                f"the sheet has {len(names):,} columns, and a stata dataset holds {COLUMNS:,}",
                hint="name an output that ends in .csv, which holds them",
            )
        self._names = names
        self._columns = [_Column() for _ in names]
        return b""

    def columns(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Take a page; nothing can be written yet.

        Args:
            columns: columns × rows of text, all of the same height.
        """
        for column, cells in zip(self._columns, columns, strict=False):
            column.look(cells)
        self._rows += len(columns[0]) if columns else 0
        self.plain = json.dumps(columns).encode()
        self._pages.append(zlib.compress(self.plain, 1))
        return b""

    def end(self) -> Iterator[bytes]:
        """Yield the dataset."""
        yield from self._beginning()
        number = 1
        for page in self._again():
            yield from self._data(page, number)
            number += len(page[0])
        yield b"</data><strls>"
        number = 1
        for page in self._again() if any(column.is_long for column in self._columns) else ():
            yield self._long_texts(page, number)
            number += len(page[0])
        yield b"</strls><value_labels></value_labels></stata_dta>"

    def warnings(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002  (every text is whole)
        """Return an empty list: a reader of the dataset needs no warning."""
        return []

    def _beginning(self) -> Iterator[bytes]:
        """Yield everything before the data."""
        count, columns = len(self._columns), self._columns
        names = [_field(name, 129) for name in variable_names(self._names)]
        sections = [
            _section("variable_types", struct.pack(f"<{count}H", *(column.type for column in columns))),
            _section("varnames", b"".join(names)),
            _section("sortlist", bytes(2 * count + 2)),
            _section("formats", b"".join(_field(column.format, 57) for column in columns)),
            _section("value_label_names", bytes(129 * count)),
            _section("variable_labels", b"".join(_field(variable_label(name), 321) for name in self._names)),
            _section("characteristics", b""),
        ]
        header = _START + struct.pack("<H", count) + b"</K><N>" + struct.pack("<Q", self._rows)
        header += b"</N><label>\0\0</label><timestamp>\0</timestamp></header>"
        data = self._rows * sum(column.width for column in columns)
        long = sum(column.long_bytes for column in columns if column.is_long)
        empty = len(_section("map", bytes(14 * 8)))
        after = [len(_section("data", b"")) + data, len(_section("strls", b"")) + long]
        rest = [len(_section("value_labels", b"")), len(b"</stata_dta>")]
        places = accumulate([len(header), empty, *map(len, sections), *after, *rest])
        yield header + _section("map", struct.pack("<14Q", 0, *places)) + b"".join(sections) + b"<data>"

    def _again(self) -> Iterator[list[list[str]]]:
        """Yield the pages again, except those without rows."""
        for page in self._pages:
            columns = json.loads(zlib.decompress(page))
            if columns and columns[0]:
                yield columns

    def _data(self, page: Sequence[Sequence[str]], first: int) -> Iterator[bytes]:
        """Yield a page's rows in pieces, because the padded rows take far more memory than the page."""
        height = max(1, _PIECE // sum(column.width for column in self._columns))
        for start in range(0, len(page[0]), height):
            fields = [
                column.references(cells[start : start + height], number, first + start)
                if column.is_long
                else column.padded(cells[start : start + height])
                for number, (column, cells) in enumerate(zip(self._columns, page, strict=True), 1)
            ]
            yield b"".join(map(b"".join, zip(*fields, strict=True)))

    def _long_texts(self, page: Sequence[Sequence[str]], first: int) -> bytes:
        """Return the texts of a page's strL columns, in the order of rows and, in a row, of columns."""
        long = [
            (number, cells)
            for number, (column, cells) in enumerate(zip(self._columns, page, strict=True), 1)
            if column.is_long
        ]
        return b"".join(
            _long_text(number, first + row, cells[row])
            for row in range(len(page[0]))
            for number, cells in long
            if cells[row]
        )


class _Column:
    """The sizes of a column's texts so far."""

    def __init__(self) -> None:
        self._widest = 1
        self._rows = 0
        self._holds_nul = False
        self.long_bytes = 0  # bytes that its texts take as a strL

    def look(self, cells: Sequence[str]) -> None:
        sizes = list(map(len, map(_encoded, cells)))
        self._rows += len(sizes)
        self._widest = max(self._widest, *sizes, 1)
        nuls = sum("\0" in cell for cell in cells) if "\0" in "".join(cells) else 0
        self._holds_nul |= nuls > 0
        self.long_bytes += sum(sizes) + (len(sizes) - sizes.count(0)) * (_GSO.size + 1) - nuls

    @property
    def is_long(self) -> bool:
        return self._holds_nul or self._widest > WIDEST or self._is_wasteful

    @property
    def _is_wasteful(self) -> bool:
        """Whether a few long texts would make every row as wide."""
        padded, long = self._widest * self._rows, self.long_bytes + 8 * self._rows
        return self._widest > _LONGEST_KEY and padded > _WASTE * long

    @property
    def type(self) -> int:
        return _STRL if self.is_long else self._widest

    @property
    def width(self) -> int:
        """Bytes in each row."""
        return 8 if self.is_long else self._widest

    @property
    def format(self) -> str:
        """Stata's display format: left-aligned and in full."""
        return "%-9s" if self.is_long else f"%-{max(9, self._widest)}s"

    def padded(self, cells: Sequence[str]) -> list[bytes]:
        return [_encoded(cell).ljust(self._widest, b"\0") for cell in cells]

    def references(self, cells: Sequence[str], number: int, first: int) -> list[bytes]:
        """Return a reference to each text: two bytes of column number and six of row number; zeros for a blank cell."""
        start = struct.pack("<H", number)
        return [start + row.to_bytes(6, "little") if cell else bytes(8) for row, cell in enumerate(cells, first)]


def rows_of(file: BinaryIO) -> int | None:
    """Return the number of rows of a dataset of format 118 or 119, in either byte order; None for another file."""
    start, found, rest = file.read(4096).partition(b"</K><N>")
    if not found or rest[8:12] != b"</N>":
        return None
    return int.from_bytes(rest[:8], "big" if b"MSF" in start else "little")


def _encoded(cell: str) -> bytes:
    return cell.encode("utf-8", "surrogatepass")  # as in a CSV, a lone surrogate is written unchanged


def _field(text: str, width: int) -> bytes:
    return _encoded(text).ljust(width, b"\0")


def _section(name: str, content: bytes) -> bytes:
    return f"<{name}>".encode() + content + f"</{name}>".encode()


def _long_text(number: int, row: int, cell: str) -> bytes:
    """Return one "GSO": the text of a cell with its column and row."""
    data = _encoded(cell)
    if b"\0" in data:
        return _GSO.pack(b"GSO", number, row, _BYTES, len(data)) + data
    return _GSO.pack(b"GSO", number, row, _TEXT, len(data) + 1) + data + b"\0"
