"""Locations of a Cryptomator vault's files on disk."""

from pathlib import Path

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import opening
from sheets_decrypt.vault.cryptomator.names import NameCipher
from tests.vault.contract import stored

PASSPHRASE = Secret("correct horse battery staple")
LONG = "long " + "x" * 190 + ".csv"


def names_of(folder: Path) -> NameCipher:
    """Return the cipher for a vault's names, so that a test can find each file on disk."""
    opened = opening.unlock(folder, lambda: PASSPHRASE)
    return NameCipher(opened.keys.siv(), opened.threshold)


def root_of(folder: Path) -> Path:
    """Return the folder on disk that holds the root's entries."""
    return folder / names_of(folder).address("")


def on_disk(folder: Path, name: str) -> Path:
    """Return the location of the root's entry `name` on disk."""
    names = names_of(folder)
    return root_of(folder) / names.on_disk(names.encrypt(name, ""))


def as_before(folder: Path) -> dict[str, bytes]:
    """Return every file on disk, byte for byte."""
    return {name: (folder / name).read_bytes() for name in stored(folder)}
