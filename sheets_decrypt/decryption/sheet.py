"""Pages of tokens → pages of values and failures. Pure: no file, network, clock or process access.

A cell of a configured column is classified in the order of the design's "Wire formats": blank, missing value, each
format in turn, else not encrypted. A cell that cannot be decrypted never stops the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final, Literal

from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.decryption.ciphers.sealed_box import ephemerals_of
from sheets_decrypt.decryption.columns import Sorted, Tokens, sort
from sheets_decrypt.decryption.notices import Notices, unauthenticated
from sheets_decrypt.decryption.pending import Pending, Submit, decrypt_here, submit
from sheets_decrypt.decryption.submissions import Keys
from sheets_decrypt.decryption.verdict import Ciphers, Tally
from sheets_decrypt.errors import NO_KEY, KeyMissing, SheetEmpty
from sheets_decrypt.table import (
    FAILURES_NAMED,
    NO_KEY_FITTED,
    CellFailure,
    Column,
    ColumnCount,
    Format,
    Header,
    Page,
    Reason,
)

AUTO: Final = "auto"
MARKS: Final = tuple(wire.begins.encode() for wire in FORMATS if wire.begins)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a job reads its cells.

    Args:
        columns: Names of the columns to decrypt, or `"auto"`: every column that holds tokens.
        missing_values: Texts that mean an unanswered question.
        blank_failures: Whether a cell that cannot be decrypted becomes blank instead of keeping its token.
    """

    columns: Sequence[str] | Literal["auto"]
    missing_values: frozenset[str]
    blank_failures: bool = False


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page whose tokens are being decrypted.

    Args:
        page: The page.
        cells: Column index → its sorted cells.
        pending: The page's tokens, by format.
    """

    page: Page
    cells: Mapping[int, Sorted]
    pending: Sequence[Pending]


class Decryption:
    """Decrypts one sheet, page by page, and keeps count.

    Args:
        header: The sheet's header.
        ciphers: Format → cipher, for the formats that have a key.
        rules: How to read the cells.
        decrypt: Decrypts the tokens, in this process or in those of `pool.spread`.

    Raises:
        ColumnNotFound: A configured column does not appear exactly once in the header.
        SheetEmpty: The first row holds tokens instead of a header.
    """

    def __init__(self, header: Header, ciphers: Ciphers, rules: Rules, decrypt: Submit = decrypt_here) -> None:
        _refuse_tokens(header)
        self._decrypt: Final = decrypt
        self._ciphers: Final = ciphers
        self._rules: Final = rules
        self._width: Final = len(header.names)
        self._auto: Final = rules.columns == AUTO
        indices = range(self._width) if rules.columns == AUTO else header.indices_of(rules.columns)
        self._tallies: Final = {index: Tally(header.names[index]) for index in indices}
        self._suspect: Final[set[int]] = set()  # columns in which a cell looks like a token
        self._failures: Final[dict[int, list[CellFailure]]] = {index: [] for index in indices}
        self.notices: Final = Notices(header, frozenset(indices))

    def page(self, page: Page) -> list[list[str]]:
        """Return one page decrypted: rows × columns of text, as wide as the header."""
        self.look_elsewhere(page)
        return [list(row) for row in zip(*self.finish(self.submit(page)), strict=True)]

    def submit(self, page: Page) -> PendingPage:
        """Sort the cells of one page, and submit its tokens. Pages must be finished in the order of submission."""
        columns = self._columns(page)
        cells = {index: sort(columns[index], index, self._rules.missing_values) for index in self._tallies}
        by_format: dict[Format, list[Tokens]] = {wire.format: [] for wire in FORMATS}
        for index, found in cells.items():
            if found.tokens or found.lost:
                self._suspect.add(index)
            for tokens in found.tokens:
                by_format[tokens.format].append(tokens)
        pending = [
            submit(found, self._ciphers.get(format_), self._decrypt) for format_, found in by_format.items() if found
        ]
        return PendingPage(page, cells, pending)

    def finish(self, pending: PendingPage) -> list[Sequence[str]]:
        """Wait for a page's plaintext, and return columns × rows of text, one column for each name in the header."""
        columns = list(self._columns(pending.page))
        failing: list[tuple[int, int, Reason]] = []
        for index, found in pending.cells.items():
            self._tallies[index].add(found)
            failing.extend((row, index, reason) for row, reason in found.lost)
        decrypted = [pair for each in pending.pending for pair in zip(each.columns, each.result(), strict=True)]
        for tokens, column in decrypted:
            self._tallies[tokens.index].add_tokens(tokens.format, column, tokens.bodies)
        for tokens, column in decrypted:
            failing.extend(self._put(tokens, column, columns, pending.page.first_row))
        self._fail(sorted(failing), pending.page.first_row)
        if self._rules.blank_failures:
            self._blank(failing, columns)
        self.notices.note(pending.page, list(_opened(decrypted)))
        return columns

    def look_elsewhere(self, page: Page) -> None:
        """Look for tokens in a page's columns that are not decrypted; needed if its CSV contains one of `MARKS`."""
        self.notices.note_other_columns(self._columns(page))

    def _columns(self, page: Page) -> Sequence[Sequence[str]]:
        """Return a page's columns, one for each name in the header even if the page has no rows."""
        return page.columns or [()] * self._width

    def counts(self) -> dict[str, ColumnCount]:
        """Return the counts of every column that is decrypted, by name.

        `"auto"` may find several columns with the same name. Then the first one keeps the name, so that the name of
        every decrypted column is among the keys, and the column's number is added to the others.
        """
        counts: dict[str, ColumnCount] = {}
        early = self._early()
        for index, tally in self._decrypted().items():
            name = f"{tally.name} (column {index + 1})" if tally.name in counts else tally.name
            counts[name] = tally.count(self._ciphers, early=index in early)
        return counts

    def failures(self) -> list[CellFailure]:
        """Return the first failures, in row order."""
        found = [failure for index in self._decrypted() for failure in self._failures[index]]
        found.extend(self._early().values())
        return sorted([*found, *self.notices.outside], key=lambda failure: failure.row)[:FAILURES_NAMED]

    def failure_count(self) -> int:
        """Return the number of cells that could not be decrypted."""
        in_columns = sum(tally.reasons.total() for tally in self._decrypted().values())
        return self.notices.outside_count + in_columns + len(self._early())

    def warnings(self) -> list[str]:
        """Return the warnings, one sentence each."""
        decrypted = self._decrypted()
        left = [tally for index, tally in self._tallies.items() if index not in decrypted and tally.seen]
        return self.notices.warnings(decrypted, left)

    def notes(self) -> list[str]:
        """Return a note that names the columns with unauthenticated values, for every report."""
        return unauthenticated(self._decrypted().values())

    def may_hold_tokens(self, index: int) -> bool:
        """Return whether a column is to be decrypted, or one of its cells so far looks like a token.

        Covers the pages that were passed to `submit`, or, for a column that is not named in `Rules.columns`, to
        `look_elsewhere`. Once true, it stays true. It may be true for a column that is not decrypted, because an answer
        may look like a token.
        """
        if index not in self._tallies:
            return index in self.notices.unnamed
        return not self._auto or index in self._suspect

    def judge_keys(self) -> None:
        """Prove, after all pages, that the keys are the right ones; `verdict` explains how.

        Raises:
            KeyProblem: A key is wrong or missing; the message names it and the column.
        """
        decrypted = self._decrypted()
        sheet_decrypts = any(tally.decrypts for tally in self._tallies.values())
        for index, tally in self._tallies.items():
            problem = tally.key_problem(self._ciphers, encrypted=index in decrypted, sheet_decrypts=sheet_decrypts)
            if problem:
                raise problem
        if self._auto and not self._ciphers and not sheet_decrypts:
            raise KeyMissing("no key is configured", hint=NO_KEY)

    def _decrypted(self) -> dict[int, Tally]:
        """Return the tallies of the columns that are decrypted, by index.

        Under `"auto"` a column stays among them once a page of it has been rewritten.
        """
        return {
            index: tally
            for index, tally in self._tallies.items()
            if not self._auto or tally.rewritten or tally.decrypts
        }

    def _early(self) -> dict[int, CellFailure]:
        """Return by column index the cells that `"auto"` decrypted and that later rows made doubtful."""
        return {
            index: CellFailure(tally.rewritten, tally.name, Reason.FOUND_EARLY)
            for index, tally in self._tallies.items()
            if self._auto and tally.rewritten and tally.lone
        }

    def _put(
        self, tokens: Tokens, column: Column, columns: list[Sequence[str]], first_row: int
    ) -> list[tuple[int, int, Reason]]:
        """Replace one column's tokens with their plaintext, and return (row, column index, reason) of the others.

        Under `"auto"` no token is replaced before the column decrypts; if it does so later, these cells were found
        late.
        """
        tally, index = self._tallies[tokens.index], tokens.index
        failed = column.keys.count(NO_KEY_FITTED)
        if failed == len(column.keys):
            late = False
        elif late := not self._may_change(tally):
            tally.skipped = True
        else:
            if not tally.rewritten:
                fitted = (row for row, key in zip(tokens.rows, column.keys, strict=True) if key != NO_KEY_FITTED)
                tally.rewritten = first_row + next(fitted)
            columns[index] = _replaced(columns[index], tokens.rows, column, failed)
        if not failed and not late:
            return []
        results = zip(tokens.rows, column.values, strict=True)
        if late:
            return [(row, index, value if isinstance(value, Reason) else Reason.FOUND_LATE) for row, value in results]
        return [(row, index, value) for row, value in results if isinstance(value, Reason)]

    def _fail(self, failing: Sequence[tuple[int, int, Reason]], first_row: int) -> None:
        """Count and record the cells that stay encrypted, in row order."""
        for row, index, reason in failing:
            tally = self._tallies[index]
            tally.reasons[reason] += 1
            if len(self._failures[index]) < FAILURES_NAMED:
                self._failures[index].append(CellFailure(first_row + row, tally.name, reason))

    def _blank(self, failing: Sequence[tuple[int, int, Reason]], columns: list[Sequence[str]]) -> None:
        """Blank the cells that stay encrypted."""
        for index in {index for _, index, _ in failing}:
            if not self._may_change(self._tallies[index]):
                self._tallies[index].skipped = True
                continue
            cells = list(columns[index])
            for row in (row for row, column, _ in failing if column == index):
                cells[row] = ""
            columns[index] = cells

    def _may_change(self, tally: Tally) -> bool:
        return not self._auto or tally.decrypts


def _opened(decrypted: Sequence[tuple[Tokens, Column]]) -> Iterator[Keys]:
    """Yield for each column with sealed boxes the rows of those that were opened, and their ephemeral keys."""
    for found, column in decrypted:
        if found.format is Format.SEALED_BOX:
            keys = ephemerals_of(found.bodies)
            if NO_KEY_FITTED not in column.keys:
                yield found.rows, keys
                continue
            opened = [key != NO_KEY_FITTED for key in column.keys]
            yield list(compress(found.rows, opened)), list(compress(keys, opened))


def _replaced(cells: Sequence[str], rows: Sequence[int], column: Column, failed: int) -> Sequence[str]:
    """Return a column's cells, with every decrypted token replaced by its plaintext."""
    if len(rows) == len(cells) and not failed:
        return column.values
    replaced = list(cells)
    for place, value in zip(rows, column.values, strict=True):
        if not isinstance(value, Reason):
            replaced[place] = value
    return replaced


def _refuse_tokens(header: Header) -> None:
    """Refuse a sheet without a header before any name reaches an error or a record, because its names are tokens.

    Raises:
        SheetEmpty: A name in the header is a token.
    """
    if any(wire.read(name) for name in header.names for wire in FORMATS):
        raise SheetEmpty(
            "the first row holds encrypted tokens: the sheet has no header",
            hint="insert a first row with the columns' names",
        )
