"""A run killed at any moment leaves every file whole and no broken entry, and the next run removes the rest."""

import hashlib
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from sheets_decrypt.errors import VaultFileMissing
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault, systems
from tests.long import scaled
from tests.vault.contract import content, put
from tests.vault.cryptomator.readers import pycryptomator

PASSPHRASE = Secret("killed at any moment")
KILLS = scaled(30, 240)
PARTS = scaled(1, 8)  # each with its own vault, so that no vault grows large
LONGEST_SECONDS = 0.04
SIZE = 40_000
LONG = "x" * 200 + ".csv"
LINE = b'{"run": 1}\n'


def version(number: int) -> bytes:
    """Return content that identifies the version and shows whether it is whole."""
    return b"%010d" % number * (SIZE // 10)


def is_whole(data: bytes) -> bool:
    """Return whether this is one complete version."""
    return len(data) == SIZE and data == data[:10] * (SIZE // 10)


def write_forever(vault: CryptomatorVault, start: int) -> NoReturn:  # pragma: no cover — its process is killed
    """Repeat everything that a run may do to a vault."""
    number = start
    while True:
        put(vault, "baseline.csv", version(number))
        put(vault, f"survey {number}/2026/endline.csv", version(number))
        put(vault, LONG, version(number))
        put(vault, f"{number}{LONG}", version(number))
        put(vault, f"{number} {'f' * 180}/baseline.csv", version(number))
        vault.append("history.jsonl", LINE)
        vault.remove(f"{number}{LONG}")
        number += 1


def broken_shapes(folder: Path) -> list[str]:
    """List entries that a reader of the format could stumble over, judged only by their shape on disk."""
    found = []
    for path in (folder / "d").glob("*/*/*"):
        inside = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
        whole = {
            ".c9r": not path.is_dir() or inside == {"dir.c9r"},
            ".c9s": inside in ({"name.c9s", "contents.c9r"}, {"name.c9s", "dir.c9r"}),
            ".tmp": path.name.startswith(".sheets-decrypt-"),
        }
        if not whole.get(path.suffix, False):
            found.append(f"{path.relative_to(folder)} {inside}")
    return found


def leftovers(folder: Path) -> list[Path]:
    """List everything with a temporary name."""
    return list(folder.rglob("*.tmp"))


def check_everything(vault: CryptomatorVault, listing: Mapping[str, str]) -> None:
    """Check that another reader's list contains only whole files, and that ours agrees with it."""
    for name, digest in listing.items():
        if name.endswith("/"):
            continue
        data = content(vault, name)
        assert hashlib.sha256(data).hexdigest() == digest, name
        if name == "history.jsonl":
            assert data == LINE * (len(data) // len(LINE))
        else:
            assert is_whole(data), name


def history(vault: CryptomatorVault) -> bytes:
    """Return the history, or nothing if none was written yet."""
    try:
        return content(vault, "history.jsonl")
    except VaultFileMissing:
        return b""


@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_killed_at_any_moment_leaves_whole_files(tmp_path: Path, part: int) -> None:
    """Every file opens, old or new; other readers see no broken entry; the next run leaves no leftovers."""
    systems.only_on("posix", "a process cannot be forked here")
    folder, chance = tmp_path / "vault", random.Random()
    vault = quick_vault.create(folder, PASSPHRASE)
    put(vault, "baseline.csv", version(0))
    put(vault, LONG, version(0))
    in_the_middle, listing = 0, dict[str, str]()
    with pycryptomator(folder, PASSPHRASE) as reader:
        for number in range(KILLS // PARTS):
            lines = history(vault)
            child = os.fork()
            if child == 0:  # pragma: no cover — this process is killed
                write_forever(vault, number * 1000)
            time.sleep(chance.uniform(0, LONGEST_SECONDS))
            os.kill(child, signal.SIGKILL)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            in_the_middle += bool(leftovers(folder))
            assert history(vault).startswith(lines)
            assert broken_shapes(folder) == []
            listing = reader.listing()
            assert {"baseline.csv", LONG} <= listing.keys()
            check_everything(vault, listing)
        assert in_the_middle > 0  # otherwise nothing was tested
        for name in ["", *listing]:
            if name.endswith("/") or not name:
                put(vault, f"{name}last.csv", version(1))
        assert leftovers(folder) == []
        # A directory that no folder refers to would be an orphan.
        places = [path for path in (folder / "d").glob("*/*") if path.is_dir()]
        assert len(places) == 1 + sum(name.endswith("/") for name in reader.listing())
