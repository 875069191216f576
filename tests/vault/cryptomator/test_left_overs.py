"""Leftovers of killed runs are removed, and another process's files are not mistaken for leftovers."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultUnusable
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator import storage as disk
from tests import systems
from tests.vault.contract import content, put, stored
from tests.vault.cryptomator.disk import PASSPHRASE, names_of, on_disk, root_of


def left_over(folder: Path, host: str | None = None) -> Path:
    """Return a leftover temporary file's path, by default with this machine's name."""
    return folder / f".sheets-decrypt-{host or disk._host()}-{os.urandom(8).hex()}.tmp"


def age(folder: Path) -> None:
    """Make a leftover folder a day old: on Windows nothing else shows that no process writes to it."""
    if systems.WINDOWS:
        os.utime(folder, (folder.stat().st_mtime - 25 * 3600,) * 2)


def test_another_machines_temporary_file_stays_for_a_day(vault: CryptomatorVault, storage: Path) -> None:
    """In a synced folder, another machine may still be writing it; after a day it is a leftover."""
    foreign = left_over(root_of(storage), "0badc0de")
    foreign.write_bytes(b"x")
    put(vault, "a.csv", b"x")
    assert foreign.exists()
    os.utime(foreign, (foreign.stat().st_mtime - 25 * 3600,) * 2)
    put(vault, "a.csv", b"x")
    assert not foreign.exists()


def test_a_file_that_only_looks_like_a_leftover_stays(vault: CryptomatorVault, storage: Path) -> None:
    """Only names that match our pattern exactly are removed."""
    for name in (".sheets-decrypt-note.tmp", ".tmp", "x.tmp"):
        (root_of(storage) / name).write_bytes(b"x")
    put(vault, "a.csv", b"x")
    assert {".sheets-decrypt-note.tmp", ".tmp", "x.tmp"} <= {path.name for path in root_of(storage).iterdir()}


def test_an_orphaned_directory_is_removed_with_its_leftover(vault: CryptomatorVault, storage: Path) -> None:
    """A run killed between creating a folder's directory and its entry leaves neither behind."""
    put(vault, "a.csv", b"x")
    before = stored(storage)
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    (prepared / "dir.c9r").write_text("an-id")
    place = storage / names_of(storage).address("an-id")
    place.mkdir(parents=True)
    (place / "dirid.c9r").write_bytes(b"x")
    age(prepared)
    put(vault, "a.csv", b"x")
    assert stored(storage) == before
    assert not place.parent.exists()


@pytest.mark.parametrize("folder_id", ["an-id", ""])
def test_a_directory_with_files_is_never_removed(vault: CryptomatorVault, storage: Path, folder_id: str) -> None:
    """A forged leftover cannot make a run remove another program's files or the root."""
    put(vault, "a.csv", b"x")
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    (prepared / "dir.c9r").write_text(folder_id)
    place = storage / names_of(storage).address(folder_id)
    place.mkdir(parents=True, exist_ok=True)
    (place / "dirid.c9r").write_bytes(b"x")
    (place / "theirs.c9r").write_bytes(b"x")
    age(prepared)
    vault.remove("a.csv")
    put(vault, "b.csv", b"x")
    assert (place / "theirs.c9r").exists()
    assert (place / "dirid.c9r").exists()
    assert not prepared.exists()


def test_a_file_being_written_by_another_process_is_not_a_leftover(vault: CryptomatorVault, storage: Path) -> None:
    """Two jobs may write into one folder of one vault at the same time."""
    systems.only_on("posix", "this needs flock")
    script = (
        "import sys; from pathlib import Path\n"
        "from sheets_decrypt.vault.cryptomator.storage import Temporary\n"
        "held = [make(Path(sys.argv[1])) for make in (Temporary.file, Temporary.folder)]\n"
        "print(*(one.path for one in held), sep='\\n', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(root_of(storage))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        held = [Path(other.stdout.readline().rstrip("\n")) for _ in range(2)]
        put(vault, "a.csv", b"x")
        assert all(path.exists() for path in held)
        other.stdin.close()
        other.wait(60)
    put(vault, "a.csv", b"x")
    assert not any(path.exists() for path in held)


def test_age_decides_on_a_file_system_without_locks(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system without locks, a recent temporary file may be in use, but one of a day is not."""
    systems.only_on("posix", "this needs flock")
    import fcntl

    def no_locks(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    young, old = left_over(root_of(storage)), left_over(root_of(storage))
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(old, (old.stat().st_mtime - 25 * 3600,) * 2)
    put(vault, "a.csv", b"x")
    assert young.exists()
    assert not old.exists()
    assert content(vault, "a.csv") == b"x"


def test_a_temporary_file_that_was_removed_at_once_is_created_again(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another job removes it as a leftover between its creation and its lock, the run retries with a new name."""
    make, folder = disk._create, root_of(storage)
    calls: list[Path] = []

    def cleared(path: Path) -> int:
        calls.append(path)
        if len(calls) == 1:
            raise FileNotFoundError(errno.ENOENT, "gone")
        handle = make(path)
        if len(calls) == 2 and not systems.WINDOWS:  # on Windows an open file cannot be removed
            path.unlink()
        return handle

    monkeypatch.setattr(disk, "_create", cleared)
    put(vault, "a.csv", b"x")
    assert len(calls) == (2 if systems.WINDOWS else 3)
    assert content(vault, "a.csv") == b"x"
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []


def test_a_folder_created_meanwhile_by_another_program_is_used(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later process uses the existing folder and leaves nothing of its own behind."""
    other = CryptomatorVault(storage, PASSPHRASE)
    put(other, "warm.csv", b"x")
    inside = vault._unlocked
    assert inside is not None
    make = inside.tree._make_place

    def late(folder_id: str) -> None:
        make(folder_id)
        put(other, "surveys/theirs.csv", b"theirs")

    monkeypatch.setattr(inside.tree, "_make_place", late)
    put(vault, "surveys/ours.csv", b"ours")
    assert list(vault.names("surveys")) == ["ours.csv", "theirs.csv"]
    places = [path for path in (storage / "d").glob("*/*") if path.is_dir()]
    assert len(places) == 2


def test_a_folder_that_cannot_be_created_leaves_nothing(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No directory, no entry and no file remains."""
    before = stored(storage)
    inside = vault._unlocked
    assert inside is not None
    make = inside.tree._make_place

    def fails(folder_id: str) -> None:
        make(folder_id)
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(inside.tree, "_make_place", fails)
    with pytest.raises(VaultUnusable, match="full"):
        put(vault, "surveys/a.csv", b"x")
    assert stored(storage) == before


def test_a_replaced_file_keeps_its_readers(vault: CryptomatorVault, storage: Path) -> None:
    """A user who could read the previous ciphertext, such as a sync service, can read the new one."""
    systems.only_on("posix", "modes mean nothing here")
    put(vault, "a.csv", b"x")
    on_disk(storage, "a.csv").chmod(0o640)
    put(vault, "a.csv", b"y")
    assert on_disk(storage, "a.csv").stat().st_mode & 0o777 == 0o640
