"""All files that a run writes into the vault, put in place together: the main one, and those of `also`.

    with deliveries(destinations, form, policy, former) as outputs:
        outputs.begin(names)
        outputs.write(columns)
        outputs.commit(rows, counts)

Every file is complete, judged and on disk before the first is renamed into place, so an error leaves all existing files
unchanged. If the power fails between two renames, the next run finds that the other files differ, and writes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, Literal

from sheets_decrypt.config import kind_of
from sheets_decrypt.errors import ConfigurationError, VaultError
from sheets_decrypt.output.csv_text import Guard
from sheets_decrypt.output.delivery import Delivered, Delivery, delivery
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.output.writers import Writer, writer_of
from sheets_decrypt.table import ColumnCount, FormerCounts
from sheets_decrypt.vault.interface import Files, Place, Vault


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one file goes.

    Args:
        vault: A vault that was checked.
        name: The file's name in it; its extension selects the file format.
    """

    vault: Files
    name: str

    @property
    def path(self) -> str:
        """The file's path for messages."""
        return self.vault.path(self.name)


def refuse_elsewhere(also: Sequence[tuple[Vault, str]], main: tuple[Vault, str], place: Place) -> list[Destination]:
    """Return the further outputs as destinations, if each is a separate file in the same place as the main one.

    Args:
        also: The vault and the name of each further output.
        main: The vault and the name of the main output.
        place: The result of the check of the main output's vault.

    Raises:
        ConfigurationError: One is in another vault, or is the same file as another.
        VaultError: One may not be written.
    """
    taken = {main[0].identity(main[1])}
    for vault, name in also:
        if vault.identity(name) in taken:
            raise ConfigurationError(f"also: {vault.path(name)} is written twice", hint="name another file")
        taken.add(vault.identity(name))
        found = place if vault is main[0] else vault.check()
        if found != place:
            raise ConfigurationError(
                f"also: {vault.path(name)} is on {found.where} ({found.what}), and the output on {place.where}",
                hint="put all outputs of a job into one vault",
            )
    return [Destination(vault, name) for vault, name in also]


@dataclass(frozen=True, slots=True)
class Form:
    """How a CSV is written; the other kinds have no options.

    Args:
        encoding: UTF-8 with a byte order mark or without.
        guard: Which cells get a leading `'`.
    """

    encoding: Literal["utf-8-sig", "utf-8"]
    guard: Guard


@contextmanager
def deliveries(
    destinations: Sequence[Destination], form: Form, policy: ReplacePolicy, former: FormerCounts | None
) -> Iterator["Outputs"]:
    """Open the files. They must be committed before the block ends; after any error the existing ones are unchanged.

    Args:
        destinations: Where they go, the main one first. Losses are judged by the first one that exists; if that is not
            the main one, it may be the only copy.
        form: How a CSV is written.
        policy: When the existing files may be replaced.
        former: The counts of the last run; None if they are not known.

    Raises:
        VaultError: The vault could not store them.
    """
    with ExitStack() as stack:
        opened = []
        for destination in destinations:
            writer = writer_of(kind_of(PurePosixPath(destination.name)), form.encoding, form.guard)
            file = stack.enter_context(delivery(destination.vault, destination.name, policy, former))
            opened.append((writer, file))
            if destination.vault.size(destination.name) is not None:
                policy = replace(policy, max_shrink=None)
        yield Outputs(opened)


class Outputs:
    """The open files of one run, which take its rows."""

    def __init__(self, opened: Sequence[tuple[Writer, Delivery]]) -> None:
        self._opened: Final = opened
        self._names: Sequence[str] = ()
        self.delivered: Final[list[Delivered]] = []

    def begin(self, names: Sequence[str]) -> None:
        """Write the columns' names.

        Raises:
            SheetRefused: There are more columns than a file can hold.
        """
        self._names = names
        for writer, file in self._opened:
            file.write(writer.header(names))

    def write(self, columns: Sequence[Sequence[str]]) -> bytes:
        """Write a page, and return it as bytes that can be searched for tokens.

        Args:
            columns: columns × rows of text, all of the same height.

        Raises:
            SheetRefused: There are more rows than a file can hold, or a text is too long for a cell.
            VaultError: The vault could not store it.
        """
        for writer, file in self._opened:
            file.write(writer.columns(columns))
        return self._opened[0][0].plain

    @property
    def guarded_cells(self) -> int:
        """The number of a CSV's cells that got a leading `'`."""
        return max(writer.guarded_cells for writer, _ in self._opened)

    @property
    def changed(self) -> bool:
        """Whether any file differs from the previous one."""
        return any(each.changed for each in self.delivered)

    def warnings(self) -> list[str]:
        """Return what a reader of the files must know about them, one sentence each."""
        return list(dict.fromkeys(text for writer, _ in self._opened for text in writer.warnings(self._names)))

    def commit(self, rows: int, columns: Mapping[str, ColumnCount]) -> None:
        """Put every file in place, or leave an equal existing one alone; `delivered` lists the results.

        Args:
            rows: How many rows were written.
            columns: The counts of the cells of each decrypted column.

        Raises:
            SheetShrunk: The rows, or the decrypted cells of a column, fell by more than the policy allows.
            VaultError: The vault could not store them.
        """
        for writer, file in self._opened:
            for piece in writer.end():
                file.write(piece)
        files = [file for _, file in self._opened]
        for file in files:
            file.judge(rows, columns)
        for file in files:
            file.settle()
        try:
            for file in files:
                self.delivered.append(file.take_its_name())
        except VaultError as error:
            raise self._halfway(error) from None

    def _halfway(self, error: VaultError) -> VaultError:
        """Name the files that already have their new content when the vault refuses to rename a later one."""
        replaced = ", ".join(each.path for each in self.delivered if each.changed)
        if not replaced:
            return error
        return type(error)(f"{error.message}; already replaced: {replaced}", hint=f"{error.hint}; then run again")
