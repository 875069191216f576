"""Folders exchanged by another process while a run resolves its output path: a vault error, never a bug or a leak."""

import contextlib
import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from sheets_decrypt.errors import VaultError
from sheets_decrypt.vault import open_folder
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Files
from tests import mounts
from tests.long import scaled
from tests.vault.contract import NEW, content, put
from tests.vault.drives import as_vault

pytestmark = pytest.mark.system("posix", "needs links and fork")

ROUNDS = scaled(100, 8000)


def exchange_forever(folder: Path, sources: Sequence[str]) -> NoReturn:  # pragma: no cover  (it is killed)
    """Move each source to `output` and back, without a pause."""
    for number in itertools.count():
        with contextlib.suppress(OSError):
            for source in sources:
                os.rename(folder / source, folder / "output")  # noqa: PTH104 (in a tight loop)
                os.rename(folder / "output", folder / source)  # noqa: PTH104
            continue
        with contextlib.suppress(OSError):  # the run has created a folder at `output`
            os.rename(folder / "output", folder / f"created {number}")  # noqa: PTH104
    raise AssertionError


@contextlib.contextmanager
def exchanging(folder: Path, *sources: str) -> Iterator[None]:
    """Keep exchanging `folder/output` in another process during the block."""
    child = os.fork()
    if child == 0:  # pragma: no cover  (it is killed)
        exchange_forever(folder, sources)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def outcomes(action: Callable[[int], object]) -> Counter[str]:
    """Count how often the action succeeds, and which vault errors it raises; pass on any other error."""
    counts = Counter[str]()
    for number in range(ROUNDS):
        try:
            action(number)
            counts["done"] += 1
        except VaultError as error:
            counts[type(error).__name__] += 1
    return counts


ACTIONS: tuple[Callable[[Files], object], ...] = (
    lambda files: put(files, "baseline.csv", NEW),
    lambda files: files.append("history.jsonl", NEW),
    lambda files: content(files, "baseline.csv"),
    lambda files: files.size("baseline.csv"),
    lambda files: files.identity("baseline.csv"),
    lambda files: files.names(""),
    lambda files: files.remove("baseline.csv"),
)


@pytest.mark.parametrize("kind", ["drive", "drive by path", "plain folder"])
def test_a_folder_exchanged_at_any_moment_never_causes_a_bug(tmp_path: Path, kind: str) -> None:
    """Whatever is exchanged, and whenever, only vault errors are raised."""
    path = tmp_path / "output" / "surveys" / ".." / "surveys"
    made: dict[str, Callable[[], Files]] = {
        "drive": lambda: Drive(path, classify=as_vault),
        "drive by path": lambda: Drive(path, classify=as_vault, by_descriptor=False),
        "plain folder": lambda: open_folder(path),
    }
    for place in ("real", "elsewhere"):
        (tmp_path / place / "surveys").mkdir(parents=True)
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "file").write_bytes(b"x")
    with exchanging(tmp_path, "real", "link", "file"):
        counts = outcomes(lambda number: ACTIONS[number % len(ACTIONS)](made[kind]()))
    assert len(counts) > 1  # otherwise nothing was exchanged in time


def test_plaintext_never_lands_outside_an_exchanged_vault(own: mounts.Mounted, tmp_path: Path) -> None:
    """Through a link that alternates between the drive and the plain disk, the file lands on the drive or nowhere."""
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / "to drive").symlink_to(own.point)
    (tmp_path / "to disk").symlink_to(plain)
    with exchanging(tmp_path, "to drive", "to disk"):
        counts = outcomes(lambda _: put(Drive(tmp_path / "output"), "baseline.csv", NEW))
    assert list(plain.iterdir()) == []
    assert counts["done"] > 0
    assert len(counts) > 1
