"""Opening a vault with its passphrase, and making the files of a new one; `masterkey.cryptomator` holds the keys.

Each value is checked before it is used, for the file may come from anyone who can write to a synced folder.
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

from sheets_decrypt.errors import VaultDamaged, VaultLocked
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator.content import Combo
from sheets_decrypt.vault.cryptomator.keys import KEY_BYTES, Key, Keys
from sheets_decrypt.vault.cryptomator.ownfiles import MASTERKEY_FILE, TAMPERED, VAULT_FILE, content_of, json_object
from sheets_decrypt.vault.cryptomator.token import FORMAT, new_token, read_token

_MASTERKEY_VERSION: Final = 999
_SCRYPT_COST: Final = 32768
_SCRYPT_BLOCK: Final = 8
_SCRYPT_MEMORY: Final = 1024**3
_SALT_BYTES: Final = 8
_WRAPPED_BYTES: Final = KEY_BYTES + 8


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
    token = read_token(folder)
    masterkey = _read_masterkey(folder)
    if not (folder / "d").is_dir():
        raise VaultDamaged(f"the vault {folder} has no folder d", hint="wait until it is synced, or restore it")
    keys = _unwrap(masterkey, passphrase())
    # cryptomator-ts authenticates the format's digits instead of the version; nothing rests on this value since
    # format 8, whose signature covers both keys.
    expected = (masterkey.version.to_bytes(4, "big", signed=True), str(FORMAT).encode())
    if not any(hmac.compare_digest(keys.authenticate(text), masterkey.version_mac) for text in expected):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its versionMac does not fit", hint=TAMPERED)
    if not hmac.compare_digest(keys.sign(token.signed, token.digest), token.signature):
        raise VaultDamaged(f"{VAULT_FILE} was changed: its signature does not fit", hint=TAMPERED)
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
    return {MASTERKEY_FILE: json.dumps(masterkey, indent=2).encode(), VAULT_FILE: new_token(keys, combo)}


def _read_masterkey(folder: Path) -> _Masterkey:
    path = folder / MASTERKEY_FILE
    if not path.exists():
        raise VaultDamaged(
            f"the vault {folder} has no {MASTERKEY_FILE}",
            hint=f"put it back, from a backup or from where you keep it; {MASTERKEY_FILE}.*.bkup is a copy",
        )
    values = json_object(content_of(path), MASTERKEY_FILE)
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
            hint=TAMPERED,
        )
    if {len(masterkey.encryption), len(masterkey.mac)} != {_WRAPPED_BYTES}:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its keys have another length", hint=TAMPERED)
    return masterkey


def _unwrap(masterkey: _Masterkey, passphrase: Secret) -> Keys:
    kek = _derive(passphrase, masterkey.salt, masterkey.cost, masterkey.block)
    encryption, mac = _unwrapped(kek, masterkey.encryption), _unwrapped(kek, masterkey.mac)
    if encryption is None:
        raise VaultLocked(
            "the passphrase does not open the vault", hint=f"check it, and that {MASTERKEY_FILE} is this vault's own"
        )
    if mac is None:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: its hmacMasterKey does not fit", hint=TAMPERED)
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


def _integer(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is no whole number", hint=TAMPERED)
    return value


def _bytes(values: Mapping[str, Any], name: str) -> bytes:
    value = values.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise VaultDamaged(f"{MASTERKEY_FILE} was changed: {name} is no base64", hint=TAMPERED) from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
