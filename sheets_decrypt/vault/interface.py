"""What every vault can do. `drive` and `cryptomator` keep this promise; `tests/contracts.py` holds them to it.

Names are relative POSIX paths inside the vault, such as `baseline.csv` or `surveys/baseline.csv`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol


class Protection(StrEnum):
    """How well the place is encrypted; also the words of the configuration key `accept`."""

    VAULT = "vault"
    ENCRYPTED_DISK = "encrypted disk"
    NOT_ENCRYPTED = "not encrypted"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the plaintext goes.

    Args:
        protection: What the system says of it.
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
        """The name that it got. It differs from the one asked for where that was held open or changed meanwhile."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of how it was stored; filled when the `with` block has ended."""

    def write(self, data: bytes) -> int:
        """Add `data` at the end; give the number of bytes."""


class Vault(Protocol):
    """An encrypted place for files. Every method raises a `VaultError` for what goes wrong there."""

    def check(self) -> Place:
        """Prove, without writing anything, that plaintext may be put here.

        Raises:
            VaultError: It may not; the message says what was found and the hint what to do.
        """

    def path(self, name: str) -> str:
        """Say where `name` is, in words for a person and for the run record."""

    def identity(self, name: str) -> str:
        """Give a text that is the same however the file is reached, and another one for every other file."""

    def size(self, name: str) -> int | None:
        """Give the size of a file in bytes of plaintext, or None where there is no such file."""

    def modified(self, name: str) -> float:
        """Give the time of a file's last change in seconds since 1970 (UTC)."""

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading, streamed.

        Raises:
            VaultFileMissing: There is no such file.
        """

    def replace(self, name: str) -> AbstractContextManager[Replacement]:
        """Create `name` or put new content in its place, in one step.

        Missing folders are made, the vault's own root never. Until the block ends without an error, the former
        content stays; after an error nothing of the new one is left. What a killed run left behind is removed first.
        """

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name`, which is made where it is missing."""

    def names(self, folder: str) -> Sequence[str]:
        """List the files and folders in `folder` (`""` is the root), sorted; a folder's name ends in `/`."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
