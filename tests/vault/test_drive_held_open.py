"""A file that another program holds open on Windows: the run waits, or stores the new file beside it."""

import errno
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultUnusable
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.replacement import RenamePolicy
from tests.vault.contract import NEW, PREVIOUS, content, put, stored
from tests.vault.drives import BY_DESCRIPTOR


class HeldOpen:
    """Windows' answers while a program holds a file open.

    Args:
        name: The file's name.
        code: Windows' error code.
        times: How many renames are refused.
    """

    def __init__(self, name: str, code: int | None, times: int) -> None:
        self.name, self.code, self.times = name, code, times
        self.slept: list[float] = []

    def rename(self, folder: OpenFolder, old: str, new: str) -> None:
        """Refuse the rename while refusals remain."""
        if new.startswith(self.name) and self.times:
            self.times -= 1
            error = PermissionError(errno.EACCES, "held open")
            if self.code is not None:
                error.winerror = self.code  # type: ignore[attr-defined] # as set by Python on Windows
            raise error
        folder.rename(old, new)

    def policy(self) -> RenamePolicy:
        """Return a policy that does not really sleep and has a fixed time in another time zone."""
        now = datetime(2026, 11, 23, 17, 28, 5, tzinfo=timezone(timedelta(hours=1)))
        return RenamePolicy(sleep=self.slept.append, now=lambda: now, rename=self.rename)


@pytest.mark.parametrize("code", [5, 32, 33])
def test_a_file_held_open_briefly_is_waited_for(folder: Path, code: int) -> None:
    """Two refusals, such as a virus scanner causes, are waited out."""
    held = HeldOpen("baseline.csv", code, times=2)
    put(Drive(folder), "baseline.csv", PREVIOUS)
    with Drive(folder, policy=held.policy()).replace("baseline.csv") as new:
        new.write(NEW)
    assert held.slept == [0.1, 0.2]
    assert (new.stored_as, list(new.notes)) == ("baseline.csv", [])
    assert (folder / "baseline.csv").read_bytes() == NEW


@pytest.mark.usefixtures("far_from_utc")
def test_a_file_that_stays_open_gets_the_new_one_beside_it(folder: Path) -> None:
    """While Excel holds the CSV, the new one gets its UTC time in its name, is noted, and overwrites no other file."""
    drive = Drive(folder, policy=HeldOpen("baseline.csv", 32, times=1000).policy())
    (folder / "surveys").mkdir()
    (folder / "surveys" / "baseline.csv").write_bytes(PREVIOUS)
    for number, tail in enumerate(["", *(f"-{number}" for number in range(2, 12))]):
        name = f"baseline.2026-11-23T16-28-05Z{tail}.csv"
        with drive.replace("surveys/baseline.csv") as new:
            new.write(NEW + b"%d\r\n" % number)
        assert new.stored_as == f"surveys/{name}"
        assert list(new.notes) == [f"baseline.csv is held open by another program, so the new file is {name} beside it"]
        assert content(drive, new.stored_as) == NEW + b"%d\r\n" % number
    assert content(drive, "surveys/baseline.csv") == PREVIOUS
    assert len(stored(folder)) == 12


@pytest.mark.parametrize("size", [0, len(NEW), (2 << 20) + 1])
@pytest.mark.parametrize("by_descriptor", BY_DESCRIPTOR)
def test_a_file_that_stays_open_gets_no_second_identical_copy(folder: Path, size: int, by_descriptor: bool) -> None:
    """While the sheet does not change, the newest copy beside the file is reused, and the note says so."""
    data = os.urandom(size)
    drive = Drive(folder, policy=HeldOpen("baseline.csv", 32, times=1000).policy(), by_descriptor=by_descriptor)
    (folder / "baseline.csv").write_bytes(PREVIOUS)
    (folder / "baseline.2025-11-23T16-28-05Z.csv").write_bytes(b"older")
    (folder / "baseline.2027-01-01T00-00-00Z-x.csv").write_bytes(b"another's")
    put(drive, "baseline.csv", data)
    before = stored(folder)
    name = "baseline.2026-11-23T16-28-05Z.csv"
    for _ in range(2):
        with drive.replace("baseline.csv") as new:
            new.write(data)
        assert new.stored_as == name
        says = f"so {name} beside it, which already has the same content, remains the newest"
        assert list(new.notes) == [f"baseline.csv is held open by another program, {says}"]
    assert stored(folder) == before
    assert (folder / name).read_bytes() == data


@pytest.mark.parametrize("newest", [NEW[:-1] + b"x", NEW[:-1], NEW + b"x", None])
def test_only_the_newest_copy_beside_the_file_is_reused(folder: Path, newest: bytes | None) -> None:
    """An older copy with the same content is not reused, since readers open the newest; a folder is not a copy."""
    drive = Drive(folder, policy=HeldOpen("baseline.csv", 32, times=1000).policy())
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


def test_a_folder_where_nothing_can_be_renamed_stays_unchanged(folder: Path) -> None:
    """If the name beside the file is refused as well, an error is raised and nothing of the new file remains."""
    put(Drive(folder), "baseline.csv", PREVIOUS)
    held = HeldOpen("baseline", 5, times=1000)
    with pytest.raises(VaultUnusable):
        put(Drive(folder, policy=held.policy()), "baseline.csv", NEW)
    assert stored(folder) == ["baseline.csv"]
    assert (folder / "baseline.csv").read_bytes() == PREVIOUS


@pytest.mark.parametrize("refusals", [1, 3])
def test_a_refusal_for_another_reason_is_not_waited_for(folder: Path, refusals: int) -> None:
    """A rename forbidden by the system fails at once, even after one that was waited for."""
    held = HeldOpen("baseline.csv", None, times=refusals)
    with pytest.raises(VaultUnusable):
        put(Drive(folder, policy=held.policy()), "baseline.csv", NEW)
    assert held.slept == []
    assert stored(folder) == []
