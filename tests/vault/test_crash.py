"""A write that is killed, refused or cut off at any system call leaves the old or the new CSV, whole, and nothing else.

Real parts: gocryptfs drives, a Cryptomator vault on disk, SIGKILL and errors injected by strace, full file systems.
SHEETS_DECRYPT_LONG=1 interferes at every system call instead of at some of them.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultUnusable
from sheets_decrypt.output.outputs import Destination, Form, deliveries
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.runs.record import Record, Result
from sheets_decrypt.runs.report import write_report
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Vault
from sheets_decrypt.vault.replacement import RenamePolicy
from tests import mounts, quick_vault, require
from tests.long import scaled
from tests.vault import syscalls
from tests.vault.contract import PREVIOUS, content, put, stored
from tests.vault.syscalls import BUG, DONE, REFUSED

CANARY = b"canary-7f3a"  # in every new content: plaintext that must not be found outside the vault
NEW = b"row,name\r\n" + b"".join(b"%d,%s\r\n" % (row, CANARY) for row in range(3000))
NAME = "baseline.csv"
ALSO = "baseline.xlsx"
ANY = ReplacePolicy(max_shrink=None)
LONG_NAME = "b" * 160 + ".csv"
ERRORS = scaled(("EIO",), ("EIO", "EROFS", "EDQUOT", "ENOSPC"))
CHANGING = re.compile(r"(openat\(.*O_CREAT|mkdir|write|fsync|rename|unlink|fchmod|rmdir)")

Counted = Callable[[str, int], None]


@dataclass(frozen=True)
class Subject:
    """A vault to write to.

    Args:
        vault: The vault.
        disk: The folder on disk with its encrypted files.
        write: Replaces a file as a run does it.
    """

    vault: Vault
    disk: Path
    write: Callable[[str, bytes], None]


@pytest.fixture(params=["drive", "cryptomator"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Both kinds of vault; the tests write the previous CSV."""
    if request.param == "drive":
        with mounts.gocryptfs(tmp_path) as mounted:
            drive = Drive(mounted.point)
            yield Subject(drive, mounted.cipher, lambda name, data: put(drive, name, data))
        return
    vault = quick_vault.create(tmp_path / "vault", Secret("crash"))

    def write(name: str, data: bytes) -> None:
        vault.check()  # a run starts here
        put(vault, name, data)

    yield Subject(vault, tmp_path / "vault", write)


def points_of(calls: list[str], *, step: int) -> list[tuple[str, int]]:
    """Choose system calls of a run: every `step`th, and every one that changes something.

    Returns:
        The call's name and its number among the calls with this name, as strace counts them.
    """
    counts, chosen = Counter[str](), []
    for place, line in enumerate(calls):
        call = line.partition("(")[0]
        counts[call] += 1
        if call.isidentifier() and (place % step == 1 % step or CHANGING.match(line)):
            chosen.append((call, counts[call]))
    return chosen


def everything_is_whole(subject: Subject, name: str, *, must_be: bytes | None = None) -> None:
    """Check the file after an interrupted write, and that the next write succeeds and leaves nothing behind."""
    found = content(subject.vault, name)
    assert found == must_be if must_be is not None else found in (PREVIOUS, NEW)
    for path in subject.disk.rglob("*"):
        assert path.is_dir() or CANARY not in path.read_bytes()
    subject.write(name, PREVIOUS)
    assert content(subject.vault, name) == PREVIOUS
    assert list(subject.vault.names("")) == [name]


@pytest.mark.parametrize("name", [NAME, LONG_NAME])
def test_a_write_killed_at_any_system_call_leaves_a_whole_csv(
    subject: Subject, tmp_path: Path, name: str, count: Counted
) -> None:
    """SIGKILL leaves the old or the new CSV; the next run removes the rest; no plaintext is outside the vault."""
    if name == LONG_NAME and isinstance(subject.vault, Drive):
        require.patience("a drive treats a long name like any other")
    subject.write(name, PREVIOUS)
    shape = stored(subject.disk)
    whole = syscalls.run(lambda: subject.write(name, NEW), tmp_path / "log")
    assert whole.code == DONE
    outcomes = set[object]()
    points = points_of(whole.calls, step=scaled(40, 1))
    for call, number in points:
        subject.write(name, PREVIOUS)
        run = syscalls.run(lambda: subject.write(name, NEW), tmp_path / "log", f"{call}:signal=SIGKILL:when={number}")
        outcomes.add(run.code)
        if run.code == DONE:  # this run made one call fewer than the counted run, such as brk
            continue
        outcomes.add(content(subject.vault, name))
        everything_is_whole(subject, name)
        assert len(stored(subject.disk)) == len(shape)
    assert {-9, PREVIOUS, NEW} <= outcomes  # otherwise no run was killed in the middle
    count("kills at a system call", len(points))


def _write_together(vault: Vault, data: bytes) -> None:
    """Write two files as a run with `also` does, and the report."""
    vault.check()  # a run starts here
    with deliveries([Destination(vault, name) for name in (NAME, ALSO)], Form("utf-8", "off"), ANY, None) as outputs:
        outputs.begin(["row", "name"])
        outputs.write([[data.decode(), "x"], ["", "y"]])
        outputs.commit(2, {})
    write_report(vault, NAME, Record(job="a", spreadsheet_id="").finish(Result.WRITTEN, 0))


def test_several_writes_killed_at_any_system_call_leave_whole_files(
    subject: Subject, tmp_path: Path, count: Counted
) -> None:
    """Each file is the old or the new one, whole; the next run completes them; no plaintext is outside the vault."""
    vault = subject.vault
    _write_together(vault, b"former")
    former = {name: content(vault, name) for name in (NAME, ALSO)}
    whole = syscalls.run(lambda: _write_together(vault, CANARY), tmp_path / "log")
    assert whole.code == DONE
    new = {name: content(vault, name) for name in (NAME, ALSO)}
    seen = set[tuple[bool, bool]]()
    renames = [point for point in points_of(whole.calls, step=1) if "rename" in point[0]]
    # The test above tries every call of one file; for several files, try each rename and every third other call.
    others = points_of(whole.calls, step=scaled(60, 3))[:: scaled(8, 1)]
    for call, number in [*renames, *others]:
        _write_together(vault, b"former")
        syscalls.run(lambda: _write_together(vault, CANARY), tmp_path / "log", f"{call}:signal=SIGKILL:when={number}")
        vault.check()
        found = {name: content(vault, name) for name in (NAME, ALSO)}
        assert all(found[name] in (former[name], new[name]) for name in found)
        seen.add((found[NAME] == new[NAME], found[ALSO] == new[ALSO]))
        assert all(path.is_dir() or CANARY not in path.read_bytes() for path in subject.disk.rglob("*"))
        _write_together(vault, CANARY)
        assert {name: content(vault, name) for name in (NAME, ALSO)} == new
        assert sorted(vault.names("")) == sorted([NAME, ALSO, "baseline.report.txt"])
    assert {(False, False), (True, False)} <= seen
    count("kills at a system call of several files", len(renames) + len(others))


@pytest.mark.parametrize("call", ["write", "fsync", "close", "rename,renameat,renameat2"])
def test_a_failing_system_call_never_causes_a_bug(subject: Subject, tmp_path: Path, call: str, count: Counted) -> None:
    """A disk that fails at any call causes a vault error or leaves the complete new CSV; never a bug, never a part."""
    total = 0
    for error in ERRORS:
        for number in range(1, 100):
            subject.write(NAME, PREVIOUS)
            run = syscalls.run(
                lambda: subject.write(NAME, NEW), tmp_path / "log", f"{call}:error={error}:when={number}"
            )
            if not any("(INJECTED)" in line for line in run.calls):
                assert number > 1
                break
            total += 1
            assert run.code != BUG, [line for line in run.calls if "(INJECTED)" in line]
            everything_is_whole(subject, NAME, must_be=NEW if run.code == DONE else None)
    count("errors injected into system calls", total)


@pytest.mark.parametrize("call", ["write", "fsync", "rename,renameat,renameat2"])
def test_a_failing_write_is_reported_and_keeps_the_previous_file(subject: Subject, tmp_path: Path, call: str) -> None:
    """If the first write, fsync of the file, or rename fails, a vault error is raised and nothing has changed."""
    subject.write(NAME, PREVIOUS)
    before = stored(subject.disk)
    for error in ERRORS:
        run = syscalls.run(lambda: subject.write(NAME, NEW), tmp_path / "log", f"{call}:error={error}:when=1")
        assert run.code == REFUSED
        assert content(subject.vault, NAME) == PREVIOUS
        assert stored(subject.disk) == before


def test_a_new_file_is_on_the_disk_before_it_gets_its_name(subject: Subject, tmp_path: Path) -> None:
    """Fsync of the file, rename, fsync of the folder, in this order: a power failure leaves the old or the new CSV."""
    subject.write(NAME, PREVIOUS)
    run = syscalls.run(lambda: subject.write(NAME, NEW), tmp_path / "log")
    assert "write+ fsync rename fsync" in order_of(run.calls)
    if isinstance(subject.vault, Drive):
        run = syscalls.run(lambda: subject.vault.append("history.jsonl", b"{}\n"), tmp_path / "log")
        assert order_of(run.calls) == "write+ fsync fsync"


def test_a_private_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    """The same holds for configurations, keys and the state kept between runs."""
    run = syscalls.run(lambda: write_private(tmp_path / "key", b"secret"), tmp_path / "log")
    assert order_of(run.calls) == "write+ fsync rename fsync"


def order_of(calls: list[str]) -> str:
    """Return the calls that write, flush and rename, in order; consecutive writes count as one."""
    names = re.findall(r"^(write|fsync|rename)", "\n".join(calls), re.MULTILINE)
    return re.sub(r"write( write)*", "write+", " ".join(names))


@pytest.mark.system("linux", "a drive letter cannot be unmounted here, and strace is for Linux")
def test_a_drive_unmounted_at_any_system_call_leaves_no_plaintext_below(tmp_path: Path, count: Counted) -> None:
    """Between the check and the write, during it, or before the rename: nothing is written below the mount point."""
    point = tmp_path / "drive"
    with mounts.gocryptfs(tmp_path):
        put(Drive(point), NAME, PREVIOUS)
        whole = syscalls.run(lambda: put(Drive(point), NAME, PREVIOUS), tmp_path / "log")
    codes = set()
    points = points_of(whole.calls, step=scaled(120, 1))
    for call, number in points:
        with mounts.gocryptfs(tmp_path) as mounted:
            run = syscalls.run(
                lambda: put(Drive(point), NAME, NEW),
                tmp_path / "log",
                f"{call}:signal=SIGSTOP:when={number}",
                stopped=lambda: mounts.unmount(point, lazily=True),
            )
            codes.add(run.code)
            assert run.code != BUG
            assert list(point.iterdir()) == [] or mounts.is_mounted(point)
            assert not any(CANARY in path.read_bytes() for path in mounted.cipher.rglob("*") if path.is_file())
        with mounts.gocryptfs(tmp_path) as mounted:
            everything_is_whole(Subject(Drive(point), mounted.cipher, lambda n, data: put(Drive(point), n, data)), NAME)
            assert stored(point) == [NAME]
    assert REFUSED in codes
    count("unmounts at a system call", len(points))


@pytest.mark.system("posix", "a drive letter cannot be unmounted here")
@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_drive_unmounted_after_the_last_check_leaves_no_plaintext_below(
    own: mounts.Mounted, by_descriptor: bool
) -> None:
    """Even just before the rename, the new file lands in the vault or nowhere."""

    def rename(folder: object, old: str, new: str) -> None:
        mounts.unmount(own.point, lazily=True)
        RenamePolicy().rename(folder, old, new)  # type: ignore[arg-type]

    put(Drive(own.point), NAME, PREVIOUS)
    drive = Drive(own.point, policy=RenamePolicy(rename=rename), by_descriptor=by_descriptor)
    try:
        put(drive, NAME, NEW)
        expected = NEW
    except VaultError:
        expected = PREVIOUS
    assert list(own.point.iterdir()) == []
    with mounts.gocryptfs(own.point.parent) as again:
        assert content(Drive(again.point), NAME) == expected


@pytest.mark.parametrize("kind", ["drive", "cryptomator"])
def test_a_disk_that_fills_up_leaves_a_whole_csv(tmp_path: Path, kind: str, count: Counted) -> None:
    """Whatever room is left, the CSV is the old or new one; "full" is reported; with room, the next run succeeds."""
    outcomes = set()
    disk = tmp_path / ("cipher" if kind == "drive" else "disk")
    with mounts.tmpfs(disk, "1m"):
        if kind == "drive":
            with mounts.gocryptfs(tmp_path) as mounted:
                outcomes = fill(Drive(mounted.point), disk, count)
        else:
            vault = quick_vault.create(disk / "vault", Secret("full"))
            outcomes = fill(vault, disk, count)
    assert outcomes == {PREVIOUS, NEW}


def fill(vault: Vault, disk: Path, count: Counted) -> set[bytes]:
    """Write the new CSV with more and more room on the disk; return the contents found afterwards."""
    outcomes = set()
    vault.check()
    put(vault, NAME, PREVIOUS)
    rooms = range(0, 2 * len(NEW), scaled(2 * len(NEW) // 12, 4096))
    for room in rooms:
        filler = disk / "filler"
        with filler.open("wb") as file:
            free = os.statvfs(disk)
            file.write(bytes(max(free.f_bavail * free.f_frsize - room, 0)))
        try:
            put(vault, NAME, NEW)
            expected = NEW
        except VaultUnusable as error:
            assert "full" in error.message  # noqa: PT017 (success is also allowed)
            expected = PREVIOUS
        assert content(vault, NAME) == expected
        assert list(vault.names("")) == [NAME]
        outcomes.add(expected)
        filler.unlink()
        put(vault, NAME, PREVIOUS)
        assert content(vault, NAME) == PREVIOUS
    count("writes to a disk that fills up", len(rooms))
    return outcomes
