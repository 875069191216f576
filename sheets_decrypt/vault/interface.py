"""The interface of every vault; `drive` and `cryptomator` implement it, and `tests/vault/contract.py` tests both.

Names are relative POSIX paths inside the vault, such as `baseline.csv` or `surveys/baseline.csv`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol


class Protection(StrEnum):
    """How well a place is encrypted; also the values of the configuration key `accept`."""

    VAULT = "vault"
    ENCRYPTED_DISK = "encrypted disk"
    NOT_ENCRYPTED = "not encrypted"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the plaintext goes.

    Args:
        protection: How well it is encrypted.
        what: The product or file system in the system's words, such as `gocryptfs` or `Cryptomator`.
        where: The mount point, drive or vault folder.
    """

    protection: Protection
    what: str
    where: str


class Replacement(Protocol):
    """A file that is being written. It appears under its name only when the `with` block ends without an error."""

    @property
    def stored_as(self) -> str:
        """The file's name; differs from the requested one if that file was held open or changed meanwhile."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about how it was stored; set when the `with` block has ended."""

    def write(self, data: bytes) -> int:
        """Add `data` at the end and return the number of bytes."""

    def settle(self) -> None:
        """Flush everything to disk, so that only the rename is left to do; nothing may be written afterwards.

        The end of the block does it too. Files that belong together are all settled before the first one is renamed.
        """


class Files(Protocol):
    """A place for files. Every method raises a `VaultError` in place of an `OSError`."""

    def path(self, name: str) -> str:
        """Return the location of `name`, as text for people and for the run record."""

    def identity(self, name: str) -> str:
        """Return a text that is the same however the file is reached, and different for every other file."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes of plaintext, or None if it does not exist."""

    def modified(self, name: str) -> float:
        """Return the time of a file's last change in seconds since 1970 (UTC)."""

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading, streamed; a read returns fewer bytes than requested only at the end of the file.

        Raises:
            VaultFileMissing: It does not exist.
        """

    def replace(self, name: str) -> AbstractContextManager[Replacement]:
        """Create `name` or replace its content atomically.

        A vault creates missing folders, but never its own root. Until the block ends without an error, the existing
        content stays; after an error nothing of the new content is left. Leftovers of a killed run are removed first.
        """

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name`, which is created if missing."""

    def names(self, folder: str) -> Sequence[str]:
        """Return the sorted names of files and folders in `folder` (`""` is the root); a folder's ends in `/`."""

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is not an error."""


class Vault(Files, Protocol):
    """An encrypted place for files."""

    def check(self) -> Place:
        """Check, without writing anything, that plaintext may be written here; return the place.

        Raises:
            VaultError: It must not; the message says what was found, and the hint what to do.
        """
