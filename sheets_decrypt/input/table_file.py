"""A table in a local file; its content, not its name, decides how it is read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, Self

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.input.kinds import ZIP
from sheets_decrypt.input.opening import opened
from sheets_decrypt.table import Header, Page


class TableFile(AbstractContextManager["TableFile"], Protocol):
    """An open table whose header has been read; leaving its context closes it."""

    @property
    def words(self) -> str:
        """The detected format, such as `CSV separated by commas, UTF-8`."""

    @property
    def worksheet(self) -> str:
        """The worksheet's title; blank for a CSV."""

    @property
    def elsewhere(self) -> str:
        """A hint at where columns that the header lacks may be; blank if there is none."""

    @property
    def header(self) -> Header:
        """The names of the columns."""

    @property
    def row_total(self) -> int | None:
        """The most rows to expect, if known."""

    def pages(self) -> Iterator[Page]:
        """Yield the rows in order, once."""

    def notes(self) -> list[str]:
        """Return notes about cells that were changed, once the pages have been read."""

    def warnings(self) -> list[str]:
        """Return warnings for the user, once the pages have been read."""

    def __enter__(self) -> Self: ...


def open_table(path: Path, *, worksheet: str | None = None, encoding: str | None = None) -> TableFile:
    """Open a table and read its header.

    Args:
        path: The file.
        worksheet: Which worksheet of a workbook; None for the first one that is shown.
        encoding: The encoding of a CSV if it cannot be detected; one of `dialect.ENCODINGS`.

    Raises:
        ConfigurationError: The file cannot be read, or an option does not apply to this kind of file.
        SheetRefused: It has no header, or is not a table.
    """
    content, start = opened(path)
    content.close()
    if start.startswith(ZIP):
        if encoding is not None:
            raise ConfigurationError(f"{path} is an Excel workbook, not a CSV", hint="leave out --input-encoding")
        from sheets_decrypt.input.xlsx.file import XlsxFile  # noqa: PLC0415  (a CSV can do without what unpacks)

        return XlsxFile(path, worksheet)
    if worksheet is not None:
        raise ConfigurationError(f"{path} is not an Excel workbook", hint="leave out --worksheet")
    return CsvFile(path, encoding)
