"""The rules that hold on every system: locked vaults, marks, names, and what an error of the system means."""

import errno
import os
import sys
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultUnusable
from sheets_decrypt.vault import macos, replacement, volume
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.mark import MARK_FILE, write_mark
from sheets_decrypt.vault.names import parts_of
from sheets_decrypt.vault.system_errors import explain, foreign_mount
from tests.vault.contract import NEW, content, put


def vault_at(top: Path) -> Place:
    """Take a folder for an unlocked vault."""
    return Place(Protection.VAULT, "test", str(top))


def test_a_path_that_is_not_there_is_judged_by_the_folder_above(tmp_path: Path) -> None:
    """The nearest folder decides; a file in the way is passed over."""
    (tmp_path / "file").touch()
    here = volume.classify(tmp_path)
    assert volume.classify(tmp_path / "a" / "b") == volume.classify(tmp_path / "file" / "b") == here
    assert volume.nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert volume.nearest_folder(Path("nowhere") / "relative") == Path()


@pytest.mark.system("posix", "to Windows a name that is too long is one that does not exist")
def test_a_folder_that_does_not_answer_counts_as_there(tmp_path: Path) -> None:
    """What cannot be looked at is not passed over for the folder above."""
    assert volume.nearest_folder(tmp_path / ("a" * 300) / "b") == tmp_path / ("a" * 300) / "b"


def test_an_unknown_system_cannot_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without rules nothing is believed."""
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert volume.classify(tmp_path) == Place(Protection.CANNOT_TELL, "a volume of sunos5", str(tmp_path))


@pytest.mark.system("posix", "the paths are a Mac's")
def test_each_system_is_asked_in_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac's commands are asked on a Mac, and what they print is believed."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(macos, "run", lambda _: f"fuse@macfuse0 on {tmp_path} (macfuse, nodev)\n")
    assert volume.classify(tmp_path) == Place(Protection.CANNOT_TELL, "macfuse", str(tmp_path))


def test_a_mark_is_found_in_the_folder_or_above_it(tmp_path: Path) -> None:
    """The mark at the vault's root serves every folder below, there or not; blanks around it do not count."""
    (tmp_path / "surveys").mkdir()
    (tmp_path / MARK_FILE).write_text("\ufeff  id-1\r\n", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "surveys", tmp_path / "surveys" / "missing"):
        drive = Drive(folder, mark="id-1", classify=lambda _: vault_at(tmp_path))
        assert drive.check() == vault_at(tmp_path)
        put(drive, "baseline.csv", NEW)


def test_a_missing_or_different_mark_is_refused(tmp_path: Path) -> None:
    """Another vault on the same drive letter is not the vault, and gets nothing."""
    drive = Drive(tmp_path, mark="id-1", classify=lambda _: vault_at(tmp_path))
    with pytest.raises(VaultLocked, match="has no mark"):
        put(drive, "baseline.csv", NEW)
    (tmp_path / MARK_FILE).write_text("id-2")
    with pytest.raises(VaultLocked, match="another vault's mark") as caught:
        drive.append("baseline.csv", NEW)
    assert "unlock the right vault" in caught.value.hint
    assert "id-" not in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == [MARK_FILE]


def test_a_mark_above_the_mount_point_does_not_count(tmp_path: Path) -> None:
    """A mark on the disk below is not one on the vault."""
    write_mark(tmp_path, "id-1")
    (tmp_path / "drive" / "surveys").mkdir(parents=True)
    for folder in (tmp_path / "drive", tmp_path / "drive" / "surveys"):
        with pytest.raises(VaultLocked, match="has no mark"):
            Drive(folder, mark="id-1", classify=lambda _: vault_at(tmp_path / "drive")).check()


def test_a_place_that_names_no_folder_is_searched_to_the_top(tmp_path: Path) -> None:
    """Where the mount point is not a folder above, every folder above is looked into."""
    with pytest.raises(VaultLocked, match="has no mark"):
        Drive(tmp_path, mark="id-1", classify=lambda _: vault_at(Path("elsewhere"))).check()


def test_a_mark_is_written_once(tmp_path: Path) -> None:
    """Writing it again changes nothing, another one is refused, and a vault that is gone says so."""
    path = write_mark(tmp_path, "id-1")
    assert path == tmp_path / MARK_FILE
    assert path.read_bytes() == b"id-1\n"
    assert write_mark(tmp_path, "id-1") == path
    with pytest.raises(VaultUnusable, match="holds another mark"):
        write_mark(tmp_path, "id-2")
    assert path.read_bytes() == b"id-1\n"
    with pytest.raises(VaultError, match="not found"):
        write_mark(tmp_path / "missing", "id-1")


@pytest.mark.parametrize(
    "name", ["a:b.csv", "a\\b.csv", "NUL", "nul.csv", "x/CON", "com1.txt", "LPT9", "a. ", "a.", "what?.csv", "CONIN$"]
)
def test_names_that_windows_reads_otherwise_are_refused_there(name: str) -> None:
    """A device, a stream or a wildcard is not a file: `NUL.csv` would swallow the data in silence."""
    assert parts_of(name, windows=False)
    with pytest.raises(VaultUnusable, match="Windows"):
        parts_of(name, windows=True)


@pytest.mark.parametrize("name", ["console.csv", "null.csv", "com.csv", "a.b.csv", "Umfrage – März.csv", ".hidden"])
def test_ordinary_names_are_fine_on_windows(name: str) -> None:
    """A name that only starts like a device's is a file's."""
    assert parts_of(f"surveys/{name}", windows=True) == ("surveys", name)


@pytest.mark.parametrize("name", ["X:/baseline.csv", "X:\\baseline.csv", "a\0b"])
def test_a_windows_path_is_no_name(name: str) -> None:
    """A path with a drive is refused on every system."""
    with pytest.raises(VaultUnusable, match="not a name inside"):
        parts_of(name, windows=False)


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOTCONN, VaultUnusable, "process died"),
        (errno.EIO, VaultUnusable, "process died"),
        (errno.ESTALE, VaultUnusable, "process died"),
        (errno.ENOSPC, VaultUnusable, "full"),
        (errno.EDQUOT, VaultUnusable, "full"),
        (errno.EFBIG, VaultUnusable, "too large"),
        (errno.EROFS, VaultUnusable, "read-only"),
        (errno.EPERM, VaultUnusable, "no permission to read or write"),
        (errno.EACCES, VaultUnusable, "no permission to read or write"),
        (errno.ENAMETOOLONG, VaultUnusable, "too long"),
        (errno.ENOENT, VaultFileMissing, "not found"),
        (errno.ENOTDIR, VaultFileMissing, "not found"),
        (errno.EISDIR, VaultUnusable, "is a folder"),
        (errno.EINVAL, VaultUnusable, "invalid argument"),
    ],
)
def test_each_error_of_the_system_says_what_it_means(
    tmp_path: Path, number: int, kind: type[VaultError], words: str
) -> None:
    """The message names the path and the cause in lower case."""
    error = explain(OSError(number, os.strerror(number)), tmp_path)
    assert type(error) is kind
    assert words in error.message
    assert str(tmp_path) in error.message


@pytest.mark.parametrize("code", [21, 55, 433, 1167])
def test_a_windows_drive_that_is_gone_is_called_gone(tmp_path: Path, code: int) -> None:
    """Windows reports a drive that was pulled as "access denied"; its own number shows it."""
    error = OSError(errno.EACCES, "not ready")
    error.winerror = code  # type: ignore[attr-defined] # as Windows' Python has it
    assert "drive was disconnected" in explain(error, tmp_path).message


def test_an_error_without_a_number_is_told_by_its_name() -> None:
    """Even an error that says nothing is not passed over."""
    assert explain(TimeoutError(), "X:").message == "X:: timeouterror"


def test_only_a_mount_is_taken_for_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that can be walked, one that is missing, and Windows have no mount of another user."""
    assert foreign_mount(tmp_path) is None
    assert foreign_mount(tmp_path / "missing" / "more") is None
    monkeypatch.setattr(os, "name", "nt")
    assert foreign_mount(tmp_path) is None


@pytest.mark.system("posix", "Windows syncs no folders")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EIO])
def test_a_vault_that_cannot_sync_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some FUSE file systems do not know the sync of a folder; any other answer is an error."""

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with OpenFolder(tmp_path) as folder:
        if number == errno.EIO:
            with pytest.raises(OSError, match="Input/output"):
                folder.sync()
        else:
            folder.sync()


@pytest.mark.system("posix", "Windows has neither, and every other test shows that")
@pytest.mark.parametrize("system", ["a vault without locks", "windows"])
def test_a_vault_without_locks_and_permissions_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Where the file system knows neither, files are replaced all the same, and left-over ones are cleared."""
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    if system == "windows":
        monkeypatch.setattr(replacement, "fcntl", None)
    monkeypatch.setattr(os, "fchmod", refuse)
    (tmp_path / ".baseline.csv.0123456789abcdef.sheets-decrypt-tmp").write_bytes(NEW)
    drive = Drive(tmp_path, classify=lambda _: vault_at(tmp_path))
    for _ in range(2):
        put(drive, "baseline.csv", NEW)
    assert content(drive, "baseline.csv") == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.csv"]
