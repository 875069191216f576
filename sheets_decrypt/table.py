"""The frozen values that pass between the rooms.

A sheet is a header and pages. A page is a block of consecutive rows. Everything after `google` works page by page,
so that memory does not grow with the sheet.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn

from sheets_decrypt.errors import ColumnNotFound

_NEARLY: Final = 0.75  # difflib's ratio: one letter of four may differ
_LETTERS: Final = re.compile(r"[A-Z]{1,2}")


class Secret:
    """A secret that only `reveal` shows.

    Its repr, its str, its format and a traceback's locals show `Secret(…)`; it cannot be pickled by accident.

    Args:
        value: The secret text; surrounding line breaks are the caller's to remove.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Return the secret itself; call it where it is used, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class Format(StrEnum):
    """The wire formats, in the order in which a cell is read (design, "Wire formats")."""

    SEALED_BOX = "sealed-box"
    CRYPTOJS_PASSPHRASE = "cryptojs-passphrase"
    LEGACY_CBC = "legacy-cbc"


class Reason(StrEnum):
    """Why a cell of a configured column stayed encrypted, or should not have been decrypted (`FOUND_EARLY`)."""

    NO_KEY = "no key"
    WRONG_KEY = "wrong key or damaged"
    DAMAGED = "damaged"
    AMBIGUOUS = "ambiguous"
    SHEET_ERROR = "retyped"
    OUTSIDE = "outside the header"
    FOUND_LATE = "found late"
    FOUND_EARLY = "found early"

    @property
    def explanation(self) -> str:
        """The reason as part of a sentence."""
        return _EXPLANATIONS[self]


_EXPLANATIONS: Final[Mapping[Reason, str]] = {
    Reason.NO_KEY: "no key is configured for this token's format",
    Reason.WRONG_KEY: "none of the configured keys fits, or the token is damaged",
    Reason.DAMAGED: "the token is cut off or was changed",
    Reason.AMBIGUOUS: "more than one configured key seems to fit, and this format cannot tell which is right",
    Reason.SHEET_ERROR: "the cell was retyped, and sheets turned the token into a formula's error",
    Reason.OUTSIDE: "a token is to the right of the header",
    Reason.FOUND_LATE: 'columns = "auto" found out only in later rows that the column is encrypted; name it in columns',
    Reason.FOUND_EARLY: 'columns = "auto" decrypted it, but later rows are readable; name the right columns',
}


FAILURES_NAMED: Final = 100


@dataclass(frozen=True, slots=True)
class CellFailure:
    """A cell that could not be decrypted.

    Args:
        row: The sheet's row number; the header is row 1.
        column: The column's name.
        reason: Why.
    """

    row: int
    column: str
    reason: Reason


def closest(name: str, names: Sequence[str], *, likeness: float = 0.6) -> str | None:
    """Return the name that was probably meant, or None; case and surrounding blanks do not matter.

    Args:
        name: What was typed.
        names: The names that exist.
        likeness: The lowest difflib ratio, 0 to 1, at which a name counts as close.
    """
    by_key = {other.strip().casefold(): other for other in names}
    close = difflib.get_close_matches(name.strip().casefold(), by_key, n=1, cutoff=likeness)
    return by_key[close[0]] if close else None


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return the beginning of a hint, such as `did you mean "Responses"? `; blank if no name is close."""
    close = closest(name, names)
    return "" if close is None else f'did you mean "{close}"? '


@dataclass(frozen=True, slots=True)
class Header:
    """The names in the sheet's first row, unchanged: blank and duplicate ones are kept.

    Args:
        names: One name per column; their number decides the width of every row.
    """

    names: tuple[str, ...]

    def index_of(self, name: str) -> int:
        """Return the index of the column called `name`.

        Raises:
            ColumnNotFound: The header does not have it exactly once.
        """
        return self.indices_of([name])[0]

    def indices_of(self, names: Sequence[str]) -> list[int]:
        """Return the index of each named column.

        Raises:
            ColumnNotFound: The header does not have one of them exactly once; all that are missing are named.
        """
        for name in names:
            if (times := self.names.count(name)) > 1:
                raise ColumnNotFound(
                    f'"{name}" appears {"twice" if times == 2 else f"{times} times"} in the header',  # noqa: PLR2004
                    hint="use a different name for each column in the sheet",
                )
        if missing := [name for name in names if name not in self.names]:
            raise self._not_found(missing)
        return [self.names.index(name) for name in names]

    def _not_found(self, missing: Sequence[str]) -> ColumnNotFound:
        """Return the error that names the missing columns, and the ones that were probably meant."""
        named = " and ".join(f'"{name}"' for name in missing)
        # Suggest only a close match: a first row that is not a header holds people's answers.
        found = (closest(name, self.names, likeness=_NEARLY) for name in missing)
        if close := [f'"{name}"' for name in found if name is not None]:
            others = " check the others against row 1" if len(close) < len(missing) else ""
            error = ColumnNotFound(f"{named} not found in row 1", hint=f"did you mean {' and '.join(close)}?{others}")
            error.guessed = True
            return error
        width = "1 column" if len(self.names) == 1 else f"{len(self.names)} columns"
        hint = "check the spelling against row 1, and that this is the right tab"
        if any(";" in name for name in missing):
            hint = "separate the columns by commas"
        elif all(_LETTERS.fullmatch(name) for name in missing):
            hint = "columns go by their names in row 1, and not by Excel's letters"
        return ColumnNotFound(f"{named} not found in row 1, which has {width}", hint=hint)


@dataclass(frozen=True, slots=True)
class Page:
    """A block of consecutive rows as the sheet holds them, each padded or cut to the header's width.

    Args:
        first_row: The sheet's row number of `rows[0]`.
        rows: rows × columns of text.
        retyped: Column index → the sheet's row numbers whose cell came as a number or a boolean: someone retyped it.
        overflow: The sheet's row numbers with data to the right of the header, with that data.
        shifted: The sheet's row numbers that start further right than the rows around them.
        short: The row numbers of records with fewer cells than the header, in a file; a sheet leaves out blank cells.
    """

    # The cells by columns, as they are decrypted and written; empty if there are no rows. Declared before
    # `rows` so that it is freed first: cells are freed in the order of their allocation, 1 ms in place of 2 a page.
    columns: Sequence[Sequence[str]] = field(init=False, repr=False, compare=False)
    first_row: int
    rows: Sequence[list[str]]
    retyped: Mapping[int, Sequence[int]] = field(default_factory=dict)
    overflow: Mapping[int, Sequence[str]] = field(default_factory=dict)
    shifted: Sequence[int] = ()
    short: Sequence[int] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", columns_of(self.rows))


def columns_of(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Turn rows × columns into columns × rows; all rows have the same width."""
    return list(zip(*rows, strict=True))


NO_KEY_FITTED: Final = 255


@dataclass(frozen=True, slots=True)
class Column:
    """The result of decrypting a sequence of tokens.

    Args:
        values: In the tokens' order, the plaintext, or the reason why it is missing.
        keys: In the same order, one byte each: the index of the key that worked, or `NO_KEY_FITTED`.
    """

    values: Sequence[str | Reason]
    keys: bytes


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """What happened to the cells of one configured column; the five counts add up to the number of rows.

    Args:
        decrypted: Cells that were decrypted.
        blank: Cells that were empty.
        missing: Cells that hold one of `missing_values`.
        not_encrypted: Cells that were readable in the sheet.
        failed: Cells that could not be decrypted.
        formats: Format → tokens of it that were seen.
        key_fingerprints: The keys that decrypted something.
    """

    decrypted: int
    blank: int
    missing: int
    not_encrypted: int
    failed: int
    formats: Mapping[str, int]
    key_fingerprints: Sequence[str]


@dataclass(frozen=True, slots=True)
class FormerCounts:
    """The counts of the run that wrote the previous CSV.

    Args:
        sha256: The hash of that file's bytes, which identifies it.
        rows: How many rows it has.
        decrypted: Column name → how many of its cells were decrypted.
    """

    sha256: str
    rows: int
    decrypted: Mapping[str, int]
