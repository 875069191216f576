"""A Cryptomator vault that is written to directly keeps the promise of every vault, and its own."""

import json
import os
import tempfile
import unicodedata
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import (
    KeyMissing,
    VaultDamaged,
    VaultUnusable,
)
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.interface import Protection
from tests import quick_vault, systems
from tests.vault.contract import VaultContract, content, put, stored
from tests.vault.cryptomator.disk import LONG, PASSPHRASE, as_before, names_of, on_disk, root_of


class TestCryptomatorVault(VaultContract):
    """The contract of every vault."""


def test_a_vault_is_opened_again_with_its_passphrase(vault: CryptomatorVault, storage: Path) -> None:
    """A second object reads what the first one wrote, and the check describes the place."""
    put(vault, "surveys/baseline.csv", b"row\r\n")
    again = CryptomatorVault(storage, PASSPHRASE)
    place = again.check()
    assert (place.protection, place.what, place.where) == (Protection.VAULT, "Cryptomator", str(storage))
    assert content(again, "surveys/baseline.csv") == b"row\r\n"


def test_the_passphrase_is_asked_for_once_and_not_before_it_is_needed(vault: CryptomatorVault, storage: Path) -> None:
    """A function that returns the passphrase is called once, by the first use."""
    asked = []

    def ask() -> Secret:
        asked.append(1)
        return PASSPHRASE

    again = CryptomatorVault(storage, ask)
    assert asked == []
    assert again.size("baseline.csv") is None
    again.check()
    assert asked == [1]


def test_an_error_of_the_passphrases_source_is_passed_on(vault: CryptomatorVault, storage: Path) -> None:
    """The source's own error reaches the caller unchanged."""

    def ask() -> Secret:
        raise KeyMissing("the keyring has no entry")

    with pytest.raises(KeyMissing, match="keyring"):
        CryptomatorVault(storage, ask).check()


def test_a_passphrase_means_the_same_in_nfc_and_in_nfd(storage: Path) -> None:
    """An umlaut typed on a Mac opens a vault created on Windows."""
    quick_vault.create(storage, Secret(unicodedata.normalize("NFD", "Schlüssel")))
    CryptomatorVault(storage, Secret(unicodedata.normalize("NFC", "Schlüssel"))).check()


def test_a_new_vault_is_never_created_among_other_files(storage: Path) -> None:
    """A folder with any content is refused and stays unchanged."""
    storage.mkdir()
    (storage / "thesis.docx").write_bytes(b"x")
    with pytest.raises(VaultUnusable, match="not empty"):
        quick_vault.create(storage, PASSPHRASE)
    assert stored(storage) == ["thesis.docx"]


def test_a_new_vault_has_the_shape_of_cryptomators_own(vault: CryptomatorVault, storage: Path, combo: Combo) -> None:
    """It has two files, the root, and the root's `dirid.c9r`: a header and one empty chunk."""
    root = root_of(storage)
    assert stored(storage) == sorted(
        ["masterkey.cryptomator", "vault.cryptomator", str(root.relative_to(storage) / "dirid.c9r")]
    )
    assert (root / "dirid.c9r").stat().st_size == {"SIV_GCM": 68 + 28, "SIV_CTRMAC": 88 + 48}[combo]


def test_a_new_vault_is_as_hard_to_guess_as_cryptomators_own(tmp_path: Path, combo: Combo) -> None:
    """Its scrypt parameters are Cryptomator's."""
    CryptomatorVault.create(tmp_path / "new", Secret("x"), cipher_combo=combo)
    masterkey = json.loads((tmp_path / "new" / "masterkey.cryptomator").read_bytes())
    assert masterkey["version"] == 999
    assert (masterkey["scryptCostParam"], masterkey["scryptBlockSize"]) == (32768, 8)


def test_the_check_says_when_the_vault_is_read_only(combo: Combo) -> None:
    """A root that this user may not write to is noticed before anything is decrypted."""
    systems.only_on("posix", "modes mean nothing here")
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "vault"
        quick_vault.create(folder, PASSPHRASE, cipher_combo=combo)
        root = root_of(folder)
        root.chmod(0o555)
        before, user = as_before(folder), os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write everywhere
        try:
            vault = CryptomatorVault(folder, PASSPHRASE)
            with pytest.raises(VaultUnusable, match="no permission to "):
                vault.check()
            with pytest.raises(VaultUnusable, match="no permission to "):
                put(vault, "a.csv", b"")
        finally:
            os.seteuid(user)
            root.chmod(0o755)
        assert as_before(folder) == before


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
    """The same word from a Mac and from Windows names the same file, and is listed in NFC."""
    put(vault, unicodedata.normalize("NFD", "Prüfung/März.csv"), b"former")
    put(vault, unicodedata.normalize("NFC", "Prüfung/März.csv"), b"new")
    assert list(vault.names("Prüfung")) == [unicodedata.normalize("NFC", "März.csv")]
    assert content(vault, unicodedata.normalize("NFD", "Prüfung/März.csv")) == b"new"


@pytest.mark.parametrize("name", ["n" * 256, "ü" * 128, "a\0b", "a//b", "\ud800", "."])
def test_an_invalid_name_is_refused(vault: CryptomatorVault, storage: Path, name: str) -> None:
    """A name that is too long, has an empty part, a zero byte or half a character is an error; nothing is written."""
    before = stored(storage)
    with pytest.raises(VaultUnusable):
        put(vault, name, b"x")
    assert stored(storage) == before


@pytest.mark.parametrize("name", ["..", "../out.csv", "a/b", ".", "/etc/passwd", "a\0b"])
def test_a_stored_name_that_points_elsewhere_is_not_even_listed(
    vault: CryptomatorVault, storage: Path, name: str
) -> None:
    """Someone with the keys may store such a name, but it is never listed here."""
    put(vault, "good.csv", b"x")
    evil = root_of(storage) / names_of(storage).encrypt(name, "")
    evil.write_bytes(on_disk(storage, "good.csv").read_bytes())
    assert list(vault.names("")) == ["good.csv"]


@pytest.mark.parametrize(
    "name", ["conflicted copy.c9r", "AAAA.c9r", "A" * 32 + ".c9r", "=.c9r", "x.c9s", "notes.txt", ".DS_Store", "ä.c9r"]
)
def test_files_of_other_programs_are_skipped(vault: CryptomatorVault, storage: Path, name: str) -> None:
    """Copies made by a sync client and system files are not part of the vault."""
    put(vault, "good.csv", b"x")
    (root_of(storage) / name).write_bytes(b"?")
    assert list(vault.names("")) == ["good.csv"]
    assert vault.size("missing.csv") is None


def test_an_unreadable_long_name_is_skipped(vault: CryptomatorVault, storage: Path) -> None:
    """A shortened entry whose full name is not text is not listed."""
    put(vault, LONG, b"x")
    (on_disk(storage, LONG) / "name.c9s").write_bytes(b"\xff\xff")
    assert list(vault.names("")) == []


def test_a_link_is_listed_and_never_followed(vault: CryptomatorVault, storage: Path) -> None:
    """A symbolic link in the vault is listed; reading or replacing it is refused."""
    entry = on_disk(storage, "link.csv")
    entry.mkdir()
    (entry / "symlink.c9r").write_bytes(b"x")
    assert list(vault.names("")) == ["link.csv"]
    assert vault.size("link.csv") is None
    for action in (lambda: content(vault, "link.csv"), lambda: put(vault, "link.csv", b"")):
        with pytest.raises(VaultUnusable, match="a link"):
            action()


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_of_the_system_is_not_followed(vault: CryptomatorVault, storage: Path, tmp_path: Path) -> None:
    """A link on disk, which could point outside the vault, counts as a broken entry."""
    put(vault, "good.csv", b"x")
    on_disk(storage, "evil.csv").symlink_to(on_disk(storage, "good.csv"))
    with pytest.raises(VaultDamaged, match="broken"):
        content(vault, "evil.csv")


@given(name=st.text(min_size=1, max_size=60), data=st.binary(max_size=100_000))
def test_any_content_under_any_name_is_read_back(name: str, data: bytes) -> None:
    """Any name and content are read back unchanged, or the name is refused before anything is written."""
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
    """Opens one vault in many folders instead of creating a new one each time, which would cost a scrypt."""

    def __init__(self) -> None:
        self._inside: opening.Opened | None = None

    def in_folder(self, folder: Path) -> CryptomatorVault:
        """Return an open, empty vault in `folder`."""
        from sheets_decrypt.vault.cryptomator.keys import Keys
        from sheets_decrypt.vault.cryptomator.unlocked import UnlockedVault

        if self._inside is None:
            self._inside = opening.Opened(Keys.generate(), "SIV_GCM", 220)
        vault = CryptomatorVault(folder, PASSPHRASE)
        vault._unlocked = UnlockedVault(folder, self._inside)
        vault._unlocked.tree.make_root()
        return vault


_OPEN = _Open()


def test_a_broken_entry_is_listed_and_left_alone(vault: CryptomatorVault, storage: Path) -> None:
    """An entry with a missing part is listed, and nothing is written into it."""
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
    """An empty id, which would be the root's and make the tree circular, is refused."""
    put(vault, "surveys/a.csv", b"x")
    (on_disk(storage, "surveys") / "dir.c9r").write_bytes(text)
    with pytest.raises(VaultDamaged, match="no valid id"):
        vault.names("surveys")


def test_a_folder_whose_content_is_missing_is_damaged(vault: CryptomatorVault, storage: Path) -> None:
    """A folder that is not synced yet is not mistaken for an empty one."""
    put(vault, "surveys/a.csv", b"x")
    (on_disk(storage, "surveys") / "dir.c9r").write_text(str(uuid.uuid4()))
    before = as_before(storage)
    for action in (lambda: vault.names("surveys"), lambda: put(vault, "surveys/a.csv", b"new")):
        with pytest.raises(VaultDamaged, match="'surveys' is missing from the vault's storage"):
            action()
    assert as_before(storage) == before


def test_a_missing_root_is_damage(vault: CryptomatorVault, storage: Path) -> None:
    """Without the root's folder the check fails, and the root is not created again."""
    root_of(storage).rename(storage / "elsewhere")
    with pytest.raises(VaultDamaged, match="root"):
        CryptomatorVault(storage, PASSPHRASE).check()
