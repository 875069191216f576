"""What the user should know of the sheet: collected while the pages pass by, said in words at the end. Pure.

A notice names rows and columns, never a value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sheets_decrypt.decryption.ciphers import FORMATS, sealed_box
from sheets_decrypt.decryption.columns import Tokens
from sheets_decrypt.decryption.verdict import AUTHENTICATED, MARKED, UNAUTHENTICATED, Tally
from sheets_decrypt.table import FAILURES_NAMED, CellFailure, Header, Page, Reason

_NAMED: Final = 10
_FEWEST_REARRANGED: Final = 3  # columns: of two tokens nothing can be said
_MARKED_FORMATS: Final = tuple(wire for wire in FORMATS if wire.format in MARKED)


@dataclass(slots=True)
class _Rows:
    """Row numbers: the first few, and how many."""

    first: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(row)

    def words(self) -> str:
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return ("rows " if self.count > 1 else "row ") + ", ".join(map(str, self.first)) + more


class Notices:
    """Watches the pages of one sheet.

    Args:
        header: The sheet's header.
        decrypted: The indices of the columns that are decrypted (or tried, for `"auto"`).
    """

    def __init__(self, header: Header, decrypted: frozenset[int]) -> None:
        self._names: Final = header.names
        self._others: Final = set(range(len(header.names))) - decrypted
        self._decrypted: Final = decrypted
        self._retyped: Final[dict[int, _Rows]] = {}
        self._overflow: Final = _Rows()
        self._shifted: Final = _Rows()
        self._short: Final = _Rows()
        self._rearranged: Final = _Rows()
        self.unnamed: Final[list[int]] = []
        self.outside: Final[list[CellFailure]] = []
        self.outside_count = 0

    def note(self, page: Page, sealed: Sequence[Tokens]) -> None:
        """Look at one page.

        Args:
            page: The page as the sheet holds it.
            sealed: The sealed boxes of each column in it.
        """
        for index in self._decrypted:
            for row in page.retyped.get(index, ()):
                self._retyped.setdefault(index, _Rows()).add(row)
        for row, cells in page.overflow.items():
            self._note_overflow(row, cells)
        for row in page.shifted:
            self._shifted.add(row)
        for row in page.short:
            self._short.add(row)
        self._note_rearranged(page.first_row, sealed)

    def warnings(self, decrypted: Mapping[int, Tally], left: Sequence[Tally]) -> list[str]:
        """Return everything that somebody should look into, one sentence each.

        Args:
            decrypted: Index → what became of each column that is decrypted.
            left: What `"auto"` found in the columns that hold what looks like tokens, and that it left as they are.
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
            (self._rearranged, "rearranged: its encrypted cells come from several submissions"),
        )
        return [f"{rows.words()}: {text}" for rows, text in said if rows.count]

    def _note_overflow(self, row: int, cells: Sequence[str]) -> None:
        self._overflow.add(row)
        tokens = sum(1 for cell in cells if any(wire.read(cell) is not None for wire in FORMATS))
        self.outside_count += tokens
        if len(self.outside) < FAILURES_NAMED:
            self.outside.extend(CellFailure(row, "", Reason.OUTSIDE) for _ in range(tokens))

    def _note_rearranged(self, first_row: int, sealed: Sequence[Tokens]) -> None:
        """Tokens of one call share their ephemeral key; where only some of a row's do, it comes from several calls."""
        if len(sealed) < _FEWEST_REARRANGED:
            return
        rows = [tokens.rows for tokens in sealed]
        columns = [sealed_box.ephemerals_of(tokens.bodies) for tokens in sealed]
        # Each row comes from one submission; a column that was moved down has the same keys in other rows.
        if all(places == rows[0] for places in rows) and all(column == columns[0] for column in columns):
            return
        for place, keys in _by_row(rows, columns):
            if 1 < len(set(keys)) < len(keys):
                known = [key for key in keys if key]  # a damaged token has none
                if 1 < len(set(known)) < len(known):
                    self._rearranged.add(first_row + place)

    def note_other_columns(self, columns: Sequence[Sequence[str]]) -> None:
        """Look for columns that hold tokens with a mark and are not decrypted.

        Args:
            columns: The page's cells as the sheet holds them, columns × rows.
        """
        for index in tuple(self._others):
            if any(wire.read(cell) for cell in columns[index] for wire in _MARKED_FORMATS):
                self._others.discard(index)
                self.unnamed.append(index)


def _by_row(rows: Sequence[Sequence[int]], columns: Sequence[Sequence[bytes]]) -> Iterable[tuple[int, Sequence[bytes]]]:
    """Give row within the page and ephemeral keys of every row that holds sealed boxes, in the order of rows."""
    if all(places == rows[0] for places in rows):
        return zip(rows[0], zip(*columns, strict=True), strict=True)
    by_row: dict[int, list[bytes]] = {}
    for places, column in zip(rows, columns, strict=True):
        for place, key in zip(places, column, strict=True):
            by_row.setdefault(place, []).append(key)
    return sorted(by_row.items())


def _readable(tally: Tally) -> str:
    cells = "1 cell is" if tally.not_encrypted == 1 else f"{tally.not_encrypted} cells are"
    return f'privacy: column "{tally.name}": {cells} readable in the sheet and should have been encrypted'


def _not_decrypting(tally: Tally) -> Iterable[str]:
    """Name the formats of which all or most tokens fail, where those are too few to say that the key is wrong."""
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


def unauthenticated(tally: Tally) -> str | None:
    """Say how many values of a column nothing vouches for, or None where there are none."""
    count = sum(count for (format_, _), count in tally.fitted.items() if format_ not in AUTHENTICATED)
    if not count:
        return None
    values = "1 value was" if count == 1 else f"{count} values were"
    return f'column "{tally.name}": {values} not authenticated: these formats cannot show that a token was changed'
