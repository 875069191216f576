"""A mounted vault drive keeps the promise of every vault, on real gocryptfs and CryFS mounts."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.vault import volume
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.interface import Place, Protection, Vault
from sheets_decrypt.vault.replacement import NewFile, Patience
from tests import mounts, require
from tests.contracts import FORMER, NEW, VaultContract, content, kill_in_the_middle, put, stored


@pytest.fixture(scope="module")
def gocryptfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mounts.Mounted]:
    """An unlocked gocryptfs vault for the whole module."""
    with mounts.gocryptfs(tmp_path_factory.mktemp("gocryptfs")) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def cryfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mounts.Mounted]:
    """An unlocked CryFS vault for the whole module."""
    with mounts.cryfs(tmp_path_factory.mktemp("cryfs")) as mounted:
        yield mounted


@pytest.fixture
def folder(gocryptfs: mounts.Mounted, request: pytest.FixtureRequest) -> Path:
    """An empty folder of the test's own on the gocryptfs drive."""
    return own_folder(gocryptfs, request)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[mounts.Mounted]:
    """An unlocked gocryptfs vault for one test, which may break it."""
    with mounts.gocryptfs(tmp_path) as mounted:
        yield mounted


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """After every test, no file or folder of any drive is open: that would keep the vault from being locked."""
    yield
    if sys.platform == "linux":
        held = [path for number in Path("/proc/self/fd").iterdir() if "/drive" in (path := os.path.realpath(number))]
        assert held == []


def own_folder(mounted: mounts.Mounted, request: pytest.FixtureRequest) -> Path:
    """Make a folder on the drive that no other test uses."""
    folder = mounted.point / f"{abs(hash(request.node.nodeid)):x}"
    folder.mkdir()
    return folder


def as_vault(path: Path) -> Place:
    """Take any file system for a vault, where a test needs one that no vault can be made to be."""
    return Place(Protection.VAULT, "test", volume.classify(path).where)


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
        """The drive, used by paths alone."""
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


@pytest.mark.parametrize("accept", [("vault",), ("vault", "encrypted disk", "cannot tell"), ("not encrypted", "vault")])
def test_the_inside_of_a_locked_vault_is_refused_whatever_is_accepted(
    gocryptfs: mounts.Mounted, cryfs: mounts.Mounted, accept: tuple[str, ...]
) -> None:
    """The folders of encrypted files are refused, with every folder below, there or not."""
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
    """`gocryptfs -reverse` shows encrypted files as a drive; plaintext does not belong there."""
    with mounts.gocryptfs(tmp_path, "-reverse") as mounted:
        with pytest.raises(VaultLocked, match="locked gocryptfs vault"):
            Drive(mounted.point, accept=("vault", "cannot tell")).check()
        assert volume.classify(mounted.point).protection is Protection.CANNOT_TELL


@pytest.mark.parametrize("below", ["", "surveys", "surveys/2026"])
def test_a_vault_that_is_not_mounted_is_refused(tmp_path: Path, below: str) -> None:
    """The empty mount point is an unencrypted folder; nothing is written and nothing is made there."""
    with mounts.gocryptfs(tmp_path) as mounted:
        put(Drive(mounted.point / "surveys" / "2026"), "baseline.csv", NEW)
    drive = Drive(tmp_path / "drive" / below)
    kind = VaultLocked if below else VaultNotEncrypted
    with pytest.raises(kind, match="not encrypted") as caught:
        drive.check()
    assert "unlock the vault" in caught.value.hint
    with pytest.raises(kind):
        put(drive, "baseline.csv", NEW)
    with pytest.raises(kind):
        drive.append("baseline.csv", NEW)
    assert list((tmp_path / "drive").iterdir()) == []


def test_a_dead_vault_is_called_dead(own: mounts.Mounted) -> None:
    """After its process was killed, every method says so, and never that a file is missing."""
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


def test_another_users_vault_is_called_that() -> None:
    """A mount that only its owner may enter is not called missing, at the root and below."""
    with mounts.open_to_all() as folder, mounts.gocryptfs(folder) as mounted:
        (mounted.point / "surveys").mkdir()
        with mounts.as_nobody():
            for path in (mounted.point, mounted.point / "surveys", mounted.point / "not" / "there"):
                with pytest.raises(VaultUnusable, match=f"{mounted.point} is mounted by another user") as caught:
                    Drive(path).check()
                assert "user who unlocked" in caught.value.hint
                with pytest.raises(VaultUnusable, match="another user"):
                    Drive(path).size("baseline.csv")


def test_root_is_refused_as_well_by_another_users_vault(tmp_path: Path) -> None:
    """FUSE keeps even root out of a user's mount, which is what a system's cron job meets."""
    require.that(sys.platform == "linux" and os.geteuid() == 0, "only root can become another user")
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
        # In a namespace of its own, so that the device node that everybody may open is seen by nobody else.
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
        assert done.stdout == f"{point} is mounted by another user, and only that user may enter it\n"


def test_a_folder_that_refuses_this_user_is_called_that() -> None:
    """An ordinary folder without permission is not taken for a mount of another user."""
    with mounts.open_to_all() as folder:
        (folder / "private" / "deep").mkdir(parents=True)
        (folder / "private").chmod(0o700)
        with mounts.as_nobody():
            for path in (folder / "private", folder / "private" / "deep" / "deeper"):
                with pytest.raises(VaultUnusable, match="this user may not read or write"):
                    Drive(path, classify=as_vault).check()


def test_a_vault_that_may_only_be_read_is_refused(tmp_path: Path) -> None:
    """A read-only mount fails the check, before anything is decrypted; reading still works."""
    with mounts.gocryptfs(tmp_path) as mounted:
        put(Drive(mounted.point), "baseline.csv", FORMER)
    with mounts.gocryptfs(tmp_path, "-ro") as mounted:
        drive = Drive(mounted.point)
        with pytest.raises(VaultUnusable, match="read-only") as caught:
            drive.check()
        assert "write access" in caught.value.hint
        with pytest.raises(VaultUnusable, match="read-only"):
            put(drive, "baseline.csv", NEW)
        with pytest.raises(VaultUnusable):
            drive.remove("baseline.csv")
        assert content(drive, "baseline.csv") == FORMER


def test_a_folder_without_permission_to_write_is_refused() -> None:
    """A folder that this user may enter but not write fails the check."""
    with mounts.open_to_all() as folder:
        drive = Drive(folder, classify=as_vault)
        with mounts.as_nobody(), pytest.raises(VaultUnusable, match="may not read or write"):
            drive.check()


def test_a_full_vault_keeps_the_former_file(tmp_path: Path) -> None:
    """Where the new file does not fit, the former one stays whole and nothing is left of the new."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        drive = Drive(tiny, classify=as_vault)
        put(drive, "baseline.csv", FORMER)
        with pytest.raises(VaultUnusable, match="full") as caught:
            put(drive, "baseline.csv", os.urandom(100_000))
        assert "make room" in caught.value.hint
        with pytest.raises(VaultUnusable, match="full"), drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
            for _ in range(100):
                new.write(os.urandom(1_000_000))
        assert content(drive, "baseline.csv") == FORMER
        assert stored(tiny) == ["baseline.csv"]


def test_an_append_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    """A line is added whole or not at all."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        drive = Drive(tiny, classify=as_vault)
        drive.append("history.jsonl", b"{}\n")
        with pytest.raises(VaultUnusable, match="full"):
            drive.append("history.jsonl", os.urandom(100_000))
        assert content(drive, "history.jsonl") == b"{}\n"


def test_a_vault_without_any_room_fails_its_check(tmp_path: Path) -> None:
    """A full vault is found before anything is decrypted."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        with contextlib.suppress(OSError):
            (tiny / "filler").write_bytes(os.urandom(100_000))
        with pytest.raises(VaultUnusable, match="full"):
            Drive(tiny, classify=as_vault).check()


def test_an_unencrypted_disk_is_never_accepted(tmp_path: Path) -> None:
    """No list of accepted kinds lets plaintext onto a file system in memory or on a plain disk."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        for accept in (("vault",), ("vault", "encrypted disk", "cannot tell", "not encrypted")):
            with pytest.raises(VaultNotEncrypted, match=r"tmpfs.*not encrypted") as caught:
                Drive(tiny, accept=accept).check()
            assert "accept" not in caught.value.hint


@pytest.mark.parametrize("kind", [Protection.ENCRYPTED_DISK, Protection.CANNOT_TELL])
def test_other_places_are_accepted_only_by_name(tmp_path: Path, kind: Protection) -> None:
    """An encrypted disk, or a place that cannot be told, needs its name in the configuration; the hint gives it."""

    def classify(path: Path) -> Place:
        return Place(kind, "ext4", "/")

    with pytest.raises(VaultNotEncrypted) as caught:
        Drive(tmp_path, classify=classify).check()
    assert f'"{kind}" to `accept`' in caught.value.hint
    drive = Drive(tmp_path, accept=("vault", str(kind)), classify=classify)
    assert drive.check().protection is kind
    put(drive, "baseline.csv", NEW)
    assert content(drive, "baseline.csv") == NEW


def test_folders_are_made_only_inside_of_a_vault(tmp_path: Path) -> None:
    """On an encrypted disk a missing folder is a mistake to report, since it may be a mount point that is gone."""

    def classify(path: Path) -> Place:
        return Place(Protection.ENCRYPTED_DISK, "ext4", "/")

    missing = Drive(tmp_path / "drive", accept=("encrypted disk",), classify=classify)
    for action in (missing.check, lambda: put(missing, "baseline.csv", NEW)):
        with pytest.raises(VaultLocked, match="is not there"):
            action()
    drive = Drive(tmp_path, accept=("encrypted disk",), classify=classify)
    with pytest.raises(VaultUnusable, match="is not there"):
        put(drive, "surveys/baseline.csv", NEW)
    assert list(tmp_path.iterdir()) == []


def test_folders_outside_of_the_vaults_own_drive_are_not_made(tmp_path: Path) -> None:
    """A vault's root is never made, even where its place is taken for a vault."""

    def classify(path: Path) -> Place:
        return Place(Protection.VAULT, "test", str(tmp_path / "drive"))

    with pytest.raises(VaultLocked, match="is not there"):
        Drive(tmp_path / "drive" / "surveys", classify=classify).check()
    assert list(tmp_path.iterdir()) == []


def test_the_output_folder_is_made_inside_of_a_vault(folder: Path) -> None:
    """The check passes where the folder can be made, makes nothing, and the first file makes it for this user alone."""
    drive = Drive(folder / "surveys" / "2026")
    drive.check()
    assert list(folder.iterdir()) == []
    put(drive, "baseline.csv", NEW)
    assert stat.S_IMODE((folder / "surveys").stat().st_mode) == 0o700
    assert content(drive, "baseline.csv") == NEW


def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    """The message names the file that stands in the way."""
    (folder / "surveys").write_bytes(FORMER)
    for path in (folder / "surveys", folder / "surveys" / "2026"):
        with pytest.raises(VaultUnusable, match="surveys is not a folder"):
            Drive(path).check()
    assert (folder / "surveys").read_bytes() == FORMER


@pytest.mark.parametrize("path", ["X:", "X:/surveys", "X:/surveys/2026", r"X:\surveys", "settings/X:/surveys"])
def test_a_drive_letter_that_leads_nowhere_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A vault's drive letter that is not there, or a Windows path elsewhere, is not taken for a folder's name."""
    monkeypatch.chdir(tmp_path)
    for folder in (Path(path), tmp_path / path):
        with pytest.raises(VaultLocked, match="the drive X: is not there") as caught:
            Drive(folder).check()
        assert "unlock the vault" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_called_like_a_drive_is_a_folder(folder: Path) -> None:
    """Where `X:` is there, it is used."""
    (folder / "X:").mkdir()
    put(Drive(folder / "X:"), "baseline.csv", NEW)
    assert stored(folder) == ["X:/baseline.csv"]


def test_a_link_to_the_vault_is_followed(folder: Path, tmp_path: Path) -> None:
    """A link on an unencrypted disk that leads into the vault is as good as the vault."""
    (tmp_path / "vault").symlink_to(folder)
    drive = Drive(tmp_path / "vault")
    assert drive.check().what == "gocryptfs"
    put(drive, "baseline.csv", NEW)
    assert (folder / "baseline.csv").read_bytes() == NEW
    assert (tmp_path / "vault").is_symlink()


def test_a_link_out_of_the_vault_is_refused(folder: Path, tmp_path: Path) -> None:
    """A link inside of the vault that leads to an unencrypted folder or file gets no plaintext."""
    (tmp_path / "plain").mkdir()
    (folder / "out").symlink_to(tmp_path / "plain")
    (folder / "baseline.csv").symlink_to(tmp_path / "plain" / "baseline.csv")
    with pytest.raises(VaultNotEncrypted):
        Drive(folder / "out").check()
    for name in ("out/baseline.csv", "out/new/baseline.csv", "baseline.csv"):
        for action in (put, lambda drive, name, data: drive.append(name, data)):
            with pytest.raises(VaultNotEncrypted, match="which is not encrypted") as caught:
                action(Drive(folder), name, NEW)
            assert "remove the link" in caught.value.hint
    assert list((tmp_path / "plain").iterdir()) == []


def test_a_link_into_a_locked_vault_is_refused(folder: Path, gocryptfs: mounts.Mounted) -> None:
    """A link inside of the vault that leads to its own encrypted files gets no plaintext."""
    (folder / "cipher").symlink_to(gocryptfs.cipher)
    with pytest.raises(VaultLocked):
        put(Drive(folder), "cipher/baseline.csv", NEW)
    with pytest.raises(VaultLocked):
        Drive(folder / "cipher").check()


def test_a_link_inside_of_the_vault_stays_a_link(folder: Path) -> None:
    """The file that the link leads to is replaced."""
    (folder / "data").mkdir()
    (folder / "data" / "real.csv").write_bytes(FORMER)
    (folder / "baseline.csv").symlink_to("data/real.csv")
    put(Drive(folder), "baseline.csv", NEW)
    assert (folder / "baseline.csv").is_symlink()
    assert (folder / "data" / "real.csv").read_bytes() == NEW


def test_a_link_that_leads_to_itself_is_an_error(folder: Path) -> None:
    """A loop is refused and named."""
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


def test_dots_in_the_folder_are_resolved_as_the_system_does(folder: Path, tmp_path: Path) -> None:
    """`vault/../../plain` is the plain folder, and `link/..` is the folder above the link's target."""
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
    """A sub-folder that is another, unencrypted file system gets no plaintext."""
    with mounts.tmpfs(folder / "sub", "64k") as sub:
        with pytest.raises(VaultNotEncrypted, match="tmpfs"):
            put(Drive(folder), "sub/baseline.csv", NEW)
        assert list(sub.iterdir()) == []


def test_files_are_for_this_user_alone(folder: Path) -> None:
    """New files are 0600, also while they are written; a file's own permissions are kept when it is replaced."""
    drive = Drive(folder)
    before = os.umask(0)
    try:
        with drive.replace("baseline.csv") as new:
            new.write(NEW)
            (temporary,) = folder.iterdir()
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        drive.append("history.jsonl", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "baseline.csv").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "history.jsonl").stat().st_mode) == 0o600
    (folder / "baseline.csv").chmod(0o640)
    put(drive, "baseline.csv", NEW)
    assert stat.S_IMODE((folder / "baseline.csv").stat().st_mode) == 0o640


def test_the_next_run_clears_only_its_own_files(folder: Path) -> None:
    """What a killed run left of another file, and files of a like name, stay."""
    drive = Drive(folder)
    kill_in_the_middle(drive, "baseline.csv.csv")
    (folder / ".baseline.csv.notes.sheets-decrypt-tmp").write_bytes(b"")
    before = stored(folder)
    put(drive, "baseline.csv", NEW)
    assert stored(folder) == sorted([*before, "baseline.csv"])


def test_a_long_name_leaves_nothing_either(folder: Path) -> None:
    """A name near the limit can be written, and a killed run of it is cleared."""
    drive, name = Drive(folder), "é" * 120 + ".csv"
    kill_in_the_middle(drive, name)
    assert len(stored(folder)) == 1
    put(drive, name, NEW)
    assert stored(folder) == [name]


def test_a_name_that_is_too_long_is_called_that(folder: Path) -> None:
    """The message names the limit, for the file and for the folder."""
    with pytest.raises(VaultUnusable, match="too long"):
        put(Drive(folder), "a" * 300, NEW)
    with pytest.raises(VaultUnusable, match="too long"):
        Drive(folder / ("a" * 300)).check()
    assert stored(folder) == []


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_vault_that_is_unmounted_while_it_is_written_gets_no_plaintext_elsewhere(
    own: mounts.Mounted, by_descriptor: bool
) -> None:
    """After the drive is pulled away in the middle, the folder below stays empty and the former file whole."""
    drive = Drive(own.point, by_descriptor=by_descriptor)
    put(drive, "baseline.csv", FORMER)
    with pytest.raises(VaultLocked, match="locked or exchanged") as caught, drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(NEW * 1000)
        mounts.unmount(own.point, lazily=True)
        new.write(NEW * 1000)
    assert "former file is as it was" in caught.value.hint
    assert list(own.point.iterdir()) == []
    with mounts.gocryptfs(own.point.parent) as again:
        assert content(Drive(again.point), "baseline.csv") == FORMER
        put(Drive(again.point), "baseline.csv", NEW)
        assert stored(again.point) == ["baseline.csv"]


def test_a_vault_that_dies_while_it_is_written_keeps_the_former_file(own: mounts.Mounted) -> None:
    """After the process is killed in the middle, the error says so, and the next run finds everything in order."""
    drive = Drive(own.point)
    put(drive, "baseline.csv", FORMER)
    with pytest.raises(VaultUnusable, match="process died"), drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(os.urandom(5_000_000))
        own.kill()
        new.write(os.urandom(5_000_000))
    mounts.unmount(own.point)
    with mounts.gocryptfs(own.point.parent) as again:
        assert content(Drive(again.point), "baseline.csv") == FORMER
        put(Drive(again.point), "baseline.csv", NEW)
        assert stored(again.point) == ["baseline.csv"]


def test_a_vault_that_dies_while_it_is_read_is_called_dead(own: mounts.Mounted) -> None:
    """A reader gets a vault's error and not a bare one of the system, in pieces and at once."""
    drive = Drive(own.point)
    put(drive, "baseline.csv", os.urandom(3_000_000))
    with (  # noqa: PT012 — the block is what is tested
        pytest.raises(VaultUnusable, match="process died"),
        drive.read("baseline.csv") as one,
        drive.read("baseline.csv") as other,
    ):
        assert len(one.read(10)) == 10
        own.kill()
        with pytest.raises(VaultUnusable, match="process died"):
            other.read()
        while one.read(100_000):
            pass


def test_a_folder_that_is_exchanged_while_it_is_written_is_noticed(folder: Path) -> None:
    """A folder that was renamed and made anew is not the one that was checked."""
    drive = Drive(folder / "surveys")
    put(drive, "baseline.csv", FORMER)
    with pytest.raises(VaultLocked, match="exchanged"), drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(NEW)
        (folder / "surveys").rename(folder / "moved")
        (folder / "surveys").mkdir()
    assert stored(folder) == ["moved/baseline.csv"]
    assert (folder / "moved" / "baseline.csv").read_bytes() == FORMER


@pytest.mark.parametrize("answer", [None, VaultUnusable("gone"), OSError(errno.EIO, "gone")])
@pytest.mark.parametrize("steps", [2, 3])
def test_a_place_that_changes_under_the_writer_is_noticed(folder: Path, answer: Exception | None, steps: int) -> None:
    """Where the volume is no longer the one that was checked, nothing is written, whichever way it shows."""
    asked = 0

    def classify(path: Path) -> Place:
        nonlocal asked
        asked += 1
        if asked <= steps:
            return volume.classify(path)
        if answer is not None:
            raise answer
        return Place(Protection.NOT_ENCRYPTED, "ext4", "/")

    with pytest.raises(VaultLocked, match="exchanged"):
        put(Drive(folder, classify=classify), "baseline.csv", NEW)
    asked = 0
    with pytest.raises(VaultLocked, match="exchanged"):
        Drive(folder, classify=classify).append("history.jsonl", NEW)
    assert [path for path in folder.iterdir() if path.stat().st_size] == []


def test_a_foreign_error_in_the_block_stays_what_it_is(folder: Path) -> None:
    """A network error of the caller is not taken for one of the vault."""
    with pytest.raises(ConnectionResetError), Drive(folder).replace("baseline.csv") as new:  # noqa: PT012
        new.write(NEW)
        raise ConnectionResetError(errno.ECONNRESET, "reset")
    with Drive(folder).replace("baseline.csv") as new:
        new.write(NEW)
    with pytest.raises(BrokenPipeError), Drive(folder).read("baseline.csv"):
        raise BrokenPipeError(errno.EPIPE, "pipe")
    assert stored(folder) == ["baseline.csv"]


def test_nothing_is_written_after_the_end(folder: Path) -> None:
    """A replacement that has ended takes no more."""
    with Drive(folder).replace("baseline.csv") as new:
        new.write(NEW)
    with pytest.raises(ValueError, match="closed"):
        new.write(NEW)
    with OpenFolder(folder) as held, pytest.raises(ValueError, match="not open"):
        NewFile(held, "a", asked_for="a", label="a", patience=Patience()).write(NEW)


def test_a_writer_that_is_killed_from_outside_leaves_the_former_file(folder: Path) -> None:
    """SIGKILL from another process, at whatever point of many writes, leaves a whole file."""
    program = (
        "import sys; from pathlib import Path; from sheets_decrypt.vault.drive import Drive\n"
        "drive = Drive(Path(sys.argv[1]))\n"
        "while True:\n"
        "    with drive.replace('baseline.csv') as new:\n"
        "        for _ in range(50): new.write(b'x' * 99_999 + b'\\n')\n"
        "    print('once', flush=True)\n"
    )
    drive = Drive(folder)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        assert drive.size("baseline.csv") == 5_000_000
        assert list(drive.names("")) == ["baseline.csv"]
        put(drive, "baseline.csv", NEW)
        assert stored(folder) == ["baseline.csv"]


class HeldOpen:
    """What Windows answers while a program holds a file open, and for how often.

    Args:
        name: The file's name.
        code: Windows' error.
        times: How many renames it refuses.
    """

    def __init__(self, name: str, code: int | None, times: int) -> None:
        self.name, self.code, self.times = name, code, times
        self.slept: list[float] = []

    def rename(self, folder: OpenFolder, old: str, new: str) -> None:
        """Refuse, or rename."""
        if new.startswith(self.name) and self.times:
            self.times -= 1
            error = PermissionError(errno.EACCES, "held open")
            if self.code is not None:
                error.winerror = self.code  # type: ignore[attr-defined] # as Windows' Python has it
            raise error
        folder.rename(old, new)

    def patience(self) -> Patience:
        """Wait without waiting, at a known time in another time zone."""
        now = datetime(2026, 11, 23, 17, 28, 5, tzinfo=timezone(timedelta(hours=1)))
        return Patience(sleep=self.slept.append, now=lambda: now, rename=self.rename)


@pytest.mark.parametrize("code", [5, 32, 33])
def test_a_file_that_is_held_open_briefly_is_waited_for(folder: Path, code: int) -> None:
    """Two refusals, as of a virus scanner, are waited out."""
    held = HeldOpen("baseline.csv", code, times=2)
    put(Drive(folder), "baseline.csv", FORMER)
    with Drive(folder, patience=held.patience()).replace("baseline.csv") as new:
        new.write(NEW)
    assert held.slept == [0.1, 0.2]
    assert (new.stored_as, list(new.notes)) == ("baseline.csv", [])
    assert (folder / "baseline.csv").read_bytes() == NEW


def test_a_file_that_stays_open_gets_its_successor_beside_it(folder: Path) -> None:
    """Excel holds the CSV: the new one is stored with the time in its name, says so, and overwrites no other."""
    drive = Drive(folder, patience=HeldOpen("baseline.csv", 32, times=1000).patience())
    (folder / "surveys").mkdir()
    (folder / "surveys" / "baseline.csv").write_bytes(FORMER)
    for number, tail in enumerate(["", *(f"-{number}" for number in range(2, 12))]):
        name = f"baseline.2026-11-23T16-28-05Z{tail}.csv"
        with drive.replace("surveys/baseline.csv") as new:
            new.write(NEW + b"%d\r\n" % number)
        assert new.stored_as == f"surveys/{name}"
        assert list(new.notes) == [f"baseline.csv is held open by another program, so the new file is {name} beside it"]
        assert content(drive, new.stored_as) == NEW + b"%d\r\n" % number
    assert content(drive, "surveys/baseline.csv") == FORMER
    assert len(stored(folder)) == 12


@pytest.mark.parametrize("size", [0, len(NEW), (2 << 20) + 1])
@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_file_that_stays_open_gets_no_second_copy_of_the_same(folder: Path, size: int, by_descriptor: bool) -> None:
    """Run after run on an unchanged sheet, the newest copy beside it serves, and the note says so."""
    data = os.urandom(size)
    drive = Drive(folder, patience=HeldOpen("baseline.csv", 32, times=1000).patience(), by_descriptor=by_descriptor)
    (folder / "baseline.csv").write_bytes(FORMER)
    (folder / "baseline.2025-11-23T16-28-05Z.csv").write_bytes(b"older")
    (folder / "baseline.2027-01-01T00-00-00Z-x.csv").write_bytes(b"another's")
    put(drive, "baseline.csv", data)
    before = stored(folder)
    name = "baseline.2026-11-23T16-28-05Z.csv"
    for _ in range(2):
        with drive.replace("baseline.csv") as new:
            new.write(data)
        assert new.stored_as == name
        says = f"so {name} beside it, which holds the same already, stays the newest"
        assert list(new.notes) == [f"baseline.csv is held open by another program, {says}"]
    assert stored(folder) == before
    assert (folder / name).read_bytes() == data


@pytest.mark.parametrize("newest", [NEW[:-1] + b"x", NEW[:-1], NEW + b"x", None])
def test_only_the_newest_copy_beside_it_can_stand_for_the_new_file(folder: Path, newest: bytes | None) -> None:
    """An older copy that holds the same does not: the reader would find the newest. A folder is no copy."""
    drive = Drive(folder, patience=HeldOpen("baseline.csv", 32, times=1000).patience())
    (folder / "baseline.2026-01-01T00-00-00Z.csv").write_bytes(NEW)
    beside = folder / "baseline.2026-01-01T00-00-00Z-2.csv"
    if newest is None:
        beside.mkdir()
    else:
        beside.write_bytes(newest)
    with drive.replace("baseline.csv") as new:
        new.write(NEW)
    assert new.stored_as == "baseline.2026-11-23T16-28-05Z.csv"
    assert content(drive, new.stored_as) == NEW
    assert newest is None or beside.read_bytes() == newest


def test_a_file_has_one_identity_whichever_way_leads_to_it(folder: Path, tmp_path: Path) -> None:
    """Links to the folder or the file, dots, and a folder named in the name make no other file; locked or not."""
    (folder / "surveys").mkdir()
    (folder / "surveys" / "baseline.csv").write_bytes(FORMER)
    (folder / "link.csv").symlink_to("surveys/baseline.csv")
    (tmp_path / "link").symlink_to(folder)
    same = {
        Drive(folder).identity("surveys/baseline.csv"),
        Drive(folder).identity("link.csv"),
        Drive(folder / "surveys").identity("baseline.csv"),
        Drive(folder / "surveys" / ".." / "surveys").identity("baseline.csv"),
        Drive(tmp_path / "link" / "surveys").identity("baseline.csv"),
    }
    assert same == {str(folder / "surveys" / "baseline.csv")}
    assert Drive(tmp_path / "missing").identity("a.csv") == str(tmp_path / "missing" / "a.csv")


def test_a_folder_where_nothing_can_be_renamed_keeps_what_it_has(folder: Path) -> None:
    """Where the name beside is refused as well, it is an error, and nothing of the new file is left."""
    put(Drive(folder), "baseline.csv", FORMER)
    held = HeldOpen("baseline", 5, times=1000)
    with pytest.raises(VaultUnusable):
        put(Drive(folder, patience=held.patience()), "baseline.csv", NEW)
    assert stored(folder) == ["baseline.csv"]
    assert (folder / "baseline.csv").read_bytes() == FORMER


@pytest.mark.parametrize("refusals", [1, 3])
def test_a_refusal_that_is_not_of_an_open_file_is_not_waited_for(folder: Path, refusals: int) -> None:
    """A rename that the system forbids fails at once, also after one that was waited for."""
    held = HeldOpen("baseline.csv", None, times=refusals)
    with pytest.raises(VaultUnusable):
        put(Drive(folder, patience=held.patience()), "baseline.csv", NEW)
    assert held.slept == []
    assert stored(folder) == []


def test_a_missing_file_of_a_vault_that_is_there_is_missing(folder: Path) -> None:
    """Reading below a folder that is not there yet is no other error than of a missing file."""
    drive = Drive(folder / "surveys")
    assert drive.size("baseline.csv") is None
    with pytest.raises(VaultFileMissing):
        drive.names("")
    drive.remove("baseline.csv")


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_folder_that_stops_answering_is_not_kept_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    """Where the folder can be opened but says nothing of itself, it is closed again, and held no more."""
    with OpenFolder(folder, by_descriptor=by_descriptor) as held:
        assert held.still_there()
        with monkeypatch.context() as broken:
            broken.setattr(os, "stat", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "gone")))
            assert not held.still_there()
            with pytest.raises(OSError, match="gone"):
                OpenFolder(folder, by_descriptor=by_descriptor)


def test_a_folder_has_no_size(folder: Path) -> None:
    """Asking for the size of a folder says that it is one."""
    put(Drive(folder), "surveys/baseline.csv", NEW)
    with pytest.raises(VaultUnusable, match="is a folder"):
        Drive(folder).size("surveys")
