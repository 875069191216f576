"""A made-up survey with tokens of all three formats, for the demonstration. Its names are common."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.table import Secret

HEADER: Final = ("submitted", "district", "name", "phone", "address", "satisfied")
ENCRYPTED: Final = ("name", "phone", "address")
_ANSWERS: Final = (
    ("2026-01-12", "North", "Ana María Rodríguez", "+57 300 1234567", "Calle 10 # 5-23, Bogotá", "yes"),
    ("2026-01-12", "North", "王小明", "+86 138 0000 0000", "人民路 12 号", "no"),
    ("2026-01-13", "South", "فاطمة أحمد", "+966 50 000 0000", "No Data", "yes"),
    ("2026-01-13", "South", "Renée O'Connor", "0033 6 00 00 00 00", 'The "Old Mill", Flat 2', "yes"),
    ("2026-01-14", "East", "नमस्ते शर्मा", "+91 98000 00000", "Line one\nLine two", "no"),
    ("2026-01-14", "East", "👩🏽‍🌾 Joy", "+254 700 000000", "", "yes"),
)
_BLOCK: Final = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """A survey: the plain answers, and the sheet that encrypts them.

    Args:
        answers: Rows × columns; the content expected in the CSV.
        sheet: The header and the same rows with tokens in the encrypted columns.
        private_key: For the sealed boxes of the last third.
        legacy_secret: For the legacy CBC tokens of the first third.
        passphrase: For the CryptoJS tokens of the second third.
    """

    answers: list[list[str]]
    sheet: list[list[str]]
    private_key: Secret
    legacy_secret: Secret
    passphrase: Secret


def make() -> Sample:
    """Make the survey with new keys. Each third of its rows has its own format, as if the function had changed."""
    private_key, public_key = sealing.generate()
    legacy, passphrase = (Secret(secrets.token_urlsafe(12)[:_BLOCK]) for _ in range(2))
    answers = [list(row) for row in _ANSWERS * 3]
    sheet = [list(HEADER)]
    for place, row in enumerate(answers):
        values = [row[HEADER.index(name)] for name in ENCRYPTED]
        if place < len(_ANSWERS):
            tokens = [legacy_cbc(value, legacy) for value in values]
        elif place < 2 * len(_ANSWERS):
            tokens = [cryptojs_passphrase(value, passphrase) for value in values]
        else:
            tokens = sealing.seal(values, public_key)
        kept = {"", "No Data"}
        tokens = [value if value in kept else token for value, token in zip(values, tokens, strict=True)]
        sheet.append([*row[:2], *tokens, *row[5:]])
    return Sample(answers, sheet, private_key, legacy, passphrase)


def legacy_cbc(value: str, secret: Secret) -> str:
    """Encrypt like the first Twilio function (design, "Wire formats")."""
    key = secret.reveal()[:_BLOCK].ljust(_BLOCK, "0").encode()
    iv = secrets.token_bytes(_BLOCK)
    return base64.b64encode(iv + _cbc(key, iv, value)).decode()


def cryptojs_passphrase(value: str, passphrase: Secret) -> str:
    """Encrypt like `CryptoJS.AES.encrypt(value, passphrase).toString()`."""
    salt = secrets.token_bytes(8)
    derived = b""
    while len(derived) < 48:  # noqa: PLR2004  (a 32-byte key and a 16-byte IV)
        last = derived[-_BLOCK:]
        derived += hashlib.md5(last + passphrase.reveal().encode() + salt, usedforsecurity=False).digest()
    return base64.b64encode(b"Salted__" + salt + _cbc(derived[:32], derived[32:48], value)).decode()


def _cbc(key: bytes, iv: bytes, value: str) -> bytes:
    padder = padding.PKCS7(8 * _BLOCK).padder()
    padded = padder.update(value.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()
