"""An Excel workbook's worksheet as header and pages."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self
from xml.parsers import expat

from sheets_decrypt import cells
from sheets_decrypt.cells import Row
from sheets_decrypt.errors import ConfigurationError, SheetRefused
from sheets_decrypt.input.kinds import DOWNLOAD, PASSWORD, refuse_zip
from sheets_decrypt.input.opening import PAGE_CELLS, opened, require_names, rows_per_page
from sheets_decrypt.input.xlsx.markup import Damaged
from sheets_decrypt.input.xlsx.package import Package, Protected
from sheets_decrypt.input.xlsx.workbook import NoSuchWorksheet, NotAWorkbook, Workbook
from sheets_decrypt.input.xlsx.worksheet import Rows
from sheets_decrypt.table import Header, Page

_PAGE_CHARACTERS: Final = 50_000_000  # a text may be long, stored once, and named by every cell
_MOST_BLANK: Final = 100_000_000  # cells between two rows; ten times what a Google Sheet holds
_AGAIN: Final = f"it may not be copied whole; open it in Excel and save it again, or {DOWNLOAD}"
_LIBRARIES: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, expat.ExpatError)


class XlsxFile:
    """A worksheet of an Excel workbook, with what each cell stores.

    Numbers have every digit of the file and no exponent; dates and times are ISO 8601; a formula is its saved value; an
    error is its name. Blank rows and columns at the end are left out, as they are of a Google Sheet.

    Args:
        path: The file.
        worksheet: The worksheet's title; None for the first one that is shown.

    Raises:
        ConfigurationError: It cannot be read, or has no such worksheet.
        SheetRefused: It has no header, is not a workbook, is damaged, or is protected by a password.
    """

    def __init__(self, path: Path, worksheet: str | None = None) -> None:
        self._path: Final = path
        self._file, _ = opened(path)
        try:
            with self._explained():
                package = Package(self._file)
                try:
                    workbook = Workbook(package)
                except NotAWorkbook:
                    mimetype = package.open("mimetype").read(100) if package.has("mimetype") else b""
                    refuse_zip(path, package.names, mimetype)
                sheet = workbook.choose(worksheet)
                self._rows: Final = Rows(
                    workbook.open(sheet), workbook.strings(), workbook.moments(), since_1904=workbook.since_1904
                )
                self._numbered: Final = iter(self._rows)
                number, row = next(self._numbered, (1, []))
            names = tuple(map(cells.text_of, cells.trimmed(row))) if number == 1 else ()
            require_names(path, names)
        except BaseException:
            self._file.close()
            raise
        self.header: Final = Header(names)
        self.row_total: Final = self._rows.last_row and self._rows.last_row - 1
        self.worksheet: Final = sheet.title
        others = [f'"{other.title}"' for other in workbook.worksheets if other is not sheet]
        self.elsewhere: Final = f"--worksheet reads another one: {', '.join(others)}" if others else ""
        more = f" (of {len(workbook.worksheets)})" if len(workbook.worksheets) > 1 else ""
        self.words: Final = f'Excel workbook, worksheet "{sheet.title}"{more}'

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def notes(self) -> list[str]:
        """Return what was done to cells, once the pages were read."""
        if not self._rows.dates:
            return []
        return [f"{self._rows.dates} cells hold dates or times, which are written as 2024-02-29 or 2024-02-29 13:05:00"]

    def warnings(self) -> list[str]:
        """Return what somebody should look into, once the pages were read."""
        if not self._rows.unsaved.count:
            return []
        where = self._rows.unsaved.words()
        return [f"formulas without a saved value are blank, in {where}: open the workbook in Excel, and save it"]

    def pages(self) -> Iterator[Page]:
        """Yield the rows in order, once.

        Raises:
            SheetRefused: The workbook is damaged.
        """
        first, block, held, characters = 2, list[Row](), 0, 0
        most = rows_per_page(len(self.header.names))
        with self._explained():
            for row in _without_gaps(self._numbered, len(self.header.names)):
                block.append(row)
                held += len(row)  # also of cells to the right of the header
                characters += sum(len(cell) for cell in row if cell.__class__ is str)
                if len(block) == most or held > PAGE_CELLS or characters > _PAGE_CHARACTERS:
                    yield cells.page(first, block, self.header)
                    first, block, held, characters = first + len(block), [], 0, 0
            if block:
                yield cells.page(first, block, self.header)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what is wrong with the archive or its XML into an error of ours; a library's text may hold a value."""
        try:
            yield
        except Damaged as damaged:
            refused: Exception = SheetRefused(f"{self._path} is a damaged Excel workbook: {damaged}", hint=_AGAIN)
        except Protected:
            refused = SheetRefused(f"{self._path} is protected by a password", hint=PASSWORD)
        except NoSuchWorksheet as missing:
            refused = ConfigurationError(f"{self._path} has no such worksheet", hint=str(missing))
        except _LIBRARIES:
            refused = SheetRefused(f"{self._path} is a damaged Excel workbook or ZIP archive", hint=_AGAIN)
        else:
            return
        raise refused


def _without_gaps(numbered: Iterator[tuple[int, list[cells.Cell]]], width: int) -> Iterator[Row]:
    """Yield the rows below the header, with a blank one for each that the worksheet leaves out between two.

    Raises:
        Damaged: So many are left out that the CSV would be gigabytes of commas.
    """
    expected = 2
    for number, row in numbered:
        if (number - expected) * width > _MOST_BLANK:
            raise Damaged(f"{number - expected} blank rows before row {number}")
        for _ in range(expected, number):
            yield ()
        yield row
        expected = number + 1
