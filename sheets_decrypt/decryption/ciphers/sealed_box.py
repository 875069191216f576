"""Sealed box: `v2:` + standard base64 of `ephemeral public key (32) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.

X25519 (RFC 7748) with the recipient's private key; HKDF-SHA256 (RFC 5869) with salt = ephemeral ‖ recipient public key;
AES-256-GCM (NIST SP 800-38D). Design, "Wire formats"; vectors in `tests/vectors/sealed_box.json`.

Tokens made in one call of our own Twilio function share their ephemeral key, so a row costs only one exchange: the
tokens of a row are decrypted one after another, and the last derived key is kept.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sheets_decrypt.decryption.ciphers import backup_text, base64_strict
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import NO_KEY_FITTED, Column, Reason, Secret

MARK: Final = "v2:"
CONTEXT: Final = b"requests-to-twilio/v2"
KEY: Final = 32
NONCE: Final = 12
TAG: Final = 16
_SEALED: Final = KEY + NONCE  # where the ciphertext begins
_DAMAGED: Final = b""
_SHA256: Final = hashes.SHA256()


def read(cell: str) -> bytes | None:
    """Return `ephemeral ‖ nonce ‖ ciphertext ‖ tag` if the cell begins with `v2:`; else None."""
    if not cell.startswith(MARK):
        return None
    body = base64_strict.decode(cell[len(MARK) :])
    if body is None or len(body) < KEY + NONCE + TAG:
        return _DAMAGED
    return body


def read_all(cells: Sequence[str]) -> list[bytes] | None:
    """Return the result of `read` for each cell if all are whole tokens; else None."""
    if {cell[: len(MARK)] for cell in cells} != {MARK}:
        return None
    bodies = base64_strict.decode_all([cell[len(MARK) :] for cell in cells])
    if bodies is None or min(map(len, bodies)) < KEY + NONCE + TAG:
        return None
    return bodies


def ephemerals_of(bodies: Sequence[bytes]) -> list[bytes]:
    """Return the ephemeral public key of each body, 32 bytes; empty if the token is damaged."""
    return [body[:KEY] for body in bodies]


def decode_key(text: str) -> bytes | None:
    """Decode a key: urlsafe base64 of 32 bytes, padding optional. None for any other text."""
    text = text.strip().rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY and encode_key(key) == text else None


def decode_private_key(text: str) -> bytes | None:
    """Decode a private key: a text for `decode_key`, possibly broken into lines, or the text of a backup."""
    return decode_key("".join(text.split())) or backup_text.read(text)


def encode_key(key: bytes) -> str:
    """Encode a 32-byte key as urlsafe base64 without padding."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def fingerprint(public_key: bytes) -> str:
    """Return the name of a key pair: the first 8 hexadecimal digits of SHA-256 of its public key (32 bytes)."""
    return hashlib.sha256(public_key).hexdigest()[:8]


class PrivateKey:
    """One X25519 private key; opens boxes that were sealed for its public key.

    Args:
        secret: The key as written by `keygen` or in a backup.

    Raises:
        KeyWrong: The text is not a key.
    """

    def __init__(self, secret: Secret) -> None:
        key = decode_private_key(secret.reveal())
        if key is None:
            raise KeyWrong(
                "a private key is not 32 bytes in urlsafe base64",
                hint="copy the 43 characters that `sheets-decrypt keygen` made, or all four lines of a backup",
            )
        self._key: Final = X25519PrivateKey.from_private_bytes(key)
        self.public_key: Final = self._key.public_key().public_bytes_raw()
        self._last = b""
        self._box = AESGCM(bytes(KEY))  # a dummy until the first token is opened

    def open_all(self, bodies: Iterable[bytes], texts: list[str | Reason]) -> None:
        """Decrypt tokens until one fails, and add the text of each to `texts`.

        Args:
            bodies: The tokens' bodies.
            texts: The list to which the plaintexts are added.

        Raises:
            InvalidTag: This key does not fit, or the token was changed.
            ValueError: The ephemeral key is a point that no honest sender makes, or the sealed text is not UTF-8.
        """
        last, box = self._last, self._box
        for body in bodies:
            ephemeral = body[:KEY]
            if ephemeral != last:
                self._box = box = self._derive(ephemeral)
                self._last = last = ephemeral
            texts.append(box.decrypt(body[KEY:_SEALED], body[_SEALED:], CONTEXT).decode())

    def _derive(self, ephemeral: bytes) -> AESGCM:
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        salt = ephemeral + self.public_key
        return AESGCM(HKDF(_SHA256, KEY, salt, CONTEXT).derive(shared))


class SealedBox:
    """Decrypts sealed boxes with one or more private keys; the tag shows which key fits.

    Args:
        secrets: At least one private key, newest first; duplicates count once.

    Raises:
        KeyWrong: A secret is not a key.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        keys = [PrivateKey(secret) for secret in secrets]
        self.secrets: Final = tuple(secrets)
        self._keys: Final = list({key.public_key: key for key in keys}.values())
        self.fingerprints: Final = [fingerprint(key.public_key) for key in self._keys]
        self._order: Final = list(range(len(self._keys)))

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt a sequence of tokens, trying the key that fitted last first; see `Cipher.decrypt`."""
        values: list[str | Reason] = []
        fitted = bytearray()
        left = iter(bodies)
        while len(values) < len(bodies):
            first = self._order[0]
            with suppress(InvalidTag, ValueError):
                self._keys[first].open_all(left, values)
            fitted.extend(repeat(first, len(values) - len(fitted)))
            if len(values) < len(bodies):
                value, key = self._open(bodies[len(values)])
                values.append(value)
                fitted.append(key)
        return Column(values, bytes(fitted))

    def _open(self, body: bytes) -> tuple[str | Reason, int]:
        """Decrypt one token with the first key that fits, and try that key first from now on."""
        if not body:
            return Reason.DAMAGED, NO_KEY_FITTED
        texts: list[str | Reason] = []
        for place, key in enumerate(self._order):
            try:
                self._keys[key].open_all([body], texts)
            except InvalidTag:
                continue
            except ValueError:  # a dishonest ephemeral key, or sealed text that is not UTF-8
                return Reason.DAMAGED, NO_KEY_FITTED
            if place:
                self._order.insert(0, self._order.pop(place))
            return texts[0], key
        return Reason.WRONG_KEY, NO_KEY_FITTED
