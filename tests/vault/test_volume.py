"""Rules for every system: locked vaults, marks, names, and the meaning of system errors."""

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
    """Return a place that reports the folder as an unlocked vault."""
    return Place(Protection.VAULT, "test", str(top))


def test_a_missing_path_is_judged_by_its_nearest_folder(tmp_path: Path) -> None:
    """The nearest existing folder decides; a file in the way is skipped."""
    (tmp_path / "file").touch()
    here = volume.classify(tmp_path)
    assert volume.classify(tmp_path / "a" / "b") == volume.classify(tmp_path / "file" / "b") == here
    assert volume.nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert volume.nearest_folder(Path("nowhere") / "relative") == Path()


@pytest.mark.system("posix", "Windows reports a name that is too long as not found")
def test_a_folder_that_cannot_be_examined_counts_as_existing(tmp_path: Path) -> None:
    """A folder that cannot be examined is not skipped in favour of its parent."""
    assert volume.nearest_folder(tmp_path / ("a" * 300) / "b") == tmp_path / ("a" * 300) / "b"


def test_an_unknown_system_is_of_unknown_protection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without rules, the protection is unknown."""
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert volume.classify(tmp_path) == Place(Protection.CANNOT_TELL, "a volume of sunos5", str(tmp_path))


@pytest.mark.system("posix", "the paths are a Mac's")
def test_macos_is_asked_on_a_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac, the output of a Mac's commands decides."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(macos, "run", lambda _: f"fuse@macfuse0 on {tmp_path} (macfuse, nodev)\n")
    assert volume.classify(tmp_path) == Place(Protection.CANNOT_TELL, "macfuse", str(tmp_path))


def test_a_mark_is_found_in_the_folder_or_above_it(tmp_path: Path) -> None:
    """The mark at the vault's root covers every folder below, existing or not; blanks around the mark are ignored."""
    (tmp_path / "surveys").mkdir()
    (tmp_path / MARK_FILE).write_text("\ufeff  id-1\r\n", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "surveys", tmp_path / "surveys" / "missing"):
        drive = Drive(folder, mark="id-1", classify=lambda _: vault_at(tmp_path))
        assert drive.check() == vault_at(tmp_path)
        put(drive, "baseline.csv", NEW)


def test_a_missing_or_different_mark_is_refused(tmp_path: Path) -> None:
    """Another vault under the same drive letter gets no files."""
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
    """A mark on the disk below does not mark the vault."""
    write_mark(tmp_path, "id-1")
    (tmp_path / "drive" / "surveys").mkdir(parents=True)
    for folder in (tmp_path / "drive", tmp_path / "drive" / "surveys"):
        with pytest.raises(VaultLocked, match="has no mark"):
            Drive(folder, mark="id-1", classify=lambda _: vault_at(tmp_path / "drive")).check()


def test_a_mark_is_searched_to_the_top_if_the_mount_point_is_elsewhere(tmp_path: Path) -> None:
    """If the mount point is not among the parent folders, every parent is searched."""
    with pytest.raises(VaultLocked, match="has no mark"):
        Drive(tmp_path, mark="id-1", classify=lambda _: vault_at(Path("elsewhere"))).check()


def test_a_mark_is_written_once(tmp_path: Path) -> None:
    """Writing it again changes nothing; another mark is refused; a missing vault is reported."""
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
def test_names_with_a_special_meaning_on_windows_are_refused_there(name: str) -> None:
    """A device, a stream or a wildcard is not a file: `NUL.csv` would silently discard the data."""
    assert parts_of(name, windows=False)
    with pytest.raises(VaultUnusable, match="Windows"):
        parts_of(name, windows=True)


@pytest.mark.parametrize("name", ["console.csv", "null.csv", "com.csv", "a.b.csv", "Umfrage – März.csv", ".hidden"])
def test_ordinary_names_are_fine_on_windows(name: str) -> None:
    """A name that only starts like a device name is a file."""
    assert parts_of(f"surveys/{name}", windows=True) == ("surveys", name)


@pytest.mark.parametrize("name", ["X:/baseline.csv", "X:\\baseline.csv", "a\0b"])
def test_a_windows_path_is_not_a_name(name: str) -> None:
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
def test_each_system_error_is_explained(tmp_path: Path, number: int, kind: type[VaultError], words: str) -> None:
    """The message names the path and gives the cause in lower case."""
    error = explain(OSError(number, os.strerror(number)), tmp_path)
    assert type(error) is kind
    assert words in error.message
    assert str(tmp_path) in error.message


@pytest.mark.parametrize("code", [21, 55, 433, 1167])
def test_a_disconnected_windows_drive_is_reported_as_such(tmp_path: Path, code: int) -> None:
    """Windows reports a disconnected drive as "access denied"; its own error number shows the cause."""
    error = OSError(errno.EACCES, "not ready")
    error.winerror = code  # type: ignore[attr-defined] # as set by Python on Windows
    assert "drive was disconnected" in explain(error, tmp_path).message


def test_an_error_without_a_number_is_reported_by_its_name() -> None:
    """Even an error without any text is reported."""
    assert explain(TimeoutError(), "X:").message == "X:: timeouterror"


def test_only_a_mount_counts_as_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that can be entered, a missing one, and any on Windows are not another user's mount."""
    assert foreign_mount(tmp_path) is None
    assert foreign_mount(tmp_path / "missing" / "more") is None
    monkeypatch.setattr(os, "name", "nt")
    assert foreign_mount(tmp_path) is None


@pytest.mark.system("posix", "Windows cannot sync a folder")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EIO])
def test_a_vault_that_cannot_sync_folders_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some FUSE file systems cannot sync a folder, which is accepted; any other answer is an error."""

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with OpenFolder(tmp_path) as folder:
        if number == errno.EIO:
            with pytest.raises(OSError, match="Input/output"):
                folder.sync()
        else:
            folder.sync()


@pytest.mark.system("posix", "Windows has neither, as every other test shows")
@pytest.mark.parametrize("system", ["a vault without locks", "windows"])
def test_a_vault_without_locks_and_permissions_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """If the file system has neither, files are still replaced and leftovers removed."""
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
