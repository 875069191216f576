"""A Cryptomator vault that is written directly keeps the promise of every vault, and its own."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import unicodedata
import uuid
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import (
    KeyMissing,
    VaultDamaged,
    VaultFileMissing,
    VaultLocked,
    VaultUnusable,
)
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening
from sheets_decrypt.vault.cryptomator import storage as disk
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.cryptomator.names import NameCipher
from sheets_decrypt.vault.cryptomator.vault import extended_windows
from sheets_decrypt.vault.interface import Protection
from tests import require
from tests.contracts import VaultContract, content, put, stored

PASSPHRASE = Secret("correct horse battery staple")
LONG = "long " + "x" * 190 + ".csv"


@pytest.fixture(params=["SIV_GCM", "SIV_CTRMAC"])
def combo(request: pytest.FixtureRequest) -> Combo:
    """Both ways in which a vault of format 8 may be encrypted."""
    return "SIV_GCM" if request.param == "SIV_GCM" else "SIV_CTRMAC"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The vault's folder."""
    return tmp_path / "vault"


@pytest.fixture
def vault(storage: Path, combo: Combo) -> CryptomatorVault:
    """A new vault, opened."""
    return CryptomatorVault.create(storage, PASSPHRASE, cipher_combo=combo)


class TestCryptomatorVault(VaultContract):
    """Everything that every vault does."""


def names_of(folder: Path) -> NameCipher:
    """Give the cipher of a vault's names, so that a test can find what lies where."""
    opened = opening.unlock(folder, lambda: PASSPHRASE)
    return NameCipher(opened.keys.siv(), opened.threshold)


def root_of(folder: Path) -> Path:
    """Give the folder on disk that holds the root's entries."""
    return folder / names_of(folder).address("")


def on_disk(folder: Path, name: str) -> Path:
    """Give where the root's entry `name` lies on disk."""
    names = names_of(folder)
    return root_of(folder) / names.on_disk(names.encrypt(name, ""))


def as_before(folder: Path) -> dict[str, bytes]:
    """Give everything that lies on disk, byte for byte."""
    return {name: (folder / name).read_bytes() for name in stored(folder)}


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_vault_is_opened_again_with_its_passphrase(vault: CryptomatorVault, storage: Path) -> None:
    """What one object wrote, another one reads; the check says what the place is."""
    put(vault, "surveys/baseline.csv", b"row\r\n")
    again = CryptomatorVault(storage, PASSPHRASE)
    place = again.check()
    assert (place.protection, place.what, place.where) == (Protection.VAULT, "Cryptomator", str(storage))
    assert content(again, "surveys/baseline.csv") == b"row\r\n"


def test_the_passphrase_is_asked_for_once_and_not_before_it_is_needed(vault: CryptomatorVault, storage: Path) -> None:
    """A function that gives the passphrase is called once, by whatever comes first."""
    asked = []

    def ask() -> Secret:
        asked.append(1)
        return PASSPHRASE

    again = CryptomatorVault(storage, ask)
    assert asked == []
    assert again.size("baseline.csv") is None
    again.check()
    assert asked == [1]


def test_the_passphrases_source_may_fail(vault: CryptomatorVault, storage: Path) -> None:
    """What the source of the passphrase says comes through as it is."""

    def ask() -> Secret:
        raise KeyMissing("the keyring has no entry")

    with pytest.raises(KeyMissing, match="keyring"):
        CryptomatorVault(storage, ask).check()


def test_a_passphrase_means_the_same_in_nfc_and_in_nfd(storage: Path) -> None:
    """An umlaut typed on a Mac opens a vault made on Windows."""
    CryptomatorVault.create(storage, Secret(unicodedata.normalize("NFD", "Schlüssel")))
    CryptomatorVault(storage, Secret(unicodedata.normalize("NFC", "Schlüssel"))).check()


def test_a_new_vault_is_never_made_among_other_files(storage: Path) -> None:
    """A folder that holds anything is refused, and stays as it is."""
    storage.mkdir()
    (storage / "thesis.docx").write_bytes(b"x")
    with pytest.raises(VaultUnusable, match="not empty"):
        CryptomatorVault.create(storage, PASSPHRASE)
    assert stored(storage) == ["thesis.docx"]


def test_a_new_vault_has_the_shape_of_cryptomators_own(vault: CryptomatorVault, storage: Path, combo: Combo) -> None:
    """Two files, the root, and the root's `dirid.c9r`: a header and one empty chunk."""
    root = root_of(storage)
    assert stored(storage) == sorted(
        ["masterkey.cryptomator", "vault.cryptomator", str(root.relative_to(storage) / "dirid.c9r")]
    )
    assert (root / "dirid.c9r").stat().st_size == {"SIV_GCM": 68 + 28, "SIV_CTRMAC": 88 + 48}[combo]
    masterkey = json.loads((storage / "masterkey.cryptomator").read_bytes())
    assert masterkey["version"] == 999
    assert (masterkey["scryptCostParam"], masterkey["scryptBlockSize"]) == (32768, 8)


def test_the_check_says_when_the_vault_is_read_only(combo: Combo) -> None:
    """A root that this user may not write is found before anything is decrypted."""
    require.that(sys.platform != "win32", "modes mean nothing here")
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "vault"
        CryptomatorVault.create(folder, PASSPHRASE, cipher_combo=combo)
        root = root_of(folder)
        root.chmod(0o555)
        before, user = as_before(folder), os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write everywhere
        try:
            vault = CryptomatorVault(folder, PASSPHRASE)
            with pytest.raises(VaultUnusable, match="may not be written"):
                vault.check()
            with pytest.raises(VaultUnusable, match="may not be written"):
                put(vault, "a.csv", b"")
        finally:
            os.seteuid(user)
            root.chmod(0o755)
        assert as_before(folder) == before


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "ending"), [(1, ".c9r"), (146, ".c9r"), (147, ".c9s"), (255, ".c9s")])
def test_names_are_shortened_where_cryptomator_does(
    vault: CryptomatorVault, storage: Path, length: int, ending: str
) -> None:
    """146 bytes are stored under the full name, 147 under a hash, with the full name beside the content."""
    name = "n" * length
    put(vault, name, b"x")
    entry = on_disk(storage, name)
    assert entry.suffix == ending
    assert (
        (sorted(path.name for path in entry.iterdir()) == ["contents.c9r", "name.c9s"])
        if ending == ".c9s"
        else entry.is_file()
    )
    assert list(vault.names("")) == [name]


def test_a_name_in_nfd_and_in_nfc_is_one_name(vault: CryptomatorVault) -> None:
    """The same word from a Mac and from Windows names the same file, and lists in NFC."""
    put(vault, unicodedata.normalize("NFD", "Prüfung/März.csv"), b"former")
    put(vault, unicodedata.normalize("NFC", "Prüfung/März.csv"), b"new")
    assert list(vault.names("Prüfung")) == [unicodedata.normalize("NFC", "März.csv")]
    assert content(vault, unicodedata.normalize("NFD", "Prüfung/März.csv")) == b"new"


@pytest.mark.parametrize("name", ["n" * 256, "ü" * 128, "a\0b", "a//b", "\ud800", "."])
def test_what_is_no_name_is_refused(vault: CryptomatorVault, storage: Path, name: str) -> None:
    """Too long, empty in the middle, a zero byte or half a character: an error, and nothing is written."""
    before = stored(storage)
    with pytest.raises(VaultUnusable):
        put(vault, name, b"x")
    assert stored(storage) == before


@pytest.mark.parametrize("name", ["..", "../out.csv", "a/b", ".", "/etc/passwd", "a\0b"])
def test_a_name_in_the_vault_that_leads_elsewhere_is_not_even_listed(
    vault: CryptomatorVault, storage: Path, name: str
) -> None:
    """Someone who has the keys may store such a name; nobody who lists the vault here meets it."""
    put(vault, "good.csv", b"x")
    evil = root_of(storage) / names_of(storage).encrypt(name, "")
    evil.write_bytes(on_disk(storage, "good.csv").read_bytes())
    assert list(vault.names("")) == ["good.csv"]


@pytest.mark.parametrize(
    "name", ["conflicted copy.c9r", "AAAA.c9r", "A" * 32 + ".c9r", "=.c9r", "x.c9s", "notes.txt", ".DS_Store", "ä.c9r"]
)
def test_what_other_programs_leave_in_the_folders_is_passed_over(
    vault: CryptomatorVault, storage: Path, name: str
) -> None:
    """A sync client's copies and files of the system are no part of the vault."""
    put(vault, "good.csv", b"x")
    (root_of(storage) / name).write_bytes(b"?")
    assert list(vault.names("")) == ["good.csv"]
    assert vault.size("missing.csv") is None


def test_a_long_name_that_cannot_be_read_is_passed_over(vault: CryptomatorVault, storage: Path) -> None:
    """A shortened entry whose full name is no text is not listed."""
    put(vault, LONG, b"x")
    (on_disk(storage, LONG) / "name.c9s").write_bytes(b"\xff\xff")
    assert list(vault.names("")) == []


def test_a_link_is_listed_and_never_followed(vault: CryptomatorVault, storage: Path) -> None:
    """A symbolic link in the vault can be seen; reading or replacing it is refused."""
    entry = on_disk(storage, "link.csv")
    entry.mkdir()
    (entry / "symlink.c9r").write_bytes(b"x")
    assert list(vault.names("")) == ["link.csv"]
    assert vault.size("link.csv") is None
    for action in (lambda: content(vault, "link.csv"), lambda: put(vault, "link.csv", b"")):
        with pytest.raises(VaultUnusable, match="a link"):
            action()


def test_a_link_of_the_system_is_not_followed(vault: CryptomatorVault, storage: Path, tmp_path: Path) -> None:
    """A link on disk, which could lead out of the vault, counts as a broken entry."""
    put(vault, "good.csv", b"x")
    require.that(hasattr(os, "symlink"), "no links here")
    on_disk(storage, "evil.csv").symlink_to(on_disk(storage, "good.csv"))
    with pytest.raises(VaultDamaged, match="broken"):
        content(vault, "evil.csv")


@given(name=st.text(min_size=1, max_size=60), data=st.binary(max_size=100_000))
@settings(deadline=None, max_examples=60)
def test_any_content_under_any_name_comes_back(name: str, data: bytes) -> None:
    """Whatever a name and a content look like, they come back, or the name is refused before anything is written."""
    with tempfile.TemporaryDirectory() as folder:
        vault = _OPEN.in_folder(Path(folder))
        try:
            put(vault, name, data)
        except VaultUnusable:
            parts = unicodedata.normalize("NFC", name).split("/")
            assert any(part in {"", ".", ".."} or "\0" in part or len(part.encode()) > 255 for part in parts)
            return
        assert content(vault, name) == data
        assert vault.size(name) == len(data)
        parent, _, last = unicodedata.normalize("NFC", name).rpartition("/")
        assert list(vault.names(parent)) == [last]


class _Open:
    """Copies one vault instead of making a new one each time, which would cost a scrypt."""

    def __init__(self) -> None:
        self._inside: opening.Opened | None = None

    def in_folder(self, folder: Path) -> CryptomatorVault:
        """Give an open, empty vault in `folder`."""
        from sheets_decrypt.vault.cryptomator.inside import Inside
        from sheets_decrypt.vault.cryptomator.keys import Keys

        if self._inside is None:
            self._inside = opening.Opened(Keys.generate(), "SIV_GCM", 220)
        vault = CryptomatorVault(folder, PASSPHRASE)
        vault._inside = Inside(folder, self._inside)
        vault._inside.tree.make_root()
        return vault


_OPEN = _Open()


# --- broken entries --------------------------------------------------------------------------------------------------


def test_a_broken_entry_is_listed_and_left_alone(vault: CryptomatorVault, storage: Path) -> None:
    """An entry of which a part is missing shows in the list, and nothing is written into it."""
    put(vault, LONG, b"x")
    (on_disk(storage, LONG) / "contents.c9r").unlink()
    on_disk(storage, "empty.csv").mkdir()
    before = as_before(storage)
    assert list(vault.names("")) == ["empty.csv", LONG]
    for name in ("empty.csv", LONG):
        assert vault.size(name) is None
        with pytest.raises(VaultDamaged, match="broken"):
            put(vault, name, b"")
        with pytest.raises(VaultDamaged, match="broken"):
            vault.remove(name)
    assert as_before(storage) == before


@pytest.mark.parametrize("text", [b"", b"\xff", b"x" * 1001])
def test_a_folder_without_a_valid_id_is_damaged(vault: CryptomatorVault, storage: Path, text: bytes) -> None:
    """An empty id would be the root's: the tree would run in a circle. It is refused."""
    put(vault, "surveys/a.csv", b"x")
    (on_disk(storage, "surveys") / "dir.c9r").write_bytes(text)
    with pytest.raises(VaultDamaged, match="no valid id"):
        vault.names("surveys")


def test_a_folder_whose_content_is_missing_is_damaged(vault: CryptomatorVault, storage: Path) -> None:
    """A folder that is not synced yet is not taken for an empty one."""
    put(vault, "surveys/a.csv", b"x")
    (on_disk(storage, "surveys") / "dir.c9r").write_text(str(uuid.uuid4()))
    before = as_before(storage)
    for action in (lambda: vault.names("surveys"), lambda: put(vault, "surveys/a.csv", b"new")):
        with pytest.raises(VaultDamaged, match="'surveys' is not in the vault's folder"):
            action()
    assert as_before(storage) == before


def test_a_missing_root_is_damage(vault: CryptomatorVault, storage: Path) -> None:
    """Without the root's folder the check fails, and the root is not made anew."""
    root_of(storage).rename(storage / "elsewhere")
    with pytest.raises(VaultDamaged, match="root"):
        CryptomatorVault(storage, PASSPHRASE).check()


# --- what the system says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "may not be written"),
        (errno.EACCES, "may not be written"),
        (errno.EIO, "input/output error"),
    ],
)
def test_the_systems_errors_become_ours_and_change_nothing(
    vault: CryptomatorVault, storage: Path, number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full, forbidden or broken disk is an error of exit code 7, and the former file stays."""
    put(vault, "a.csv", b"former")
    before = as_before(storage)

    def fails(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(VaultUnusable, match=words) as caught:
            put(vault, "a.csv", b"new")
    assert caught.value.exit_code == 7
    assert as_before(storage) == before


def test_a_disk_that_fills_up_while_writing_is_told(vault: CryptomatorVault, storage: Path) -> None:
    """The limit on a file's size ends the writing in the middle; the error is ours and nothing is left."""
    require.that(sys.platform != "win32", "no limit on a file's size here")
    import resource
    import signal

    before = stored(storage)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(VaultUnusable, match="too large"):
            put(vault, "a.csv", b"x" * 3_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert stored(storage) == before


class _Held:
    """A file system on which another program holds one file open, as on Windows."""

    def __init__(self, target: Path, times: int) -> None:
        held = [True] * times

        def rename(source: Path, to: Path) -> Path:
            if to == target and held:
                held.pop()
                error = PermissionError(errno.EACCES, "held open")
                error.winerror = 32  # type: ignore[attr-defined, unused-ignore]  # Windows sets it
                raise error
            os.rename(source, to)  # noqa: PTH104 — it stands in for pathlib's own method
            return to

        self.rename = rename


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Do not wait between tries."""
    monkeypatch.setattr(disk, "_HELD_SECONDS", 0)
    return monkeypatch


def test_a_file_that_is_held_open_for_a_moment_is_replaced(
    vault: CryptomatorVault, storage: Path, quick: pytest.MonkeyPatch
) -> None:
    """Windows refuses the rename while a sync client reads the file; a moment later it works."""
    put(vault, "a.csv", b"former")
    held = _Held(on_disk(storage, "a.csv"), 3)
    with quick.context() as patch:
        patch.setattr(Path, "replace", held.rename)
        with vault.replace("a.csv") as new:
            new.write(b"new")
    assert (new.stored_as, list(new.notes)) == ("a.csv", [])
    assert content(vault, "a.csv") == b"new"


def test_a_file_that_stays_held_open_gets_a_neighbour(
    vault: CryptomatorVault, storage: Path, quick: pytest.MonkeyPatch
) -> None:
    """Where the program does not let go, the new content lies beside it, and the note says so."""
    put(vault, "a.csv", b"former")
    held = _Held(on_disk(storage, "a.csv"), 1000)
    with quick.context() as patch:
        patch.setattr(Path, "replace", held.rename)
        with vault.replace("a.csv") as new:
            new.write(b"new")
        with pytest.raises(VaultUnusable, match="held open"):
            vault.append("a.csv", b"line")
    assert new.stored_as.startswith("a.2")
    assert new.stored_as.endswith("Z.csv")
    assert "held open" in new.notes[0]
    assert list(vault.names("")) == sorted(["a.csv", new.stored_as])
    assert content(vault, "a.csv") == b"former"
    assert content(vault, new.stored_as) == b"new"


# --- sync conflicts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["baseline.csv", "surveys/baseline.csv", LONG])
@pytest.mark.parametrize("seen", [True, False])
def test_a_file_that_changed_during_the_run_is_kept_beside_the_new_one(
    vault: CryptomatorVault, storage: Path, name: str, seen: bool
) -> None:
    """Both contents are there, whether or not the run had looked at the file before; the name and a note say so."""
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
    """The last look is taken when all is written, right before the rename."""
    put(vault, "baseline.csv", b"former")
    vault.check()
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
        put(CryptomatorVault(storage, PASSPHRASE), "baseline.csv", b"theirs")
    assert content(vault, "baseline.csv") == b"theirs"
    assert content(vault, new.stored_as) == b"ours"


def test_a_file_that_came_during_the_run_is_kept(vault: CryptomatorVault, storage: Path) -> None:
    """Where there was no file at the start and there is one now, both are kept."""
    vault.check()
    assert vault.size("baseline.csv") is None
    put(CryptomatorVault(storage, PASSPHRASE), "baseline.csv", b"theirs")
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert content(vault, "baseline.csv") == b"theirs"
    assert content(vault, new.stored_as) == b"ours"


def test_a_file_that_went_during_the_run_is_no_conflict(vault: CryptomatorVault, storage: Path) -> None:
    """There is nothing to keep, so the new content gets the name."""
    put(vault, "baseline.csv", b"former")
    vault.check()
    assert vault.size("baseline.csv") == 6
    CryptomatorVault(storage, PASSPHRASE).remove("baseline.csv")
    with vault.replace("baseline.csv") as new:
        new.write(b"ours")
    assert (new.stored_as, list(new.notes)) == ("baseline.csv", [])


def test_a_chunk_that_was_changed_in_place_is_noticed(vault: CryptomatorVault, storage: Path) -> None:
    """Cryptomator keeps the header when a program changes a part of a file; the chunk's nonce tells."""
    data = os.urandom(100_000)
    put(vault, "baseline.csv", data)
    vault.check()
    assert vault.size("baseline.csv") == 100_000
    path = on_disk(storage, "baseline.csv")
    before, times = path.read_bytes(), path.stat()
    inside = vault._inside
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


def test_a_sync_client_that_touches_the_times_makes_no_conflict(vault: CryptomatorVault, storage: Path) -> None:
    """Only content counts once the run has looked at the file: a new time or inode is no change."""
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


def test_a_second_conflict_in_the_same_second_gets_a_name_of_its_own(vault: CryptomatorVault, storage: Path) -> None:
    """No conflict copy replaces another, and a name at the limit of length is shortened to make room."""
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
    """What the run itself wrote is not taken for another program's change."""
    vault.check()
    for number in range(3):
        put(vault, "baseline.csv", b"%d" % number)
        vault.append("history.jsonl", b"%d\n" % number)
    vault.remove("baseline.csv")
    put(vault, "baseline.csv", b"last")
    assert list(vault.names("")) == ["baseline.csv", "history.jsonl"]
    assert content(vault, "history.jsonl") == b"0\n1\n2\n"


def test_lines_that_two_programs_append_are_all_kept(vault: CryptomatorVault, storage: Path) -> None:
    """A line that came after the run's start stays, and a change in the middle of appending starts it anew."""
    other = CryptomatorVault(storage, PASSPHRASE)
    vault.check()
    vault.append("history.jsonl", b"1\n")
    other.append("history.jsonl", b"2\n")
    vault.append("history.jsonl", b"3\n")
    assert content(vault, "history.jsonl") == b"1\n2\n3\n"
    assert list(vault.names("")) == ["history.jsonl"]


class _Busy(CryptomatorVault):
    """A vault in which another program adds a line each time that this one has read the file."""

    other: CryptomatorVault
    times: int

    def _copy(self, name: str, new: object) -> None:
        super()._copy(name, new)  # type: ignore[arg-type]
        if self.times:
            self.times -= 1
            self.other.append(name, b"theirs\n")


@pytest.mark.parametrize(("times", "lines"), [(4, b"theirs\n" * 4 + b"ours\n"), (5, b"theirs\n" * 5)])
def test_appending_starts_anew_where_the_file_changed_meanwhile(
    vault: CryptomatorVault, storage: Path, times: int, lines: bytes
) -> None:
    """Up to five times; then it is an error, and nothing of the others' is lost."""
    busy = _Busy(storage, PASSPHRASE)
    busy.other, busy.times = vault, times
    if times < 5:
        busy.append("history.jsonl", b"ours\n")
    else:
        with pytest.raises(VaultUnusable, match="keeps changing"):
            busy.append("history.jsonl", b"ours\n")
    assert content(vault, "history.jsonl") == lines
    assert list(vault.names("")) == ["history.jsonl"]


# --- left-overs ------------------------------------------------------------------------------------------------------


def left_over(folder: Path, host: str | None = None) -> Path:
    """Give the name of a left-over, by default of this machine."""
    return folder / f".sheets-decrypt-{host or disk._host()}-{os.urandom(8).hex()}.tmp"


def test_another_machines_temporary_file_stays_for_a_day(vault: CryptomatorVault, storage: Path) -> None:
    """In a synced folder it may be in the middle of being written; after a day it is a left-over."""
    foreign = left_over(root_of(storage), "0badc0de")
    foreign.write_bytes(b"x")
    put(vault, "a.csv", b"x")
    assert foreign.exists()
    os.utime(foreign, (foreign.stat().st_mtime - 25 * 3600,) * 2)
    put(vault, "a.csv", b"x")
    assert not foreign.exists()


def test_what_merely_looks_like_a_left_over_stays(vault: CryptomatorVault, storage: Path) -> None:
    """Only names of exactly our pattern are removed."""
    for name in (".sheets-decrypt-note.tmp", ".tmp", "x.tmp"):
        (root_of(storage) / name).write_bytes(b"x")
    put(vault, "a.csv", b"x")
    assert {".sheets-decrypt-note.tmp", ".tmp", "x.tmp"} <= {path.name for path in root_of(storage).iterdir()}


def test_a_place_that_no_folder_refers_to_goes_with_its_left_over(vault: CryptomatorVault, storage: Path) -> None:
    """A run that was killed between making a folder's place and its entry leaves neither."""
    put(vault, "a.csv", b"x")
    before = stored(storage)
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    (prepared / "dir.c9r").write_text("an-id")
    place = storage / names_of(storage).address("an-id")
    place.mkdir(parents=True)
    (place / "dirid.c9r").write_bytes(b"x")
    put(vault, "a.csv", b"x")
    assert stored(storage) == before
    assert not place.parent.exists()


@pytest.mark.parametrize("folder_id", ["an-id", ""])
def test_a_place_that_holds_files_is_never_removed(vault: CryptomatorVault, storage: Path, folder_id: str) -> None:
    """A forged left-over cannot make us remove somebody's files, nor the root."""
    put(vault, "a.csv", b"x")
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    (prepared / "dir.c9r").write_text(folder_id)
    place = storage / names_of(storage).address(folder_id)
    place.mkdir(parents=True, exist_ok=True)
    (place / "dirid.c9r").write_bytes(b"x")
    (place / "theirs.c9r").write_bytes(b"x")
    vault.remove("a.csv")
    put(vault, "b.csv", b"x")
    assert (place / "theirs.c9r").exists()
    assert (place / "dirid.c9r").exists()
    assert not prepared.exists()


def test_a_file_that_another_process_writes_is_not_taken_for_a_left_over(
    vault: CryptomatorVault, storage: Path
) -> None:
    """Two jobs write into one folder of one vault at the same time."""
    require.that(sys.platform != "win32", "this needs flock")
    script = (
        "import sys; from pathlib import Path\n"
        "from sheets_decrypt.vault.cryptomator.storage import Temporary\n"
        "held = [make(Path(sys.argv[1])) for make in (Temporary.file, Temporary.folder)]\n"
        "print(*(one.path for one in held), sep='\\n', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(root_of(storage))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        held = [Path(other.stdout.readline().rstrip("\n")) for _ in range(2)]
        put(vault, "a.csv", b"x")
        assert all(path.exists() for path in held)
        other.stdin.close()
        other.wait(60)
    put(vault, "a.csv", b"x")
    assert not any(path.exists() for path in held)


def test_where_the_file_system_has_no_locks_age_decides(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network's file system without locks: a young temporary file may be in use, one of a day is not."""
    require.that(sys.platform != "win32", "this needs flock")
    import fcntl

    def no_locks(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    young, old = left_over(root_of(storage)), left_over(root_of(storage))
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(old, (old.stat().st_mtime - 25 * 3600,) * 2)
    put(vault, "a.csv", b"x")
    assert young.exists()
    assert not old.exists()
    assert content(vault, "a.csv") == b"x"


def test_a_temporary_file_that_was_cleared_away_at_once_is_made_again(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its making and its lock another job may take it for a left-over: then there is a next one."""
    make, folder = disk._create, root_of(storage)
    calls: list[Path] = []

    def cleared(path: Path) -> int:
        calls.append(path)
        if len(calls) == 1:
            raise FileNotFoundError(errno.ENOENT, "gone")
        handle = make(path)
        if len(calls) == 2:
            path.unlink()
        return handle

    monkeypatch.setattr(disk, "_create", cleared)
    put(vault, "a.csv", b"x")
    assert len(calls) == 3
    assert content(vault, "a.csv") == b"x"
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []


def test_a_folder_that_another_program_makes_meanwhile_is_used(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second uses the folder that is there, and leaves nothing of its own."""
    other = CryptomatorVault(storage, PASSPHRASE)
    put(other, "warm.csv", b"x")
    inside = vault._inside
    assert inside is not None
    make = inside.tree._make_place

    def late(folder_id: str) -> None:
        make(folder_id)
        put(other, "surveys/theirs.csv", b"theirs")

    monkeypatch.setattr(inside.tree, "_make_place", late)
    put(vault, "surveys/ours.csv", b"ours")
    assert list(vault.names("surveys")) == ["ours.csv", "theirs.csv"]
    places = [path for path in (storage / "d").glob("*/*") if path.is_dir()]
    assert len(places) == 2


def test_a_folder_that_cannot_be_made_leaves_nothing(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a place nor an entry nor the file itself stays behind."""
    before = stored(storage)
    inside = vault._inside
    assert inside is not None
    make = inside.tree._make_place

    def fails(folder_id: str) -> None:
        make(folder_id)
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(inside.tree, "_make_place", fails)
    with pytest.raises(VaultUnusable, match="full"):
        put(vault, "surveys/a.csv", b"x")
    assert stored(storage) == before


def test_a_replaced_file_keeps_its_readers(vault: CryptomatorVault, storage: Path) -> None:
    """Who could read the former ciphertext, such as a sync service, can read the new one."""
    require.that(os.name == "posix", "modes mean nothing here")
    put(vault, "a.csv", b"x")
    on_disk(storage, "a.csv").chmod(0o640)
    put(vault, "a.csv", b"y")
    assert on_disk(storage, "a.csv").stat().st_mode & 0o777 == 0o640


# --- the rest --------------------------------------------------------------------------------------------------------


def test_missing_vaults_are_locked_not_made(tmp_path: Path) -> None:
    """A folder that is not there, such as on a drive that is not connected, is never made."""
    vault = CryptomatorVault(tmp_path / "gone", PASSPHRASE)
    for action in (vault.check, lambda: put(vault, "a.csv", b"x"), lambda: vault.size("a.csv")):
        with pytest.raises(VaultLocked, match="not there"):
            action()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_between_the_look_and_the_reading_is_told(
    vault: CryptomatorVault, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program removes the file in that moment: our own error, not the system's."""
    put(vault, "a.csv", b"x")
    found = vault._file("a.csv")
    on_disk(storage, "a.csv").unlink()
    monkeypatch.setattr(vault, "_file", lambda _name: found)
    with pytest.raises(VaultUnusable, match="no such file"), vault.read("a.csv"):
        pass
    with pytest.raises(VaultFileMissing):
        CryptomatorVault(storage, PASSPHRASE).modified("a.csv")


@pytest.mark.parametrize(
    ("path", "extended"),
    [
        (r"C:\Vaults\Survey", "\\\\?\\C:\\Vaults\\Survey"),
        (r"\\server\share\Survey", "\\\\?\\UNC\\server\\share\\Survey"),
        ("\\\\?\\C:\\Survey", "\\\\?\\C:\\Survey"),
    ],
)
def test_windows_is_given_the_form_of_a_path_that_may_be_long(path: str, extended: str) -> None:
    """Encrypted names pass Windows' limit of 260 characters, which this form lifts."""
    assert str(extended_windows(PureWindowsPath(path))) == extended


# --- memory ----------------------------------------------------------------------------------------------------------

_WRITE_AND_READ = """
import resource, sys
from pathlib import Path
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening
from sheets_decrypt.vault.cryptomator.inside import Inside
from sheets_decrypt.vault.cryptomator.keys import Keys

folder, size = Path(sys.argv[1]), int(sys.argv[2])
vault = CryptomatorVault(folder, Secret("unused"))  # opened without scrypt, whose 32 MiB would hide a growth
vault._inside = Inside(folder, opening.Opened(Keys.generate(), sys.argv[3], 220))
vault._inside.tree.make_root()
piece = bytes(100_003)
with vault.replace("large.csv") as new:
    for _ in range(size // len(piece)):
        new.write(piece)
vault.append("large.csv", b"x")
read = 0
with vault.read("large.csv") as file:
    while block := file.read(65536):
        read += len(block)
assert read >= size - len(piece)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path, combo: Combo) -> None:
    """Writing, appending to and reading 100 MB takes no more memory than 10 MB, give or take the allocator's mood."""
    require.that(sys.platform == "linux", "the peak is measured in kilobytes on Linux only")
    peaks = {}
    for size in (10_000_000, 100_000_000):
        (tmp_path / str(size)).mkdir()
        command = [sys.executable, "-c", _WRITE_AND_READ, str(tmp_path / str(size)), str(size), combo]
        peaks[size] = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert peaks[100_000_000] - peaks[10_000_000] < 4_000


def test_a_file_has_one_identity_however_it_is_written(storage: Path, vault: CryptomatorVault, tmp_path: Path) -> None:
    """Another way to the vault's folder, or to store an accent, makes no other file; no passphrase is needed."""
    (tmp_path / "link").symlink_to(storage)
    asked: list[str] = []

    def passphrase() -> Secret:
        asked.append("asked")
        return PASSPHRASE

    names = [unicodedata.normalize(form, "données/été.csv") for form in ("NFC", "NFD")]
    folders = [storage, tmp_path / "link", tmp_path / "x" / ".." / "vault"]
    vaults = [vault, *(CryptomatorVault(folder, passphrase) for folder in folders)]
    assert {one.identity(name) for one in vaults for name in names} == {f"{storage}|{names[0]}"}
    assert asked == []
