"""Opening a vault with its passphrase, and making a new one: `vault.cryptomator` and `masterkey.cryptomator`.

Both files may come from anyone who can write to a synced folder, so each value is checked before it is used, and
`vault.cryptomator` is trusted only after its signature was verified with the keys.
"""

import base64
import binascii
import hmac
import json
import os
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from sheets_decrypt.errors import VaultDamaged, VaultLocked, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator.content import COMBOS, Combo
from sheets_decrypt.vault.cryptomator.keys import KEY_BYTES, Key, Keys

VAULT_FILE: Final = "vault.cryptomator"
MASTERKEY_FILE: Final = "masterkey.cryptomator"
FORMAT: Final = 8

_KEY_ID: Final = f"masterkeyfile:{MASTERKEY_FILE}"
_DIGESTS: Final[Mapping[str, Literal["sha256", "sha384", "sha512"]]] = {
    "HS256": "sha256",
    "HS384": "sha384",
    "HS512": "sha512",
}
THRESHOLD: Final = 220
_SHORTEST_THRESHOLD: Final = 36  # Cryptomator's own lower bound: shorter, and the hash would be longer than the name
_LARGEST_FILE: Final = 64 * 1024
_MASTERKEY_VERSION: Final = 999
_SCRYPT_COST: Final = 32768
_SCRYPT_BLOCK: Final = 8
_SCRYPT_MEMORY: Final = 1024**3
_SALT_BYTES: Final = 8
_WRAPPED_BYTES: Final = KEY_BYTES + 8
_TAMPERED: Final = "do not use this vault before you know who changed it; restore the file from a backup"


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a vault gives.

    Args:
        keys: The vault's two keys.
        combo: How it is encrypted.
        threshold: The longest encrypted name in characters that is not shortened.
    """

    keys: Keys
    combo: Combo
    threshold: int


@dataclass(frozen=True, slots=True)
class _Token:
    """`vault.cryptomator` taken apart, before its signature was verified."""

    signed: bytes
    signature: bytes
    digest: Literal["sha256", "sha384", "sha512"]
    combo: Combo
    threshold: int


@dataclass(frozen=True, slots=True)
class _Masterkey:
    """`masterkey.cryptomator` with its values checked for their form."""

    salt: bytes
    cost: int
    block: int
    encryption: bytes
    mac: bytes
    version: int
    version_mac: bytes


def unlock(folder: Path, passphrase: Callable[[], Secret]) -> Opened:
    """Open the vault in `folder`; the passphrase is asked for last, when all the rest is in order.

    Raises:
        VaultLocked: The folder is not there, or the passphrase is wrong.
        VaultUnusable: It is no vault that this program can open.
        VaultDamaged: One of the vault's own files was changed.
    """
    if not folder.is_dir():
        raise VaultLocked(f"the vault's folder {folder} is not there", hint="check the path; is its drive connected?")
    token = _read_token(folder)
    masterkey = _read_masterkey(folder)
    if not (folder / "d").is_dir():
        raise VaultDamaged(f"the vault {folder} has no folder d", hint="wait until it is synced, or restore it")
    keys = _unwrap(masterkey, passphrase())
    # cryptomator-ts authenticates the format's digits instead of the version; nothing rests on this value since
    # format 8, whose signature covers both keys.
    expected = (masterkey.version.to_bytes(4, "big", signed=True), str(FORMAT).encode())
    if not any(hmac.compare_digest(keys.authenticate(text), masterkey.version_mac) for text in expected):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its versionMac does not fit", hint=_TAMPERED)
    if not hmac.compare_digest(keys.sign(token.signed, token.digest), token.signature):
        raise VaultDamaged(f"{VAULT_FILE} was changed: its signature does not fit", hint=_TAMPERED)
    return Opened(keys, token.combo, token.threshold)


def new_files(keys: Keys, passphrase: Secret, combo: Combo) -> Mapping[str, bytes]:
    """Give the content of a new vault's own files by their names, as Cryptomator writes them."""
    salt = os.urandom(_SALT_BYTES)
    kek = _derive(passphrase, salt, _SCRYPT_COST, _SCRYPT_BLOCK)
    masterkey = {
        "version": _MASTERKEY_VERSION,
        "scryptSalt": _base64(salt),
        "scryptCostParam": _SCRYPT_COST,
        "scryptBlockSize": _SCRYPT_BLOCK,
        "primaryMasterKey": _base64(aes_key_wrap(kek.reveal(), keys.encryption.reveal())),
        "hmacMasterKey": _base64(aes_key_wrap(kek.reveal(), keys.mac.reveal())),
        "versionMac": _base64(keys.authenticate(_MASTERKEY_VERSION.to_bytes(4, "big"))),
    }
    header = {"kid": _KEY_ID, "typ": "JWT", "alg": "HS256"}
    claims = {
        "format": FORMAT,
        "shorteningThreshold": THRESHOLD,
        "jti": str(uuid.uuid4()),
        "cipherCombo": combo,
    }
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    token = signed + b"." + _base64url(keys.sign(signed, "sha256"))
    return {MASTERKEY_FILE: json.dumps(masterkey, indent=2).encode(), VAULT_FILE: token}


def _read_token(folder: Path) -> _Token:
    path = folder / VAULT_FILE
    if not path.exists():
        if (folder / MASTERKEY_FILE).exists():
            raise VaultUnusable(
                f"the vault {folder} is of format 7 or older", hint="open it once with Cryptomator, which upgrades it"
            )
        raise VaultUnusable(f"{folder} is no Cryptomator vault", hint=f"name the folder that holds {VAULT_FILE}")
    signed, _, signature = _content(path).strip().rpartition(b".")
    header, _, claims = signed.partition(b".")
    digest = _checked_header(_json(_from_base64url(header), VAULT_FILE))
    combo, threshold = _checked_claims(_json(_from_base64url(claims), VAULT_FILE))
    return _Token(signed, _from_base64url(signature), digest, combo, threshold)


def _checked_header(header: Mapping[str, Any]) -> Literal["sha256", "sha384", "sha512"]:
    kid = header.get("kid")
    if isinstance(kid, str) and kid.startswith("hub+"):
        raise VaultUnusable(
            "the vault's key is kept by Cryptomator Hub, which needs a person to sign in",
            hint="use a vault with a passphrase of its own",
        )
    if kid != _KEY_ID:
        # A path that a synced file names is never followed: CVE-2026-32310.
        raise VaultDamaged(
            f"{VAULT_FILE} names another key than {MASTERKEY_FILE} beside it, and that is not followed", hint=_TAMPERED
        )
    digest = _DIGESTS.get(str(header.get("alg")))
    if digest is None:
        raise VaultDamaged(f"{VAULT_FILE} is signed with none of {', '.join(_DIGESTS)}", hint=_TAMPERED)
    return digest


def _checked_claims(claims: Mapping[str, Any]) -> tuple[Combo, int]:
    number = claims.get("format")
    if type(number) is not int:
        raise VaultDamaged(f"{VAULT_FILE} names no format", hint=_TAMPERED)
    if number < FORMAT:
        raise VaultUnusable(
            f"the vault is of format {number}, and only format {FORMAT} is written",
            hint="open it once with Cryptomator, which upgrades it",
        )
    if number > FORMAT:
        raise VaultUnusable(
            f"the vault is of format {number}, and only format {FORMAT} is written",
            hint="look for a newer version of sheets-decrypt, or mount the vault and write to the drive",
        )
    combo, threshold = claims.get("cipherCombo"), claims.get("shorteningThreshold", THRESHOLD)
    if not isinstance(combo, str) or combo not in COMBOS:
        raise VaultUnusable(f"the vault's ciphers are none of {', '.join(COMBOS)}", hint="mount the vault instead")
    if type(threshold) is not int or threshold < _SHORTEST_THRESHOLD:
        raise VaultDamaged(f"{VAULT_FILE} names no usable shorteningThreshold", hint=_TAMPERED)
    return next(known for known in COMBOS if known == combo), threshold


def _read_masterkey(folder: Path) -> _Masterkey:
    path = folder / MASTERKEY_FILE
    if not path.exists():
        raise VaultDamaged(
            f"the vault {folder} has no {MASTERKEY_FILE}",
            hint=f"put it back, from a backup or from where you keep it; {MASTERKEY_FILE}.*.bkup is a copy",
        )
    values = _json(_content(path), MASTERKEY_FILE)
    masterkey = _Masterkey(
        salt=_bytes(values, "scryptSalt"),
        cost=_integer(values, "scryptCostParam"),
        block=_integer(values, "scryptBlockSize"),
        encryption=_bytes(values, "primaryMasterKey"),
        mac=_bytes(values, "hmacMasterKey"),
        version=_integer(values, "version"),
        version_mac=_bytes(values, "versionMac"),
    )
    # scrypt wants a power of two, and takes 128 · cost · block bytes of memory; a huge one would stop the machine.
    sound = masterkey.cost > 1 and masterkey.cost.bit_count() == 1 and masterkey.block > 0
    if not sound or 128 * masterkey.cost * masterkey.block > _SCRYPT_MEMORY:
        raise VaultDamaged(
            f"{MASTERKEY_FILE} asks for an absurd cost of scrypt (more than 1 GiB of memory, or no valid one)",
            hint=_TAMPERED,
        )
    if {len(masterkey.encryption), len(masterkey.mac)} != {_WRAPPED_BYTES}:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its keys have another length", hint=_TAMPERED)
    return masterkey


def _unwrap(masterkey: _Masterkey, passphrase: Secret) -> Keys:
    kek = _derive(passphrase, masterkey.salt, masterkey.cost, masterkey.block)
    encryption, mac = _unwrapped(kek, masterkey.encryption), _unwrapped(kek, masterkey.mac)
    if encryption is None:
        raise VaultLocked(
            "the passphrase does not open the vault", hint=f"check it, and that {MASTERKEY_FILE} is this vault's own"
        )
    if mac is None:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its hmacMasterKey does not fit", hint=_TAMPERED)
    return Keys(encryption, mac)


def _unwrapped(kek: Key, wrapped: bytes) -> Key | None:
    """Unwrap a key (RFC 3394). None keeps the library's frames, which hold the raw key, out of every traceback."""
    try:
        return Key(aes_key_unwrap(kek.reveal(), wrapped))
    except InvalidUnwrap:
        return None


def _derive(passphrase: Secret, salt: bytes, cost: int, block: int) -> Key:
    text = _utf8(passphrase)
    if text is None:
        raise VaultLocked("the vault's passphrase is not text in UTF-8", hint="save it again as UTF-8")
    return Key(Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=block, p=1).derive(text.reveal()))


def _utf8(passphrase: Secret) -> Key | None:
    """Encode the passphrase. None, since the codec's own error would carry the text."""
    try:
        return Key(unicodedata.normalize("NFC", passphrase.reveal()).encode())
    except UnicodeEncodeError:
        return None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise VaultUnusable(
            f"the vault's {path.name} cannot be read: {(error.strerror or 'unknown').lower()}",
            hint="check that this user may read the vault's folder",
        ) from None
    if len(content) > _LARGEST_FILE:
        raise VaultDamaged(f"{path.name} was changed: it is far too large", hint=_TAMPERED)
    return content


def _json(content: bytes, file: str) -> Mapping[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise VaultDamaged(f"{file} was changed: it holds no JSON object", hint=_TAMPERED)
    return values


def _integer(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is no whole number", hint=_TAMPERED)
    return value


def _bytes(values: Mapping[str, Any], name: str) -> bytes:
    value = values.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is no base64", hint=_TAMPERED) from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64url(text: bytes) -> bytes:
    """Decode a part of the token; b"" where it is none, which no later check accepts."""
    text = text.rstrip(b"=")
    if not re.fullmatch(rb"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        return b""
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
