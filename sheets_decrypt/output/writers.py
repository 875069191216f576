"""Rows → bytes of one kind of file: a CSV, an Excel workbook or a Stata dataset."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, Literal, Protocol

from sheets_decrypt.config import Kind
from sheets_decrypt.output.csv_text import CsvText, Guard, RecordCount

_PIECE: Final = 1 << 20


class Writer(Protocol):
    """Writes one file: the header, the pages, the end. The same rows are always the same bytes."""

    @property
    def guarded_cells(self) -> int:
        """How many cells got a leading `'`."""

    @property
    def plain(self) -> bytes:
        """The last page as bytes in which a token can be looked for."""

    def header(self, names: Sequence[str]) -> bytes:
        """Return what the columns' names add to the file.

        Raises:
            SheetRefused: The file cannot hold so many columns.
        """

    def columns(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Return what a page adds to the file.

        Args:
            columns: columns × rows of text, all of one height.

        Raises:
            SheetRefused: The file cannot hold so many rows, or a cell so much text.
        """

    def end(self) -> Iterator[bytes]:
        """Yield what follows the last page."""

    def warnings(self, names: Sequence[str]) -> list[str]:
        """Return what a reader of the file must know of it, in a sentence each, without a value."""


def writer_of(kind: Kind, encoding: Literal["utf-8-sig", "utf-8"], guard: Guard) -> Writer:
    """Return a writer for one file.

    Args:
        kind: What is written.
        encoding: Of a CSV; the others know one alone.
        guard: Which cells of a CSV get a leading `'`; the others have cells that are never run.
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
    """Return the number of rows below the header of a file that this program wrote; None where it is something else."""
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
