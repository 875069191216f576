"""Wrong passphrases and tampered vaults: each has an error of its own, and nothing in the vault changes."""

import base64
import json
import os
import re
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.errors import SheetsDecryptError, VaultDamaged, VaultError, VaultLocked, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.cryptomator.keys import Key, Keys
from sheets_decrypt.vault.cryptomator.vault_config import DIGESTS
from tests import quick_vault
from tests.vault.contract import content, put, stored

PASSPHRASE = Secret("a passphrase that must not be seen")
CHUNK = 32 * 1024
SIZE = 3 * CHUNK + 1000


@pytest.fixture(scope="module", params=["SIV_GCM", "SIV_CTRMAC"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with two files."""
    folder = tmp_path_factory.mktemp("original") / "vault"
    combo: Combo = "SIV_GCM" if request.param == "SIV_GCM" else "SIV_CTRMAC"
    vault = quick_vault.create(folder, PASSPHRASE, cipher_combo=combo)
    put(vault, "baseline.csv", os.urandom(SIZE))
    put(vault, "endline.csv", os.urandom(SIZE + 1))
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of that vault, to tamper with."""
    return shutil.copytree(original, tmp_path / "vault")


@pytest.fixture
def lengths(folder: Path) -> tuple[int, int]:
    """The lengths of a header and of a whole chunk, in bytes."""
    return (68, CHUNK + 28) if encrypted(folder, SIZE, gcm=True).exists() else (88, CHUNK + 48)


def encrypted(folder: Path, size: int, *, gcm: bool | None = None) -> Path:
    """Find the encrypted file whose plaintext has `size` bytes, by its length alone."""
    length = {True: 68 + size + 4 * 28, False: 88 + size + 4 * 48}
    wanted = set(length.values()) if gcm is None else {length[gcm]}
    found = [path for path in folder.rglob("*.c9r") if path.stat().st_size in wanted]
    return found[0] if found else folder / "none"


def as_before(folder: Path) -> Mapping[str, bytes]:
    """Return every file on disk, byte for byte."""
    return {name: (folder / name).read_bytes() for name in stored(folder)}


def keys_of(folder: Path) -> Keys:
    """Return the vault's keys."""
    return opening.unlock(folder, lambda: PASSPHRASE).keys


def part(data: Mapping[str, object]) -> bytes:
    """Write one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")


def parts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the token's header and claims."""
    header, claims, _ = (folder / "vault.cryptomator").read_bytes().split(b".")
    return json.loads(base64.urlsafe_b64decode(header + b"==")), json.loads(base64.urlsafe_b64decode(claims + b"=="))


def sign(folder: Path, header: Mapping[str, object], claims: Mapping[str, object]) -> None:
    """Write a token that is signed as it should be."""
    old_header, old_claims = parts(folder)
    signed = part({**old_header, **header}) + b"." + part({**old_claims, **claims})
    name = str({**old_header, **header}["alg"])
    digest = DIGESTS.get(name, "sha256")
    signature = base64.urlsafe_b64encode(keys_of(folder).sign(signed, digest)).rstrip(b"=")
    (folder / "vault.cryptomator").write_bytes(signed + b"." + signature)


def refused(folder: Path, kind: type[VaultError], words: str, passphrase: Secret = PASSPHRASE) -> str:
    """See that everything is refused with this error, and that nothing in the folder changes."""
    before, texts = as_before(folder), set()
    actions: list[Callable[[CryptomatorVault], object]] = [
        lambda vault: vault.check(),
        lambda vault: put(vault, "surveys/new.csv", b"x"),
        lambda vault: vault.append("baseline.csv", b"x"),
        lambda vault: vault.names(""),
    ]
    for action in actions:
        with pytest.raises(kind, match=words) as caught:
            action(CryptomatorVault(folder, passphrase))
        assert type(caught.value) is kind
        assert caught.value.exit_code == 7
        assert caught.value.hint
        texts.add(caught.value.message)
    assert as_before(folder) == before
    return texts.pop()


def test_a_wrong_passphrase_changes_nothing(folder: Path) -> None:
    """The vault stays locked."""
    refused(folder, VaultLocked, "passphrase does not open", Secret("another"))


def test_a_passphrase_that_is_no_text_opens_nothing(folder: Path) -> None:
    """Half a character, as a broken environment hands it over, has its own error."""
    refused(folder, VaultLocked, "not valid UTF-8", Secret("\udce4"))


@pytest.mark.parametrize(
    "claim", [{"shorteningThreshold": 200}, {"cipherCombo": "SIV_CTRMAC"}, {"cipherCombo": "SIV_GCM"}]
)
def test_a_changed_claim_breaks_the_signature(folder: Path, claim: Mapping[str, object]) -> None:
    """Without the keys no one can change what the vault says of itself."""
    header, claims = parts(folder)
    if {**claims, **claim} == claims:
        claim = {"jti": "another"}
    signature = (folder / "vault.cryptomator").read_bytes().rpartition(b".")[2]
    (folder / "vault.cryptomator").write_bytes(part(header) + b"." + part({**claims, **claim}) + b"." + signature)
    refused(folder, VaultDamaged, r"vault\.cryptomator was changed: its signature")


@pytest.mark.parametrize("signature", [b"", b".", b"AAAA", b"!", b"A"])
def test_a_missing_or_wrong_signature_is_refused(folder: Path, signature: bytes) -> None:
    """A token that is not signed is not believed."""
    path = folder / "vault.cryptomator"
    path.write_bytes(path.read_bytes().rpartition(b".")[0] + b"." + signature)
    refused(folder, VaultDamaged, r"vault\.cryptomator was changed")


@pytest.mark.parametrize("alg", ["none", "None", "HS1", "RS256", "", None, 256])
def test_no_other_algorithm_of_signatures_is_accepted(folder: Path, alg: object) -> None:
    """`none` above all: it would make every token valid."""
    header, claims = parts(folder)
    (folder / "vault.cryptomator").write_bytes(part({**header, "alg": alg}) + b"." + part(claims) + b".")
    refused(folder, VaultDamaged, "not signed with HS256 or HS384 or HS512")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_all_three_algorithms_of_the_format_open(folder: Path, alg: str) -> None:
    """Cryptomator may sign with longer digests, and leave out the threshold."""
    sign(folder, {"alg": alg}, {})
    CryptomatorVault(folder, PASSPHRASE).check()


@pytest.mark.parametrize(
    "kid",
    [
        "masterkeyfile:../../elsewhere/masterkey.cryptomator",
        "masterkeyfile:/etc/masterkey.cryptomator",
        "masterkeyfile:other.cryptomator",
        "file:///etc/passwd",
        "https://example.org/key",
        "",
        None,
        7,
    ],
)
def test_a_path_in_the_key_id_is_never_followed(folder: Path, kid: object) -> None:
    """Even with a good signature, only the file beside it counts (CVE-2026-32310)."""
    sign(folder, {"kid": kid}, {})
    refused(folder, VaultDamaged, "names another key")


@pytest.mark.parametrize("kid", ["hub+https://hub.example.org/api/vaults/1", "hub+http://localhost/x"])
def test_a_vault_of_hub_is_refused_with_its_reason(folder: Path, kid: str) -> None:
    """Its key needs a person who signs in."""
    sign(folder, {"kid": kid}, {})
    refused(folder, VaultUnusable, "Cryptomator Hub")


@pytest.mark.parametrize(("number", "words"), [(7, "format 7; only"), (9, "format 9; only"), (6, "format 6; only")])
def test_another_format_is_refused(folder: Path, number: int, words: str) -> None:
    """Neither an older nor a newer one is written into."""
    sign(folder, {}, {"format": number})
    refused(folder, VaultUnusable, words)


@pytest.mark.parametrize("number", [None, "8", True, 8.0])
def test_a_format_that_is_no_number_is_refused(folder: Path, number: object) -> None:
    """The format is a whole number."""
    sign(folder, {}, {"format": number})
    refused(folder, VaultDamaged, "no valid format")


def test_a_folder_that_is_no_vault_is_refused(folder: Path) -> None:
    """Neither file is there."""
    (folder / "vault.cryptomator").unlink()
    (folder / "masterkey.cryptomator").unlink()
    refused(folder, VaultUnusable, "not a Cryptomator vault")


@pytest.mark.parametrize("combo", ["SIV_XTS", "", None, ["SIV_GCM"]])
def test_unknown_ciphers_are_refused(folder: Path, combo: object) -> None:
    """A combination that is not known is not guessed."""
    sign(folder, {}, {"cipherCombo": combo})
    refused(folder, VaultUnusable, "ciphers")


@pytest.mark.parametrize("threshold", [0, -1, 35, "220", None, True, 220.5])
def test_a_threshold_without_sense_is_refused(folder: Path, threshold: object) -> None:
    """Names could not be stored."""
    sign(folder, {}, {"shorteningThreshold": threshold})
    refused(folder, VaultDamaged, "shorteningThreshold")


@pytest.mark.parametrize(
    "token", [b"", b"x", b"..", b"a.b.c", b"e30.e30.", b"W10.e30.AAAA", b"[" * 60_000, b"x" * 100_000, b"\xff\xfe"]
)
def test_a_vault_file_that_is_no_token_is_refused(folder: Path, token: bytes) -> None:
    """Whatever is there, it is an error and not a crash."""
    (folder / "vault.cryptomator").write_bytes(token)
    refused(folder, VaultDamaged, r"vault\.cryptomator")


def test_a_vault_without_its_folder_d_is_refused(folder: Path) -> None:
    """It is not made anew: everything in it would seem to be gone."""
    (folder / "d").rename(folder / "e")
    refused(folder, VaultDamaged, "no folder d")


def change(folder: Path, **values: object) -> None:
    """Change values in the masterkey file."""
    path = folder / "masterkey.cryptomator"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


def test_a_missing_masterkey_is_told(folder: Path) -> None:
    """The vault's file is there and its key is not."""
    (folder / "masterkey.cryptomator").unlink()
    refused(folder, VaultDamaged, r"has no masterkey\.cryptomator")


def test_a_masterkey_that_cannot_be_read_is_told(folder: Path) -> None:
    """A folder in its place cannot be opened."""
    (folder / "masterkey.cryptomator").unlink()
    (folder / "masterkey.cryptomator").mkdir()
    refused(folder, VaultUnusable, "cannot be read")


@pytest.mark.parametrize(
    "text", [b"", b"no json", b"[]", b"null", b"{" * 50_000, b'{"a":' * 9_000, b"\xff", b"x" * 70_000]
)
def test_a_masterkey_that_is_no_json_is_refused(folder: Path, text: bytes) -> None:
    """Whatever is there, it is an error and not a crash."""
    (folder / "masterkey.cryptomator").write_bytes(text)
    refused(folder, VaultDamaged, r"masterkey\.cryptomator was changed")


@pytest.mark.parametrize(
    ("cost", "block"),
    [(2**24, 8), (32768, 2**20), (2**30, 2**30), (0, 8), (1, 8), (-2, 8), (32767, 8), (32768, 0), (32768, -1)],
)
def test_an_absurd_cost_of_scrypt_is_refused(folder: Path, cost: int, block: int) -> None:
    """More than 256 MiB of memory, or no valid cost: refused before it is tried."""
    change(folder, scryptCostParam=cost, scryptBlockSize=block)
    refused(folder, VaultDamaged, "scrypt parameters are absurd")


@pytest.mark.parametrize("name", ["scryptCostParam", "scryptBlockSize", "version"])
@pytest.mark.parametrize("value", [None, "8", 8.5, True, 2**40])
def test_a_number_that_is_none_is_refused(folder: Path, name: str, value: object) -> None:
    """The error names the entry."""
    change(folder, **{name: value})
    refused(folder, VaultDamaged, f"{name} is not a whole number")


@pytest.mark.parametrize("name", ["scryptSalt", "primaryMasterKey", "hmacMasterKey", "versionMac"])
@pytest.mark.parametrize("value", [None, 8, "!", "AAA", "ä"])
def test_bytes_that_are_none_are_refused(folder: Path, name: str, value: object) -> None:
    """The error names the entry."""
    change(folder, **{name: value})
    refused(folder, VaultDamaged, f"{name} is not base64")


@pytest.mark.parametrize("name", ["primaryMasterKey", "hmacMasterKey"])
def test_a_key_of_another_length_is_refused(folder: Path, name: str) -> None:
    """A wrapped key has 40 bytes."""
    change(folder, **{name: base64.b64encode(bytes(32)).decode()})
    refused(folder, VaultDamaged, "the wrong length")


def test_a_changed_key_is_refused(folder: Path) -> None:
    """The first key shows a wrong passphrase; where that fits and the second does not, the file was changed."""
    change(folder, hmacMasterKey=base64.b64encode(bytes(40)).decode())
    refused(folder, VaultDamaged, "hmacMasterKey is wrong")
    change(folder, primaryMasterKey=base64.b64encode(bytes(40)).decode())
    refused(folder, VaultLocked, "passphrase")


@pytest.mark.parametrize(
    "values", [{"version": 8}, {"version": -1}, {"versionMac": base64.b64encode(bytes(32)).decode()}]
)
def test_a_changed_version_is_refused(folder: Path, values: Mapping[str, object]) -> None:
    """The version is authenticated."""
    change(folder, **values)
    refused(folder, VaultDamaged, "versionMac")


def damaged(folder: Path, words: str) -> str:
    """See that reading the file is refused, that none of its plaintext past the damage comes, and nothing changes."""
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


def flip(path: Path, position: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("position", [0, 11, 12, 20, 59, -1])
def test_a_tampered_header_is_noticed(folder: Path, lengths: tuple[int, int], position: int) -> None:
    """Any bit of the header counts."""
    flip(encrypted(folder, SIZE), position % lengths[0])
    damaged(folder, "its header was changed")


def test_a_truncated_header_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A file that ends within its header, or is empty, is damaged; so is its size."""
    path = encrypted(folder, SIZE)
    for length in (lengths[0] - 1, 1, 0):
        os.truncate(path, length)
        damaged(folder, "its header is cut off")
        with pytest.raises(VaultDamaged, match="cut off"):
            CryptomatorVault(folder, PASSPHRASE).size("baseline.csv")


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("position", [0, 15, 16, 1000, -1])
def test_a_tampered_chunk_is_noticed(folder: Path, lengths: tuple[int, int], number: int, position: int) -> None:
    """Any bit of a chunk counts: of its nonce, its content and its tag."""
    header, chunk = lengths
    flip(encrypted(folder, SIZE), header + number * chunk + position % chunk)
    damaged(folder, f"chunk {number} was changed")


def test_a_truncated_chunk_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A file that ends within a chunk is damaged, even within its nonce; so is its size where none fits."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    os.truncate(path, path.stat().st_size - 1)
    damaged(folder, "chunk 3, the last one, was changed or cut off")
    os.truncate(path, header + 2 * chunk + 5)
    damaged(folder, "its last chunk is cut off")
    with pytest.raises(VaultDamaged, match="cut off"):
        CryptomatorVault(folder, PASSPHRASE).size("baseline.csv")


def test_exchanged_chunks_are_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """Two chunks that changed places have an error of their own."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    data = path.read_bytes()
    first, second = data[header : header + chunk], data[header + chunk : header + 2 * chunk]
    path.write_bytes(data[:header] + second + first + data[header + 2 * chunk :])
    damaged(folder, "chunks were exchanged, 1 is in the place of 0")


def test_a_chunk_of_another_file_is_noticed(folder: Path, lengths: tuple[int, int]) -> None:
    """A chunk with the right number, but from another file."""
    path, (header, chunk) = encrypted(folder, SIZE), lengths
    data, other = path.read_bytes(), encrypted(folder, SIZE + 1).read_bytes()
    path.write_bytes(data[:header] + other[header : header + chunk] + data[header + chunk :])
    damaged(folder, "chunk 0 was changed")


def test_a_file_under_another_name_is_noticed_by_its_name(folder: Path) -> None:
    """Contents may be exchanged as whole files, which the format allows; a name from elsewhere does not decrypt."""
    path = encrypted(folder, SIZE)
    path.rename(path.with_name("A" * len(path.stem) + ".c9r"))
    assert list(CryptomatorVault(folder, PASSPHRASE).names("")) == ["endline.csv"]


def test_no_byte_of_a_damaged_chunk_is_given(folder: Path, lengths: tuple[int, int]) -> None:
    """What was read before the error is the true beginning of the file, and nothing else."""
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
    """Return everything that a traceback with locals could show of an error, and of those behind it."""
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
    """Return the ways in which bytes may be printed."""
    yield from (secret.hex(), repr(secret)[2:-1], repr(list(secret))[1:-1])
    yield from (base64.b64encode(secret).decode().rstrip("="), base64.urlsafe_b64encode(secret).decode().rstrip("="))


def test_the_passphrase_and_the_keys_appear_nowhere(folder: Path) -> None:
    """Not in a repr, an error or a traceback with all locals, whatever goes wrong."""
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
    """It would be written to disk in the clear."""
    with pytest.raises(TypeError):
        Key(b"x").__reduce__()
