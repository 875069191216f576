"""CryptoJS passphrase: base64 of `Salted__ ‖ salt (8) ‖ AES-256-CBC ciphertext`, PKCS#7, not authenticated.

Made by `CryptoJS.AES.encrypt(value, passphrase).toString()`, in OpenSSL's format; key and IV come from
EVP_BytesToKey with MD5 and one iteration (OpenSSL manual, EVP_BytesToKey(3); vectors in
`tests/vectors/cryptojs_passphrase.json`).
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sheets_decrypt.decryption.ciphers import base64_strict, padding, trial
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Column, Reason, Secret

MARK: Final = "U2FsdGVkX1"  # base64 of "Salted_" and the first bits of "_"
_AFTER_MARK: Final = frozenset("89+/")
_BLOCK: Final = 16
_SHORTEST: Final = 32  # bytes: mark, salt and one block
_DAMAGED: Final = b""


def read(cell: str) -> bytes | None:
    """Return `Salted__ ‖ salt ‖ ciphertext` if the cell begins like such a token; else None."""
    if not cell.startswith(MARK) or cell[10:11] not in _AFTER_MARK:
        return None
    body = base64_strict.decode(cell)
    if body is None or len(body) < _SHORTEST or len(body) % _BLOCK:
        return _DAMAGED
    return body


def read_all(cells: Sequence[str]) -> list[bytes] | None:
    """Return the result of `read` for each cell if all are whole tokens; else None."""
    bodies = [read(cell) for cell in cells]
    whole = [body for body in bodies if body]
    return whole if len(whole) == len(bodies) else None


class CryptoJsPassphrase:
    """Decrypts CryptoJS passphrase tokens with one or more passphrases.

    Args:
        secrets: At least one; duplicates count once.

    Raises:
        KeyWrong: A passphrase cannot be encoded as UTF-8.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._passphrases: Final = tuple(dict.fromkeys(secrets))
        for secret in self._passphrases:
            _bytes_of(secret)

    @cached_property
    def fingerprints(self) -> Sequence[str]:
        """Return a name for each key; the first call takes 50 ms per key."""
        return [trial.fingerprint("cryptojs-passphrase", _bytes_of(secret)) for secret in self._passphrases]

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt a sequence of tokens with every passphrase; see `Cipher.decrypt`."""
        return trial.settle([[_decrypt(secret, body) for body in bodies] for secret in self._passphrases])


def _bytes_of(passphrase: Secret) -> bytes:
    try:
        return passphrase.reveal().encode()
    except UnicodeEncodeError:  # an environment variable that is not UTF-8; the error contains the passphrase
        raise KeyWrong("a passphrase is not text in UTF-8", hint="set it again, in UTF-8") from None


def _decrypt(passphrase: Secret, body: bytes) -> str | Reason:
    if not body:
        return Reason.DAMAGED
    key, iv = _key_and_iv(_bytes_of(passphrase), body[8:16])
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    decrypted = decryptor.update(body[16:]) + decryptor.finalize()
    return padding.texts(decrypted, [len(decrypted)])[0]


def _key_and_iv(passphrase: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Derive 32 + 16 bytes as EVP_BytesToKey does. The format requires MD5; its collisions do not matter here."""
    first = _md5(passphrase + salt)
    second = _md5(first + passphrase + salt)
    third = _md5(second + passphrase + salt)
    return first + second, third


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
