"""When an existing CSV may be replaced: not by one with far fewer rows or far fewer decrypted cells."""

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sheets_decrypt.config import Kind, kind_of
from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.errors import SheetShrunk
from sheets_decrypt.output.csv_text import RecordCount
from sheets_decrypt.output.writers import rows_of
from sheets_decrypt.table import ColumnCount, FormerCounts
from sheets_decrypt.vault.interface import Files

_PIECE: Final = 1 << 20
_ROUNDING: Final = 1e-6  # rows; in binary floating point, 29 % of 100 rows is slightly less than 29


@dataclass(frozen=True, slots=True)
class ReplacePolicy:
    """When an existing CSV may be replaced.

    Args:
        keep: How many dated copies of previous CSVs to keep.
        max_shrink: The fraction of the rows, and of each column's decrypted cells, that may be lost, 0 to 1; None
            allows any loss.
        dry_run: Do everything except write.
        missing_values: Texts that mean an unanswered question in the existing CSV.
        found_columns: The columns are found by their tokens (`"auto"`), so a column without a token was cleared.
    """

    keep: int = 0
    max_shrink: float | None = 0.1
    dry_run: bool = False
    missing_values: frozenset[str] = frozenset()
    found_columns: bool = False


@dataclass(frozen=True, slots=True)
class NewCounts:
    """The counts of the CSV that is about to replace the existing one.

    Args:
        rows: The number of its rows.
        columns: The counts of the cells of each decrypted column.
    """

    rows: int
    columns: Mapping[str, ColumnCount]


def refuse_shrunken(
    vault: Files, name: str, new: NewCounts, policy: ReplacePolicy, former: FormerCounts | None
) -> None:
    """Refuse a CSV that lost more than the policy allows: someone deleted rows, or cleared or overwrote cells.

    Args:
        vault: The vault of the existing CSV.
        name: The name of the existing CSV.
        new: The counts of the CSV that would replace it.
        policy: How much may be lost.
        former: The counts of the last run; None if they are not known.

    Raises:
        SheetShrunk: The rows, or the decrypted cells of a column, fell too far.
    """
    if policy.max_shrink is None or vault.size(name) is None:
        return
    rows, sha256 = _rows_and_digest(vault, name, former)
    if _fell(rows, new.rows, policy.max_shrink):
        raise SheetShrunk(
            f"the sheet has {new.rows} rows, and the file that it would replace has {rows}",
            hint="check whether rows were deleted in the sheet; if that is right, run once with --allow-shrink",
        )
    unchanged = former is not None and former.sha256 == sha256
    pairs = _counted(former, new, policy) if former else {}
    if not unchanged:
        pairs = _with_readable(pairs, _readable(vault, name, new, policy), new)
    for column, (before, now) in pairs.items():
        if _fell(before, now, policy.max_shrink):
            raise SheetShrunk(
                f'column "{column}": {now} cells decrypt, and the file that it would replace has {before} of them',
                hint="check whether cells were cleared or overwritten in the sheet; if that is right, run once with"
                " --allow-shrink",
            )


def _fell(before: int, now: int, max_shrink: float) -> bool:
    return before - now > before * max_shrink + _ROUNDING


def _counted(former: FormerCounts, new: NewCounts, policy: ReplacePolicy) -> dict[str, tuple[int, int]]:
    """Return the decrypted cells of each column before and now, as the runs counted them."""
    return {
        column: (count, new.columns[column].decrypted if column in new.columns else 0)
        for column, count in former.decrypted.items()
        if column in new.columns or policy.found_columns
    }


def _with_readable(
    counted: Mapping[str, tuple[int, int]], readable: Mapping[str, int], new: NewCounts
) -> dict[str, tuple[int, int]]:
    """Return the cells of each column before and now, for a file that was changed since the last run.

    No more cells can be lost than are readable in it. For a column that no run has counted, only the number of readable
    cells is known; plain text that someone put in place of a token then passes for an answer.
    """
    fewer = {column: (min(before, readable.get(column, before)), now) for column, (before, now) in counted.items()}
    return fewer | {
        column: (cells, new.columns[column].decrypted + new.columns[column].not_encrypted)
        for column, cells in readable.items()
        if column not in counted
    }


def _rows_and_digest(vault: Files, name: str, former: FormerCounts | None) -> tuple[int, str]:
    """Return the number of rows of a file and the digest of its bytes; only a CSV yields both in one pass."""
    kind = kind_of(PurePosixPath(name))
    count, digest = RecordCount(), hashlib.sha256()
    with vault.read(name) as file:
        while piece := file.read(_PIECE):
            if kind is Kind.CSV:
                count.add(piece)
            digest.update(piece)
    if kind is Kind.CSV:
        return count.rows, digest.hexdigest()
    if former is not None and former.sha256 == digest.hexdigest():
        return former.rows, former.sha256
    with vault.read(name) as file:
        counted = rows_of(kind, file)
    if counted is None:  # for example a workbook that someone saved with a password: only the last run's count is known
        counted = former.rows if former is not None else 0
    return counted, digest.hexdigest()


def _readable(vault: Files, name: str, new: NewCounts, policy: ReplacePolicy) -> dict[str, int]:
    """Count the cells of each column that are neither blank nor a missing value nor a token; only for CSV files."""
    if kind_of(PurePosixPath(name)) is not Kind.CSV:
        return {}
    with vault.read(name) as file:
        rows = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline=""))
        try:
            header = next(rows, [])
            places = {column: header.index(column) for column in new.columns if column in header}
            counts = dict.fromkeys(places, 0)
            for row in rows:
                for column, place in places.items():
                    cell = row[place].removeprefix("'") if place < len(row) else ""
                    if cell and cell not in policy.missing_values and all(wire.read(cell) is None for wire in FORMATS):
                        counts[column] += 1
        except csv.Error:  # not a CSV that this program wrote
            return {}
    return counts
