"""Folders that someone exchanges while a run resolves its output's path: a vault error, never a bug or a leak."""

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


def exchange_for_ever(folder: Path, sources: Sequence[str]) -> NoReturn:  # pragma: no cover  (it is killed)
    """Put each source, and in between nothing, in the place of `output`, without a pause."""
    for number in itertools.count():
        with contextlib.suppress(OSError):
            for source in sources:
                os.rename(folder / source, folder / "output")  # noqa: PTH104 (in a tight loop)
                os.rename(folder / "output", folder / source)  # noqa: PTH104
            continue
        with contextlib.suppress(OSError):  # the run has created a folder there
            os.rename(folder / "output", folder / f"created {number}")  # noqa: PTH104
    raise AssertionError


@contextlib.contextmanager
def exchanging(folder: Path, *sources: str) -> Iterator[None]:
    """Exchange what `folder/output` is, in another process, during the block."""
    child = os.fork()
    if child == 0:  # pragma: no cover  (it is killed)
        exchange_for_ever(folder, sources)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def outcomes(action: Callable[[int], object]) -> Counter[str]:
    """Count how often the action succeeds and which vault errors it raises; any other error is raised."""
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
def test_a_folder_that_is_exchanged_at_any_moment_is_no_bug(tmp_path: Path, kind: str) -> None:
    """Whatever is exchanged for what and when, only vault errors are raised."""
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
    assert len(counts) > 1  # else nothing was exchanged in time


def test_plaintext_never_lands_outside_of_the_vault_that_is_exchanged(own: mounts.Mounted, tmp_path: Path) -> None:
    """A link that alternates between the drive and the plain disk gets the file on the drive, or not at all."""
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / "to drive").symlink_to(own.point)
    (tmp_path / "to disk").symlink_to(plain)
    with exchanging(tmp_path, "to drive", "to disk"):
        counts = outcomes(lambda _: put(Drive(tmp_path / "output"), "baseline.csv", NEW))
    assert list(plain.iterdir()) == []
    assert counts["done"] > 0
    assert len(counts) > 1
