"""Pages of tokens → pages of values and failures. Pure: no file, network, clock or process access.

A cell of a configured column is read in the order of the design's "Wire formats": blank, missing value, the formats in
their order, else not encrypted. A cell that cannot be decrypted never stops the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.decryption.columns import Tokens, begin, sort
from sheets_decrypt.decryption.notices import Notices, unauthenticated
from sheets_decrypt.decryption.verdict import Ciphers, Tally
from sheets_decrypt.errors import NO_KEY, KeyMissing, SheetEmpty, SheetRefused
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
        missing_values: Texts that stand for an unanswered question.
        blank_failures: A cell that cannot be decrypted becomes blank; else its token stays.
    """

    columns: Sequence[str] | Literal["auto"]
    missing_values: frozenset[str]
    blank_failures: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A page whose tokens are being decrypted.

    Args:
        page: The page.
        lost: (row within the page, column index, reason) of every cell that was a token once and is none any more.
        tokens: The tokens of each format and column.
        waiting: What waits for their plaintext: a `Column` for each of `tokens`.
    """

    page: Page
    lost: Sequence[tuple[int, int, Reason]]
    tokens: Sequence[Tokens]
    waiting: Sequence[Callable[[], list[Column]]]


class Decryption:
    """Decrypts one sheet, page by page, and keeps count.

    Args:
        header: The sheet's header.
        ciphers: Format → cipher, for the formats that have a key.
        rules: How to read the cells.

    Raises:
        ColumnNotFound: A configured column is not in the header exactly once.
        SheetEmpty: What should be the header is a row of tokens.
    """

    def __init__(self, header: Header, ciphers: Ciphers, rules: Rules) -> None:
        _refuse_tokens(header)
        self._ciphers: Final = ciphers
        self._rules: Final = rules
        self._width: Final = len(header.names)
        self._auto: Final = rules.columns == AUTO
        indices = range(self._width) if rules.columns == AUTO else [header.index_of(name) for name in rules.columns]
        self._tallies: Final = {index: Tally(header.names[index]) for index in indices}
        self._failures: Final[dict[int, list[CellFailure]]] = {index: [] for index in indices}
        self.notices: Final = Notices(header, frozenset(indices))

    def page(self, page: Page) -> list[list[str]]:
        """Decrypt one page; gives rows × columns of text, as wide as the header."""
        begun = self.begin(page)
        self.look_elsewhere(begun)
        return [list(row) for row in zip(*self.finish(begun), strict=True)]

    def begin(self, page: Page) -> Begun:
        """Sort the cells of one page, and begin to decrypt its tokens. Pages are finished in the order of `begin`."""
        columns = self._columns(page)
        lost: list[tuple[int, int, Reason]] = []
        by_format: dict[Format, list[Tokens]] = {wire.format: [] for wire in FORMATS}
        for index, tally in self._tallies.items():
            found = sort(columns[index], index, self._rules.missing_values)
            tally.add(found)
            lost.extend((place, index, reason) for place, reason in found.lost)
            for tokens in found.tokens:
                by_format[tokens.format].append(tokens)
        waiting = [begin(found, self._ciphers.get(format_)) for format_, found in by_format.items() if found]
        return Begun(page, lost, [tokens for found in by_format.values() for tokens in found], waiting)

    def finish(self, begun: Begun) -> list[Sequence[str]]:
        """Wait for a page's plaintext; gives columns × rows of text, a column for each name of the header."""
        columns = list(self._columns(begun.page))
        decrypted = [column for wait in begun.waiting for column in wait()]
        for tokens, column in zip(begun.tokens, decrypted, strict=True):
            self._tallies[tokens.index].add_tokens(tokens.format, column, tokens.bodies)
        failing = list(begun.lost)
        for tokens, column in zip(begun.tokens, decrypted, strict=True):
            failing.extend(self._put(tokens, column, columns))
        self._fail(sorted(failing), begun.page.first_row)
        if self._rules.blank_failures:
            self._blank(failing, columns)
        self.notices.note(begun.page, [tokens for tokens in begun.tokens if tokens.format is Format.SEALED_BOX])
        return columns

    def look_elsewhere(self, begun: Begun) -> None:
        """Look for tokens in the columns of a page that are not decrypted; worth it where its CSV holds a `MARKS`."""
        self.notices.note_other_columns(self._columns(begun.page))

    def _columns(self, page: Page) -> Sequence[Sequence[str]]:
        """Give a page's columns, as many as the header has names, also where the page has no row."""
        return page.columns or [()] * self._width

    def counts(self) -> dict[str, ColumnCount]:
        """Give the counts of every column that is decrypted, by name.

        `"auto"` may find several of one name. Then the first keeps the name, so that the name of every decrypted column
        is among the keys, and the others get the column's number besides.
        """
        counts: dict[str, ColumnCount] = {}
        for index, tally in self._decrypted_columns():
            name = f"{tally.name} (column {index + 1})" if tally.name in counts else tally.name
            counts[name] = tally.count(self._ciphers)
        return counts

    def failures(self) -> list[CellFailure]:
        """Give the first failures, in the order of rows."""
        found = [failure for index, _ in self._decrypted_columns() for failure in self._failures[index]]
        return sorted([*found, *self.notices.outside], key=lambda failure: failure.row)[:FAILURES_NAMED]

    def failure_count(self) -> int:
        """Give the number of cells that could not be decrypted."""
        return self.notices.outside_count + sum(tally.reasons.total() for _, tally in self._decrypted_columns())

    def warnings(self) -> list[str]:
        """Say in words what somebody should look into."""
        columns = dict(self._decrypted_columns())
        lookalikes = [tally.name for index, tally in self._tallies.items() if index not in columns and any(tally.seen)]
        return self.notices.warnings(columns, lookalikes)

    def notes(self) -> list[str]:
        """Say in words which values nothing vouches for; every report says so."""
        return [note for _, tally in self._decrypted_columns() if (note := unauthenticated(tally))]

    def judge_keys(self) -> None:
        """Prove, when all pages have passed, that the keys are the right ones.

        Raises:
            KeyProblem: A key is wrong or missing; the message names it and the column.
            SheetRefused: `"auto"` took a column for encrypted in one page and not in another.
        """
        columns = self._decrypted_columns()
        hiding = [tally for tally in self._tallies.values() if self._auto and tally.hides_tokens()]
        suspects = [*(tally for _, tally in columns), *hiding] or list(self._tallies.values())
        for tally in suspects:
            if problem := tally.key_problem(self._ciphers):
                raise problem
        if self._auto and not columns and not self._ciphers:
            raise KeyMissing("no key is configured", hint=NO_KEY)
        for tally in self._tallies.values() if self._auto else ():
            if tally.withheld if tally.holds_tokens() else tally.put:
                raise SheetRefused(
                    f'column "{tally.name}": some of its rows decrypt and too many others do not, so that "auto" cannot'
                    " tell whether it is encrypted",
                    hint='name the columns to decrypt, in place of columns = "auto"',
                )

    def _decrypted_columns(self) -> list[tuple[int, Tally]]:
        return [(index, tally) for index, tally in self._tallies.items() if not self._auto or tally.holds_tokens()]

    def _put(self, tokens: Tokens, column: Column, columns: list[Sequence[str]]) -> list[tuple[int, int, Reason]]:
        """Put the values of one column in their places; gives the failures by place."""
        tally, index = self._tallies[tokens.index], tokens.index
        failed = column.keys.count(NO_KEY_FITTED)
        if failed < len(column.keys) and self._may_change(tally):
            columns[index] = _replaced(columns[index], tokens.rows, column, failed)
        if not failed:
            return []
        results = zip(tokens.rows, column.values, strict=True)
        return [(place, index, value) for place, value in results if isinstance(value, Reason)]

    def _fail(self, failing: Sequence[tuple[int, int, Reason]], first_row: int) -> None:
        """Count and name the cells that stay encrypted, in the order of rows."""
        for place, index, reason in failing:
            tally = self._tallies[index]
            tally.reasons[reason] += 1
            if len(self._failures[index]) < FAILURES_NAMED:
                self._failures[index].append(CellFailure(first_row + place, tally.name, reason))

    def _blank(self, failing: Sequence[tuple[int, int, Reason]], columns: list[Sequence[str]]) -> None:
        """Blank the cells that stay encrypted."""
        for index in {index for _, index, _ in failing}:
            if self._may_change(self._tallies[index]):
                cells = list(columns[index])
                for place in (place for place, column, _ in failing if column == index):
                    cells[place] = ""
                columns[index] = cells

    def _may_change(self, tally: Tally) -> bool:
        """Tell whether a column's cells are changed, and take note of it: under "auto" the verdict may still turn."""
        holding = not self._auto or tally.holds_tokens()
        tally.put |= holding
        tally.withheld |= not holding
        return holding


def _replaced(cells: Sequence[str], rows: Sequence[int], column: Column, failed: int) -> Sequence[str]:
    """Give a column's cells with the plaintext in the place of every token that has one."""
    if len(rows) == len(cells) and not failed:
        return column.values
    replaced = list(cells)
    for place, value in zip(rows, column.values, strict=True):
        if not isinstance(value, Reason):
            replaced[place] = value
    return replaced


def _refuse_tokens(header: Header) -> None:
    """Refuse a sheet without a header before a name is said: its first row's tokens would stand in errors and records.

    Raises:
        SheetEmpty: A name in the header is a token.
    """
    if any(wire.read(name) for name in header.names for wire in FORMATS):
        raise SheetEmpty(
            "the first row holds encrypted tokens: the sheet has no header",
            hint="insert a first row with the columns' names",
        )
