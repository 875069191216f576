"""Paths that reach a drive: links, dots, drive letters, missing folders, mounts below."""

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Place, Protection
from tests import mounts
from tests.vault.contract import NEW, PREVIOUS, content, put, stored


def test_folders_are_created_only_inside_a_vault(tmp_path: Path) -> None:
    """On an encrypted disk a missing folder is reported, since it may be a mount point that is gone."""

    def classify(path: Path) -> Place:
        return Place(Protection.ENCRYPTED_DISK, "ext4", "/")

    missing = Drive(tmp_path / "drive", accept=("encrypted disk",), classify=classify)
    for action in (missing.check, lambda: put(missing, "baseline.csv", NEW)):
        with pytest.raises(VaultLocked, match="not found") as caught:
            action()
        assert caught.value.hint == ("unlock the vault, or create this folder; only a vault's folders are created")
    drive = Drive(tmp_path, accept=("encrypted disk",), classify=classify)
    with pytest.raises(VaultUnusable, match="not found") as refused:
        put(drive, "surveys/baseline.csv", NEW)
    assert refused.value.hint == "create this folder; only a vault's folders are created"
    assert list(tmp_path.iterdir()) == []


def test_folders_outside_the_vaults_own_drive_are_not_created(tmp_path: Path) -> None:
    """A vault's root is never created, even if its location counts as a vault."""

    def classify(path: Path) -> Place:
        return Place(Protection.VAULT, "test", str(tmp_path / "drive"))

    with pytest.raises(VaultLocked, match="not found"):
        Drive(tmp_path / "drive" / "surveys", classify=classify).check()
    assert list(tmp_path.iterdir()) == []


def test_the_output_folder_is_created_inside_a_vault(folder: Path) -> None:
    """The check passes without creating the folder; the first file creates it, for this user only."""
    drive = Drive(folder / "surveys" / "2026")
    drive.check()
    assert list(folder.iterdir()) == []
    put(drive, "baseline.csv", NEW)
    assert os.name == "nt" or stat.S_IMODE((folder / "surveys").stat().st_mode) == 0o700
    assert content(drive, "baseline.csv") == NEW


def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    """The message names the file in the way."""
    (folder / "surveys").write_bytes(PREVIOUS)
    for path in (folder / "surveys", folder / "surveys" / "2026"):
        with pytest.raises(VaultUnusable, match="surveys is not a folder") as caught:
            Drive(path).check()
        assert caught.value.hint == "name a folder for the output"
    with pytest.raises(VaultError, match=re.escape(str(Path("surveys/2026/baseline.csv")))):
        put(Drive(folder), "surveys/2026/baseline.csv", NEW)
    assert (folder / "surveys").read_bytes() == PREVIOUS


@pytest.mark.parametrize("path", ["X:", "X:/surveys", "X:/surveys/2026", r"X:\surveys", "settings/X:/surveys"])
@pytest.mark.wine_cannot("X: is one of the drives that represent a vault there")
def test_a_missing_drive_letter_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A missing vault's drive letter, or a Windows path on another system, is not used as a folder name."""
    monkeypatch.chdir(tmp_path)
    for folder in (Path(path), tmp_path / path):
        with pytest.raises(VaultLocked, match="the drive X: does not exist") as caught:
            Drive(folder).check()
        assert "unlock the vault" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system("posix", "names cannot contain a colon on Windows")
def test_a_folder_named_like_a_drive_is_a_folder(folder: Path) -> None:
    """If `X:` exists, it is used."""
    (folder / "X:").mkdir()
    put(Drive(folder / "X:"), "baseline.csv", NEW)
    assert stored(folder) == ["X:/baseline.csv"]


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_to_the_vault_is_followed(folder: Path, tmp_path: Path) -> None:
    """A link from an unencrypted disk into the vault is as good as the vault."""
    (tmp_path / "vault").symlink_to(folder)
    drive = Drive(tmp_path / "vault")
    assert drive.check().what == "gocryptfs"
    put(drive, "baseline.csv", NEW)
    assert (folder / "baseline.csv").read_bytes() == NEW
    assert (tmp_path / "vault").is_symlink()


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_out_of_the_vault_is_refused(folder: Path, tmp_path: Path) -> None:
    """A link inside the vault to an unencrypted folder or file gets no plaintext."""
    (tmp_path / "plain").mkdir()
    (folder / "out").symlink_to(tmp_path / "plain")
    (folder / "baseline.csv").symlink_to(tmp_path / "plain" / "baseline.csv")
    with pytest.raises(VaultNotEncrypted):
        Drive(folder / "out").check()
    for name in ("out/baseline.csv", "out/new/baseline.csv", "baseline.csv"):
        for action in (put, lambda drive, name, data: drive.append(name, data)):
            with pytest.raises(VaultNotEncrypted, match="which is not encrypted") as caught:
                action(Drive(folder), name, NEW)
            assert caught.value.hint == "remove the link, or give the output's real path"
    assert list((tmp_path / "plain").iterdir()) == []


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_into_a_locked_vault_is_refused(folder: Path, gocryptfs: mounts.Mounted) -> None:
    """A link inside the vault to its own encrypted files gets no plaintext."""
    (folder / "cipher").symlink_to(gocryptfs.cipher)
    with pytest.raises(VaultLocked):
        put(Drive(folder), "cipher/baseline.csv", NEW)
    with pytest.raises(VaultLocked):
        Drive(folder / "cipher").check()


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_inside_the_vault_stays_a_link(folder: Path) -> None:
    """The link's target is replaced."""
    (folder / "data").mkdir()
    (folder / "data" / "real.csv").write_bytes(PREVIOUS)
    (folder / "baseline.csv").symlink_to("data/real.csv")
    put(Drive(folder), "baseline.csv", NEW)
    assert (folder / "baseline.csv").is_symlink()
    assert (folder / "data" / "real.csv").read_bytes() == NEW


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_to_itself_is_an_error(folder: Path) -> None:
    """A loop is refused, and the message names it."""
    (folder / "loop").symlink_to("loop")
    for action in (
        lambda: put(Drive(folder), "loop", NEW),
        lambda: Drive(folder / "loop").check(),
        lambda: put(Drive(folder), "loop/baseline.csv", NEW),
        lambda: content(Drive(folder), "loop"),
    ):
        with pytest.raises(VaultError, match="loop"):
            action()
    assert (folder / "loop").is_symlink()
    assert list(Drive(folder).names("")) == ["loop"]


@pytest.mark.system("posix", "another drive's path cannot follow dots on Windows")
def test_dots_in_the_folder_are_resolved_as_the_system_does(folder: Path, tmp_path: Path) -> None:
    """`vault/../../plain` is the plain folder, and `link/..` is the parent of the link's target."""
    (folder / "surveys").mkdir()
    (tmp_path / "link").symlink_to(folder / "surveys")
    ups = "/".join([".."] * len(folder.parts))
    with pytest.raises(VaultNotEncrypted):
        Drive(Path(f"{folder}/{ups}/{tmp_path}")).check()
    assert Drive(Path(f"{tmp_path}/link/..")).check().what == "gocryptfs"
    put(Drive(Path(f"{tmp_path}/link/..")), "baseline.csv", NEW)
    assert (folder / "baseline.csv").read_bytes() == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link"]


def test_a_mount_below_the_folder_is_not_the_vault(folder: Path) -> None:
    """A sub-folder on another, unencrypted file system gets no plaintext."""
    with mounts.tmpfs(folder / "sub", "64k") as sub:
        with pytest.raises(VaultNotEncrypted, match="tmpfs"):
            put(Drive(folder), "sub/baseline.csv", NEW)
        assert list(sub.iterdir()) == []


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_file_has_one_identity_whatever_its_path(folder: Path, tmp_path: Path) -> None:
    """Links to the folder or the file, dots, and folders in the name do not change the identity, locked or not."""
    (folder / "surveys").mkdir()
    (folder / "surveys" / "baseline.csv").write_bytes(PREVIOUS)
    (folder / "link.csv").symlink_to("surveys/baseline.csv")
    (tmp_path / "link").symlink_to(folder)
    same = {
        Drive(folder).identity("surveys/baseline.csv"),
        Drive(folder).identity("link.csv"),
        Drive(folder / "surveys").identity("baseline.csv"),
        Drive(folder / "surveys" / ".." / "surveys").identity("baseline.csv"),
        Drive(tmp_path / "link" / "surveys").identity("baseline.csv"),
    }
    assert same == {os.path.normcase(folder / "surveys" / "baseline.csv")}
    assert Drive(folder).path("surveys/base line.csv") == str(folder / "surveys" / "base line.csv")
    assert Drive(tmp_path / "missing").identity("a.csv") == os.path.normcase(tmp_path / "missing" / "a.csv")


def test_a_file_of_a_missing_folder_is_reported_as_missing(folder: Path) -> None:
    """Reading in a folder that does not exist yet raises VaultFileMissing."""
    drive = Drive(folder / "surveys")
    assert drive.size("baseline.csv") is None
    with pytest.raises(VaultFileMissing):
        drive.names("")
    drive.remove("baseline.csv")


def test_a_folder_has_no_size_and_is_not_removed(folder: Path) -> None:
    """A folder used as a file is reported as a folder."""
    drive = Drive(folder)
    put(drive, "surveys/baseline.csv", NEW)
    for action, hint in (
        (drive.size, "name a file, such as baseline.csv"),
        (drive.remove, "only files can be removed"),
    ):
        with pytest.raises(VaultUnusable, match=r"surveys is a folder$") as caught:
            action("surveys")
        assert caught.value.hint == hint
    assert content(drive, "surveys/baseline.csv") == NEW


def test_a_disk_that_fails_twice_still_raises_a_vault_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an addition cannot be undone either, the first error is reported."""
    drive = Drive(folder)
    drive.append("history.jsonl", NEW)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", broken)
        disk.setattr(os, "ftruncate", broken)
        with pytest.raises(VaultUnusable, match=r"history\.jsonl"):
            drive.append("history.jsonl", NEW)
        with pytest.raises(VaultUnusable, match=r"baseline\.csv"):
            put(drive, "baseline.csv", NEW)
    assert stored(folder) == ["history.jsonl"]


@pytest.mark.system("posix", "Windows has no devices among its files")
def test_a_device_is_reported_as_a_special_file(folder: Path) -> None:
    """A device has neither a size nor a time."""
    (folder / "baseline.csv").symlink_to(os.devnull)
    with pytest.raises(VaultUnusable, match=r"baseline\.csv is a special file$"):
        Drive(folder).size("baseline.csv")


def test_a_folder_created_by_another_run_at_the_same_moment_is_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder did not exist a moment ago, but does when it is to be created."""
    made = folder / "surveys"
    made.mkdir()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path, **more: path != made and exists(path, **more))
    put(Drive(folder), "surveys/baseline.csv", NEW)
    assert (made / "baseline.csv").read_bytes() == NEW
