"""`vault.cryptomator`, the vault's configuration: a signed JSON Web Token that says how the vault is encrypted.

It is read before the keys are known, because it names them. Nothing in it is used before its signature is verified.
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sheets_decrypt.errors import VaultDamaged, VaultUnusable
from sheets_decrypt.vault.cryptomator.content import COMBOS, Combo
from sheets_decrypt.vault.cryptomator.keys import Keys
from sheets_decrypt.vault.cryptomator.own_files import MASTERKEY_FILE, TAMPERED, VAULT_FILE, json_object, read_own_file

FORMAT: Final = 8
THRESHOLD: Final = 220
DIGESTS: Final[Mapping[str, Literal["sha256", "sha384", "sha512"]]] = {
    "HS256": "sha256",
    "HS384": "sha384",
    "HS512": "sha512",
}

_KEY_ID: Final = f"masterkeyfile:{MASTERKEY_FILE}"
_SHORTEST_THRESHOLD: Final = 36  # Cryptomator's own lower limit; below it, the hash would be longer than the name


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """The parts of `vault.cryptomator`, before its signature is verified."""

    signed: bytes
    signature: bytes
    digest: Literal["sha256", "sha384", "sha512"]
    combo: Combo
    threshold: int


def new_vault_config(keys: Keys, combo: Combo) -> bytes:
    """Return the `vault.cryptomator` of a new vault."""
    header = {"kid": _KEY_ID, "typ": "JWT", "alg": "HS256"}
    claims = {"format": FORMAT, "shorteningThreshold": THRESHOLD, "jti": str(uuid.uuid4()), "cipherCombo": combo}
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    return signed + b"." + _base64url(keys.sign(signed, "sha256"))


def read_vault_config(folder: Path) -> VaultConfig:
    """Parse `vault.cryptomator` and check everything except its signature.

    Raises:
        VaultUnusable: It is not a vault that this program can open, or the file is missing.
        VaultDamaged: It is not a token, or has a value that is not valid for any vault.
    """
    path = folder / VAULT_FILE
    if not path.exists():
        raise _missing(folder)
    signed, _, signature = read_own_file(path).strip().rpartition(b".")
    header, _, claims = signed.partition(b".")
    digest = _checked_header(json_object(_from_base64url(header), VAULT_FILE))
    combo, threshold = _checked_claims(json_object(_from_base64url(claims), VAULT_FILE))
    return VaultConfig(signed, _from_base64url(signature), digest, combo, threshold)


def _missing(folder: Path) -> VaultUnusable:
    """Return why `vault.cryptomator` is missing: only formats up to 7 had none."""
    path = folder / MASTERKEY_FILE
    if not path.exists():
        return VaultUnusable(f"{folder} is not a Cryptomator vault", hint=f"name the folder that holds {VAULT_FILE}")
    version = json_object(read_own_file(path), MASTERKEY_FILE).get("version")
    if version in range(FORMAT):
        return VaultUnusable(
            f"the vault {folder} has format {version}; only format {FORMAT} is supported",
            hint="open it once with Cryptomator, which upgrades it",
        )
    return VaultUnusable(
        f"the vault {folder} has no {VAULT_FILE}",
        hint=f"wait until the vault is synced, or restore the file: {VAULT_FILE}.*.bkup beside it is a copy",
    )


def _checked_header(header: Mapping[str, Any]) -> Literal["sha256", "sha384", "sha512"]:
    kid = header.get("kid")
    if isinstance(kid, str) and kid.startswith("hub+"):
        raise VaultUnusable(
            "the vault's key is kept by Cryptomator Hub, which requires somebody to sign in",
            hint="use a vault with a passphrase of its own",
        )
    if kid != _KEY_ID:
        # A path in a synced file is never followed: CVE-2026-32310.
        raise VaultDamaged(f"{VAULT_FILE} names another key than {MASTERKEY_FILE} beside it", hint=TAMPERED)
    digest = DIGESTS.get(str(header.get("alg")))
    if digest is None:
        raise VaultDamaged(f"{VAULT_FILE} is not signed with {' or '.join(DIGESTS)}", hint=TAMPERED)
    return digest


def _checked_claims(claims: Mapping[str, Any]) -> tuple[Combo, int]:
    number = claims.get("format")
    if type(number) is not int:
        raise VaultDamaged(f"{VAULT_FILE} has no valid format", hint=TAMPERED)
    if number < FORMAT:
        raise VaultUnusable(
            f"the vault has format {number}; only format {FORMAT} is supported",
            hint="open it once with Cryptomator, which upgrades it",
        )
    if number > FORMAT:
        raise VaultUnusable(
            f"the vault has format {number}; only format {FORMAT} is supported",
            hint="install a newer version of sheets-decrypt, or mount the vault and write to its drive",
        )
    combo, threshold = claims.get("cipherCombo"), claims.get("shorteningThreshold", THRESHOLD)
    if not isinstance(combo, str) or combo not in COMBOS:
        raise VaultUnusable(
            f"the vault's ciphers are not {' or '.join(COMBOS)}", hint="mount it and write to its drive"
        )
    if type(threshold) is not int or threshold < _SHORTEST_THRESHOLD:
        raise VaultDamaged(f"{VAULT_FILE} has no valid shorteningThreshold", hint=TAMPERED)
    return next(known for known in COMBOS if known == combo), threshold


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64url(text: bytes) -> bytes:
    """Decode a part of the token; return b"", which no later check accepts, if it is not base64."""
    text = text.rstrip(b"=")
    if not re.fullmatch(rb"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        return b""
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
