"""Errors of the operating system become errors of ours, and the previous file stays."""

import errno
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path, PureWindowsPath

import pytest

from sheets_decrypt.errors import VaultFileMissing, VaultLocked, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.cryptomator.vault import extended_windows
from tests import systems
from tests.long import scaled
from tests.vault.contract import content, put, stored
from tests.vault.cryptomator.disk import PASSPHRASE, as_before, on_disk


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "input/output error"),
    ],
)
def test_the_systems_errors_become_ours_and_change_nothing(
    vault: CryptomatorVault, storage: Path, number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full, forbidden or broken disk causes exit code 7, and the previous file stays."""
    put(vault, "a.csv", b"former")
    before = as_before(storage)

    def fails(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(VaultUnusable, match=words) as caught:
            put(vault, "a.csv", b"new")
    assert caught.value.exit_code == 7
    assert as_before(storage) == before


def test_a_disk_that_fills_up_during_a_write_is_reported(vault: CryptomatorVault, storage: Path) -> None:
    """The file size limit stops the write in the middle; the error is ours and nothing remains."""
    systems.only_on("posix", "no file size limit here")
    import resource
    import signal

    before = stored(storage)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(VaultUnusable, match="too large"):
            put(vault, "a.csv", b"x" * 3_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert stored(storage) == before


class _Held:
    """A file system on which another program holds one file open, as on Windows."""

    def __init__(self, target: Path, times: int) -> None:
        held = [True] * times

        def rename(source: Path, to: Path) -> Path:
            if to.name == target.name and held:  # on Windows the vault uses extended-length paths
                held.pop()
                error = PermissionError(errno.EACCES, "held open")
                error.winerror = 32  # type: ignore[attr-defined, unused-ignore]  # Windows sets it
                raise error
            os.replace(source, to)  # noqa: PTH105 — stands in for pathlib's own method
            return to

        self.rename = rename


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Do not wait between tries."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return monkeypatch


def test_a_file_held_open_for_a_moment_is_replaced(
    vault: CryptomatorVault, storage: Path, quick: pytest.MonkeyPatch
) -> None:
    """Windows refuses the rename while a sync client reads the file; a moment later it succeeds."""
    put(vault, "a.csv", b"former")
    held = _Held(on_disk(storage, "a.csv"), 3)
    with quick.context() as patch:
        patch.setattr(Path, "replace", held.rename)
        with vault.replace("a.csv") as new:
            new.write(b"new")
    assert (new.stored_as, list(new.notes)) == ("a.csv", [])
    assert content(vault, "a.csv") == b"new"


def test_a_file_that_stays_held_open_gets_the_new_one_beside_it(
    vault: CryptomatorVault, storage: Path, quick: pytest.MonkeyPatch
) -> None:
    """If the other program does not release the file, the new content is stored beside it, and the note says so."""
    put(vault, "a.csv", b"former")
    held = _Held(on_disk(storage, "a.csv"), 1000)
    with quick.context() as patch:
        patch.setattr(Path, "replace", held.rename)
        with vault.replace("a.csv") as new:
            new.write(b"new")
        with pytest.raises(VaultUnusable, match="held open"):
            vault.append("a.csv", b"line")
    assert new.stored_as.startswith("a.2")
    assert new.stored_as.endswith("Z.csv")
    assert "held open" in new.notes[0]
    assert list(vault.names("")) == sorted(["a.csv", new.stored_as])
    assert content(vault, "a.csv") == b"former"
    assert content(vault, new.stored_as) == b"new"


def test_a_folder_that_stays_held_open_is_reported(
    vault: CryptomatorVault, storage: Path, quick: pytest.MonkeyPatch
) -> None:
    """The run waits for a scanner that holds the new folder, then reports it and leaves nothing; the next one works."""
    before = stored(storage)

    def held(source: Path, to: Path) -> Path:
        if source.is_dir():
            error = PermissionError(errno.EACCES, "held open")
            error.winerror = 5  # type: ignore[attr-defined, unused-ignore]  # Windows sets it
            raise error
        os.replace(source, to)  # noqa: PTH105  (stands in for pathlib's own method)
        return to

    with quick.context() as patch:
        patch.setattr(Path, "replace", held)
        with pytest.raises(VaultUnusable, match="held open"):
            put(vault, "surveys/a.csv", b"x")
    assert stored(storage) == before
    put(vault, "surveys/a.csv", b"x")
    assert content(vault, "surveys/a.csv") == b"x"


def test_missing_vaults_are_reported_and_not_created(tmp_path: Path) -> None:
    """A missing folder, such as one on a disconnected drive, is never created."""
    vault = CryptomatorVault(tmp_path / "gone", PASSPHRASE)
    for action in (vault.check, lambda: put(vault, "a.csv", b"x"), lambda: vault.size("a.csv")):
        with pytest.raises(VaultLocked, match="does not exist"):
            action()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_before_it_is_read_is_reported(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another program removes the file at that moment, the error is ours, not the system's."""
    put(vault, "a.csv", b"x")
    found = vault._file("a.csv")
    on_disk(storage, "a.csv").unlink()
    monkeypatch.setattr(vault, "_file", lambda _name: found)
    with pytest.raises(VaultUnusable, match="was removed meanwhile"), vault.read("a.csv"):
        pass
    with pytest.raises(VaultFileMissing):
        CryptomatorVault(storage, PASSPHRASE).modified("a.csv")


@pytest.mark.parametrize(
    ("path", "extended"),
    [
        (r"C:\Vaults\Survey", "\\\\?\\C:\\Vaults\\Survey"),
        (r"\\server\share\Survey", "\\\\?\\UNC\\server\\share\\Survey"),
        ("\\\\?\\C:\\Survey", "\\\\?\\C:\\Survey"),
    ],
)
def test_windows_gets_extended_length_paths(path: str, extended: str) -> None:
    """Encrypted names exceed Windows' limit of 260 characters, which this form lifts."""
    assert str(extended_windows(PureWindowsPath(path))) == extended


LARGE = scaled(20_000_000, 100_000_000)

_WRITE_AND_READ = """
import resource, sys
from pathlib import Path
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening
from sheets_decrypt.vault.cryptomator.unlocked import UnlockedVault
from sheets_decrypt.vault.cryptomator.keys import Keys

folder, size = Path(sys.argv[1]), int(sys.argv[2])
vault = CryptomatorVault(folder, Secret("unused"))  # opened without scrypt, whose 32 MiB would hide any growth
vault._unlocked = UnlockedVault(folder, opening.Opened(Keys.generate(), sys.argv[3], 220))
vault._unlocked.tree.make_root()
piece = bytes(100_003)
with vault.replace("large.csv") as new:
    for _ in range(size // len(piece)):
        new.write(piece)
vault.append("large.csv", b"x")
read = 0
with vault.read("large.csv") as file:
    while block := file.read(65536):
        read += len(block)
assert read >= size - len(piece)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path, combo: Combo) -> None:
    """Twice (long form: ten times) the size takes no more memory, apart from the allocator's variation."""
    systems.only_on("linux", "the peak is measured in kilobytes on Linux only")
    peaks = {}
    for size in (10_000_000, LARGE):
        (tmp_path / str(size)).mkdir()
        command = [sys.executable, "-c", _WRITE_AND_READ, str(tmp_path / str(size)), str(size), combo]
        peaks[size] = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert peaks[LARGE] - peaks[10_000_000] < 4_000


def test_a_file_has_one_identity_however_it_is_written(storage: Path, vault: CryptomatorVault, tmp_path: Path) -> None:
    """Another path to the folder or another form of an accent does not change the identity; no passphrase is needed."""
    if not systems.WINE:  # which creates no links
        (tmp_path / "link").symlink_to(storage)
    asked: list[str] = []

    def passphrase() -> Secret:
        asked.append("asked")
        return PASSPHRASE

    names = [unicodedata.normalize(form, "données/été.csv") for form in ("NFC", "NFD")]
    folders = [storage, tmp_path / "x" / ".." / "vault", *tmp_path.glob("link")]
    vaults = [vault, *(CryptomatorVault(folder, passphrase) for folder in folders)]
    assert {one.identity(name) for one in vaults for name in names} == {f"{os.path.normcase(storage)}|{names[0]}"}
    assert asked == []
