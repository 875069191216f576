"""The storage folder of a locked vault is refused, and no other folder is mistaken for one."""

import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultLocked
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.locked import refuse_if_locked
from tests import mounts, systems
from tests.vault.contract import NEW, content, put

LOCKED = [
    (["vault.cryptomator"], "Cryptomator"),
    (["masterkey.cryptomator", "d/"], "Cryptomator"),
    (["dirid.c9r"], "Cryptomator"),
    (["gocryptfs.conf"], "gocryptfs"),
    (["gocryptfs.diriv"], "gocryptfs"),
    (["cryfs.config"], "CryFS"),
    ([".encfs6.xml"], "EncFS"),
    ([".securefs.json"], "securefs"),
    (["FolderKey.bch"], "Boxcryptor"),
]


def make(folder: Path, *names: str) -> Path:
    """Create empty files, and folders for names that end in a slash."""
    for name in names:
        if name.endswith("/"):
            (folder / name).mkdir()
        else:
            (folder / name).touch()
    return folder


@pytest.mark.parametrize(("names", "product"), LOCKED)
def test_each_products_locked_vault_is_known(tmp_path: Path, names: list[str], product: str) -> None:
    """The vault's folder, a folder below it, a missing one and a file are refused; the folder beside it is not."""
    (tmp_path / "beside").mkdir()
    box = tmp_path / "box"
    (box / "deep").mkdir(parents=True)
    make(box, *names)
    (box / "file.csv").touch()
    for path in ("box", "box/deep", "box/deep/missing/more", "box/file.csv", "beside/../box"):
        with pytest.raises(VaultLocked, match=f"box is the encrypted storage .* locked {product} vault") as caught:
            refuse_if_locked(tmp_path / path)
        assert product in caught.value.hint
    refuse_if_locked(tmp_path / "beside")
    refuse_if_locked(tmp_path)


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_into_a_locked_vault_is_refused(tmp_path: Path) -> None:
    """What counts is where the file lands, whatever its path."""
    box = tmp_path / "box"
    (box / "deep").mkdir(parents=True)
    make(box, "cryfs.config")
    (tmp_path / "link").symlink_to(box / "deep")
    for path in ("link", "link/x"):
        with pytest.raises(VaultLocked, match=r"box is the encrypted storage .* locked CryFS vault"):
            refuse_if_locked(tmp_path / path)


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_out_of_a_locked_vault_is_accepted(tmp_path: Path) -> None:
    """What counts is where the file lands."""
    box = tmp_path / "box"
    box.mkdir()
    make(box, "cryfs.config")
    (tmp_path / "out").mkdir()
    (box / "link").symlink_to(tmp_path / "out")
    refuse_if_locked(box / "link" / "baseline.csv")


def test_a_folder_with_only_a_masterkey_is_not_a_vault(tmp_path: Path) -> None:
    """A copy of the master key kept elsewhere does not make a folder a vault."""
    refuse_if_locked(make(tmp_path, "masterkey.cryptomator"))


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_broken_link_with_a_vault_files_name_counts(tmp_path: Path) -> None:
    """A vault's file that the sync client has not fetched yet still identifies the vault."""
    (tmp_path / "vault.cryptomator").symlink_to("not-synced")
    with pytest.raises(VaultLocked):
        refuse_if_locked(tmp_path)


def test_a_vault_file_evicted_by_icloud_counts(tmp_path: Path) -> None:
    """A vault's file that is only in iCloud still identifies the vault."""
    make(tmp_path, ".vault.cryptomator.icloud")
    with pytest.raises(VaultLocked, match="locked Cryptomator vault"):
        refuse_if_locked(tmp_path)


def test_the_refusal_names_the_file_that_shows_the_vault(tmp_path: Path) -> None:
    """The message names the file and its folder, and the hint says how to remove a stray one."""
    make(tmp_path, "dirid.c9r")
    with pytest.raises(VaultLocked, match=r"found dirid\.c9r in it") as caught:
        refuse_if_locked(tmp_path / "surveys")
    assert str(tmp_path) in caught.value.message
    assert f"move {tmp_path / 'dirid.c9r'}" in caught.value.hint
    make(tmp_path, ".gocryptfs.conf.icloud").joinpath("dirid.c9r").unlink()
    with pytest.raises(VaultLocked, match=r"found \.gocryptfs\.conf\.icloud in it"):
        refuse_if_locked(tmp_path)


@pytest.mark.system("posix", "nothing is above the root of a drive on Windows")
@pytest.mark.parametrize(("names", "product"), LOCKED)
def test_vault_files_above_an_unlocked_vaults_mount_point_are_ignored(
    own: mounts.Mounted, names: list[str], product: str
) -> None:
    """A stray file on the surrounding disk, such as an empty `/dirid.c9r`, does not stop a run."""
    (own.point / "surveys").mkdir()
    make(own.point.parent, *names)
    for folder in (own.point, own.point / "surveys", own.point / "new"):
        drive = Drive(folder)
        assert drive.check().what == "gocryptfs"
        put(drive, "baseline.csv", NEW)
        assert content(drive, "baseline.csv") == NEW


@pytest.mark.parametrize(("names", "product"), LOCKED)
def test_a_vault_file_at_the_mount_point_or_below_is_refused(
    own: mounts.Mounted, names: list[str], product: str
) -> None:
    """A vault's storage folder inside an unlocked vault, or mounted as a whole, is refused."""
    (own.point / "surveys").mkdir()
    for place in (own.point, own.point / "surveys"):
        made = make(place, *names)
        with pytest.raises(VaultLocked, match=f"locked {product} vault"):
            put(Drive(own.point / "surveys"), "baseline.csv", NEW)
        for name in names:
            (made / name).rmdir() if name.endswith("/") else (made / name).unlink()
    put(Drive(own.point / "surveys"), "baseline.csv", NEW)


def test_a_bind_mount_of_a_locked_vaults_folder_is_refused(own: mounts.Mounted, tmp_path: Path) -> None:
    """A bind mount of one of gocryptfs's folders has no vault above it, but contains a vault's file itself."""
    systems.root("posix", "only root can mount a folder elsewhere")
    (own.point / "surveys").mkdir()
    storage = next(path for path in own.cipher.iterdir() if path.is_dir())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["mount", "--bind", storage, elsewhere], check=True)
    try:
        drive = Drive(elsewhere, classify=lambda _: Place(Protection.VAULT, "test", str(elsewhere)))
        with pytest.raises(VaultLocked, match=r"found gocryptfs\.diriv in it"):
            put(drive, "baseline.csv", NEW)
    finally:
        subprocess.run(["umount", "--lazy", elsewhere], check=True)


def test_vault_files_above_an_encrypted_disk_count(tmp_path: Path) -> None:
    """Only a recognised, unlocked vault ends the search, since another disk may be mounted inside a synced folder."""
    make(tmp_path, "cryfs.config")
    (tmp_path / "disk").mkdir()
    for protection in (Protection.ENCRYPTED_DISK, Protection.CANNOT_TELL):
        place = Place(protection, "ext4", str(tmp_path / "disk"))
        drive = Drive(tmp_path / "disk", accept=(protection,), classify=lambda _, place=place: place)  # type: ignore[misc]
        with pytest.raises(VaultLocked, match="locked CryFS vault"):
            drive.check()
