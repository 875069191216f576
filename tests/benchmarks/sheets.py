"""The sheets that are measured: 20 columns, three of them encrypted, made once for each kind and size.

No answer repeats and no two rows share a key, so nothing that remembers former cells gains by it.
"""

import csv
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.sandbox.sample import legacy_cbc
from sheets_decrypt.table import Secret

ENCRYPTED: Final = ("name", "phone", "address")
HEADER: Final = ("id", *ENCRYPTED, *(f"question_{number:02}" for number in range(1, 17)))
LEGACY_SECRET: Final = "legacy-Geheim-77"
_CHUNK: Final = 2_000  # rows that one process makes at a time
_QUESTIONS: Final = ("yes", "no", "3", "42.5", "2026-01-31", "North district", "", "I would rather not say")


class Kind(StrEnum):
    """How the encrypted columns were encrypted."""

    LEGACY = "legacy"  # CBC, an IV for each value
    SEALED_EACH = "sealed-each"  # sealed boxes, an ephemeral key for each value
    SEALED_ROW = "sealed-row"  # sealed boxes as our function makes them: an ephemeral key for each row

    @property
    def keys(self) -> str:
        """The entry of [keys] that decrypts it."""
        return "legacy_secrets" if self is Kind.LEGACY else "private_keys"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in a file.

    Args:
        kind: How it is encrypted.
        rows: Rows below the header.
        file: A CSV.
        key_file: The secret that decrypts it.
    """

    kind: Kind
    rows: int
    file: Path
    key_file: Path


class Library:
    """Makes each sheet once.

    Args:
        folder: Keeps the sheets and their keys.
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        private_key, self._public_key = sealing.generate()
        self._key_files: Final = {
            "legacy_secrets": self._keep("legacy_secret", LEGACY_SECRET),
            "private_keys": self._keep("private_key", private_key.reveal()),
        }

    def sheet(self, kind: Kind, rows: int) -> Sheet:
        """Return a sheet; the first call makes it."""
        file = self._folder / f"{kind}-{rows}.csv"
        if not file.exists():
            with file.open("w", encoding="utf-8", newline="") as sink:
                writer = csv.writer(sink)
                writer.writerow(HEADER)
                for chunk in self._chunks(kind, rows):
                    writer.writerows(chunk)
        return Sheet(kind, rows, file, self._key_files[kind.keys])

    def _chunks(self, kind: Kind, rows: int) -> Iterator[list[list[str]]]:
        firsts = range(1, rows + 1, _CHUNK)
        lasts = [min(first + _CHUNK - 1, rows) for first in firsts]
        if len(firsts) == 1:
            yield encrypted_rows(kind, self._public_key, 1, rows)
            return
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            count = len(firsts)
            yield from pool.map(encrypted_rows, [kind] * count, [self._public_key] * count, firsts, lasts)

    def _keep(self, name: str, secret: str) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(secret, encoding="utf-8")
        return path


def encrypted_rows(kind: Kind, public_key: bytes, first: int, last: int) -> list[list[str]]:
    """Make the rows from number `first` to number `last`."""
    return [_row(kind, public_key, number) for number in range(first, last + 1)]


def _row(kind: Kind, public_key: bytes, number: int) -> list[str]:
    values = [f"Zoë Nguyễn {number:06}", f"+57 300 {number:07}", f"Calle {number} # 5-{number % 97}, Bogotá"]
    return [str(number), *_tokens(kind, public_key, values), *questions(number)]


def _tokens(kind: Kind, public_key: bytes, values: list[str]) -> list[str]:
    match kind:
        case Kind.LEGACY:
            return [legacy_cbc(value, Secret(LEGACY_SECRET)) for value in values]
        case Kind.SEALED_EACH:
            return [sealing.seal([value], public_key)[0] for value in values]
        case Kind.SEALED_ROW:
            return sealing.seal(values, public_key)


def questions(number: int) -> list[str]:
    """Return the readable answers of a row."""
    return [_QUESTIONS[(number + place) % len(_QUESTIONS)] for place in range(16)]
