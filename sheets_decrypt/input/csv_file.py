"""A CSV that was downloaded from a sheet, as header and pages: the source of `decrypt-file`."""

import csv
import io
import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final, Self, TextIO

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, SheetRefused, reason_of
from sheets_decrypt.system.regular_file import open_regular
from sheets_decrypt.table import Header, Page

_PAGE_ROWS: Final = 5000
_AGAIN: Final = "download it again: File, Download, Comma-separated values"
_KINDS: Final = {
    b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"%PDF": "a PDF",
}


class CsvFile:
    """A CSV file, RFC 4180, UTF-8 with or without byte order mark.

    Args:
        path: The file.

    Raises:
        ConfigurationError: It cannot be read.
        SheetRefused: It has no header, or is not a CSV.
    """

    row_total: Final = None

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        try:
            content = os.fdopen(open_regular(path), "rb")
            start = content.peek(4)
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read: {reason_of(error)}", hint="check the path of the file"
            ) from None
        self._file: Final[TextIO] = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
        self._ended = True
        self._records: Final = self._rows()
        try:
            _refuse_other_kinds(path, start)
            names = next(self._records, [])
            if not any(names):
                raise SheetEmpty(f"{path} has no header", hint="its first line must hold the columns' names")
        except SheetRefused:
            self._file.close()
            raise
        self.header: Final = Header(tuple(names))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def pages(self) -> Iterator[Page]:
        """Yield the rows in order, once; the row number counts records, as the sheet does.

        Raises:
            SheetRefused: It is not a CSV, or it ends in the middle of a row.
        """
        first = 2
        width = last = len(self.header.names)
        while block := list(islice(self._records, _PAGE_ROWS)):
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

    def _rows(self) -> Iterator[list[str]]:
        """Yield the records. A line without a quote is split here, which is faster; the csv module reads the others."""
        number = blank = 0  # lines; blank ones at the end of a file are no rows
        line = "\n"
        try:
            for line in self._file:
                number += 1
                if '"' in line:
                    reader = csv.reader(chain((line,), self._file), strict=True)
                    row = next(reader)
                    number += reader.line_num - 1
                else:
                    row = line.rstrip("\r\n").split(",")
                    if row == [""]:
                        blank += 1
                        continue
                if blank:
                    yield from ([""] for _ in range(blank))
                    blank = 0
                yield row
        except (csv.Error, UnicodeDecodeError):  # their text could hold a value
            near = max(number, 1)  # bytes are decoded some thousand ahead
            raise SheetRefused(f"{self._path} is not a csv in utf-8 (near line {near})", hint=_AGAIN) from None
        self._ended = line.endswith(("\r", "\n"))  # a record of several lines that is cut off was refused above


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            raise SheetRefused(f"{path} is {kind}, not a csv in utf-8", hint=_AGAIN)
