"""What every implementation of `Vault` must do, whatever it stores.

A test module subclasses `VaultContract` with a name that starts with `Test`, and provides two fixtures:

- `vault`: an empty, open vault;
- `storage`: the folder on disk where the vault stores everything, in any form.
"""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultError, VaultFileMissing
from sheets_decrypt.vault.interface import Files, Protection, Vault
from tests import require
from tests.long import scaled

PREVIOUS = b"row,name\r\n1,former\r\n"
NEW = b"row,name\r\n1,new\r\n2,also new\r\n"
SIZES = (0, 32 * 1024, *scaled((), (1, 4095, 4096, 32 * 1024 - 1, 32 * 1024 + 1)), 1_000_003)


def put(vault: Files, name: str, data: bytes) -> None:
    """Store `data` as `name`."""
    with vault.replace(name) as new:
        new.write(data)


def content(vault: Files, name: str) -> bytes:
    """Return the content of `name`."""
    with vault.read(name) as file:
        return file.read()


def stored(storage: Path) -> list[str]:
    """List every file on disk."""
    return sorted(str(path.relative_to(storage)) for path in storage.rglob("*") if not path.is_dir())


def kill_in_the_middle(vault: Vault, name: str) -> None:
    """Start to replace `name` in a forked process, and kill the process before the block ends."""
    require.that(hasattr(os, "fork"), "a process cannot be forked here")
    child = os.fork()
    if child == 0:  # pragma: no cover — this process is killed before it could report what it covered
        with vault.replace(name) as new:
            for _ in range(100):
                new.write(NEW * 1000)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


class VaultContract:
    """The promise of `sheets_decrypt.vault.interface.Vault`, one sentence per test."""

    def test_an_open_vault_passes_its_check(self, vault: Vault, storage: Path) -> None:
        """The check names an encrypted place and writes nothing."""
        before = stored(storage)
        place = vault.check()
        assert place.protection is not Protection.NOT_ENCRYPTED
        assert place.what
        assert place.where
        assert stored(storage) == before

    def test_the_path_names_the_file(self, vault: Vault) -> None:
        """The path shown to users contains the file's name."""
        assert "baseline.csv" in vault.path("baseline.csv")

    def test_a_settled_file_lacks_only_its_name(self, vault: Vault, storage: Path) -> None:
        """Settled data is on the disk while the name still has the previous content; settling twice changes nothing."""
        put(vault, "a.csv", PREVIOUS)
        before = len(stored(storage))
        with vault.replace("a.csv") as new:
            new.write(NEW)
            new.settle()
            new.settle()
            assert content(vault, "a.csv") == PREVIOUS
            assert len(stored(storage)) == before + 1
        assert content(vault, "a.csv") == NEW
        assert len(stored(storage)) == before

    def test_a_file_keeps_its_identity_and_shares_it_with_no_other(self, vault: Vault) -> None:
        """A name has the same identity before and after the file exists, and no two names share one."""
        names = ["baseline.csv", "baseline.csv.bak", "endline.csv", "surveys/baseline.csv"]
        before = [vault.identity(name) for name in names]
        assert len(set(before)) == len(names)
        for name in names:
            put(vault, name, NEW)
        assert [vault.identity(name) for name in names] == before

    @pytest.mark.parametrize("size", SIZES)
    def test_a_file_reads_back_byte_for_byte(self, vault: Vault, size: int) -> None:
        """The bytes read are the bytes written, at every size around the formats' block limits."""
        data = os.urandom(size)
        put(vault, "baseline.csv", data)
        assert content(vault, "baseline.csv") == data
        assert vault.size("baseline.csv") == size

    def test_a_file_can_be_written_in_many_pieces(self, vault: Vault) -> None:
        """Pieces of odd sizes become one file, in order, and each write returns its length."""
        pieces = [bytes([number % 256]) * (number % 997) for number in range(2000)]
        with vault.replace("baseline.csv") as new:
            assert [new.write(piece) for piece in pieces] == [len(piece) for piece in pieces]
        assert content(vault, "baseline.csv") == b"".join(pieces)

    def test_a_file_can_be_read_in_pieces(self, vault: Vault) -> None:
        """Reading in pieces returns the same bytes as reading at once."""
        data = os.urandom(100_001)
        put(vault, "baseline.csv", data)
        with vault.read("baseline.csv") as file:
            pieces = list(iter(lambda: file.read(7919), b""))
        assert b"".join(pieces) == data
        assert {len(piece) for piece in pieces[:-1]} == {7919}

    def test_a_new_file_appears_only_at_the_end(self, vault: Vault) -> None:
        """While the block is open the file cannot be found, neither by its name nor in a listing."""
        with vault.replace("baseline.csv") as new:
            new.write(NEW)
            assert vault.size("baseline.csv") is None
            assert list(vault.names("")) == []
        assert list(vault.names("")) == ["baseline.csv"]

    def test_the_previous_content_stays_until_the_end(self, vault: Vault) -> None:
        """While the block is open the file reads as before; after it, only the new file remains."""
        put(vault, "baseline.csv", PREVIOUS)
        with vault.replace("baseline.csv") as new:
            new.write(NEW)
            assert content(vault, "baseline.csv") == PREVIOUS
            assert list(vault.names("")) == ["baseline.csv"]
        assert content(vault, "baseline.csv") == NEW
        assert list(vault.names("")) == ["baseline.csv"]

    def test_the_result_names_the_stored_file(self, vault: Vault) -> None:
        """If nothing is in the way, the file has the requested name and there are no notes."""
        with vault.replace("surveys/baseline.csv") as new:
            new.write(NEW)
        assert new.stored_as == "surveys/baseline.csv"
        assert list(new.notes) == []

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_an_error_in_the_block_changes_nothing(
        self, vault: Vault, storage: Path, error: type[BaseException]
    ) -> None:
        """After any error, and after Ctrl-C, the previous file is whole and nothing else remains."""
        put(vault, "baseline.csv", PREVIOUS)
        before = stored(storage)
        with pytest.raises(error), vault.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
            new.write(NEW * 10_000)
            raise error
        assert content(vault, "baseline.csv") == PREVIOUS
        assert list(vault.names("")) == ["baseline.csv"]
        assert stored(storage) == before

    def test_an_error_in_the_block_creates_no_file(self, vault: Vault, storage: Path) -> None:
        """If the file did not exist before an error, it does not exist after it."""
        before = stored(storage)
        with pytest.raises(RuntimeError), vault.replace("baseline.csv") as new:  # noqa: PT012 — as above
            new.write(NEW * 10_000)
            raise RuntimeError
        assert vault.size("baseline.csv") is None
        assert stored(storage) == before

    def test_a_killed_run_changes_nothing_and_the_next_one_cleans_up(self, vault: Vault, storage: Path) -> None:
        """SIGKILL in the middle keeps the previous file; leftovers are not listed, and the next run removes them."""
        put(vault, "baseline.csv", PREVIOUS)
        put(vault, "endline.csv", PREVIOUS)
        before = stored(storage)
        kill_in_the_middle(vault, "baseline.csv")
        assert content(vault, "baseline.csv") == PREVIOUS
        assert list(vault.names("")) == ["baseline.csv", "endline.csv"]
        put(vault, "baseline.csv", NEW)
        assert stored(storage) == before
        assert content(vault, "baseline.csv") == NEW
        assert content(vault, "endline.csv") == PREVIOUS

    def test_the_next_dated_copy_removes_leftovers_of_a_killed_one(self, vault: Vault, storage: Path) -> None:
        """The next copy has another name, with its own time, and still removes the leftovers."""
        put(vault, "baseline.kept-2026-03-02T06-30-00Z.csv", PREVIOUS)
        before = len(stored(storage))
        kill_in_the_middle(vault, "baseline.kept-2026-03-01T06-30-00Z.csv")
        assert len(stored(storage)) == before + 1
        put(vault, "baseline.kept-2026-03-02T06-30-00Z.csv", NEW)
        assert len(stored(storage)) == before

    def test_a_killed_first_run_leaves_no_file(self, vault: Vault) -> None:
        """A run that is killed before its first file exists leaves none, and the next run succeeds."""
        kill_in_the_middle(vault, "baseline.csv")
        assert vault.size("baseline.csv") is None
        assert list(vault.names("")) == []
        put(vault, "baseline.csv", NEW)
        assert content(vault, "baseline.csv") == NEW

    def test_two_files_can_be_written_at_once(self, vault: Vault) -> None:
        """Two blocks with two names can be open together, and neither disturbs the other."""
        with vault.replace("a.csv") as first, vault.replace("a.csv.csv") as second:
            first.write(PREVIOUS)
            second.write(NEW)
        assert content(vault, "a.csv") == PREVIOUS
        assert content(vault, "a.csv.csv") == NEW
        assert list(vault.names("")) == ["a.csv", "a.csv.csv"]

    def test_two_writers_of_one_name_leave_one_whole_file(self, vault: Vault, storage: Path) -> None:
        """The file is whole and is one of the two, and nothing else remains."""
        put(vault, "baseline.csv", b"")
        before = stored(storage)
        started, go_on = threading.Event(), threading.Event()
        failures: list[BaseException] = []

        def slow() -> None:
            try:
                with vault.replace("baseline.csv") as new:
                    new.write(PREVIOUS)
                    started.set()
                    go_on.wait(60)
                    new.write(PREVIOUS)
            except BaseException as error:  # noqa: BLE001 — the test checks it
                failures.append(error)
                started.set()

        other = threading.Thread(target=slow)
        other.start()
        assert started.wait(60)
        put(vault, "baseline.csv", NEW)
        go_on.set()
        other.join(60)
        assert not other.is_alive()
        assert all(isinstance(failure, VaultError) for failure in failures)
        assert content(vault, "baseline.csv") in ({NEW} if failures else {NEW, PREVIOUS * 2})
        assert stored(storage) == before

    def test_missing_folders_are_created(self, vault: Vault) -> None:
        """A name in missing folders creates those folders, and no others."""
        put(vault, "surveys/2026/baseline.csv", NEW)
        assert content(vault, "surveys/2026/baseline.csv") == NEW
        assert list(vault.names("")) == ["surveys/"]
        assert list(vault.names("surveys")) == ["2026/"]
        assert list(vault.names("surveys/2026")) == ["baseline.csv"]
        put(vault, "surveys/endline.csv", NEW)
        assert list(vault.names("surveys")) == ["2026/", "endline.csv"]

    @pytest.mark.parametrize(
        "name",
        ["Umfrage – März 2026.csv", "सर्वेक्षण.csv", "問卷/基準線.csv", "with space.csv", "📋.csv", "a" * 120 + ".csv"],
    )
    def test_names_in_every_script_are_kept(self, vault: Vault, name: str) -> None:
        """A listing returns each name exactly as it was given, and the name finds its file."""
        put(vault, name, NEW)
        folder, _, last = name.rpartition("/")
        assert list(vault.names(folder)) == [last]
        assert content(vault, name) == NEW

    def test_names_are_sorted(self, vault: Vault) -> None:
        """Files and folders are listed in order, folders with a slash."""
        for name in ("c.csv", "a.csv", "b/x.csv", "B.csv"):
            put(vault, name, NEW)
        assert list(vault.names("")) == ["B.csv", "a.csv", "b/", "c.csv"]

    def test_append_creates_the_file_and_adds_to_it(self, vault: Vault) -> None:
        """Lines are added in order, and a missing folder is created."""
        for number in range(3):
            vault.append("surveys/baseline.csv.runs.jsonl", b'{"run": %d}\n' % number)
        assert content(vault, "surveys/baseline.csv.runs.jsonl") == b'{"run": 0}\n{"run": 1}\n{"run": 2}\n'
        assert vault.size("surveys/baseline.csv.runs.jsonl") == 33
        assert list(vault.names("surveys")) == ["baseline.csv.runs.jsonl"]

    def test_append_keeps_lines_apart_after_a_torn_one(self, vault: Vault) -> None:
        """After a killed run has left an incomplete last line, the next line starts on a line of its own."""
        put(vault, "baseline.csv.runs.jsonl", b'{"run": 0}\n{"ru')
        vault.append("baseline.csv.runs.jsonl", b'{"run": 1}\n')
        assert content(vault, "baseline.csv.runs.jsonl") == b'{"run": 0}\n{"ru\n{"run": 1}\n'

    def test_append_grows_across_the_blocks_of_a_format(self, vault: Vault) -> None:
        """Appending works on both sides of a block boundary."""
        line = b"x" * 8191 + b"\n"
        for _ in range(10):
            vault.append("history.jsonl", line)
        assert content(vault, "history.jsonl") == line * 10

    def test_the_time_of_the_last_change_moves_forward(self, vault: Vault) -> None:
        """A file's modification time is now, in seconds since 1970, and does not go back when the file is replaced."""
        put(vault, "baseline.csv", PREVIOUS)
        first = vault.modified("baseline.csv")
        put(vault, "baseline.csv", NEW)
        assert vault.modified("baseline.csv") >= first > 1_700_000_000

    def test_removing_is_final_and_may_be_repeated(self, vault: Vault, storage: Path) -> None:
        """A removed file is gone from the disk too, and removing a missing file is not an error."""
        before = stored(storage)
        put(vault, "baseline.csv", NEW)
        vault.remove("baseline.csv")
        assert vault.size("baseline.csv") is None
        assert list(vault.names("")) == []
        assert stored(storage) == before
        vault.remove("baseline.csv")
        vault.remove("nowhere/baseline.csv")

    @pytest.mark.parametrize("name", ["baseline.csv", "nowhere/baseline.csv"])
    def test_a_missing_file_is_reported_as_missing(self, vault: Vault, name: str) -> None:
        """A missing file has no size, and reading it or asking for its time raises VaultFileMissing."""
        assert vault.size(name) is None
        with pytest.raises(VaultFileMissing, match="baseline"), vault.read(name):
            pass
        with pytest.raises(VaultFileMissing, match="baseline"):
            vault.modified(name)

    def test_a_missing_folder_is_reported_as_missing(self, vault: Vault) -> None:
        """Listing a missing folder raises VaultFileMissing."""
        with pytest.raises(VaultFileMissing, match="nowhere"):
            vault.names("nowhere")

    @pytest.mark.parametrize(
        "name", ["../out.csv", "a/../../out.csv", "/out.csv", "a/../b.csv", "", "a/", "./a.csv", ".."]
    )
    @pytest.mark.parametrize("action", ["replace", "append", "read", "size", "modified", "remove"])
    def test_a_name_that_leaves_the_vault_is_refused(self, vault: Vault, storage: Path, name: str, action: str) -> None:
        """Names are relative paths: every method refuses an empty one, a leading slash and `..`."""
        before, around = stored(storage), sorted(storage.parent.iterdir())
        actions: dict[str, Callable[[], object]] = {
            "replace": lambda: put(vault, name, NEW),
            "append": lambda: vault.append(name, NEW),
            "read": lambda: content(vault, name),
            "size": lambda: vault.size(name),
            "modified": lambda: vault.modified(name),
            "remove": lambda: vault.remove(name),
        }
        with pytest.raises(VaultError):
            actions[action]()
        assert stored(storage) == before
        assert sorted(storage.parent.iterdir()) == around

    def test_a_folder_is_not_a_file(self, vault: Vault) -> None:
        """A folder cannot be replaced, read, appended to or removed like a file, and stays unchanged."""
        put(vault, "surveys/baseline.csv", NEW)
        with pytest.raises(VaultError):
            put(vault, "surveys", NEW)
        with pytest.raises(VaultError):
            content(vault, "surveys")
        with pytest.raises(VaultError):
            vault.append("surveys", NEW)
        with pytest.raises(VaultError):
            vault.remove("surveys")
        assert list(vault.names("")) == ["surveys/"]
        assert content(vault, "surveys/baseline.csv") == NEW

    def test_a_file_is_not_a_folder(self, vault: Vault) -> None:
        """A name below a file is refused, and the file stays unchanged."""
        put(vault, "baseline.csv", PREVIOUS)
        with pytest.raises(VaultError):
            put(vault, "baseline.csv/inside.csv", NEW)
        with pytest.raises(VaultError):
            vault.names("baseline.csv")
        assert content(vault, "baseline.csv") == PREVIOUS
