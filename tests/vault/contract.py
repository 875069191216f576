"""What every implementation of `Vault` must do, whatever it stores.

A test module makes a subclass of `VaultContract` whose name starts with `Test`, and gives it two fixtures:

- `vault`: an empty vault, opened;
- `storage`: the folder on disk that holds everything that the vault stores, in whichever form.
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

FORMER = b"row,name\r\n1,former\r\n"
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
    """List every file that lies on disk."""
    return sorted(str(path.relative_to(storage)) for path in storage.rglob("*") if not path.is_dir())


def kill_in_the_middle(vault: Vault, name: str) -> None:
    """Start to replace `name` in a process of its own and kill that before the block ends."""
    require.that(hasattr(os, "fork"), "a process cannot be forked here")
    child = os.fork()
    if child == 0:  # pragma: no cover — this process is killed before it could report what it covered
        with vault.replace(name) as new:
            for _ in range(100):
                new.write(NEW * 1000)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


class VaultContract:
    """The promise of `sheets_decrypt.vault.interface.Vault`, one sentence a test."""

    def test_an_open_vault_passes_its_check(self, vault: Vault, storage: Path) -> None:
        """The check names an encrypted place and writes nothing."""
        before = stored(storage)
        place = vault.check()
        assert place.protection is not Protection.NOT_ENCRYPTED
        assert place.what
        assert place.where
        assert stored(storage) == before

    def test_the_path_names_the_file(self, vault: Vault) -> None:
        """The path in words holds the file's name."""
        assert "baseline.csv" in vault.path("baseline.csv")

    def test_a_file_that_is_settled_lacks_only_its_name(self, vault: Vault, storage: Path) -> None:
        """Everything is on the disk by then, and the former content is still the file's; settling twice is once."""
        put(vault, "a.csv", FORMER)
        before = len(stored(storage))
        with vault.replace("a.csv") as new:
            new.write(NEW)
            new.settle()
            new.settle()
            assert content(vault, "a.csv") == FORMER
            assert len(stored(storage)) == before + 1
        assert content(vault, "a.csv") == NEW
        assert len(stored(storage)) == before

    def test_a_file_keeps_its_identity_and_shares_it_with_no_other(self, vault: Vault) -> None:
        """One name has one identity, whether the file is there or not; another name has another."""
        names = ["baseline.csv", "baseline.csv.bak", "endline.csv", "surveys/baseline.csv"]
        before = [vault.identity(name) for name in names]
        assert len(set(before)) == len(names)
        for name in names:
            put(vault, name, NEW)
        assert [vault.identity(name) for name in names] == before

    @pytest.mark.parametrize("size", SIZES)
    def test_a_file_reads_back_byte_for_byte(self, vault: Vault, size: int) -> None:
        """What was written is what is read, at every size around the blocks of the formats."""
        data = os.urandom(size)
        put(vault, "baseline.csv", data)
        assert content(vault, "baseline.csv") == data
        assert vault.size("baseline.csv") == size

    def test_a_file_can_be_written_in_many_pieces(self, vault: Vault) -> None:
        """Pieces of odd sizes become one file, in order, and each write gives its length."""
        pieces = [bytes([number % 256]) * (number % 997) for number in range(2000)]
        with vault.replace("baseline.csv") as new:
            assert [new.write(piece) for piece in pieces] == [len(piece) for piece in pieces]
        assert content(vault, "baseline.csv") == b"".join(pieces)

    def test_a_file_can_be_read_in_pieces(self, vault: Vault) -> None:
        """Reading block by block gives the same as reading at once."""
        data = os.urandom(100_001)
        put(vault, "baseline.csv", data)
        with vault.read("baseline.csv") as file:
            pieces = list(iter(lambda: file.read(7919), b""))
        assert b"".join(pieces) == data
        assert {len(piece) for piece in pieces[:-1]} == {7919}

    def test_a_new_file_appears_only_at_the_end(self, vault: Vault) -> None:
        """While the block is open there is no file, neither by its name nor in a list."""
        with vault.replace("baseline.csv") as new:
            new.write(NEW)
            assert vault.size("baseline.csv") is None
            assert list(vault.names("")) == []
        assert list(vault.names("")) == ["baseline.csv"]

    def test_the_former_content_stays_until_the_end(self, vault: Vault) -> None:
        """While the block is open the file reads as before; then it is the new one, and only that."""
        put(vault, "baseline.csv", FORMER)
        with vault.replace("baseline.csv") as new:
            new.write(NEW)
            assert content(vault, "baseline.csv") == FORMER
            assert list(vault.names("")) == ["baseline.csv"]
        assert content(vault, "baseline.csv") == NEW
        assert list(vault.names("")) == ["baseline.csv"]

    def test_it_says_under_which_name_it_was_stored(self, vault: Vault) -> None:
        """Nothing was in the way, so the name is the one asked for and there is nothing to note."""
        with vault.replace("surveys/baseline.csv") as new:
            new.write(NEW)
        assert new.stored_as == "surveys/baseline.csv"
        assert list(new.notes) == []

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_an_error_in_the_block_changes_nothing(
        self, vault: Vault, storage: Path, error: type[BaseException]
    ) -> None:
        """After any error, and after Ctrl-C, the former file is whole and nothing else is there."""
        put(vault, "baseline.csv", FORMER)
        before = stored(storage)
        with pytest.raises(error), vault.replace("baseline.csv") as new:  # noqa: PT012 — the block is what is tested
            new.write(NEW * 10_000)
            raise error
        assert content(vault, "baseline.csv") == FORMER
        assert list(vault.names("")) == ["baseline.csv"]
        assert stored(storage) == before

    def test_an_error_in_the_block_makes_no_file(self, vault: Vault, storage: Path) -> None:
        """Where there was no file, there is none after an error."""
        before = stored(storage)
        with pytest.raises(RuntimeError), vault.replace("baseline.csv") as new:  # noqa: PT012 — as above
            new.write(NEW * 10_000)
            raise RuntimeError
        assert vault.size("baseline.csv") is None
        assert stored(storage) == before

    def test_a_killed_run_changes_nothing_and_the_next_one_cleans_up(self, vault: Vault, storage: Path) -> None:
        """SIGKILL in the middle leaves the former file; the rest is not listed and goes with the next run."""
        put(vault, "baseline.csv", FORMER)
        put(vault, "endline.csv", FORMER)
        before = stored(storage)
        kill_in_the_middle(vault, "baseline.csv")
        assert content(vault, "baseline.csv") == FORMER
        assert list(vault.names("")) == ["baseline.csv", "endline.csv"]
        put(vault, "baseline.csv", NEW)
        assert stored(storage) == before
        assert content(vault, "baseline.csv") == NEW
        assert content(vault, "endline.csv") == FORMER

    def test_what_a_killed_run_left_of_a_dated_copy_goes_with_the_next_copy(self, vault: Vault, storage: Path) -> None:
        """A copy's name has the time in it, so that no run ever writes the same one again."""
        put(vault, "baseline.kept-2026-03-02T06-30-00Z.csv", FORMER)
        before = len(stored(storage))
        kill_in_the_middle(vault, "baseline.kept-2026-03-01T06-30-00Z.csv")
        assert len(stored(storage)) == before + 1
        put(vault, "baseline.kept-2026-03-02T06-30-00Z.csv", NEW)
        assert len(stored(storage)) == before

    def test_a_killed_first_run_leaves_no_file(self, vault: Vault) -> None:
        """A run that is killed before the first file was there leaves none, and the next one succeeds."""
        kill_in_the_middle(vault, "baseline.csv")
        assert vault.size("baseline.csv") is None
        assert list(vault.names("")) == []
        put(vault, "baseline.csv", NEW)
        assert content(vault, "baseline.csv") == NEW

    def test_two_files_can_be_written_at_once(self, vault: Vault) -> None:
        """Two blocks with two names are open together, and neither disturbs the other."""
        with vault.replace("a.csv") as first, vault.replace("a.csv.csv") as second:
            first.write(FORMER)
            second.write(NEW)
        assert content(vault, "a.csv") == FORMER
        assert content(vault, "a.csv.csv") == NEW
        assert list(vault.names("")) == ["a.csv", "a.csv.csv"]

    def test_two_writers_of_one_name_leave_one_whole_file(self, vault: Vault, storage: Path) -> None:
        """Whoever comes last: the file is one of the two, whole, and nothing else is left."""
        put(vault, "baseline.csv", b"")
        before = stored(storage)
        started, go_on = threading.Event(), threading.Event()
        failures: list[BaseException] = []

        def slow() -> None:
            try:
                with vault.replace("baseline.csv") as new:
                    new.write(FORMER)
                    started.set()
                    go_on.wait(60)
                    new.write(FORMER)
            except BaseException as error:  # noqa: BLE001 — handed to the test, which looks at it
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
        assert content(vault, "baseline.csv") in ({NEW} if failures else {NEW, FORMER * 2})
        assert stored(storage) == before

    def test_missing_folders_are_made(self, vault: Vault) -> None:
        """A name in folders that are not there makes them, and only them."""
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
        """A name comes back from a list as it went in, and finds its file."""
        put(vault, name, NEW)
        folder, _, last = name.rpartition("/")
        assert list(vault.names(folder)) == [last]
        assert content(vault, name) == NEW

    def test_names_are_sorted(self, vault: Vault) -> None:
        """Files and folders are listed in order, folders with a slash."""
        for name in ("c.csv", "a.csv", "b/x.csv", "B.csv"):
            put(vault, name, NEW)
        assert list(vault.names("")) == ["B.csv", "a.csv", "b/", "c.csv"]

    def test_append_makes_the_file_and_adds_to_it(self, vault: Vault) -> None:
        """Lines add up in the order in which they came, and the folder is made where it is missing."""
        for number in range(3):
            vault.append("surveys/baseline.csv.runs.jsonl", b'{"run": %d}\n' % number)
        assert content(vault, "surveys/baseline.csv.runs.jsonl") == b'{"run": 0}\n{"run": 1}\n{"run": 2}\n'
        assert vault.size("surveys/baseline.csv.runs.jsonl") == 33
        assert list(vault.names("surveys")) == ["baseline.csv.runs.jsonl"]

    def test_append_keeps_lines_apart_after_a_torn_one(self, vault: Vault) -> None:
        """A last line that a killed run left without its end does not swallow the next one."""
        put(vault, "baseline.csv.runs.jsonl", b'{"run": 0}\n{"ru')
        vault.append("baseline.csv.runs.jsonl", b'{"run": 1}\n')
        assert content(vault, "baseline.csv.runs.jsonl") == b'{"run": 0}\n{"ru\n{"run": 1}\n'

    def test_append_grows_across_the_blocks_of_a_format(self, vault: Vault) -> None:
        """Appending works on both sides of a block's edge."""
        line = b"x" * 8191 + b"\n"
        for _ in range(10):
            vault.append("history.jsonl", line)
        assert content(vault, "history.jsonl") == line * 10

    def test_the_time_of_the_last_change_moves_forward(self, vault: Vault) -> None:
        """A file's time is that of now, in seconds since 1970, and does not go back when it is replaced."""
        put(vault, "baseline.csv", FORMER)
        first = vault.modified("baseline.csv")
        put(vault, "baseline.csv", NEW)
        assert vault.modified("baseline.csv") >= first > 1_700_000_000

    def test_removing_is_final_and_may_be_repeated(self, vault: Vault, storage: Path) -> None:
        """A removed file is gone, also on disk, and removing what is not there is not an error."""
        before = stored(storage)
        put(vault, "baseline.csv", NEW)
        vault.remove("baseline.csv")
        assert vault.size("baseline.csv") is None
        assert list(vault.names("")) == []
        assert stored(storage) == before
        vault.remove("baseline.csv")
        vault.remove("nowhere/baseline.csv")

    @pytest.mark.parametrize("name", ["baseline.csv", "nowhere/baseline.csv"])
    def test_what_is_missing_is_called_missing(self, vault: Vault, name: str) -> None:
        """A file that is not there has no size, and reading it or asking for its time says so."""
        assert vault.size(name) is None
        with pytest.raises(VaultFileMissing, match="baseline"), vault.read(name):
            pass
        with pytest.raises(VaultFileMissing, match="baseline"):
            vault.modified(name)

    def test_a_missing_folder_is_called_missing(self, vault: Vault) -> None:
        """A folder that is not there cannot be listed."""
        with pytest.raises(VaultFileMissing, match="nowhere"):
            vault.names("nowhere")

    @pytest.mark.parametrize(
        "name", ["../out.csv", "a/../../out.csv", "/out.csv", "a/../b.csv", "", "a/", "./a.csv", ".."]
    )
    @pytest.mark.parametrize("action", ["replace", "append", "read", "size", "modified", "remove"])
    def test_a_name_that_leaves_the_vault_is_refused(self, vault: Vault, storage: Path, name: str, action: str) -> None:
        """A name is a plain relative path; with `..`, a leading slash or nothing to name, no method takes it."""
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
        """A folder cannot be replaced, read, appended to or removed as if it were a file, and stays unchanged."""
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
        put(vault, "baseline.csv", FORMER)
        with pytest.raises(VaultError):
            put(vault, "baseline.csv/inside.csv", NEW)
        with pytest.raises(VaultError):
            vault.names("baseline.csv")
        assert content(vault, "baseline.csv") == FORMER
