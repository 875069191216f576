"""Wrong passphrases and tampered vault files each raise their own error, and nothing changes."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.errors import VaultDamaged, VaultError, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.vault_config import DIGESTS
from tests.vault.contract import put
from tests.vault.cryptomator.tampering import PASSPHRASE, as_before, change, keys_of


def part(data: Mapping[str, object]) -> bytes:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")


def parts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the token's header and claims."""
    header, claims, _ = (folder / "vault.cryptomator").read_bytes().split(b".")
    return json.loads(base64.urlsafe_b64decode(header + b"==")), json.loads(base64.urlsafe_b64decode(claims + b"=="))


def sign(folder: Path, header: Mapping[str, object], claims: Mapping[str, object]) -> None:
    """Write a correctly signed token."""
    old_header, old_claims = parts(folder)
    signed = part({**old_header, **header}) + b"." + part({**old_claims, **claims})
    name = str({**old_header, **header}["alg"])
    digest = DIGESTS.get(name, "sha256")
    signature = base64.urlsafe_b64encode(keys_of(folder).sign(signed, digest)).rstrip(b"=")
    (folder / "vault.cryptomator").write_bytes(signed + b"." + signature)


def refused(folder: Path, kind: type[VaultError], words: str, passphrase: Secret = PASSPHRASE) -> str:
    """Check that every method raises this error, and that nothing in the folder changes."""
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
    refused(folder, VaultUnusable, "passphrase does not open", Secret("another"))


def test_a_passphrase_that_is_not_text_is_refused(folder: Path) -> None:
    """Half a character, as a broken environment may pass it, raises its own error."""
    refused(folder, VaultUnusable, "not valid UTF-8", Secret("\udce4"))


@pytest.mark.parametrize(
    "claim", [{"shorteningThreshold": 200}, {"cipherCombo": "SIV_CTRMAC"}, {"cipherCombo": "SIV_GCM"}]
)
def test_a_changed_claim_breaks_the_signature(folder: Path, claim: Mapping[str, object]) -> None:
    """Without the keys, no one can change the vault's own configuration."""
    header, claims = parts(folder)
    if {**claims, **claim} == claims:
        claim = {"jti": "another"}
    signature = (folder / "vault.cryptomator").read_bytes().rpartition(b".")[2]
    (folder / "vault.cryptomator").write_bytes(part(header) + b"." + part({**claims, **claim}) + b"." + signature)
    refused(folder, VaultDamaged, r"vault\.cryptomator was changed: its signature")


@pytest.mark.parametrize("signature", [b"", b".", b"AAAA", b"!", b"A"])
def test_a_missing_or_wrong_signature_is_refused(folder: Path, signature: bytes) -> None:
    """A token without a valid signature is not trusted."""
    path = folder / "vault.cryptomator"
    path.write_bytes(path.read_bytes().rpartition(b".")[0] + b"." + signature)
    refused(folder, VaultDamaged, r"vault\.cryptomator was changed")


@pytest.mark.parametrize("alg", ["none", "None", "HS1", "RS256", "", None, 256])
def test_no_other_signature_algorithm_is_accepted(folder: Path, alg: object) -> None:
    """`none` in particular would make every token valid."""
    header, claims = parts(folder)
    (folder / "vault.cryptomator").write_bytes(part({**header, "alg": alg}) + b"." + part(claims) + b".")
    refused(folder, VaultDamaged, "not signed with HS256 or HS384 or HS512")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_all_three_algorithms_of_the_format_open(folder: Path, alg: str) -> None:
    """Cryptomator may sign with longer digests, and omit the threshold."""
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
    """Even with a valid signature, only the file beside it counts (CVE-2026-32310)."""
    sign(folder, {"kid": kid}, {})
    refused(folder, VaultDamaged, "names another key")


@pytest.mark.parametrize("kid", ["hub+https://hub.example.org/api/vaults/1", "hub+http://localhost/x"])
def test_a_hub_vault_is_refused_with_its_reason(folder: Path, kid: str) -> None:
    """A Hub vault's key needs a person to sign in."""
    sign(folder, {"kid": kid}, {})
    refused(folder, VaultUnusable, "Cryptomator Hub")


@pytest.mark.parametrize(("number", "words"), [(7, "format 7; only"), (9, "format 9; only"), (6, "format 6; only")])
def test_another_format_is_refused(folder: Path, number: int, words: str) -> None:
    """A vault of an older or a newer format is not written to."""
    sign(folder, {}, {"format": number})
    refused(folder, VaultUnusable, words)


@pytest.mark.parametrize("number", [None, "8", True, 8.0])
def test_a_format_that_is_not_a_number_is_refused(folder: Path, number: object) -> None:
    """The format must be a whole number."""
    sign(folder, {}, {"format": number})
    refused(folder, VaultDamaged, "no valid format")


def test_a_folder_that_is_not_a_vault_is_refused(folder: Path) -> None:
    """Both files are missing."""
    (folder / "vault.cryptomator").unlink()
    (folder / "masterkey.cryptomator").unlink()
    refused(folder, VaultUnusable, "not a Cryptomator vault")


@pytest.mark.parametrize("combo", ["SIV_XTS", "", None, ["SIV_GCM"]])
def test_unknown_ciphers_are_refused(folder: Path, combo: object) -> None:
    """An unknown combination is not guessed."""
    sign(folder, {}, {"cipherCombo": combo})
    refused(folder, VaultUnusable, "ciphers")


@pytest.mark.parametrize("threshold", [0, -1, 35, "220", None, True, 220.5])
def test_an_absurd_threshold_is_refused(folder: Path, threshold: object) -> None:
    """Names could not be stored with it."""
    sign(folder, {}, {"shorteningThreshold": threshold})
    refused(folder, VaultDamaged, "shorteningThreshold")


@pytest.mark.parametrize(
    "token", [b"", b"x", b"..", b"a.b.c", b"e30.e30.", b"W10.e30.AAAA", b"[" * 60_000, b"x" * 100_000, b"\xff\xfe"]
)
def test_a_vault_file_that_is_not_a_token_is_refused(folder: Path, token: bytes) -> None:
    """Any content is an error, not a crash."""
    (folder / "vault.cryptomator").write_bytes(token)
    refused(folder, VaultDamaged, r"vault\.cryptomator")


def test_a_vault_without_its_folder_d_is_refused(folder: Path) -> None:
    """The folder is not created again: every file in it would seem to be gone."""
    (folder / "d").rename(folder / "e")
    refused(folder, VaultDamaged, "no folder d")


def test_a_missing_masterkey_is_reported(folder: Path) -> None:
    """The vault's file exists, but its key does not."""
    (folder / "masterkey.cryptomator").unlink()
    refused(folder, VaultDamaged, r"has no masterkey\.cryptomator")


def test_an_unreadable_masterkey_is_reported(folder: Path) -> None:
    """A folder in its place cannot be opened."""
    (folder / "masterkey.cryptomator").unlink()
    (folder / "masterkey.cryptomator").mkdir()
    refused(folder, VaultUnusable, "cannot be read")


@pytest.mark.parametrize(
    "text", [b"", b"no json", b"[]", b"null", b"{" * 50_000, b'{"a":' * 9_000, b"\xff", b"x" * 70_000]
)
def test_a_masterkey_that_is_not_json_is_refused(folder: Path, text: bytes) -> None:
    """Any content is an error, not a crash."""
    (folder / "masterkey.cryptomator").write_bytes(text)
    refused(folder, VaultDamaged, r"masterkey\.cryptomator was changed")


@pytest.mark.parametrize(
    ("cost", "block"),
    [(2**24, 8), (32768, 2**20), (2**30, 2**30), (0, 8), (1, 8), (-2, 8), (32767, 8), (32768, 0), (32768, -1)],
)
def test_an_absurd_scrypt_cost_is_refused(folder: Path, cost: int, block: int) -> None:
    """More than 256 MiB of memory, or an invalid cost, is refused before scrypt runs."""
    change(folder, scryptCostParam=cost, scryptBlockSize=block)
    refused(folder, VaultDamaged, "scrypt parameters are absurd")


@pytest.mark.parametrize("name", ["scryptCostParam", "scryptBlockSize", "version"])
@pytest.mark.parametrize("value", [None, "8", 8.5, True, 2**40])
def test_a_value_that_is_not_a_number_is_refused(folder: Path, name: str, value: object) -> None:
    """The error names the entry."""
    change(folder, **{name: value})
    refused(folder, VaultDamaged, f"{name} is not a whole number")


@pytest.mark.parametrize("name", ["scryptSalt", "primaryMasterKey", "hmacMasterKey", "versionMac"])
@pytest.mark.parametrize("value", [None, 8, "!", "AAA", "ä"])
def test_a_value_that_is_not_base64_is_refused(folder: Path, name: str, value: object) -> None:
    """The error names the entry."""
    change(folder, **{name: value})
    refused(folder, VaultDamaged, f"{name} is not base64")


@pytest.mark.parametrize("name", ["primaryMasterKey", "hmacMasterKey"])
def test_a_key_of_another_length_is_refused(folder: Path, name: str) -> None:
    """A wrapped key has 40 bytes."""
    change(folder, **{name: base64.b64encode(bytes(32)).decode()})
    refused(folder, VaultDamaged, "the wrong length")


def test_a_changed_key_is_refused(folder: Path) -> None:
    """A wrong passphrase fails at the first key; if only the second key fails, the file was changed."""
    change(folder, hmacMasterKey=base64.b64encode(bytes(40)).decode())
    refused(folder, VaultDamaged, "hmacMasterKey is wrong")
    change(folder, primaryMasterKey=base64.b64encode(bytes(40)).decode())
    refused(folder, VaultUnusable, "passphrase")


@pytest.mark.parametrize(
    "values", [{"version": 8}, {"version": -1}, {"versionMac": base64.b64encode(bytes(32)).decode()}]
)
def test_a_changed_version_is_refused(folder: Path, values: Mapping[str, object]) -> None:
    """The version is authenticated."""
    change(folder, **values)
    refused(folder, VaultDamaged, "versionMac")
