"""A file that is being written: encrypted as the data comes, and put in place at the end."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sheets_decrypt.system.held_open import is_held_open
from sheets_decrypt.vault.cryptomator.changes import identity
from sheets_decrypt.vault.cryptomator.names import with_insert
from sheets_decrypt.vault.cryptomator.storage import Temporary, storage_errors
from sheets_decrypt.vault.cryptomator.stream import Encryptor
from sheets_decrypt.vault.cryptomator.tree import Folder, Kind, expect
from sheets_decrypt.vault.cryptomator.unlocked import UnlockedVault, content_of


class ChangedMeanwhile(Exception):
    """Another program changed the file, and the caller wants to start again rather than keep both."""


class NewFile:
    """A file that is being written; see `sheets_decrypt.vault.interface.Replacement`.

    Args:
        vault: The unlocked vault.
        parts: The names that lead to it from the root, in NFC.
        temporary: The file on disk, under its temporary name.
        folder: The vault's folder, for error messages.
        keep_both: Whether to store the new file under another name if another program changed the old one; else raise.
    """

    def __init__(
        self, vault: UnlockedVault, parts: Sequence[str], temporary: Temporary, folder: Path, *, keep_both: bool
    ) -> None:
        self._vault: Final = vault
        self._parts: Final = parts
        self._temporary: Final = temporary
        self._folder: Final = folder
        self._keep_both: Final = keep_both
        self._file: Final = temporary.open()
        self._encryptor: Final = Encryptor(vault.cipher, self._save)
        self._stored_as = self._name
        self._notes: list[str] = []
        self._settled = False

    @property
    def stored_as(self) -> str:
        """The name under which it was stored."""
        return self._stored_as

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about how it was stored."""
        return tuple(self._notes)

    def write(self, data: bytes) -> int:
        """Add `data` at the end."""
        with storage_errors(self._folder):
            return self._encryptor.write(data)

    def settle(self) -> None:
        """Flush everything that was written to disk."""
        if not self._settled:
            with storage_errors(self._folder):
                self._encryptor.finish()
                self._temporary.sync()
            self._settled = True

    def finish(self) -> None:
        """Flush everything to disk, create missing folders, and put the file in place.

        Raises:
            ChangedMeanwhile: Another program changed the file, and `keep_both` is not set.
            VaultUnusable: Something other than a file now has the name.
            OSError: It could not be stored.
        """
        self.settle()
        folder = self._make_folders()
        former = self._vault.tree.find(folder, self._parts[-1])
        if former is not None:
            expect(Kind.FILE, former, self._name)
            self._temporary.take_mode_of(former.content)
        if self._vault.changes.by_others(self._name, content_of(former)):
            if not self._keep_both:
                raise ChangedMeanwhile
            self._put_beside(folder, f" (conflict {_now()})", "was changed in the vault since the run started")
            return
        written = identity(self._temporary.path, self._vault.cipher)
        try:
            self._vault.tree.put(folder, self._parts[-1], former, self._temporary)
        except OSError as error:
            if former is None or not self._keep_both or not is_held_open(error):
                raise
            self._put_beside(folder, f".{_now()}", "is held open by another program")
        else:
            self._vault.changes.wrote(self._name, written)

    @property
    def _name(self) -> str:
        return "/".join(self._parts)

    def _make_folders(self) -> Folder:
        folders, missing = self._vault.tree.descend(self._parts[:-1])
        folder = folders[-1]
        for part in missing:
            folder = self._vault.tree.make(folder, part)
        return folder

    def _put_beside(self, folder: Folder, insert: str, why: str) -> None:
        """Store the file under another name, and add a note about it."""
        inserts = itertools.chain([insert], (f"{insert}-{number}" for number in itertools.count(2)))
        names = (with_insert(self._parts[-1], text) for text in inserts)
        name = next(name for name in names if self._vault.tree.find(folder, name) is None)
        self._vault.tree.put(folder, name, None, self._temporary)
        self._stored_as = "/".join((*self._parts[:-1], name))
        self._notes.append(f"{self._name} {why}: it is unchanged, and the new content is {self._stored_as}")

    def _save(self, data: memoryview) -> None:
        while data:
            data = data[self._file.write(data) :]


def _now() -> str:
    """Return the UTC time in a form that is valid in a name on every file system."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
