"""One file that is being written: encrypted as it comes, and put in its place at the end."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sheets_decrypt.errors import VaultUnusable
from sheets_decrypt.vault.cryptomator.changes import identity
from sheets_decrypt.vault.cryptomator.inside import Inside, content_of
from sheets_decrypt.vault.cryptomator.names import with_insert
from sheets_decrypt.vault.cryptomator.storage import HeldOpen, Temporary, told
from sheets_decrypt.vault.cryptomator.stream import Encryptor
from sheets_decrypt.vault.cryptomator.tree import Folder, Kind, expect


class ChangedMeanwhile(Exception):
    """Another program changed the file, and the caller wants to start again rather than keep both."""


class NewFile:
    """A file that is being written; see `sheets_decrypt.vault.interface.Replacement`.

    Args:
        inside: The open vault.
        parts: The names that lead to it from the root, in NFC.
        temporary: The file on disk, under its temporary name.
        where: What an error calls the vault.
        keep_both: What to do where another program changed the file: give the new one another name, or raise.
    """

    def __init__(
        self, inside: Inside, parts: Sequence[str], temporary: Temporary, where: str, *, keep_both: bool
    ) -> None:
        self._inside: Final = inside
        self._parts: Final = parts
        self._temporary: Final = temporary
        self._where: Final = where
        self._keep_both: Final = keep_both
        self._file: Final = temporary.open()
        self._encryptor: Final = Encryptor(inside.cipher, self._save)
        self._stored_as = self._name
        self._notes: list[str] = []

    @property
    def stored_as(self) -> str:
        """The name that it got."""
        return self._stored_as

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of how it was stored."""
        return tuple(self._notes)

    def write(self, data: bytes) -> int:
        """Add `data` at the end."""
        with told(self._where):
            return self._encryptor.write(data)

    def finish(self) -> None:
        """Have everything on the disk, make the missing folders, and put the file in its place.

        Raises:
            ChangedMeanwhile: Another program changed the file, and both are not to be kept.
            VaultUnusable: Something that is no file has the name by now.
        """
        self._encryptor.finish()
        self._temporary.sync()
        folder = self._folder()
        former = self._inside.tree.find(folder, self._parts[-1])
        if former is not None:
            expect(Kind.FILE, former, self._name)
            self._temporary.take_mode_of(former.content)
        if self._inside.changes.by_others(self._name, content_of(former)):
            if not self._keep_both:
                raise ChangedMeanwhile
            self._put_beside(folder, f" (conflict {_now()})", "was changed in the vault since the run started")
            return
        written = identity(self._temporary.path, self._inside.cipher)
        try:
            self._inside.tree.put(folder, self._parts[-1], former, self._temporary)
        except HeldOpen:
            if not self._keep_both:
                raise VaultUnusable(
                    f"{self._name!r} in the vault is held open by another program", hint="close it there"
                ) from None
            self._put_beside(folder, f".{_now()}", "is held open by another program")
        else:
            self._inside.changes.wrote(self._name, written)

    @property
    def _name(self) -> str:
        return "/".join(self._parts)

    def _folder(self) -> Folder:
        folders, missing = self._inside.tree.descend(self._parts[:-1])
        folder = folders[-1]
        for part in missing:
            folder = self._inside.tree.make(folder, part)
        return folder

    def _put_beside(self, folder: Folder, insert: str, why: str) -> None:
        """Put it under another name, and say so."""
        inserts = itertools.chain([insert], (f"{insert}-{number}" for number in itertools.count(2)))
        names = (with_insert(self._parts[-1], text) for text in inserts)
        name = next(name for name in names if self._inside.tree.find(folder, name) is None)
        self._inside.tree.put(folder, name, None, self._temporary)
        self._stored_as = "/".join((*self._parts[:-1], name))
        self._notes.append(f"{self._name} {why}: it was left as it is, and the new content is {self._stored_as}")

    def _save(self, data: memoryview) -> None:
        while data:
            data = data[self._file.write(data) :]


def _now() -> str:
    """Give the UTC time in a form that every file system takes in a name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
