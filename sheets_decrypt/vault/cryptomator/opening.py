"""Unlock a vault with its passphrase, and create the files of a new one; `masterkey.cryptomator` holds the keys.

Each value is checked before it is used: the file may come from anyone who can write to a synced folder.
"""

import base64
import binascii
import hmac
import json
import os
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from sheets_decrypt.errors import VaultDamaged, VaultLocked, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.cryptomator.keys import KEY_BYTES, Key, Keys
from sheets_decrypt.vault.cryptomator.own_files import MASTERKEY_FILE, TAMPERED, VAULT_FILE, json_object, read_own_file
from sheets_decrypt.vault.cryptomator.vault_config import FORMAT, new_vault_config, read_vault_config

_MASTERKEY_VERSION: Final = 999
SCRYPT_COST: Final = 32768
_SCRYPT_BLOCK: Final = 8
_SCRYPT_MEMORY: Final = 256 * 1024**2  # bytes; 8 times the memory, and so the time, of Cryptomator's own parameters
_SALT_BYTES: Final = 8
_WRAPPED_BYTES: Final = KEY_BYTES + 8


@dataclass(frozen=True, slots=True)
class Opened:
    """The keys and settings of a vault.

    Args:
        keys: The vault's two keys.
        combo: How its content is encrypted.
        threshold: The length in characters beyond which an encrypted name is shortened.
    """

    keys: Keys
    combo: Combo
    threshold: int


@dataclass(frozen=True, slots=True)
class _Masterkey:
    """The values of `masterkey.cryptomator`, of the right types and lengths."""

    salt: bytes
    cost: int
    block: int
    encryption: bytes
    mac: bytes
    version: int
    version_mac: bytes


def unlock(folder: Path, passphrase: Callable[[], Secret]) -> Opened:
    """Unlock the vault in `folder`; the passphrase is asked for last, after everything else has been checked.

    Raises:
        VaultLocked: The folder does not exist.
        VaultUnusable: It is not a vault that this program can open, or the passphrase is wrong.
        VaultDamaged: One of the vault's own files was changed.
    """
    if not folder.is_dir():
        raise VaultLocked(f"the vault's folder {folder} does not exist", hint="check the path; is its drive connected?")
    config = read_vault_config(folder)
    masterkey = _read_masterkey(folder)
    if not (folder / "d").is_dir():
        raise VaultDamaged(f"the vault {folder} has no folder d", hint="wait until the vault is synced, or restore it")
    keys = _unwrap(masterkey, passphrase())
    # cryptomator-ts authenticates the format's digits instead of the version. Since format 8, whose signature covers
    # both keys, nothing depends on this value.
    expected = (masterkey.version.to_bytes(4, "big", signed=True), str(FORMAT).encode())
    if not any(hmac.compare_digest(keys.authenticate(text), masterkey.version_mac) for text in expected):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its versionMac is wrong", hint=TAMPERED)
    if not hmac.compare_digest(keys.sign(config.signed, config.digest), config.signature):
        raise VaultDamaged(f"{VAULT_FILE} was changed: its signature is wrong", hint=TAMPERED)
    return Opened(keys, config.combo, config.threshold)


def new_files(keys: Keys, passphrase: Secret, combo: Combo, scrypt_cost: int) -> Mapping[str, bytes]:
    """Return a new vault's own files as name → content, in the form that Cryptomator writes."""
    salt = os.urandom(_SALT_BYTES)
    kek = _derive(passphrase, salt, scrypt_cost, _SCRYPT_BLOCK)
    masterkey = {
        "version": _MASTERKEY_VERSION,
        "scryptSalt": _base64(salt),
        "scryptCostParam": scrypt_cost,
        "scryptBlockSize": _SCRYPT_BLOCK,
        "primaryMasterKey": _base64(aes_key_wrap(kek.reveal(), keys.encryption.reveal())),
        "hmacMasterKey": _base64(aes_key_wrap(kek.reveal(), keys.mac.reveal())),
        "versionMac": _base64(keys.authenticate(_MASTERKEY_VERSION.to_bytes(4, "big"))),
    }
    return {MASTERKEY_FILE: json.dumps(masterkey, indent=2).encode(), VAULT_FILE: new_vault_config(keys, combo)}


def _read_masterkey(folder: Path) -> _Masterkey:
    path = folder / MASTERKEY_FILE
    if not path.exists():
        raise VaultDamaged(
            f"the vault {folder} has no {MASTERKEY_FILE}",
            hint=f"restore it: {MASTERKEY_FILE}.*.bkup beside it is a copy",
        )
    values = json_object(read_own_file(path), MASTERKEY_FILE)
    masterkey = _Masterkey(
        salt=_bytes(values, "scryptSalt"),
        cost=_integer(values, "scryptCostParam"),
        block=_integer(values, "scryptBlockSize"),
        encryption=_bytes(values, "primaryMasterKey"),
        mac=_bytes(values, "hmacMasterKey"),
        version=_integer(values, "version"),
        version_mac=_bytes(values, "versionMac"),
    )
    if not _is_affordable(masterkey.cost, masterkey.block):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its scrypt parameters are absurd", hint=TAMPERED)
    if {len(masterkey.encryption), len(masterkey.mac)} != {_WRAPPED_BYTES}:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its keys have the wrong length", hint=TAMPERED)
    return masterkey


def _is_affordable(cost: int, block: int) -> bool:
    """Return whether scrypt is defined for these parameters (RFC 7914, section 2) and takes an acceptable time.

    Args:
        cost: N, a power of two greater than 1 and less than 2^(16 · block).
        block: r; scrypt takes 128 · N · r bytes of memory, and proportional time.
    """
    is_defined = cost > 1 and cost.bit_count() == 1 and block > 0 and cost.bit_length() - 1 < 16 * block
    return is_defined and 128 * cost * block <= _SCRYPT_MEMORY


def _unwrap(masterkey: _Masterkey, passphrase: Secret) -> Keys:
    kek = _derive(passphrase, masterkey.salt, masterkey.cost, masterkey.block)
    encryption, mac = _unwrapped(kek, masterkey.encryption), _unwrapped(kek, masterkey.mac)
    if encryption is None:
        raise VaultUnusable(
            "the passphrase does not open the vault",
            hint=f"check it, and that {MASTERKEY_FILE} belongs to this vault",
        )
    if mac is None:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its hmacMasterKey is wrong", hint=TAMPERED)
    return Keys(encryption, mac)


def _unwrapped(kek: Key, wrapped: bytes) -> Key | None:
    """Unwrap a key (RFC 3394). Return None instead of an error, because the library's frames contain the raw key."""
    try:
        return Key(aes_key_unwrap(kek.reveal(), wrapped))
    except InvalidUnwrap:
        return None


def _derive(passphrase: Secret, salt: bytes, cost: int, block: int) -> Key:
    text = _utf8(passphrase)
    if text is None:
        raise VaultUnusable("the vault's passphrase is not valid UTF-8", hint="save it again as UTF-8")
    return Key(Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=block, p=1).derive(text.reveal()))


def _utf8(passphrase: Secret) -> Key | None:
    """Encode the passphrase. Return None instead of an error, because the codec's error would contain the text."""
    try:
        return Key(unicodedata.normalize("NFC", passphrase.reveal()).encode())
    except UnicodeEncodeError:
        return None


def _integer(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is not a whole number", hint=TAMPERED)
    return value


def _bytes(values: Mapping[str, Any], name: str) -> bytes:
    value = values.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is not base64", hint=TAMPERED) from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
