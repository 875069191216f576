"""The history of a CSV: one line for each run, in a file beside the CSV in the vault."""

import json
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from sheets_decrypt.errors import VaultError, VaultFileMissing
from sheets_decrypt.runs.record import Record
from sheets_decrypt.table import FormerCounts
from sheets_decrypt.vault.interface import Vault

HISTORY_SUFFIX: Final = ".runs.jsonl"
_LARGEST: Final = 4 * 1024 * 1024  # bytes; a longer history is cut to its newest half
_CHUNK: Final = 1 << 16


def history_name(name: str) -> str:
    """Return the name of the history beside a CSV."""
    return name + HISTORY_SUFFIX


def append_history(vault: Vault, name: str, record: Record) -> None:
    """Add a run to the history beside the CSV `name`; a history that grew too long is cut to its newest half.

    Raises:
        VaultError: The vault cannot be read or written.
    """
    history = history_name(name)
    line = (record.line() + "\n").encode(errors="backslashreplace")  # escape a path that is not UTF-8, as JSON does
    if (vault.size(history) or 0) + len(line) <= _LARGEST:
        vault.append(history, line)
        return
    with vault.read(history) as file:
        tail = _tail(file, _LARGEST // 2)
    with vault.replace(history) as sink:
        sink.write(tail + line)


def read_history(vault: Vault, name: str) -> list[dict[str, Any]]:
    """Return the runs in the history beside the CSV `name`, oldest first; an empty list without a history.

    Raises:
        VaultError: The vault cannot be read.
    """
    try:
        with vault.read(history_name(name)) as file:
            return list(records(_tail(file, _LARGEST)))
    except VaultFileMissing:
        return []


def last_counts(vault: Vault, name: str) -> FormerCounts | None:
    """Return the counts of the last run that left the CSV `name`, or None if the history does not have them."""
    try:
        runs = read_history(vault, name)
    except VaultError:  # then only the CSV itself is compared
        return None
    for run in reversed(runs):
        try:
            decrypted = {str(column): int(count["decrypted"]) for column, count in run["columns"].items()}
            return FormerCounts(str(run["output"]["sha256"]), int(run["rows_written"]), decrypted)
        except (KeyError, TypeError, ValueError, AttributeError):  # a failed run, or a line that is not a record
            continue
    return None


def _tail(file: BinaryIO, most: int) -> bytes:
    """Return the file's last whole lines, at most `most` bytes, without holding much more than that in memory.

    Anyone who can write into the vault can put a file of any size there. On a drive the rest is not even read.
    """
    if file.seekable():
        file.seek(max(0, file.seek(0, os.SEEK_END) - most - 1))
    tail, cut = b"", False
    while chunk := file.read(_CHUNK):
        tail += chunk
        if len(tail) > 2 * most:
            tail, cut = tail[-most:], True
    if len(tail) > most:
        tail, cut = tail[-most:], True
    return tail.partition(b"\n")[2] if cut else tail


def records(lines: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file with one per line; a line that a killed run left incomplete is skipped."""
    for line in lines.splitlines():
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            yield content
