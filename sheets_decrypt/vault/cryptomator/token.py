"""`vault.cryptomator`: a signed JSON Web Token that says how the vault is encrypted.

It is read in two steps: first without the keys, for only then is it known which keys are needed; nothing of it is
used before its signature was verified with them.
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
from sheets_decrypt.vault.cryptomator.ownfiles import MASTERKEY_FILE, TAMPERED, VAULT_FILE, content_of, json_object

FORMAT: Final = 8
THRESHOLD: Final = 220
DIGESTS: Final[Mapping[str, Literal["sha256", "sha384", "sha512"]]] = {
    "HS256": "sha256",
    "HS384": "sha384",
    "HS512": "sha512",
}

_KEY_ID: Final = f"masterkeyfile:{MASTERKEY_FILE}"
_SHORTEST_THRESHOLD: Final = 36  # Cryptomator's own lower bound: shorter, and the hash would be longer than the name


@dataclass(frozen=True, slots=True)
class Token:
    """`vault.cryptomator` taken apart, before its signature was verified."""

    signed: bytes
    signature: bytes
    digest: Literal["sha256", "sha384", "sha512"]
    combo: Combo
    threshold: int


def new_token(keys: Keys, combo: Combo) -> bytes:
    """Write the token of a new vault."""
    header = {"kid": _KEY_ID, "typ": "JWT", "alg": "HS256"}
    claims = {"format": FORMAT, "shorteningThreshold": THRESHOLD, "jti": str(uuid.uuid4()), "cipherCombo": combo}
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    return signed + b"." + _base64url(keys.sign(signed, "sha256"))


def read_token(folder: Path) -> Token:
    """Take the token apart and check what it says, all but its signature.

    Raises:
        VaultUnusable: It is no vault that this program can open.
        VaultDamaged: It is no token, or asks for what no vault needs.
    """
    path = folder / VAULT_FILE
    if not path.exists():
        if (folder / MASTERKEY_FILE).exists():
            raise VaultUnusable(
                f"the vault {folder} is of format 7 or older", hint="open it once with Cryptomator, which upgrades it"
            )
        raise VaultUnusable(f"{folder} is no Cryptomator vault", hint=f"name the folder that holds {VAULT_FILE}")
    signed, _, signature = content_of(path).strip().rpartition(b".")
    header, _, claims = signed.partition(b".")
    digest = _checked_header(json_object(_from_base64url(header), VAULT_FILE))
    combo, threshold = _checked_claims(json_object(_from_base64url(claims), VAULT_FILE))
    return Token(signed, _from_base64url(signature), digest, combo, threshold)


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
            f"{VAULT_FILE} names another key than {MASTERKEY_FILE} beside it, and that is not followed", hint=TAMPERED
        )
    digest = DIGESTS.get(str(header.get("alg")))
    if digest is None:
        raise VaultDamaged(f"{VAULT_FILE} is signed with none of {', '.join(DIGESTS)}", hint=TAMPERED)
    return digest


def _checked_claims(claims: Mapping[str, Any]) -> tuple[Combo, int]:
    number = claims.get("format")
    if type(number) is not int:
        raise VaultDamaged(f"{VAULT_FILE} names no format", hint=TAMPERED)
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
        raise VaultDamaged(f"{VAULT_FILE} names no usable shorteningThreshold", hint=TAMPERED)
    return next(known for known in COMBOS if known == combo), threshold


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64url(text: bytes) -> bytes:
    """Decode a part of the token; b"" where it is none, which no later check accepts."""
    text = text.rstrip(b"=")
    if not re.fullmatch(rb"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        return b""
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
