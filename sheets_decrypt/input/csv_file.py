"""A CSV that was downloaded from a sheet, or saved by Excel, as header and pages."""

import csv
import io
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, Self, TextIO

from sheets_decrypt.errors import SheetRefused
from sheets_decrypt.input.dialect import dialect_of, refuse_utf8
from sheets_decrypt.input.kinds import DOWNLOAD, refuse_other_kinds
from sheets_decrypt.input.opening import opened, require_names, rows_per_page
from sheets_decrypt.table import Header, Page

_LONGEST_LINE: Final = 1 << 24  # characters
_AGAIN: Final = f"download it again; {DOWNLOAD}"
_CODE_PAGE: Final = (
    'save it in Excel as "CSV UTF-8 (Comma delimited)"; if it can only be had as Excel\'s plain "CSV",'
    " add --input-encoding cp1252"
)
_ONE_COLUMN: Final = "if commas, semicolons and tabs do not separate the columns, add a first line such as sep=|"


class CsvFile:
    """A CSV: RFC 4180 with commas, semicolons or tabs; UTF-8, UTF-16 with a byte order mark, or an encoding by name.

    Args:
        path: The file.
        encoding: Its encoding, if it cannot be detected: one of `dialect.ENCODINGS`.

    Raises:
        ConfigurationError: It cannot be read, or has another encoding.
        SheetRefused: It has no header, or is not a CSV.
    """

    row_total: Final = None
    worksheet: Final = ""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path: Final = path
        content, start = opened(path)
        self._file: TextIO | BinaryIO = content
        self._ended = True
        try:
            refuse_other_kinds(path, content, start)
            self._dialect: Final = dialect_of(path, start, encoding)
            if encoding:
                refuse_utf8(path, content, encoding)
            text = io.TextIOWrapper(content, encoding=self._dialect.encoding, newline="")
            self._file = text
            self._records: Final = self._rows(text)
            names = next(self._records, [])
            require_names(path, names)
        except BaseException:
            self._file.close()
            raise
        self.header: Final = Header(tuple(names))
        self.words: Final = self._dialect.words(len(names))
        self.elsewhere: Final = _ONE_COLUMN if len(names) == 1 else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def notes(self) -> list[str]:
        """Return an empty list: no cell is changed."""
        return []

    def warnings(self) -> list[str]:
        """Return an empty list: nothing needs attention."""
        return []

    def pages(self) -> Iterator[Page]:
        """Yield the rows in order, once; row numbers count records, as in the sheet.

        Raises:
            SheetRefused: It is not a CSV, or it ends in the middle of a row.
        """
        first = 2
        width = last = len(self.header.names)
        while block := list(islice(self._records, rows_per_page(width))):
            yield self._page(first, block)
            first += len(block)
            last = len(block[-1])
        if last < width and not self._ended:
            raise SheetRefused(f"{self._path} is cut off in row {first - 1}", hint=_AGAIN)

    def _page(self, first: int, block: list[list[str]]) -> Page:
        width = len(self.header.names)
        if set(map(len, block)) == {width}:
            return Page(first, block)
        overflow = {first + place: row[width:] for place, row in enumerate(block) if any(row[width:])}
        short = [first + place for place, row in enumerate(block) if len(row) < width]
        rows = [(row + [""] * (width - len(row)))[:width] for row in block]
        return Page(first, rows, overflow=overflow, short=short)

    def _rows(self, text: TextIO) -> Iterator[list[str]]:
        """Yield the records. Lines without a quote are split here, which is faster; the csv module reads the others."""
        number = blank = 0  # lines; blank ones at the end of a file are not rows
        line, separator = "\n", self._dialect.separator
        lines = iter(partial(text.readline, _LONGEST_LINE), "")
        try:
            if self._dialect.announced:
                next(lines)
                number += 1
            for line in lines:
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise SheetRefused(f"{self._path} is not a CSV: line {number} does not end", hint=_AGAIN)
                if '"' in line:
                    reader = csv.reader(chain((line,), lines), delimiter=separator, strict=True)
                    row = next(reader)
                    number += reader.line_num - 1
                else:
                    row = line.rstrip("\r\n").split(separator)
                    if row == [""]:
                        blank += 1
                        continue
                if blank:
                    yield from ([""] for _ in range(blank))
                    blank = 0
                yield row
        except (csv.Error, UnicodeDecodeError) as error:  # their message could hold a value
            refused = self._refusal(error, near=max(number, 1))  # decoding is some thousand bytes ahead
        else:
            self._ended = line.endswith(("\r", "\n"))  # a record of several lines that is cut off was refused above
            return
        raise refused

    def _refusal(self, error: csv.Error | UnicodeDecodeError, near: int) -> SheetRefused:
        if isinstance(error, UnicodeDecodeError):
            hint = _CODE_PAGE if self._dialect.encoding == "utf-8" else _AGAIN
            return SheetRefused(f"{self._path} is not {self._dialect.encoding_name} text (near line {near})", hint=hint)
        return SheetRefused(f"{self._path} is not a CSV (near line {near}): a quoted cell has no end", hint=_AGAIN)
