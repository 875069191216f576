"""Delivery of a CSV into a vault: only if it changed, never a shrunken one, with dated copies of previous ones.

    with delivery(vault, name, policy) as csv:
        csv.write(…)
        csv.commit(rows, columns)

The new bytes are compared with the existing CSV, and nothing is written until the first difference: a run that
changes nothing leaves the file alone, so that a synced vault uploads nothing.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Protocol

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultUnusable
from sheets_decrypt.output.shrinking import NewCounts, ReplacePolicy, refuse_shrunken
from sheets_decrypt.table import ColumnCount, FormerCounts
from sheets_decrypt.vault.interface import Files, Replacement

_PIECE: Final = 1 << 20
DATED: Final = "%Y-%m-%dT%H-%M-%SZ"
_KEPT: Final = "kept-"
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
_NO_COLUMNS: Final[Mapping[str, ColumnCount]] = {}


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivered file.

    Args:
        path: The file's path for messages; its name may differ from the requested one.
        sha256: The SHA-256 of the CSV's bytes.
        size: The size in bytes.
        changed: Whether it differs from the previous CSV.
        notes: What the user should know about how it was stored.
    """

    path: str
    sha256: str
    size: int
    changed: bool
    notes: Sequence[str]


class _Sink(Protocol):
    def write(self, data: bytes) -> int: ...


class _NullSink:
    def write(self, data: bytes) -> int:
        return len(data)


@contextmanager
def delivery(
    vault: Files, name: str, policy: ReplacePolicy, former: FormerCounts | None = None
) -> Iterator["Delivery"]:
    """Open a delivery. It must be committed before the block ends; after any error the existing CSV is unchanged.

    Args:
        vault: A vault that was checked.
        name: The CSV's name in it.
        policy: When the existing CSV may be replaced.
        former: The counts of the last run; None if they are not known.

    Raises:
        VaultError: The vault could not store it.
    """
    with ExitStack() as stack:
        csv = Delivery(vault, name, policy, former, stack)
        yield csv
        if not csv.committed:
            raise AssertionError  # the block did not commit: a bug; the replacement is discarded


class Delivery:
    """Compares the new bytes with the existing CSV, and opens the replacement at the first difference."""

    def __init__(
        self, vault: Files, name: str, policy: ReplacePolicy, former: FormerCounts | None, stack: ExitStack
    ) -> None:
        self._vault: Final = vault
        self._name: Final = name
        self._policy: Final = policy
        self._counted: Final = former
        self._stack: Final = stack
        self._reading: Final = stack.enter_context(ExitStack())
        self._former = self._open_former()
        self._digest: Final = hashlib.sha256()
        self._size = 0
        self._sink: _Sink | None = None
        self._replacement: Replacement | None = None
        self._notes: Final[list[str]] = []
        self.committed = False

    def write(self, data: bytes) -> None:
        """Add `data` at the end."""
        if self._sink is None and not self._same(data):
            self._sink = self._open_sink()
        if self._sink is not None:
            self._sink.write(data)
        self._digest.update(data)
        self._size += len(data)

    def commit(self, rows: int, columns: Mapping[str, ColumnCount] = _NO_COLUMNS) -> Delivered:
        """Put the file in place atomically, or leave the existing one alone if they are equal.

        Args:
            rows: How many rows were written.
            columns: The counts of the cells of each decrypted column.

        Raises:
            SheetShrunk: The rows, or the decrypted cells of a column, fell by more than the policy allows.
            VaultError: The vault could not store it.
        """
        self.judge(rows, columns)
        self.settle()
        return self.take_its_name()

    def judge(self, rows: int, columns: Mapping[str, ColumnCount]) -> None:
        """Compare the file with the existing one; the arguments and errors are those of `commit`."""
        if self._sink is None and (self._former is None or self._former.read(1)):  # the existing one is longer
            self._sink = self._open_sink()
        if self._sink is not None:
            refuse_shrunken(self._vault, self._name, NewCounts(rows, columns), self._policy, self._counted)

    def settle(self) -> None:
        """Flush the new file to disk, and make the dated copy of the existing one; only the rename is left to do.

        Unless the policy allows any loss, the existing file is also copied if no run has counted its cells: then
        nothing shows whether answers were cleared, and it may be the only copy.

        Raises:
            VaultError: The vault could not store it.
        """
        if self._replacement is None:
            return
        self._replacement.settle()
        max_shrink = self._policy.max_shrink
        unknown = self._counted is None and max_shrink is not None and max_shrink < 1
        if (self._policy.keep or unknown) and (copy := _keep_former(self._vault, self._name)) and unknown:
            self._notes.append(
                f"no earlier run of {self._name} is on record, so nothing shows whether answers were cleared:"
                f" the former file was kept as {copy}"
            )

    def take_its_name(self) -> Delivered:
        """Replace the existing file.

        Raises:
            VaultError: The vault could not store it; the existing file is unchanged.
        """
        self._stack.close()  # renames the replacement
        self.committed = True
        new = self._replacement
        stored, notes = (new.stored_as, new.notes) if new else (self._name, ())
        if new is not None:
            notes = [*self._notes, *notes, *_prune(self._vault, self._name, self._policy)]
        return Delivered(self._vault.path(stored), self._digest.hexdigest(), self._size, self._sink is not None, notes)

    def _open_former(self) -> BinaryIO | None:
        try:
            return self._reading.enter_context(self._vault.read(self._name))
        except VaultFileMissing:
            return None

    def _same(self, data: bytes) -> bool:
        return self._former is not None and self._former.read(len(data)) == data

    def _open_sink(self) -> _Sink:
        self._reading.close()  # Windows cannot rename over an open file
        if self._policy.dry_run:
            return _NullSink()
        self._replacement = self._stack.enter_context(self._vault.replace(self._name))
        self._copy_the_same_part(self._replacement)
        return self._replacement

    def _copy_the_same_part(self, sink: _Sink) -> None:
        """Copy the part that was equal so far from the existing CSV, and prove that it still is."""
        digest = hashlib.sha256()
        left = self._size
        if left:
            with self._vault.read(self._name) as former:
                while left and (piece := former.read(min(left, _PIECE))):
                    digest.update(piece)
                    sink.write(piece)
                    left -= len(piece)
        if digest.digest() != self._digest.digest():
            raise VaultUnusable("the former csv changed while it was compared", hint="run again")


def _keep_former(vault: Files, name: str) -> str | None:
    """Make a dated copy of the existing CSV, and return the copy's name; None if no CSV exists."""
    if vault.size(name) is None:
        return None
    try:
        time = datetime.fromtimestamp(vault.modified(name), UTC)
    except (
        ValueError,
        OverflowError,
        OSError,
    ):  # anyone who can write into the vault can set it, even to the year 12,000
        time = datetime.now(UTC)
    copy = dated(name, time)
    if vault.size(copy) is None:
        with vault.read(name) as former, vault.replace(copy) as sink:
            while piece := former.read(_PIECE):
                sink.write(piece)
    return copy


def _prune(vault: Files, name: str, policy: ReplacePolicy) -> Iterator[str]:
    """Remove surplus copies, now that the new CSV is in place; yield a note for each that is left to a later run."""
    if policy.keep:
        for old in _copies(vault, name)[: -policy.keep]:
            try:
                vault.remove(old)
            except VaultError as error:  # the run is over: it must not fail because Excel holds an old copy open
                yield f"the old copy {old} was not removed: {error.message}"


def dated(name: str, time: datetime) -> str:
    """Return the name of a dated copy, such as `baseline.kept-2026-01-31T06-30-00Z.csv`.

    A CSV that was written beside one that is held open has only the time in its name, so it is never taken for a copy.
    """
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.{_KEPT}{time.strftime(DATED)}{path.suffix}"))


def _copies(vault: Files, name: str) -> list[str]:
    path = PurePosixPath(name)
    folder = "" if str(path.parent) == "." else str(path.parent)
    pattern = re.compile(re.escape(f"{path.stem}.{_KEPT}") + _DATED.pattern + re.escape(path.suffix))
    return [str(path.with_name(other)) for other in vault.names(folder) if pattern.fullmatch(other)]
