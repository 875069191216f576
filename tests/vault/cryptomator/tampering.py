"""Helpers for tampering with a vault: its files on disk, its keys, and one flipped bit."""

import json
from collections.abc import Mapping
from pathlib import Path

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import opening
from sheets_decrypt.vault.cryptomator.keys import Keys
from tests.vault.contract import stored

PASSPHRASE = Secret("a passphrase that must not be seen")
CHUNK = 32 * 1024
SIZE = 3 * CHUNK + 1000


def encrypted(folder: Path, size: int, *, gcm: bool | None = None) -> Path:
    """Find the encrypted file whose plaintext has `size` bytes, by its length."""
    length = {True: 68 + size + 4 * 28, False: 88 + size + 4 * 48}
    wanted = set(length.values()) if gcm is None else {length[gcm]}
    found = [path for path in folder.rglob("*.c9r") if path.stat().st_size in wanted]
    return found[0] if found else folder / "none"


def as_before(folder: Path) -> Mapping[str, bytes]:
    """Return every file on disk, byte for byte."""
    return {name: (folder / name).read_bytes() for name in stored(folder)}


def keys_of(folder: Path) -> Keys:
    """Return the vault's keys."""
    return opening.unlock(folder, lambda: PASSPHRASE).keys


def change(folder: Path, **values: object) -> None:
    """Change values in the masterkey file."""
    path = folder / "masterkey.cryptomator"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


def flip(path: Path, position: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
