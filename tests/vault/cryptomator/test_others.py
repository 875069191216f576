"""Other programs open our vaults, and we open theirs, byte for byte."""

import hashlib
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault, require
from tests.long import scaled
from tests.vault.cryptomator import readers as others

PASSPHRASE = Secret("Käsekuchen 🧀 with a ‚quote‘")
SIZES: Final = (0, 1, 32767, 32768, 32769, 65536)
NO_FOLDERS: Final = pytest.mark.system("posix", "pycryptomator's functions find nothing in a folder on Windows")
LARGE: Final = scaled(1_000_000, 100_000_000)
NAMES: Final = (
    "a",
    "a" * 146,
    "b" * 147,
    "c" * 196 + ".csv",
    unicodedata.normalize("NFC", "Über-Prüfung.csv"),
    "📋 survey.csv",
    "surveys/baseline.csv",
    "surveys/2026/" + "d" * 200,
    "e" * 180 + "/in a folder with a long name.csv",
)


def files() -> Mapping[str, bytes]:
    """Every name with its own content, and every size under its own name."""
    contents = {name: os.urandom(100 + number) for number, name in enumerate(NAMES)}
    return contents | {f"sizes/{size}.bin": os.urandom(size) for size in SIZES}


def expected(contents: Mapping[str, bytes]) -> Mapping[str, str]:
    """Return what a reader must find: the digests of the files, and every folder above them."""
    found = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for name in contents:
        for folder in list(Path(name).parents)[:-1]:
            found[f"{folder.as_posix()}/"] = ""
    return found


def put(vault: CryptomatorVault, name: str, content: bytes) -> None:
    """Write one file."""
    with vault.replace(name) as new:
        new.write(content)


def listing(vault: CryptomatorVault, folder: str = "") -> Mapping[str, str]:
    """Read everything that our code finds in a vault, through its public methods."""
    found: dict[str, str] = {}
    for name in vault.names(folder):
        path = f"{folder}/{name}" if folder else name
        if name.endswith("/"):
            found |= {path: "", **listing(vault, path[:-1])}
        else:
            with vault.read(path) as file:
                content = file.read()
            assert vault.size(path) == len(content)
            found[path] = hashlib.sha256(content).hexdigest()
    return found


def write_tree(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write plain files into a folder."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def in_nfd(contents: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the names as macOS passes them to a program."""
    return {unicodedata.normalize("NFD", name): content for name, content in contents.items()}


def write_large(vault: CryptomatorVault) -> str:
    """Write a large file in pieces of odd sizes, and return its digest."""
    digest = hashlib.sha256()
    with vault.replace("large.bin") as new:
        left = LARGE
        while left:
            piece = os.urandom(min(left, 999_983))
            left -= new.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def counter_wraps(ciphertext: Path) -> bool:
    """Return whether a chunk's counter passes 2³² within the chunk.

    Cryptomator then carries into the upper 96 bits, as we do. cryptomator-ts instead restarts the lower 32 bits
    and decrypts the rest of such a chunk wrongly, which affects one chunk in two million.
    """
    data = ciphertext.read_bytes()
    starts = range(88, len(data), 32768 + 48)
    return any(int.from_bytes(data[start + 12 : start + 16], "big") > 2**32 - 2048 for start in starts)


@NO_FOLDERS
def test_pycryptomator_reads_what_we_write(tmp_path: Path) -> None:
    """Every size and every kind of name is read unchanged, without complaints."""
    vault, contents = CryptomatorVault.create(tmp_path / "vault", PASSPHRASE), files()
    for name, content in in_nfd(contents).items():
        put(vault, name, content)
    large = write_large(vault)
    with others.pycryptomator(tmp_path / "vault", PASSPHRASE) as reader:
        assert reader.listing() == {**expected(contents), "large.bin": large}


def test_pycryptomator_reads_what_we_replaced_appended_and_removed(tmp_path: Path) -> None:
    """Files changed in place, with short and with long names, are whole for other readers too."""
    vault = CryptomatorVault.create(tmp_path / "vault", PASSPHRASE)
    for name in ("short.csv", "x" * 200, "gone.csv", "y" * 200):
        put(vault, name, b"former" * 10_000)
        put(vault, name, b"new\n")
    vault.append("short.csv", b"line\n")
    vault.append("x" * 200, b"line\n")
    vault.remove("gone.csv")
    vault.remove("y" * 200)
    with others.pycryptomator(tmp_path / "vault", PASSPHRASE) as reader:
        assert reader.listing() == expected({"short.csv": b"new\nline\n", "x" * 200: b"new\nline\n"})


def test_pycryptomators_command_lists_and_decrypts(tmp_path: Path) -> None:
    """The command that a user would type finds the files and decrypts them."""
    vault, contents = CryptomatorVault.create(tmp_path / "vault", PASSPHRASE), files()
    for name, content in contents.items():
        put(vault, name, content)
    listed = others.pycryptomator_command(tmp_path / "vault", PASSPHRASE, "ls", "-r", "-b", "/").splitlines()
    assert {Path(name).name for name in expected(contents)} <= set(listed)
    others.pycryptomator_command(tmp_path / "vault", PASSPHRASE, "decrypt", "-f", "/", str(tmp_path / "out"))
    assert others.digests(tmp_path / "out") == expected(contents)


@NO_FOLDERS
def test_we_read_what_pycryptomator_writes(tmp_path: Path) -> None:
    """Its files, folders and long names open here, and a name stored in NFD is found by its NFC form."""
    vault, contents = CryptomatorVault.create(tmp_path / "vault", PASSPHRASE), files()
    write_tree(tmp_path / "plain", in_nfd(contents))
    with others.pycryptomator(tmp_path / "vault", PASSPHRASE) as writer:
        for name in in_nfd(contents):
            if "/" in name:
                writer.make_folder(name.rpartition("/")[0])
            writer.put(name, tmp_path / "plain" / name)
    assert listing(vault) == expected(contents)


def test_a_name_stored_in_nfd_by_another_program_is_replaced_in_place(tmp_path: Path) -> None:
    """Afterwards the vault has one file, not one in each form."""
    vault = CryptomatorVault.create(tmp_path / "vault", PASSPHRASE)
    nfd = unicodedata.normalize("NFD", "Prüfung.csv")
    write_tree(tmp_path / "plain", {"x": b"former"})
    with others.pycryptomator(tmp_path / "vault", PASSPHRASE) as other:
        other.put(nfd, tmp_path / "plain" / "x")
        vault.check()
        put(vault, "Prüfung.csv", b"new")
        assert other.listing() == {nfd: hashlib.sha256(b"new").hexdigest()}


def test_cryptomator_ts_reads_what_we_write(tmp_path: Path) -> None:
    """Every size and every kind of name is read unchanged."""
    reader = others.cryptomator_ts()
    vault, contents = quick_vault.create(tmp_path / "vault", PASSPHRASE, cipher_combo="SIV_CTRMAC"), files()
    for name, content in in_nfd(contents).items():
        put(vault, name, content)
    reader.read(tmp_path / "vault", PASSPHRASE, tmp_path / "out")
    assert others.digests(tmp_path / "out") == expected(contents)


def test_cryptomator_ts_reads_a_large_file_of_ours(tmp_path: Path) -> None:
    """A file of 1 MB, or 100 MB in the long form, is read unchanged."""
    reader = others.cryptomator_ts()
    vault = quick_vault.create(tmp_path / "vault", PASSPHRASE, cipher_combo="SIV_CTRMAC")
    large = write_large(vault)
    while any(counter_wraps(path) for path in (tmp_path / "vault").rglob("*.c9r") if path.stat().st_size > LARGE):
        large = write_large(vault)
    reader.read(tmp_path / "vault", PASSPHRASE, tmp_path / "out")
    assert others.digests(tmp_path / "out") == {"large.bin": large}


@pytest.mark.parametrize("made_by_us", scaled([False], [True, False]))
def test_we_read_what_cryptomator_ts_writes(tmp_path: Path, made_by_us: bool) -> None:
    """Its vaults, files, folders and long names open here, although it shortens names at another length."""
    writer, contents = others.cryptomator_ts(), files()
    folder = tmp_path / "vault"
    if made_by_us:
        quick_vault.create(folder, PASSPHRASE, cipher_combo="SIV_CTRMAC")
    else:
        folder.mkdir()
        writer.create(folder, PASSPHRASE)
    write_tree(tmp_path / "plain", in_nfd(contents))
    writer.write(folder, PASSPHRASE, tmp_path / "plain")
    assert listing(CryptomatorVault(folder, PASSPHRASE)) == expected(contents)


def test_we_write_into_a_vault_of_cryptomator_ts(tmp_path: Path) -> None:
    """A file of theirs that we replaced, with a short or a long name, opens there, and so does a new one."""
    require.patience("Node starts four times")
    other, folder = others.cryptomator_ts(), tmp_path / "vault"
    folder.mkdir()
    other.create(folder, PASSPHRASE)
    write_tree(tmp_path / "plain", {"a.csv": b"former", "b" * 200: b"former", "s/c.csv": b"former"})
    other.write(folder, PASSPHRASE, tmp_path / "plain")
    vault = CryptomatorVault(folder, PASSPHRASE)
    vault.check()
    new = {name: os.urandom(40_000) for name in ("a.csv", "b" * 200, "s/c.csv", "s/t/d.csv")}
    for name, content in new.items():
        put(vault, name, content)
    other.read(folder, PASSPHRASE, tmp_path / "out")
    assert others.digests(tmp_path / "out") == expected(new)
