"""Damaged files in a vault: the error names the file and the damage, and nothing in the vault changes."""

import base64
import os
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sheets_decrypt.errors import SheetsDecryptError, VaultDamaged
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.keys import Key
from tests.vault.contract import content, put
from tests.vault.cryptomator.tampering import CHUNK, PASSPHRASE, SIZE, as_before, change, encrypted, flip, keys_of


def damaged(folder: Path, words: str) -> str:
    """Check that reading fails, that no plaintext after the damage is returned, and that nothing changes."""
    before = as_before(folder)
    vault = CryptomatorVault(folder, PASSPHRASE)
    vault.check()
    with pytest.raises(VaultDamaged, match=words) as caught:
        content(vault, "baseline.csv")
    with pytest.raises(VaultDamaged, match=words):
        vault.append("baseline.csv", b"line\n")
    assert "baseline.csv" in caught.value.message
    assert caught.value.hint
    assert as_before(folder) == before
    assert len(content(vault, "endline.csv")) == SIZE + 1
    return caught.value.message


@pytest.mark.parametrize("position", [0, 11, 12, 20, 59, -1])
def test_a_tampered_header_is_noticed(folder: Path, lengths: tuple[int, int], position: int) -> None:
    """Every bit of the header is checked."""
    flip(encrypted(folder, SIZE), position % lengths[0])
    damaged(folder, "its header was changed")


def test_a_truncated_header_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A file that is empty or ends within its header is damaged, and its size cannot be read either."""
    path = encrypted(folder, SIZE)
    for length in (lengths[0] - 1, 1, 0):
        os.truncate(path, length)
        damaged(folder, "its header is cut off")
        with pytest.raises(VaultDamaged, match="cut off"):
            CryptomatorVault(folder, PASSPHRASE).size("baseline.csv")


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("position", [0, 15, 16, 1000, -1])
def test_a_tampered_chunk_is_noticed(folder: Path, lengths: tuple[int, int], number: int, position: int) -> None:
    """Every bit of a chunk is checked: of its nonce, its content and its tag."""
    header, chunk = lengths
    flip(encrypted(folder, SIZE), header + number * chunk + position % chunk)
    damaged(folder, f"chunk {number} was changed")


def test_a_truncated_chunk_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A file that ends within a chunk is damaged; if it ends within the nonce, its size cannot be read either."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    os.truncate(path, path.stat().st_size - 1)
    damaged(folder, "chunk 3, the last one, was changed or cut off")
    os.truncate(path, header + 2 * chunk + 5)
    damaged(folder, "its last chunk is cut off")
    with pytest.raises(VaultDamaged, match="cut off"):
        CryptomatorVault(folder, PASSPHRASE).size("baseline.csv")


def test_exchanged_chunks_are_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """Two exchanged chunks raise their own error."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    data = path.read_bytes()
    first, second = data[header : header + chunk], data[header + chunk : header + 2 * chunk]
    path.write_bytes(data[:header] + second + first + data[header + 2 * chunk :])
    damaged(folder, "chunks were exchanged, 1 is in the place of 0")


def test_a_chunk_of_another_file_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A chunk from another file does not decrypt, even with the right number."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    data, other = path.read_bytes(), encrypted(folder, SIZE + 1).read_bytes()
    path.write_bytes(data[:header] + other[header : header + chunk] + data[header + chunk :])
    damaged(folder, "chunk 0 was changed")


def test_a_file_under_another_name_is_noticed_by_its_name(folder: Path) -> None:
    """The format allows exchanging whole files, but a name from elsewhere does not decrypt."""
    path = encrypted(folder, SIZE)
    path.rename(path.with_name("A" * len(path.stem) + ".c9r"))
    assert list(CryptomatorVault(folder, PASSPHRASE).names("")) == ["endline.csv"]


def test_no_byte_of_a_damaged_chunk_is_returned(folder: Path, lengths: tuple[int, int]) -> None:
    """The bytes read before the error are the true beginning of the file, and nothing else."""
    whole = content(CryptomatorVault(folder, PASSPHRASE), "baseline.csv")
    flip(encrypted(folder, SIZE), lengths[0] + 2 * lengths[1] + 100)
    got = bytearray()
    vault = CryptomatorVault(folder, PASSPHRASE)
    with pytest.raises(VaultDamaged), vault.read("baseline.csv") as file:  # noqa: PT012 — the loop is what is tested
        while piece := file.read(1000):
            got += piece
    assert whole.startswith(bytes(got))
    assert len(got) <= 2 * CHUNK


def raised(action: Callable[[], object]) -> str:
    """Return everything that a traceback with locals could show of an error and of its causes."""
    with pytest.raises(SheetsDecryptError) as caught:
        action()
    texts: list[str] = []
    behind: list[BaseException] = [caught.value]
    while behind:
        one = behind.pop()
        texts += traceback.TracebackException.from_exception(one, capture_locals=True).format()
        texts += [repr(one), str(one), repr(getattr(one, "hint", ""))]
        behind += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "".join(texts)


def forms(secret: bytes) -> Iterator[str]:
    """Yield the ways in which bytes may be printed."""
    yield from (secret.hex(), repr(secret)[2:-1], repr(list(secret))[1:-1])
    yield from (base64.b64encode(secret).decode().rstrip("="), base64.urlsafe_b64encode(secret).decode().rstrip("="))


def test_the_passphrase_and_the_keys_appear_nowhere(folder: Path) -> None:
    """No repr, error or traceback with locals contains them, whatever goes wrong."""
    keys = keys_of(folder)
    vault = CryptomatorVault(folder, PASSPHRASE)
    vault.check()
    texts = [repr(vault), str(vault), repr(keys), repr(vars(vault)), repr(vars(vault._unlocked))]
    masterkey, token = ((folder / name).read_bytes() for name in ("masterkey.cryptomator", "vault.cryptomator"))

    def fresh() -> CryptomatorVault:
        return CryptomatorVault(folder, PASSPHRASE)

    flip(encrypted(folder, SIZE), 2)
    texts.append(raised(lambda: content(vault, "baseline.csv")))
    flip(encrypted(folder, SIZE), 2)
    flip(encrypted(folder, SIZE), 3000)
    texts.append(raised(lambda: content(vault, "baseline.csv")))
    texts.append(raised(lambda: vault.append("baseline.csv", b"x")))
    texts.append(raised(lambda: put(vault, "..", b"x")))
    change(folder, versionMac=base64.b64encode(bytes(32)).decode())
    texts.append(raised(lambda: fresh().check()))
    change(folder, hmacMasterKey=base64.b64encode(bytes(40)).decode())
    texts.append(raised(lambda: fresh().check()))
    change(folder, primaryMasterKey=base64.b64encode(bytes(40)).decode())
    texts.append(raised(lambda: fresh().check()))
    (folder / "masterkey.cryptomator").write_bytes(masterkey)
    (folder / "vault.cryptomator").write_bytes(token[:-4] + b"AAAA")
    texts.append(raised(lambda: fresh().check()))
    texts.append(raised(lambda: CryptomatorVault(folder, Secret("a passphrase that must not be seen\udce4")).check()))
    (folder / "vault.cryptomator").write_bytes(token)
    (folder / "d").rename(folder / "e")
    texts.append(raised(lambda: fresh().check()))

    assert "Key(…)" in "".join(texts)
    for text in texts:
        assert "must not be seen" not in re.sub(r'Secret\("[^"]*"\)', "", text)
        for key in (keys.encryption, keys.mac):
            assert not [form for form in forms(key.reveal()) if form in text]


def test_a_key_cannot_be_pickled() -> None:
    """A pickled key would be written to disk in plaintext."""
    with pytest.raises(TypeError):
        Key(b"x").__reduce__()
