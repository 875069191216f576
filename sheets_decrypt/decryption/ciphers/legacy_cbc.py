"""Legacy CBC: standard base64 of `IV (16) ‖ AES-128-CBC ciphertext`, PKCS#7, not authenticated.

The first-generation Twilio function makes these with CryptoJS 3.1.2 (design, "Wire formats"; vectors in
`tests/vectors/legacy_cbc.json`).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sheets_decrypt.decryption.ciphers import base64_strict, padding, trial
from sheets_decrypt.decryption.ciphers.deferred import Deferred
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Column, Reason, Secret

_BLOCK: Final = 16
_LEAST: Final = 32  # bytes: an IV and one block
_SHORTEST: Final = 44  # characters, of so many bytes
_DAMAGED: Final = b""
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def read(cell: str) -> bytes | None:
    """Give `IV ‖ ciphertext` where the cell is standard base64 of 16 + n·16 bytes, n ≥ 1; else None."""
    length = len(cell)
    if length < _SHORTEST or length % 4 or (length // 4 * 3 - cell.count("=", length - 2)) % _BLOCK:
        return None
    body = base64_strict.decode(cell)
    if body is None:
        return _DAMAGED if _decodes_loosely(cell) else None
    return body


def read_all(cells: Sequence[str]) -> list[bytes] | None:
    """Give what `read` gives for each cell where all are whole tokens; else None."""
    bodies = base64_strict.decode_all(cells)
    if bodies is None or any(size < _LEAST or size % _BLOCK for size in set(map(len, bodies))):
        return None
    return bodies


def _decodes_loosely(cell: str) -> bool:
    """Tell a token whose last bits were changed from text that is no base64 at all."""
    return "=" not in cell.rstrip("=") and not cell.endswith("===") and _ALPHABET.issuperset(cell)


def key_of(secret: Secret) -> bytes:
    """Derive the 16-byte key: the secret's first 16 characters, padded on the right with the character `0`.

    Raises:
        KeyWrong: A character among the first 16 is not ASCII; such a secret never worked.
    """
    text = secret.reveal()[:_BLOCK].ljust(_BLOCK, "0")
    if not text.isascii():
        raise KeyWrong(
            "a legacy secret has a character that is not ascii among its first 16; such a secret never worked, because"
            " cryptojs builds a broken key schedule from 17 bytes",
            hint="values that were encrypted with it cannot be recovered; use the secret that the function really had",
        )
    return text.encode("ascii")


class LegacyCbc(Deferred):
    """Decrypts legacy CBC tokens with one or more secrets.

    Args:
        secrets: At least one; two that give the same key count once.

    Raises:
        KeyWrong: See `key_of`.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._keys: Final = tuple(dict.fromkeys(key_of(secret) for secret in secrets))

    @cached_property
    def fingerprints(self) -> Sequence[str]:
        """Name the keys; the first time takes a twentieth of a second for each."""
        return [trial.fingerprint("legacy-cbc", key) for key in self._keys]

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt a sequence of tokens with every key; see `Cipher.decrypt`."""
        return trial.settle([_decrypt(key, bodies) for key in self._keys])


def _decrypt(key: bytes, bodies: Sequence[bytes]) -> list[str | Reason]:
    """Decrypt all bodies in one call of the library.

    CBC's plaintext block is D(block) xor the block before it (NIST SP 800-38A, 6.2). So a chain of bodies, each with
    its IV before its ciphertext, decrypts right under any IV: what comes out in place of the IVs is thrown away.
    """
    # The chain's own IV is never used for a block that is kept.
    chain = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).decryptor()
    decrypted = chain.update(b"".join(bodies)) + chain.finalize()
    return padding.texts(decrypted, list(map(len, bodies)), lead=_BLOCK)
