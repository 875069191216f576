"""Warnings for people: collected page by page, and put into words at the end. Pure.

A warning names rows and columns, never a value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.decryption.row_numbers import RowNumbers
from sheets_decrypt.decryption.submissions import Keys, Submissions
from sheets_decrypt.decryption.verdict import AUTHENTICATED, MARKED, UNAUTHENTICATED, Tally
from sheets_decrypt.table import FAILURES_NAMED, CellFailure, Header, Page, Reason

_MARKED_FORMATS: Final = tuple(wire for wire in FORMATS if wire.format in MARKED)


class Notices:
    """Watches the pages of one sheet.

    Args:
        header: The sheet's header.
        decrypted: The indices of the columns that are decrypted (for `"auto"`, tried).
    """

    def __init__(self, header: Header, decrypted: frozenset[int]) -> None:
        self._names: Final = header.names
        self._others: Final = set(range(len(header.names))) - decrypted
        self._decrypted: Final = decrypted
        self._retyped: Final[dict[int, RowNumbers]] = {}
        self._overflow: Final = RowNumbers()
        self._shifted: Final = RowNumbers()
        self._short: Final = RowNumbers()
        self._submissions: Final = Submissions()
        self.unnamed: Final[list[int]] = []
        self.outside: Final[list[CellFailure]] = []
        self.outside_count = 0

    def note(self, page: Page, opened: Sequence[Keys]) -> None:
        """Examine one page.

        Args:
            page: The page, not decrypted.
            opened: For each column with sealed boxes, the rows of those that were opened, and their ephemeral keys.
        """
        for index in self._decrypted:
            for row in page.retyped.get(index, ()):
                self._retyped.setdefault(index, RowNumbers()).add(row)
        for row, cells in page.overflow.items():
            self._note_overflow(row, cells)
        for row in page.shifted:
            self._shifted.add(row)
        for row in page.short:
            self._short.add(row)
        self._submissions.note(page.first_row, opened)

    def warnings(self, decrypted: Mapping[int, Tally], left: Sequence[Tally]) -> list[str]:
        """Return the warnings, one sentence each.

        Args:
            decrypted: Index → tally of each column that is decrypted.
            left: The tallies of columns that seem to hold tokens but that `"auto"` left unchanged.
        """
        return [
            *(_readable(tally) for tally in decrypted.values() if tally.not_encrypted),
            *(sentence for tally in decrypted.values() for sentence in _not_decrypting(tally)),
            *(_skipped(tally) for tally in decrypted.values() if tally.skipped),
            *(
                f'column "{self._names[index]}": {rows.words()} came as a number or a boolean: someone retyped the cell'
                for index, rows in self._retyped.items()
                if index in decrypted
            ),
            *(
                f'column "{self._names[index]}" holds encrypted tokens and is not among the columns to decrypt'
                for index in self.unnamed
            ),
            *(
                f'column "{tally.name}": some answers look encrypted but no key decrypts them; if it is encrypted, name'
                " it in columns"
                for tally in left
            ),
            *self._rows_in_words(),
        ]

    def _rows_in_words(self) -> list[str]:
        said = (
            (self._overflow, "data to the right of the header is left out of the csv: the trace of a shifted row"),
            (self._shifted, "the row starts further right than the rows around it: it may have been appended shifted"),
            (self._short, "the row has fewer cells than the header; those that are missing are blank"),
            (self._submissions.rearranged, "rearranged: its encrypted cells come from several submissions"),
            (self._submissions.repeated(), "encrypted cells of one submission are in several rows: copied or moved"),
            (self._submissions.not_compared, "not checked for cells that were copied or moved: too many before them"),
        )
        return [f"{rows.words()}: {text}" for rows, text in said if rows.count]

    def _note_overflow(self, row: int, cells: Sequence[str]) -> None:
        self._overflow.add(row)
        tokens = sum(1 for cell in cells if any(wire.read(cell) is not None for wire in FORMATS))
        self.outside_count += tokens
        if len(self.outside) < FAILURES_NAMED:
            self.outside.extend(CellFailure(row, "", Reason.OUTSIDE) for _ in range(tokens))

    def note_other_columns(self, columns: Sequence[Sequence[str]]) -> None:
        """Look for columns that hold tokens with a mark but are not decrypted.

        Args:
            columns: The page's cells, not decrypted, columns × rows.
        """
        for index in tuple(self._others):
            if any(wire.read(cell) for cell in columns[index] for wire in _MARKED_FORMATS):
                self._others.discard(index)
                self.unnamed.append(index)


def _readable(tally: Tally) -> str:
    cells = "1 cell is" if tally.not_encrypted == 1 else f"{tally.not_encrypted} cells are"
    return f'privacy: column "{tally.name}": {cells} readable in the sheet and should have been encrypted'


def _not_decrypting(tally: Tally) -> Iterable[str]:
    """Yield a warning for each kind of token of which all or most fail, but too few to call the key wrong."""
    for formats, words in ((AUTHENTICATED, "none"), (UNAUTHENTICATED, "few or none")):
        if failing := tally.suspicious(formats):
            yield (
                f'column "{tally.name}": {words} of its tokens ({", ".join(failing)}) decrypt: were they encrypted for'
                " another key?"
            )


def _skipped(tally: Tally) -> str:
    return (
        f'column "{tally.name}": tokens in its first rows were left: columns = "auto" found out later that it is'
        " encrypted; name it in columns"
    )


def unauthenticated(tallies: Iterable[Tally]) -> list[str]:
    """Return one sentence that names the columns with unauthenticated values; an empty list if no column has any.

    It has no count: in these formats the number of cells that decrypt helps to guess an answer.
    """
    names = [f'"{tally.name}"' for tally in tallies if any(format_ in UNAUTHENTICATED for format_, _ in tally.fitted)]
    if not names:
        return []
    columns = "columns" if len(names) > 1 else "column"
    what = f"{columns} {', '.join(names)}: values in an older encryption format"
    return [f"{what}: edits made in the sheet cannot be detected"]
