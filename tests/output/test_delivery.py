"""A CSV is put into the vault in one step, only if it changed, never shrunken, with copies of the previous ones."""

import errno
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import SheetShrunk, VaultUnusable
from sheets_decrypt.output.delivery import Delivered, dated, delivery
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.interface import Files, Vault
from sheets_decrypt.vault.plain_folder import PlainFolder
from sheets_decrypt.vault.replacement import RenamePolicy
from tests import mounts, quick_vault

NAME = "a.csv"


def _lines(rows: int, text: str = "x") -> bytes:
    return b"h\r\n" + b"".join(f"{text}{row}\r\n".encode() for row in range(rows))


def _deliver(
    vault: Files, data: bytes, terms: ReplacePolicy | None = None, *, rows: int = 0, piece: int = 7
) -> Delivered:
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    with delivery(vault, NAME, terms or ReplacePolicy()) as new:
        for part in pieces:
            new.write(part)
        return new.commit(rows)


def _content(vault: Vault, name: str = NAME) -> bytes:
    with vault.read(name) as file:
        return file.read()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> CryptomatorVault:
    """Return an open vault; each test creates the files that it starts from."""
    return quick_vault.create(tmp_path_factory.mktemp("vault") / "v", Secret("x"))


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Vault]:
    """Return an empty mounted vault drive."""
    with mounts.gocryptfs(tmp_path) as mounted:
        yield Drive(mounted.point)


def _start_from(vault: Vault, former: bytes | None) -> None:
    for name in [name for name in vault.names("") if not name.endswith("/")]:
        vault.remove(name)
    vault.check()
    if former is not None:
        with vault.replace(NAME) as file:
            file.write(former)


CONTENT = st.lists(st.sampled_from([b"a", b"b", b"\r\n", b'"', b"a" * 40]), max_size=12).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(former=st.none() | CONTENT, new=CONTENT, piece=st.integers(1, 30))
def test_the_vault_holds_the_new_content_whatever_it_held_before(
    vault: CryptomatorVault, former: bytes | None, new: bytes, piece: int
) -> None:
    """For any previous and new content the result is the new one, reported as unchanged only if both are equal."""
    _start_from(vault, former)
    done = _deliver(vault, new, ReplacePolicy(max_shrink=None), piece=piece)
    assert _content(vault) == new
    assert done.changed == (former != new)
    assert (done.sha256, done.size, list(done.notes)) == (hashlib.sha256(new).hexdigest(), len(new), [])
    assert done.path == vault.path(NAME)
    assert vault.names("") == [NAME]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(former=st.none() | CONTENT, new=CONTENT)
def test_a_dry_run_says_what_would_change_and_writes_nothing(
    vault: CryptomatorVault, former: bytes | None, new: bytes
) -> None:
    """The answer is the same, and not a byte is written."""
    _start_from(vault, former)
    done = _deliver(vault, new, ReplacePolicy(max_shrink=None, dry_run=True, keep=3))
    assert done.changed == (former != new)
    assert vault.names("") == ([NAME] if former is not None else [])
    assert former is None or _content(vault) == former


def test_a_large_csv_that_differs_at_its_end_is_whole(drive: Vault) -> None:
    """The unchanged part is copied from the previous CSV, in pieces."""
    former = _lines(400_000)
    _start_from(drive, former)
    new = former + b"one more\r\n"
    done = _deliver(drive, new, rows=400_001, piece=1 << 18)
    assert done.changed
    assert _content(drive) == new


def test_a_change_to_the_previous_csv_during_the_run_is_noticed(drive: Vault) -> None:
    """The content that was compared must be the content that is copied, or the new CSV would be a mixture."""
    _start_from(drive, _lines(3))

    def exchange_meanwhile() -> None:
        with delivery(drive, NAME, ReplacePolicy()) as new:
            new.write(_lines(3))
            Path(drive.path(NAME)).write_bytes(_lines(3, "y"))
            new.write(b"new\r\n")

    with pytest.raises(VaultUnusable, match=r"^the former csv changed while it was compared$") as caught:
        exchange_meanwhile()
    assert caught.value.hint == "run again"
    assert _content(drive) == _lines(3, "y")
    assert drive.names("") == [NAME]


def test_an_error_before_the_commit_leaves_the_previous_csv(drive: Vault) -> None:
    """An error at the last moment leaves neither the new CSV nor a copy of the previous one."""
    _start_from(drive, _lines(3))

    def fail_late() -> None:
        with delivery(drive, NAME, ReplacePolicy(keep=1)) as new:
            new.write(_lines(4))
            raise VaultUnusable("no")

    with pytest.raises(VaultUnusable, match="no"):
        fail_late()
    assert _content(drive) == _lines(3)
    assert drive.names("") == [NAME]


def test_the_note_names_the_file_written_instead_of_an_open_one(tmp_path: Path) -> None:
    """As on Windows while Excel has the CSV open, the note says where the new file is, and why."""

    def held(folder: OpenFolder, old: str, new: str) -> None:
        if new == NAME:
            error = PermissionError(errno.EACCES, "held open")
            error.winerror = 32  # type: ignore[attr-defined]  # as Windows' Python has it
            raise error
        folder.rename(old, new)

    policy = RenamePolicy(sleep=lambda _: None, now=lambda: datetime(2026, 1, 31, 6, 30, tzinfo=UTC), rename=held)
    done = _deliver(PlainFolder(tmp_path, policy=policy), _lines(3), rows=3)
    assert done.path == str(tmp_path / "a.2026-01-31T06-30-00Z.csv")
    [note] = done.notes
    assert "held open by another program" in note


def test_a_delivery_that_is_not_committed_leaves_the_previous_csv(vault: CryptomatorVault) -> None:
    """A missing commit is a bug in the program, but nothing is lost."""
    _start_from(vault, _lines(3))
    with pytest.raises(AssertionError), delivery(vault, NAME, ReplacePolicy()) as new:
        new.write(_lines(4))
    assert _content(vault) == _lines(3)


@pytest.mark.parametrize("former", [1, 10, 100])
@pytest.mark.parametrize("percent", range(0, 101, 7))
def test_the_share_of_rows_that_may_be_gone_is_exact(vault: CryptomatorVault, former: int, percent: int) -> None:
    """Exactly the allowed share passes, and one row less does not, however the share is rounded in binary."""
    allowed = former - former * percent // 100
    _start_from(vault, _lines(former))
    _deliver(vault, _lines(allowed, "y"), ReplacePolicy(max_shrink=percent / 100), rows=allowed)
    if allowed:
        _start_from(vault, _lines(former))
        with pytest.raises(SheetShrunk, match=f"{allowed - 1} rows, and the file that it would replace has {former}"):
            _deliver(vault, _lines(allowed - 1, "y"), ReplacePolicy(max_shrink=percent / 100), rows=allowed - 1)
        assert _content(vault) == _lines(former)


def test_a_quoted_line_break_is_not_a_row(vault: CryptomatorVault) -> None:
    """The previous rows are counted as records, not as lines."""
    _start_from(vault, b'h\r\n"1\r\n\r\n\r\n"\r\n"2""\r\n"\r\n')
    assert _deliver(vault, _lines(2), ReplacePolicy(max_shrink=0), rows=2).changed


@pytest.mark.usefixtures("far_from_utc")
def test_a_copy_has_the_date_of_its_content(drive: Vault) -> None:
    """`keep` names a copy after the modification time of the previous CSV in UTC, and the newest copies stay."""
    _start_from(drive, None)
    folder = Path(drive.path(NAME)).parent
    (folder / "a.notes.csv").write_text("not a copy")
    (folder / "b.kept-2026-01-01T00-00-00Z.csv").write_text("another CSV's copy")
    for rows in range(1, 6):
        _deliver(drive, _lines(rows), ReplacePolicy(keep=2), rows=rows)
        time = datetime(2026, 1, rows, tzinfo=UTC).timestamp()
        os.utime(folder / NAME, (time, time))
    copies = ["a.kept-2026-01-03T00-00-00Z.csv", "a.kept-2026-01-04T00-00-00Z.csv"]
    assert list(drive.names("")) == sorted([*copies, NAME, "a.notes.csv", "b.kept-2026-01-01T00-00-00Z.csv"])
    assert [_content(drive, name) for name in copies] == [_lines(3), _lines(4)]
    _deliver(drive, _lines(5), ReplacePolicy(keep=2), rows=5)
    assert _content(drive, copies[0]) == _lines(3)


@pytest.mark.parametrize("seconds", [4e11, -1e11, 1e30])
def test_a_copy_of_a_file_from_an_impossible_year_has_todays_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Some file systems and sync programs accept any time for a file."""
    folder = PlainFolder(tmp_path)
    _deliver(folder, _lines(1), rows=1)
    monkeypatch.setattr(PlainFolder, "modified", lambda _self, _name: seconds)
    _deliver(folder, _lines(2), ReplacePolicy(keep=1), rows=2)
    today = f"a.kept-{datetime.now(UTC):%Y-}"
    assert [file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith(today)] == [_lines(1)]


def test_no_copy_is_removed_before_the_new_csv_is_in_its_place(drive: Vault) -> None:
    """A run that fails at the rename has removed nothing."""
    _start_from(drive, None)
    folder = Path(drive.path(NAME)).parent
    (folder / "a.kept-2026-01-01T00-00-00Z.csv").write_bytes(_lines(1))
    (folder / NAME).write_bytes(_lines(2))

    def fail(folder: OpenFolder, old: str, new: str) -> None:
        if new == NAME:
            raise OSError(errno.EIO, "no rename today")
        folder.rename(old, new)

    with pytest.raises(VaultUnusable):
        _deliver(Drive(folder, policy=RenamePolicy(rename=fail)), _lines(3), ReplacePolicy(keep=1), rows=3)
    assert _content(drive, "a.kept-2026-01-01T00-00-00Z.csv") == _lines(1)
    assert _content(drive) == _lines(2)


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("baseline.csv", "baseline.kept-2026-01-31T06-30-00Z.csv"),
        ("surveys/base.line.csv", "surveys/base.line.kept-2026-01-31T06-30-00Z.csv"),
        ("noending", "noending.kept-2026-01-31T06-30-00Z"),
    ],
)
def test_a_dated_name_keeps_folder_and_ending(name: str, copy: str) -> None:
    """The ending is kept so that a double click opens the file."""
    assert dated(name, datetime(2026, 1, 31, 6, 30, tzinfo=UTC)) == copy


def test_copies_in_a_folder_of_the_vault_are_kept_there(drive: Vault) -> None:
    """The copies of surveys/a.csv are also in surveys, and only there are the oldest removed."""
    _start_from(drive, None)
    root = Path(drive.path(NAME)).parent
    (root / "a.kept-2026-01-01T00-00-00Z.csv").write_bytes(_lines(1))
    for rows in range(1, 5):
        with delivery(drive, "surveys/a.csv", ReplacePolicy(keep=1)) as new:
            new.write(_lines(rows))
            new.commit(rows)
        time = datetime(2026, 1, rows, tzinfo=UTC).timestamp()
        os.utime(root / "surveys/a.csv", (time, time))
    assert list(drive.names("surveys")) == ["a.csv", "a.kept-2026-01-03T00-00-00Z.csv"]
    assert list(drive.names("")) == ["a.kept-2026-01-01T00-00-00Z.csv", "surveys/"]
