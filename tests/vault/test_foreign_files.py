"""Another user's object in place of a file neither blocks a run, nor fills the memory, nor causes a bug."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultUnusable
from sheets_decrypt.vault import open_folder
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.mark import MARK_FILE, write_mark
from tests import mounts, systems
from tests.vault.contract import NEW, PREVIOUS, content, put
from tests.vault.drives import as_vault

pytestmark = pytest.mark.system("posix", "needs named pipes, devices and users")

PLANTS: dict[str, Callable[[Path], None]] = {
    "a named pipe": lambda path: os.mkfifo(path),  # noqa: PLW0108  (Windows has none)
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=list(PLANTS))
def plant(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Put something other than a regular file at a path."""
    return PLANTS[request.param]


def test_a_drive_refuses_what_is_not_a_regular_file(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """A pipe or device in place of the CSV or the history is refused without waiting, and nothing is replaced."""
    plant(tmp_path / "baseline.csv")
    drive = Drive(tmp_path, classify=as_vault)
    for action in (
        lambda: content(drive, "baseline.csv"),
        lambda: put(drive, "baseline.csv", NEW),
        lambda: drive.append("baseline.csv", NEW),
        lambda: drive.size("baseline.csv"),
        lambda: drive.modified("baseline.csv"),
    ):
        with pytest.raises(VaultError, match=r"baseline\.csv"):
            action()
    assert not stat.S_ISREG((tmp_path / "baseline.csv").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.csv"]


def test_a_named_pipe_with_a_temporary_name_is_left_alone(tmp_path: Path) -> None:
    """A pipe that looks like a killed run's leftover does not stop a run."""
    pipe = tmp_path / ".baseline.csv.0123456789abcdef.sheets-decrypt-tmp"
    os.mkfifo(pipe)
    drive = Drive(tmp_path, classify=as_vault)
    put(drive, "baseline.csv", NEW)
    assert content(drive, "baseline.csv") == NEW
    assert pipe.exists()


def test_a_mark_is_a_small_regular_file(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    """Anything else in place of the mark is refused, and so is a file of gigabytes."""
    plant(tmp_path / MARK_FILE)
    drive = Drive(tmp_path, mark="id-1", classify=as_vault)
    with pytest.raises(VaultUnusable, match="not a regular file"):
        drive.check()
    with pytest.raises(VaultUnusable, match="not a regular file"):
        write_mark(tmp_path, "id-1")
    (tmp_path / MARK_FILE).unlink()
    with (tmp_path / MARK_FILE).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(VaultUnusable, match="larger than 4096 bytes"):
        drive.check()


def test_another_users_file_does_not_decide_who_can_read_the_new_one() -> None:
    """A planted file's mode is not kept: 0666 would make the answers readable for everyone."""
    systems.root("posix", "only root can make a file of another user")
    with mounts.open_to_all() as folder:
        (folder / "baseline.csv").write_bytes(PREVIOUS)
        (folder / "baseline.csv").chmod(0o666)
        os.chown(folder / "baseline.csv", mounts.NOBODY, mounts.NOBODY)
        put(Drive(folder, classify=as_vault), "baseline.csv", NEW)
        status = (folder / "baseline.csv").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o600, 0, os.getegid())


@pytest.mark.parametrize("former", [b"", b"a run\n", b"a run\na torn li"])
def test_nothing_is_appended_to_another_users_file(former: bytes) -> None:
    """The file is replaced by one of this user, with all its lines, because its owner could read later lines."""
    systems.root("posix", "only root can make a file of another user")
    with mounts.open_to_all() as folder:
        history = folder / "baseline.csv.runs.jsonl"
        history.write_bytes(former)
        history.chmod(0o666)
        os.chown(history, mounts.NOBODY, mounts.NOBODY)
        with history.open("rb") as theirs:
            Drive(folder, classify=as_vault).append(history.name, b"a new run\n")
            assert theirs.read() == former
        status = history.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, 0)
        assert history.read_bytes().splitlines() == [*former.splitlines(), b"a new run"]


def test_permissions_for_others_are_never_kept(tmp_path: Path) -> None:
    """This user's file keeps the permissions of its owner and, for the same group, of its group."""
    path = tmp_path / "baseline.csv"
    for mode, kept in ((0o666, 0o660), (0o604, 0o600), (0o640, 0o640), (0o400, 0o400), (0o4755, 0o750)):
        path.write_bytes(PREVIOUS)
        path.chmod(mode)
        put(Drive(tmp_path, classify=as_vault), "baseline.csv", NEW)
        assert stat.S_IMODE(path.stat().st_mode) == kept
        path.unlink()


def test_group_permissions_stay_with_the_same_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file gets the previous file's group; if that is not allowed, no group can read it."""
    systems.root("posix", "only root can give a file to any group")
    path = tmp_path / "baseline.csv"
    path.write_bytes(PREVIOUS)
    path.chmod(0o640)
    os.chown(path, -1, mounts.NOBODY)
    put(Drive(tmp_path, classify=as_vault), "baseline.csv", NEW)
    assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (mounts.NOBODY, 0o640)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not a member of this group")

    monkeypatch.setattr(os, "fchown", refuse)
    put(Drive(tmp_path, classify=as_vault), "baseline.csv", NEW)
    assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (os.getegid(), 0o600)


def test_an_ordinary_folder_does_not_follow_a_link_out_of_it(tmp_path: Path) -> None:
    """A planted link must not make a run overwrite the user's own file elsewhere."""
    folder = tmp_path / "analysis"
    folder.mkdir()
    (tmp_path / "precious").write_bytes(PREVIOUS)
    (folder / "second.csv").symlink_to(tmp_path / "precious")
    (folder / "inside.csv").symlink_to("real.csv")
    plain = open_folder(folder)
    with pytest.raises(VaultUnusable, match="outside of its folder"):
        put(plain, "second.csv", NEW)
    with pytest.raises(VaultUnusable, match="outside of its folder"):
        plain.append("second.csv", NEW)
    assert (tmp_path / "precious").read_bytes() == PREVIOUS
    put(plain, "inside.csv", NEW)
    assert (folder / "real.csv").read_bytes() == NEW


def test_an_ordinary_folder_is_never_created(tmp_path: Path) -> None:
    """A missing folder, and a file in its place, are refused before anything is written."""
    (tmp_path / "file").write_bytes(PREVIOUS)
    with pytest.raises(VaultFileMissing, match="missing not found"):
        open_folder(tmp_path / "missing").check()
    with pytest.raises(VaultUnusable, match="is not a folder"):
        open_folder(tmp_path / "file").check()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
