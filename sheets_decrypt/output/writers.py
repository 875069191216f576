"""Rows → bytes of one kind of file: a CSV, an Excel workbook or a Stata dataset."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, Literal, Protocol

from sheets_decrypt.config import Kind
from sheets_decrypt.output.csv_text import CsvText, Guard, RecordCount

_PIECE: Final = 1 << 20


class Writer(Protocol):
    """Writes one file: the header, the pages, the end. The same rows always give the same bytes."""

    @property
    def guarded_cells(self) -> int:
        """The number of cells that got a leading `'`."""

    @property
    def plain(self) -> bytes:
        """The last page as bytes that can be searched for tokens."""

    def header(self, names: Sequence[str]) -> bytes:
        """Return the bytes that the columns' names add to the file.

        Raises:
            SheetRefused: There are more columns than the file can hold.
        """

    def columns(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Return the bytes that a page adds to the file.

        Args:
            columns: columns × rows of text, all of the same height.

        Raises:
            SheetRefused: There are more rows than the file can hold, or a text is too long for a cell.
        """

    def end(self) -> Iterator[bytes]:
        """Yield the bytes after the last page."""

    def warnings(self, names: Sequence[str]) -> list[str]:
        """Return what a reader of the file must know about it, one sentence each, without values."""


def writer_of(kind: Kind, encoding: Literal["utf-8-sig", "utf-8"], guard: Guard) -> Writer:
    """Return a writer for one file.

    Args:
        kind: The kind of file.
        encoding: The encoding of a CSV; the other kinds have only one.
        guard: Which cells of a CSV get a leading `'`; cells of the other kinds are never run.
    """
    match kind:
        case Kind.CSV:
            return CsvText(encoding, guard)
        case Kind.WORKBOOK:
            from sheets_decrypt.output.workbook import WorkbookText  # noqa: PLC0415  (a CSV needs no ZIP)

            return WorkbookText()
        case Kind.STATA:
            from sheets_decrypt.output.stata import StataText  # noqa: PLC0415  (likewise)

            return StataText()


def rows_of(kind: Kind, file: BinaryIO) -> int | None:
    """Return the number of rows below the header of a file that this program wrote; None for any other file."""
    match kind:
        case Kind.CSV:
            count = RecordCount()
            while piece := file.read(_PIECE):
                count.add(piece)
            return count.rows
        case Kind.WORKBOOK:
            from sheets_decrypt.output import workbook  # noqa: PLC0415  (a CSV needs no ZIP)

            return workbook.rows_of(file)
        case Kind.STATA:
            from sheets_decrypt.output import stata  # noqa: PLC0415  (likewise)

            return stata.rows_of(file)
