"""Puts a CSV into a vault: only where it changed, never a shrunken one, with dated copies of the former ones.

What passes by is compared with the CSV that is there, and nothing is written until the first difference: a run that
changes nothing leaves the file alone, so that a synced vault uploads nothing.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Protocol

from sheets_decrypt.errors import SheetShrunk, VaultFileMissing, VaultUnusable
from sheets_decrypt.output.csv_text import RecordCount
from sheets_decrypt.vault.interface import Files, Replacement

_PIECE: Final = 1 << 20
_ROUNDING: Final = 1e-6  # rows; 29 % of 100 rows are a little less than 29 in binary
DATED: Final = "%Y-%m-%dT%H-%M-%SZ"
_KEPT: Final = "kept-"
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a former CSV may be replaced.

    Args:
        keep: How many dated copies of former CSVs stay.
        max_shrink: The share of rows that may be gone, 0 to 1; None allows any.
        dry_run: Do everything but write.
    """

    keep: int = 0
    max_shrink: float | None = 0.1
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was put where.

    Args:
        name: The name that the CSV got in the vault.
        sha256: Of the CSV's bytes.
        size: Bytes.
        changed: Whether it differs from the former CSV.
        notes: What the user should know of how it was stored.
    """

    name: str
    sha256: str
    size: int
    changed: bool
    notes: Sequence[str]


class _Sink(Protocol):
    def write(self, data: bytes) -> int: ...


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)


class _Comparison:
    """Holds what passes by against the former CSV, and opens the replacement at the first difference."""

    def __init__(self, vault: Files, name: str, terms: Terms, stack: ExitStack) -> None:
        self._vault: Final = vault
        self._name: Final = name
        self._terms: Final = terms
        self._stack: Final = stack
        self._reading: Final = stack.enter_context(ExitStack())
        self._former = self._open_former()
        self._digest: Final = hashlib.sha256()
        self.size = 0
        self._sink: _Sink | None = None
        self.replacement: Replacement | None = None

    def write(self, data: bytes) -> None:
        if self._sink is None and not self._same(data):
            self._sink = self._open_sink()
        if self._sink is not None:
            self._sink.write(data)
        self._digest.update(data)
        self.size += len(data)

    def close(self) -> bool:
        """Say whether anything differs; a former CSV that goes on where this one ends differs too."""
        if self._sink is None and (self._former is None or self._former.read(1)):
            self._sink = self._open_sink()
        return self._sink is not None

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _open_former(self) -> BinaryIO | None:
        try:
            return self._reading.enter_context(self._vault.read(self._name))
        except VaultFileMissing:
            return None

    def _same(self, data: bytes) -> bool:
        return self._former is not None and _read_exactly(self._former, len(data)) == data

    def _open_sink(self) -> _Sink:
        self._reading.close()  # Windows renames over no file that is open
        if self._terms.dry_run:
            return _Nowhere()
        self.replacement = self._stack.enter_context(self._vault.replace(self._name))
        self._copy_the_same_part(self.replacement)
        return self.replacement

    def _copy_the_same_part(self, sink: _Sink) -> None:
        """Copy what was the same so far from the former CSV, and prove that it still is the same."""
        digest = hashlib.sha256()
        left = self.size
        if left:
            with self._vault.read(self._name) as former:
                while left and (piece := former.read(min(left, _PIECE))):
                    digest.update(piece)
                    sink.write(piece)
                    left -= len(piece)
        if digest.digest() != self._digest.digest():
            raise VaultUnusable("the former csv changed while it was compared", hint="run again")


def deliver(
    vault: Files,
    name: str,
    pieces: Iterable[bytes],
    terms: Terms,
    *,
    rows: Callable[[], int],
    approve: Callable[[], None],
) -> Delivered:
    """Put a CSV into the vault, in one step, or leave what is there.

    Args:
        vault: Where; it has been checked.
        name: Under which name.
        pieces: The CSV's bytes.
        terms: See `Terms`.
        rows: Asked when all pieces have passed: how many rows they were.
        approve: Called then; an error that it raises leaves the former CSV as it was.

    Raises:
        SheetShrunk: The rows fell by more than the terms allow.
        VaultError: The vault could not take it.
    """
    with ExitStack() as stack:
        new = _Comparison(vault, name, terms, stack)
        for piece in pieces:
            new.write(piece)
        changed = new.close()
        approve()
        if changed:
            _refuse_shrinking(vault, name, rows(), terms)
            _keep_former(vault, name, terms)
    if changed:
        _prune(vault, name, terms)
    stored, notes = (new.replacement.stored_as, new.replacement.notes) if new.replacement else (name, ())
    return Delivered(name=stored, sha256=new.sha256(), size=new.size, changed=changed, notes=notes)


def _refuse_shrinking(vault: Files, name: str, rows: int, terms: Terms) -> None:
    if terms.max_shrink is None or vault.size(name) is None:
        return
    former = _rows_of(vault, name)
    if former - rows > former * terms.max_shrink + _ROUNDING:
        raise SheetShrunk(
            f"the sheet has {rows} rows, and the csv that it would replace has {former}",
            hint="see whether rows were deleted in the sheet; if that is right, run once with --allow-shrink",
        )


def _rows_of(vault: Files, name: str) -> int:
    count = RecordCount()
    with vault.read(name) as file:
        while piece := file.read(_PIECE):
            count.add(piece)
    return count.rows


def _keep_former(vault: Files, name: str, terms: Terms) -> None:
    """Copy the former CSV under its date."""
    if not terms.keep or terms.dry_run or vault.size(name) is None:
        return
    copy = dated(name, datetime.fromtimestamp(vault.modified(name), UTC))
    if vault.size(copy) is None:
        with vault.read(name) as former, vault.replace(copy) as sink:
            while piece := former.read(_PIECE):
                sink.write(piece)


def _prune(vault: Files, name: str, terms: Terms) -> None:
    """Remove the copies that are too many, now that the new CSV is in its place."""
    if terms.keep and not terms.dry_run:
        for old in _copies(vault, name)[: -terms.keep]:
            vault.remove(old)


def dated(name: str, time: datetime) -> str:
    """Give the name of a dated copy, such as `baseline.kept-2026-01-31T06-30-00Z.csv`.

    A CSV that was put beside one that is held open has the time alone, so that it is never taken for a copy.
    """
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.{_KEPT}{time.strftime(DATED)}{path.suffix}"))


def _copies(vault: Files, name: str) -> list[str]:
    path = PurePosixPath(name)
    folder = "" if str(path.parent) == "." else str(path.parent)
    pattern = re.compile(re.escape(f"{path.stem}.{_KEPT}") + _DATED.pattern + re.escape(path.suffix))
    return [str(path.with_name(other)) for other in vault.names(folder) if pattern.fullmatch(other)]


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    pieces = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
