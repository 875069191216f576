"""Whatever happens while a drive is written to, the old or the new file remains, whole, and nothing elsewhere."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultLocked, VaultUnusable
from sheets_decrypt.system import regular_file
from sheets_decrypt.system.regular_file import NotRegularFile
from sheets_decrypt.vault import volume
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.replacement import DEFAULT_POLICY, NewFile, VaultFile
from tests import mounts, systems
from tests.vault.contract import NEW, PREVIOUS, content, kill_in_the_middle, put, stored
from tests.vault.drives import BY_DESCRIPTOR, as_vault


def test_a_full_vault_keeps_the_previous_file(tmp_path: Path) -> None:
    """If the new file does not fit, the previous one stays whole and nothing of the new one remains."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        drive = Drive(tiny, classify=as_vault)
        put(drive, "baseline.csv", PREVIOUS)
        with pytest.raises(VaultUnusable, match=r"baseline\.csv: the vault is full") as caught:
            put(drive, "baseline.csv", os.urandom(100_000))
        assert "free some space" in caught.value.hint
        with pytest.raises(VaultUnusable, match=r"line\.csv: .* full"), drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
            for _ in range(100):
                new.write(os.urandom(1_000_000))
        assert content(drive, "baseline.csv") == PREVIOUS
        assert stored(tiny) == ["baseline.csv"]


def test_an_append_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    """A line is added whole or not at all."""
    with mounts.tmpfs(tmp_path / "tiny", "64k") as tiny:
        drive = Drive(tiny, classify=as_vault)
        drive.append("history.jsonl", b"{}\n")
        with pytest.raises(VaultUnusable, match="full"):
            drive.append("history.jsonl", os.urandom(100_000))
        assert content(drive, "history.jsonl") == b"{}\n"


@pytest.mark.system("posix", "mode bits mean nothing on Windows")
def test_files_are_readable_only_by_this_user(folder: Path) -> None:
    """New files are 0600 even while they are written; a replaced file keeps its permissions."""
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
    """Leftovers of another file, and files with similar names, stay."""
    drive = Drive(folder)
    kill_in_the_middle(drive, "baseline.csv.csv")
    (folder / ".baseline.csv.notes.sheets-decrypt-tmp").write_bytes(b"")
    before = stored(folder)
    put(drive, "baseline.csv", NEW)
    assert stored(folder) == sorted([*before, "baseline.csv"])


def test_a_long_name_leaves_no_leftovers(folder: Path) -> None:
    """A name near the limit can be written, and leftovers of a killed run with such a name are removed."""
    drive, name = Drive(folder), "é" * 120 + ".csv"
    kill_in_the_middle(drive, name)
    assert len(stored(folder)) == 1
    put(drive, name, NEW)
    assert stored(folder) == [name]
    kill_in_the_middle(drive, name)
    put(drive, f"{name[:-5]}e.csv", NEW)
    assert len(stored(folder)) == 3  # leftovers of another long name stay


@pytest.mark.system("posix", "Windows reports a name that is too long as not found")
def test_a_name_that_is_too_long_is_reported_as_such(folder: Path) -> None:
    """The message says that the name is too long, for the file and for the folder."""
    long = "a" * 300
    for name in (long, f"{long}/baseline.csv"):
        with pytest.raises(VaultUnusable, match=f"{long}: the name is too long"):
            put(Drive(folder), name, NEW)
    with pytest.raises(VaultUnusable, match="too long"):
        Drive(folder / ("a" * 300)).check()
    assert stored(folder) == []


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_a_vault_unmounted_during_a_write_leaves_no_plaintext_elsewhere(
    own: mounts.Mounted, by_descriptor: bool
) -> None:
    """If the drive disappears in the middle, the folder below stays empty and the previous file stays whole."""
    drive = Drive(own.point, by_descriptor=by_descriptor)
    put(drive, "baseline.csv", PREVIOUS)
    with pytest.raises(VaultLocked, match="locked or exchanged") as caught, drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(NEW * 1000)
        mounts.unmount(own.point, lazily=True)
        new.write(NEW * 1000)
    assert "previous file is unchanged" in caught.value.hint
    assert list(own.point.iterdir()) == []
    with mounts.gocryptfs(own.point.parent) as again:
        assert content(Drive(again.point), "baseline.csv") == PREVIOUS
        put(Drive(again.point), "baseline.csv", NEW)
        assert stored(again.point) == ["baseline.csv"]


@pytest.mark.system("posix", "a mount can be left dead")
def test_a_vault_that_dies_during_a_write_keeps_the_previous_file(own: mounts.Mounted) -> None:
    """If the process is killed in the middle, the error says so, and the next run succeeds."""
    drive = Drive(own.point)
    put(drive, "baseline.csv", PREVIOUS)
    other = VaultFile(os.open(own.point / "other.csv", os.O_WRONLY | os.O_CREAT), "wb", "surveys/other.csv")
    with pytest.raises(VaultUnusable, match="process died"), drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(os.urandom(5_000_000))
        own.kill()
        new.write(os.urandom(5_000_000))
    with pytest.raises(VaultUnusable, match=r"surveys/other\.csv"):
        other.close()
    mounts.unmount(own.point)
    with mounts.gocryptfs(own.point.parent) as again:
        assert content(Drive(again.point), "baseline.csv") == PREVIOUS
        put(Drive(again.point), "baseline.csv", NEW)
        assert stored(again.point) == ["baseline.csv", "other.csv"]


def test_a_vault_that_dies_during_a_read_is_reported_as_dead(own: mounts.Mounted) -> None:
    """A reader gets a vault error, not a bare system error, in pieces and at once."""
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


@pytest.mark.wine_cannot("a folder in which a file is open is renamed")
def test_a_folder_exchanged_during_a_write_is_noticed(folder: Path) -> None:
    """A folder that was renamed and created again is not the one that was checked."""
    drive = Drive(folder / "surveys")
    put(drive, "baseline.csv", PREVIOUS)
    with pytest.raises(VaultLocked, match="exchanged") as caught, drive.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
        new.write(NEW)
        (folder / "surveys").rename(folder / "moved")
        (folder / "surveys").mkdir()
    assert caught.value.hint == "unlock the vault, then run again; the previous file is unchanged"
    assert stored(folder) == ["moved/baseline.csv"]
    assert (folder / "moved" / "baseline.csv").read_bytes() == PREVIOUS


@pytest.mark.parametrize("answer", [None, VaultUnusable("gone"), OSError(errno.EIO, "gone")])
@pytest.mark.parametrize("steps", [2, 3])
def test_a_place_that_changes_under_the_writer_is_noticed(folder: Path, answer: Exception | None, steps: int) -> None:
    """If the volume is no longer the one that was checked, nothing is written, however that shows."""
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
    with pytest.raises(
        VaultLocked, match=r"history\.jsonl was not written: the vault was locked or exchanged"
    ) as caught:
        Drive(folder, classify=classify).append("history.jsonl", NEW)
    assert caught.value.hint == "unlock the vault"
    assert [path for path in folder.iterdir() if path.stat().st_size] == []


def test_an_unrelated_error_in_the_block_is_passed_on_unchanged(folder: Path) -> None:
    """A network error of the caller is not taken for a vault error."""
    with pytest.raises(ConnectionResetError), Drive(folder).replace("baseline.csv") as new:  # noqa: PT012
        new.write(NEW)
        raise ConnectionResetError(errno.ECONNRESET, "reset")
    with Drive(folder).replace("baseline.csv") as new:
        new.write(NEW)
    with pytest.raises(BrokenPipeError), Drive(folder).read("baseline.csv"):
        raise BrokenPipeError(errno.EPIPE, "pipe")
    assert stored(folder) == ["baseline.csv"]


def test_nothing_is_written_after_the_end(folder: Path) -> None:
    """A finished replacement accepts no more data."""
    with Drive(folder).replace("baseline.csv") as new:
        new.write(NEW)
    with pytest.raises(ValueError, match="closed"):
        new.write(NEW)
    new.settle()  # a caller with several files settles all of them before the first gets its name
    with OpenFolder(folder) as held, pytest.raises(ValueError, match=r"^the file is not open$"):
        NewFile(held, "a", asked_for="a", label="a", policy=DEFAULT_POLICY).write(NEW)


@pytest.mark.system("posix", "another process does not see the drive letter as a vault")
def test_a_writer_killed_from_outside_leaves_a_whole_file(folder: Path) -> None:
    """SIGKILL from another process, at any point of many writes, leaves a whole file."""
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


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_a_folder_without_a_readable_status_is_not_kept_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    """A folder that opens but whose status cannot be read is closed again."""
    with OpenFolder(folder, by_descriptor=by_descriptor) as held:
        assert held.is_still_there()
        with monkeypatch.context() as broken:
            broken.setattr(os, "stat", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "gone")))
            assert not held.is_still_there()
            with pytest.raises(OSError, match="gone"):
                OpenFolder(folder, by_descriptor=by_descriptor)


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_a_live_writers_temporary_file_is_left_alone(folder: Path, by_descriptor: bool) -> None:
    """Two runs that write one file both succeed; the later content stays, and no temporary file remains."""
    drive = Drive(folder, by_descriptor=by_descriptor)
    with drive.replace("baseline.csv") as slow:
        slow.write(PREVIOUS)
        put(drive, "baseline.csv", NEW)
        assert len(stored(folder)) == 2  # the file and the temporary file
        assert content(drive, "baseline.csv") == NEW
        slow.write(PREVIOUS)
    assert content(drive, "baseline.csv") == PREVIOUS * 2
    assert stored(folder) == ["baseline.csv"]


def _mode(folder: OpenFolder, name: str) -> int:
    status = folder.status(name)
    assert status is not None
    return status.st_mode


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
@pytest.mark.system("posix", "Windows cannot hold a folder open")
def test_an_open_folder_opens_nothing_through_a_link(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    """A link that replaces a file after the path was resolved is not followed, not even after the first check."""
    (tmp_path / "precious").write_bytes(PREVIOUS)
    (folder / "link").symlink_to(tmp_path / "precious")
    with OpenFolder(folder, by_descriptor=by_descriptor) as held:
        for flags in (os.O_RDONLY, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT | os.O_APPEND):
            with pytest.raises(NotRegularFile, match="a link"):
                held.open("link", flags)
            assert stat.S_ISLNK(_mode(held, "link"))
            with monkeypatch.context() as late:  # as if the link appeared between the check and the opening
                late.setattr(regular_file, "require_regular", lambda *_: None)
                with pytest.raises(OSError, match="symbolic links"):
                    held.open("link", flags)
    assert (tmp_path / "precious").read_bytes() == PREVIOUS


@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_an_open_folder_is_a_folder_and_lists_itself(folder: Path, by_descriptor: bool) -> None:
    """A file in its place is refused by name, and the listing is of the folder, not of the working directory."""
    (folder / "file").write_bytes(PREVIOUS)
    with OpenFolder(folder, by_descriptor=by_descriptor) as held:
        assert held.names() == ["file"]
        held.unlink("missing")
    with pytest.raises(NotADirectoryError) as caught:
        OpenFolder(folder / "file", by_descriptor=by_descriptor)
    assert (caught.value.errno, caught.value.strerror) == (errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    assert Path(caught.value.filename) == folder / "file"


@pytest.mark.system("posix", "Windows cannot hold a folder open")
def test_an_open_folder_keeps_its_identity(tmp_path: Path) -> None:
    """A new folder at the same path is not listed, and a folder that is no longer at its path is noticed."""
    for name in ("folder", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    with OpenFolder(tmp_path / "folder") as held, OpenFolder(tmp_path / "other") as other:
        (tmp_path / "folder").rename(tmp_path / "moved")
        (tmp_path / "other").rename(tmp_path / "folder")
        os.close(held.open("new", os.O_WRONLY | os.O_CREAT))
        assert sorted(held.names()) == ["folder", "new"]
        assert not held.is_still_there()
        (tmp_path / "folder").rename(tmp_path / "other")
        (tmp_path / "moved").rename(tmp_path / "folder")
        assert held.is_still_there()
        os.dup2(other._descriptor or 0, held._descriptor or 0)
        assert not held.is_still_there()


def test_an_unusable_file_is_not_kept_open(folder: Path) -> None:
    """An open descriptor would keep the vault from locking."""
    systems.only_on("posix", "a folder is opened as a file")
    descriptor = os.open(folder, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        VaultFile(descriptor, "rb", "surveys")
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


def test_a_replaced_file_keeps_its_group_but_belongs_to_this_user(tmp_path: Path) -> None:
    """The group's permissions stay with the group that had them."""
    systems.root("posix", "only root may give a file to any group")
    drive = Drive(tmp_path, classify=as_vault)
    put(drive, "baseline.csv", PREVIOUS)
    os.chown(tmp_path / "baseline.csv", -1, mounts.NOBODY)
    (tmp_path / "baseline.csv").chmod(0o640)
    put(drive, "baseline.csv", NEW)
    status = (tmp_path / "baseline.csv").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), mounts.NOBODY, 0o640)


def test_leftovers_are_removed_from_a_vault_without_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run removes a killed run's leftovers; the lock on the whole job keeps two runs apart."""
    fcntl = pytest.importorskip("fcntl", reason="belongs to posix: Windows has no such locks")
    kill_in_the_middle(Drive(folder), "baseline.csv")

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    put(Drive(folder), "baseline.csv", NEW)
    assert stored(folder) == ["baseline.csv"]


def test_a_name_that_is_not_utf_8_is_written(tmp_path: Path) -> None:
    """The system allows such a name, so the program does too."""
    systems.only_on("linux", "other systems' names are text")
    put(Drive(tmp_path, classify=as_vault), "b\udce9.csv", NEW)
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [b"b\xe9.csv"]


@pytest.mark.system("posix", "Windows cannot hold a folder open")
def test_a_folder_replaced_by_a_link_is_not_opened(folder: Path, tmp_path: Path) -> None:
    """The path was already resolved, so a link in the folder's place was put there by someone."""
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        OpenFolder(tmp_path / "link")


def test_an_error_names_its_file(folder: Path) -> None:
    """A file that cannot be read, written or removed is named, so that a user with many surveys knows which one."""
    systems.only_on("linux", "only Linux has a process memory file, which opens but cannot be read")
    with (
        pytest.raises(VaultUnusable, match=r"surveys/baseline\.csv: the vault is full"),
        VaultFile(os.open("/dev/full", os.O_WRONLY), "wb", "surveys/baseline.csv") as file,
    ):
        file.write(NEW)
    with VaultFile(os.open("/proc/self/mem", os.O_RDONLY), "rb", "surveys/baseline.csv") as file:
        with pytest.raises(VaultUnusable, match=r"surveys/baseline\.csv"):
            file.readinto(bytearray(1))
        with pytest.raises(VaultUnusable, match=r"surveys/baseline\.csv"):
            file.readall()
    too_long = "b" * 300
    with pytest.raises(VaultUnusable, match=too_long):
        Drive(folder).remove(too_long)
