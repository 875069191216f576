"""A mounted vault drive keeps the promise of every vault, on real gocryptfs and CryFS mounts."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.vault import volume
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Place, Protection, Vault
from tests import mounts, require, systems
from tests.vault.contract import NEW, PREVIOUS, VaultContract, content, put
from tests.vault.drives import as_vault, own_folder


class TestOnGocryptfs(VaultContract):
    """The contract, on gocryptfs."""

    @pytest.fixture
    def storage(self, folder: Path) -> Path:
        """A folder on the drive."""
        return folder

    @pytest.fixture
    def vault(self, storage: Path) -> Vault:
        """The drive."""
        return Drive(storage)


class TestByPath(TestOnGocryptfs):
    """The contract, as on Windows, where a folder cannot be held open."""

    @pytest.fixture
    def vault(self, storage: Path) -> Vault:
        """The drive, used only by paths."""
        return Drive(storage, by_descriptor=False)


class TestOnCryFS(VaultContract):
    """The contract, on CryFS."""

    @pytest.fixture
    def storage(self, cryfs: mounts.Mounted, request: pytest.FixtureRequest) -> Path:
        """A folder on the drive."""
        return own_folder(cryfs, request)

    @pytest.fixture
    def vault(self, storage: Path) -> Vault:
        """The drive."""
        return Drive(storage)


def test_unlocked_vaults_are_recognised(gocryptfs: mounts.Mounted, cryfs: mounts.Mounted) -> None:
    """The check names the product and the mount point, at the root and below."""
    (gocryptfs.point / "below").mkdir(exist_ok=True)
    assert Drive(gocryptfs.point).check() == Place(Protection.VAULT, "gocryptfs", str(gocryptfs.point))
    assert Drive(gocryptfs.point / "below").check() == Place(Protection.VAULT, "gocryptfs", str(gocryptfs.point))
    assert Drive(cryfs.point).check() == Place(Protection.VAULT, "CryFS", str(cryfs.point))


@pytest.mark.system("posix", "a drive letter represents the vault, which has no storage folder")
@pytest.mark.parametrize("accept", [("vault",), ("vault", "encrypted disk", "cannot tell"), ("not encrypted", "vault")])
def test_the_inside_of_a_locked_vault_is_refused_whatever_is_accepted(
    gocryptfs: mounts.Mounted, cryfs: mounts.Mounted, accept: tuple[str, ...]
) -> None:
    """The folders with encrypted files are refused, and so is every folder below, existing or not."""
    for folder, product in ((gocryptfs.cipher, "gocryptfs"), (cryfs.cipher, "CryFS")):
        for inside in (folder, folder / "surveys" / "2026"):
            drive = Drive(inside, accept=accept, classify=as_vault)
            with pytest.raises(VaultLocked, match=f"locked {product} vault") as caught:
                drive.check()
            assert "unlock" in caught.value.hint
            with pytest.raises(VaultLocked):
                put(drive, "baseline.csv", NEW)
            with pytest.raises(VaultLocked):
                drive.append("baseline.csv", NEW)
        assert not (folder / "surveys").exists()
        assert not list(folder.glob("*.csv"))


def test_a_reverse_view_is_refused(tmp_path: Path) -> None:
    """`gocryptfs -reverse` shows encrypted files as a drive; plaintext must not be written there."""
    with mounts.gocryptfs(tmp_path, "-reverse") as mounted:
        with pytest.raises(VaultLocked, match="locked gocryptfs vault"):
            Drive(mounted.point, accept=("vault", "cannot tell")).check()
        assert volume.classify(mounted.point).protection is Protection.CANNOT_TELL


@pytest.mark.wine_cannot("BitLocker never answers, so no drive is known to be unencrypted")
@pytest.mark.parametrize("below", ["", "surveys", "surveys/2026"])
def test_a_vault_that_is_not_mounted_is_refused(tmp_path: Path, below: str) -> None:
    """The empty mount point is an unencrypted folder; nothing is written or created there."""
    with mounts.gocryptfs(tmp_path) as mounted:
        put(Drive(mounted.point / "surveys" / "2026"), "baseline.csv", NEW)
    drive = Drive(tmp_path / "drive" / below)
    kind = VaultLocked if below else VaultNotEncrypted
    find = "; if it is unlocked, find its drive and correct the output's path"
    hint = "unlock the vault" + (find if below else ", or give a path on an unlocked vault's drive")
    with pytest.raises(kind, match="not encrypted") as caught:
        drive.check()
    assert caught.value.hint == hint
    with pytest.raises(kind):
        put(drive, "baseline.csv", NEW)
    with pytest.raises(kind):
        drive.append("baseline.csv", NEW)
    assert list((tmp_path / "drive").iterdir()) == []


def test_a_dead_vault_is_reported_as_dead(own: mounts.Mounted) -> None:
    """After the vault's process was killed, every method says so; none reports a missing file."""
    drive = Drive(own.point / "surveys")
    put(drive, "baseline.csv", NEW)
    own.kill()
    for action in (
        drive.check,
        lambda: put(drive, "baseline.csv", NEW),
        lambda: drive.append("baseline.csv", NEW),
        lambda: content(drive, "baseline.csv"),
        lambda: drive.size("baseline.csv"),
        lambda: drive.modified("baseline.csv"),
        lambda: drive.names(""),
        lambda: drive.remove("baseline.csv"),
    ):
        with pytest.raises(VaultUnusable, match="process died") as caught:
            action()
        assert "fusermount3 -u" in caught.value.hint
    assert volume.classify(own.point / "surveys").what == "gocryptfs"


def test_another_users_vault_is_reported_as_such() -> None:
    """A mount that only its owner may enter is not reported as missing, at the root or below."""
    with mounts.open_to_all() as folder, mounts.gocryptfs(folder) as mounted:
        (mounted.point / "surveys").mkdir()
        with mounts.as_nobody():
            for path in (mounted.point, mounted.point / "surveys", mounted.point / "not" / "there"):
                with pytest.raises(VaultUnusable, match=f"{mounted.point} was mounted by another user") as caught:
                    Drive(path).check()
                assert "user who unlocked" in caught.value.hint
                with pytest.raises(VaultUnusable, match="another user"):
                    Drive(path).size("baseline.csv")


def test_another_users_vault_refuses_even_root(tmp_path: Path) -> None:
    """FUSE keeps even root out of a user's mount, which affects a system-wide cron job."""
    systems.root("linux", "only root can become another user")
    require.fuse()
    gocryptfs = require.program("gocryptfs")
    unshare, setpriv = require.program("unshare"), require.program("setpriv")
    with mounts.open_to_all() as folder:
        cipher, point = folder / "cipher", folder / "drive"
        for path in (cipher, point):
            path.mkdir()
            os.chown(path, mounts.NOBODY, mounts.NOBODY)
        as_nobody = f"{setpriv} --reuid={mounts.NOBODY} --regid={mounts.NOBODY} --clear-groups"
        options = "-q -nosyslog -extpass 'echo secret'"
        # In its own mount namespace, so that no one else sees the device node that everyone may open.
        script = f"""
            mknod {folder}/fuse c 10 229 && chmod 666 {folder}/fuse && mount --bind {folder}/fuse /dev/fuse || exit 77
            {as_nobody} {gocryptfs} -init -scryptn 10 {options} {cipher} || exit 77
            {as_nobody} {gocryptfs} {options} {cipher} {point} || exit 77
            {sys.executable} -c '
import sys
from pathlib import Path
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.errors import VaultUnusable
try:
    Drive(Path(sys.argv[1])).check()
except VaultUnusable as error:
    print(error.message)
' {point}
            fusermount3 -u {point}
        """
        done = subprocess.run(
            [unshare, "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, cwd=Path.cwd()
        )
        require.that(done.returncode != 77, f"no mount as another user: {done.stderr.strip()}")
        assert done.stdout == f"{point} was mounted by another user, and only that user can access it\n"


def test_a_folder_without_access_is_reported_as_such() -> None:
    """An ordinary folder without permission is not mistaken for another user's mount."""
    with mounts.open_to_all() as folder:
        (folder / "private" / "deep").mkdir(parents=True)
        (folder / "private").chmod(0o700)
        with mounts.as_nobody():
            for path in (folder / "private", folder / "private" / "deep" / "deeper"):
                with pytest.raises(VaultUnusable, match="no permission to read or write"):
                    Drive(path, classify=as_vault).check()


def test_a_read_only_vault_is_refused(tmp_path: Path) -> None:
    """A read-only mount fails the check before anything is decrypted; reading still works."""
    with mounts.gocryptfs(tmp_path) as mounted:
        put(Drive(mounted.point), "baseline.csv", PREVIOUS)
    with mounts.gocryptfs(tmp_path, "-ro") as mounted:
        drive = Drive(mounted.point)
        with pytest.raises(VaultUnusable, match="read-only") as caught:
            drive.check()
        assert "write access" in caught.value.hint
        with pytest.raises(VaultUnusable, match="read-only"):
            put(drive, "baseline.csv", NEW)
        with pytest.raises(VaultUnusable):
            drive.remove("baseline.csv")
        assert content(drive, "baseline.csv") == PREVIOUS


def test_a_folder_without_write_permission_is_refused() -> None:
    """A folder that this user may enter but not write fails the check."""
    with mounts.open_to_all() as folder:
        drive = Drive(folder, classify=as_vault)
        with mounts.as_nobody(), pytest.raises(VaultUnusable, match="no permission to read or write"):
            drive.check()


def test_a_vault_without_any_room_fails_its_check(tmp_path: Path) -> None:
    """A full vault is noticed before anything is decrypted."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        with contextlib.suppress(OSError):
            (tiny / "filler").write_bytes(os.urandom(100_000))
        with pytest.raises(VaultUnusable, match="full"):
            Drive(tiny, classify=as_vault).check()


def test_an_unencrypted_disk_is_never_accepted(tmp_path: Path) -> None:
    """No list of accepted kinds allows plaintext on a file system in memory or on an unencrypted disk."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        for accept in (("vault",), ("vault", "encrypted disk", "cannot tell", "not encrypted")):
            with pytest.raises(VaultNotEncrypted, match=r"tmpfs.*not encrypted") as caught:
                Drive(tiny, accept=accept).check()
            assert "accept" not in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (Protection.ENCRYPTED_DISK, "is on the encrypted disk / (ext4)"),
        (Protection.CANNOT_TELL, "is on / (ext4), which may or may not be encrypted"),
    ],
)
def test_other_places_are_accepted_only_if_configured(tmp_path: Path, kind: Protection, found: str) -> None:
    """An encrypted disk, or a place of unknown protection, must be named in the configuration; the hint says how."""

    def classify(path: Path) -> Place:
        return Place(kind, "ext4", "/")

    with pytest.raises(VaultNotEncrypted) as caught:
        Drive(tmp_path, classify=classify).check()
    assert found in caught.value.message
    assert caught.value.hint.startswith("unlock the vault")
    assert f'"{kind}" to `accept`' in caught.value.hint
    drive = Drive(tmp_path, accept=("vault", str(kind)), classify=classify)
    assert drive.check().protection is kind
    put(drive, "baseline.csv", NEW)
    assert content(drive, "baseline.csv") == NEW


def test_an_empty_drive_lists_nothing_and_takes_a_first_and_a_second_csv(own: mounts.Mounted) -> None:
    """On Windows some calls report an empty root as "not found", and a file to be replaced has modes but no owner."""
    drive = Drive(own.point)
    assert [name for name in drive.names("") if name.endswith(".csv")] == []
    for content_now in (PREVIOUS, NEW):
        put(drive, "baseline.csv", content_now)
        assert content(drive, "baseline.csv") == content_now
