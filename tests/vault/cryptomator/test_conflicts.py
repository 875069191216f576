"""When another program changes a file during a run, both contents are kept, and no line is lost."""

import os
from pathlib import Path

import pytest

from sheets_decrypt.errors import VaultUnusable
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests.vault.contract import content, put
from tests.vault.cryptomator.disk import LONG, PASSPHRASE, on_disk


@pytest.mark.parametrize("name", ["baseline.csv", "surveys/baseline.csv", LONG])
@pytest.mark.parametrize("seen", [True, False])
def test_a_file_that_changed_during_the_run_is_kept_beside_the_new_one(
    vault: CryptomatorVault, storage: Path, name: str, seen: bool
) -> None:
    """Both contents are kept, whether or not the run had read the file before; the name and a note say so."""
    other = CryptomatorVault(storage, PASSPHRASE)
    put(other, name, b"former")
    vault.check()
    if seen:
        assert vault.size(name) == 6
    put(other, name, b"theirs")
    with vault.replace(name) as new:
        new.write(b"ours")
    folder = name.rpartition("/")[0]
    assert new.stored_as != name
    assert " (conflict 2" in new.stored_as
    assert new.stored_as.endswith("Z).csv")
    assert "was changed" in new.notes[0]
    assert new.stored_as in new.notes[0]
    assert content(vault, name) == b"theirs"
    assert content(vault, new.stored_as) == b"ours"
    assert len(vault.names(folder)) == 2


def test_a_change_while_the_file_is_written_is_noticed(vault: CryptomatorVault, storage: Path) -> None:
    """The last check comes after everything is written, just before the rename."""
    put(vault, "baseline.csv", b"former")
    vault.check()
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
        put(CryptomatorVault(storage, PASSPHRASE), "baseline.csv", b"theirs")
    assert content(vault, "baseline.csv") == b"theirs"
    assert content(vault, new.stored_as) == b"ours"


def test_a_file_that_appears_during_the_run_is_kept(vault: CryptomatorVault, storage: Path) -> None:
    """If the file appeared after the run started, both files are kept."""
    vault.check()
    assert vault.size("baseline.csv") is None
    put(CryptomatorVault(storage, PASSPHRASE), "baseline.csv", b"theirs")
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert content(vault, "baseline.csv") == b"theirs"
    assert content(vault, new.stored_as) == b"ours"


def test_a_file_that_disappears_during_the_run_is_not_a_conflict(vault: CryptomatorVault, storage: Path) -> None:
    """A removed file leaves nothing to keep, so the new content gets the name."""
    put(vault, "baseline.csv", b"former")
    vault.check()
    assert vault.size("baseline.csv") == 6
    CryptomatorVault(storage, PASSPHRASE).remove("baseline.csv")
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert (new.stored_as, list(new.notes)) == ("baseline.csv", [])


def test_a_chunk_that_was_changed_in_place_is_noticed(vault: CryptomatorVault, storage: Path) -> None:
    """Cryptomator keeps the header when a program changes part of a file, but the chunk's nonce changes."""
    data = os.urandom(100_000)
    put(vault, "baseline.csv", data)
    vault.check()
    assert vault.size("baseline.csv") == 100_000
    path = on_disk(storage, "baseline.csv")
    before, times = path.read_bytes(), path.stat()
    inside = vault._unlocked
    assert inside is not None
    cipher = inside.cipher
    start = cipher.header + 32768 + cipher.overhead
    chunk = bytearray(32768 + cipher.overhead)
    cipher.open_file(before[: cipher.header]).seal(
        1, os.urandom(cipher.nonce), memoryview(b"t" * 32768), memoryview(chunk)
    )
    with path.open("r+b") as file:
        file.seek(start)
        file.write(chunk)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert new.stored_as != "baseline.csv"
    assert content(vault, "baseline.csv") == data[:32768] + b"t" * 32768 + data[65536:]


def test_a_sync_client_that_changes_only_times_causes_no_conflict(vault: CryptomatorVault, storage: Path) -> None:
    """Once the run has read the file, only its content counts: a new time or inode is not a change."""
    put(vault, "baseline.csv", b"former")
    vault.check()
    assert vault.size("baseline.csv") == 6
    path = on_disk(storage, "baseline.csv")
    copy = path.read_bytes()
    path.unlink()
    path.write_bytes(copy)
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert list(new.notes) == []
    assert list(vault.names("")) == ["baseline.csv"]


def test_a_second_conflict_in_the_same_second_gets_its_own_name(vault: CryptomatorVault, storage: Path) -> None:
    """No conflict copy replaces another, and a name at the length limit is shortened to make room."""
    name = "ü" * 125 + ".csv"
    vault.check()
    put(CryptomatorVault(storage, PASSPHRASE), name, b"theirs")
    stored_as = []
    for number in range(3):
        with vault.replace(name) as new:
            new.write(b"%d" % number)
        stored_as.append(new.stored_as)
    assert len(vault.names("")) == 4
    assert [content(vault, name) for name in stored_as] == [b"0", b"1", b"2"]
    assert all(len(name.encode()) <= 255 for name in stored_as)


def test_a_file_may_be_replaced_again_and_again_in_one_run(vault: CryptomatorVault) -> None:
    """The run's own writes are not mistaken for another program's changes."""
    vault.check()
    for number in range(3):
        put(vault, "baseline.csv", b"%d" % number)
        vault.append("history.jsonl", b"%d\n" % number)
    vault.remove("baseline.csv")
    put(vault, "baseline.csv", b"last")
    assert list(vault.names("")) == ["baseline.csv", "history.jsonl"]
    assert content(vault, "history.jsonl") == b"0\n1\n2\n"


def test_lines_that_two_programs_append_are_all_kept(vault: CryptomatorVault, storage: Path) -> None:
    """A line added after the run's start is kept, and a change while a line is appended restarts the appending."""
    other = CryptomatorVault(storage, PASSPHRASE)
    vault.check()
    vault.append("history.jsonl", b"1\n")
    other.append("history.jsonl", b"2\n")
    vault.append("history.jsonl", b"3\n")
    assert content(vault, "history.jsonl") == b"1\n2\n3\n"
    assert list(vault.names("")) == ["history.jsonl"]


class _Busy(CryptomatorVault):
    """A vault in which another program adds a line each time this one has read the file."""

    other: CryptomatorVault
    times: int

    def _copy(self, name: str, new: object) -> None:
        super()._copy(name, new)  # type: ignore[arg-type]
        if self.times:
            self.times -= 1
            self.other.append(name, b"theirs\n")


@pytest.mark.parametrize(("times", "lines"), [(4, b"theirs\n" * 4 + b"ours\n"), (5, b"theirs\n" * 5)])
def test_appending_restarts_if_the_file_has_changed(
    vault: CryptomatorVault, storage: Path, times: int, lines: bytes
) -> None:
    """Appending is tried up to five times; then it is an error, and nothing that others wrote is lost."""
    busy = _Busy(storage, PASSPHRASE)
    busy.other, busy.times = vault, times
    if times < 5:
        busy.append("history.jsonl", b"ours\n")
    else:
        with pytest.raises(VaultUnusable, match="keeps changing"):
            busy.append("history.jsonl", b"ours\n")
    assert content(vault, "history.jsonl") == lines
    assert list(vault.names("")) == ["history.jsonl"]
