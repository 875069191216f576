"""Pages of tokens → pages of values and failures. Pure: no file, network, clock or process access.

A cell of a configured column is read in the order of the design's "Wire formats": blank, missing value, the formats in
their order, else not encrypted. A cell that cannot be decrypted never stops the others.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from sheets_decrypt.ciphers import FORMATS
from sheets_decrypt.errors import ColumnNotFound, KeyMissing, SheetEmpty, SheetRefused
from sheets_decrypt.notices import Notices, unauthenticated
from sheets_decrypt.table import (
    FAILURES_NAMED,
    NO_KEY_FITTED,
    CellFailure,
    ColumnCount,
    Format,
    Header,
    Page,
    Reason,
    Secret,
)
from sheets_decrypt.tally import Ciphers, Tally

AUTO: Final = "auto"
# What Sheets shows where a retyped token was parsed as a formula (values.get gives error cells as these strings).
_SHEET_ERRORS: Final = frozenset({"#ERROR!", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!"})


def ciphers_of(secrets: Mapping[Format, Sequence[Secret]]) -> Ciphers:
    """Make the cipher of every format that has a secret.

    Raises:
        KeyWrong: A secret can be no key of its format.
    """
    return {wire.format: wire.cipher(secrets[wire.format]) for wire in FORMATS if secrets.get(wire.format)}


def find(header: Header, name: str) -> int:
    """Give the index of the column called `name`.

    Raises:
        ColumnNotFound: The header has it not exactly once.
    """
    times = header.names.count(name)
    if times == 1:
        return header.names.index(name)
    if times:
        raise ColumnNotFound(
            f'column "{name}" stands {times} times in the header',
            hint="give each column a name of its own in the sheet",
        )
    close = difflib.get_close_matches(name, header.names, n=1, cutoff=0.5)
    known = ", ".join(f'"{other}"' for other in header.names[:20] if other)
    raise ColumnNotFound(
        f'column "{name}" is not in the header',
        hint=f'did you mean "{close[0]}"?' if close else f"the header has {known or 'no names'}",
    )


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


_Place = tuple[int, int]  # row within the page, column index


@dataclass(slots=True)
class _Tokens:
    """Tokens of one format in one page: the place and the body of each."""

    places: list[_Place] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


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
        self._auto: Final = rules.columns == AUTO
        indices = range(len(header.names)) if rules.columns == AUTO else [find(header, name) for name in rules.columns]
        self._tallies: Final = {index: Tally(header.names[index]) for index in indices}
        self._failures: Final[dict[int, list[CellFailure]]] = {index: [] for index in indices}
        self.notices: Final = Notices(header, frozenset(indices))

    def page(self, page: Page) -> list[list[str]]:
        """Decrypt one page; gives rows × columns of text, as wide as the header."""
        rows = [row.copy() for row in page.rows]
        tokens = {wire.format: _Tokens() for wire in FORMATS}
        outcomes: list[tuple[_Place, str | Reason]] = []
        for index, tally in self._tallies.items():
            outcomes.extend((place, Reason.SHEET_ERROR) for place in self._sort(page, index, tally, tokens))
        for format_, found in tokens.items():
            if found.places:
                outcomes.extend(self._decrypt(format_, found))
        self._put(outcomes, page.first_row, rows)
        sealed = tokens[Format.SEALED_BOX]
        self.notices.note(page, zip(sealed.places, sealed.bodies, strict=True))
        return rows

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
        suspects = [tally for _, tally in columns] or list(self._tallies.values())
        for tally in suspects:
            if problem := tally.key_problem(self._ciphers):
                raise problem
        if self._auto and not columns and not self._ciphers:
            raise KeyMissing("no key is configured", hint="add the key to [keys]; `sheets-decrypt keygen` makes one")
        for tally in self._tallies.values() if self._auto else ():
            if tally.withheld if tally.holds_tokens() else tally.put:
                raise SheetRefused(
                    f'column "{tally.name}": some of its rows decrypt and too many others do not, so that "auto" cannot'
                    " tell whether it is encrypted",
                    hint='name the columns to decrypt, in place of columns = "auto"',
                )

    def _decrypted_columns(self) -> list[tuple[int, Tally]]:
        return [(index, tally) for index, tally in self._tallies.items() if not self._auto or tally.holds_tokens()]

    def _sort(self, page: Page, index: int, tally: Tally, tokens: Mapping[Format, _Tokens]) -> Iterator[_Place]:
        """Tell blank, missing, token and readable cells of one column apart; give the places of retyped tokens."""
        missing = self._rules.missing_values
        for place, row in enumerate(page.rows):
            cell = row[index]
            if not cell:
                tally.blank += 1
                continue
            if cell in missing:
                tally.missing += 1
                continue
            for wire in FORMATS:
                body = wire.read(cell)
                if body is not None:
                    tokens[wire.format].places.append((place, index))
                    tokens[wire.format].bodies.append(body)
                    break
            else:
                if cell in _SHEET_ERRORS:
                    yield place, index
                else:
                    tally.not_encrypted += 1

    def _decrypt(self, format_: Format, found: _Tokens) -> Iterator[tuple[_Place, str | Reason]]:
        """Decrypt the tokens of one format and count what became of them."""
        # Row by row: the tokens of one row may share a derived key, and the key that fitted last likely fits next.
        order = sorted(range(len(found.places)), key=found.places.__getitem__)
        results = self._results(format_, [found.bodies[position] for position in order])
        for position, (value, key) in zip(order, results, strict=True):
            place = found.places[position]
            tally = self._tallies[place[1]]
            tally.seen[format_] += 1
            if isinstance(value, Reason):
                tally.failed[format_] += 1
                tally.damaged[format_] += value is Reason.DAMAGED
            else:
                tally.decrypted += 1
                tally.fitted[format_, key] += 1
            yield place, value

    def _put(self, outcomes: Sequence[tuple[_Place, str | Reason]], first_row: int, rows: list[list[str]]) -> None:
        """Put the values in their places, and name the failures in the order of rows."""
        holding = {index: not self._auto or tally.holds_tokens() for index, tally in self._tallies.items()}
        failing: list[tuple[_Place, Reason]] = []
        changing: set[int] = set()
        for at, value in outcomes:
            place, index = at
            if isinstance(value, Reason):
                failing.append((at, value))
                if not self._rules.blank_failures:
                    continue
            changing.add(index)
            if holding[index]:
                rows[place][index] = "" if isinstance(value, Reason) else value
        for index in changing:
            self._tallies[index].put |= holding[index]
            self._tallies[index].withheld |= not holding[index]
        for (place, index), reason in sorted(failing):
            self._fail(index, first_row + place, reason)

    def _results(self, format_: Format, bodies: Sequence[bytes]) -> Iterable[tuple[str | Reason, int]]:
        cipher = self._ciphers.get(format_)
        if cipher is None:
            return [(Reason.NO_KEY if body else Reason.DAMAGED, NO_KEY_FITTED) for body in bodies]
        column = cipher.decrypt(bodies)
        return zip(column.values, column.keys, strict=True)

    def _fail(self, index: int, row: int, reason: Reason) -> None:
        tally = self._tallies[index]
        tally.reasons[reason] += 1
        if len(self._failures[index]) < FAILURES_NAMED:
            self._failures[index].append(CellFailure(row, tally.name, reason))


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
