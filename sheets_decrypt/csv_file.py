"""A CSV that was downloaded from a sheet, as header and pages: the source of `decrypt-file`."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Self, TextIO

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, SheetRefused
from sheets_decrypt.table import Header, Page

_PAGE_ROWS: Final = 5000


class CsvFile:
    """A CSV file, RFC 4180, UTF-8 with or without byte order mark.

    Args:
        path: The file.

    Raises:
        ConfigurationError: It cannot be read.
        SheetRefused: It has no header, or is no CSV.
    """

    row_total: Final = None

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        try:
            self._file: Final[TextIO] = path.open(encoding="utf-8-sig", newline="")
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read: {(error.strerror or 'unknown').lower()}", hint="check the path of the file"
            ) from None
        self._reader: Final = csv.reader(self._file, strict=True)
        try:
            names = next(self._rows(), [])
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
        """Give the rows in order, once; the row number counts records, as the sheet does."""
        first = 2
        while block := list(islice(self._rows(), _PAGE_ROWS)):
            yield self._page(first, block)
            first += len(block)

    def _page(self, first: int, block: list[list[str]]) -> Page:
        width = len(self.header.names)
        if all(len(row) == width for row in block):
            return Page(first, block)
        rows = [(row + [""] * (width - len(row)))[:width] for row in block]
        overflow = {first + place: row[width:] for place, row in enumerate(block) if any(row[width:])}
        return Page(first, rows, overflow=overflow)

    def _rows(self) -> Iterator[list[str]]:
        try:
            yield from self._reader
        except (csv.Error, UnicodeDecodeError):  # their text could hold a value
            raise SheetRefused(
                f"{self._path} is not a csv in utf-8 (line {self._reader.line_num})",
                hint="download it again: File, Download, Comma-separated values",
            ) from None
