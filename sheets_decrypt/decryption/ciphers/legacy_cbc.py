"""Legacy CBC: standard base64 of `IV (16) ‖ AES-CBC ciphertext`, PKCS#7, not authenticated.

The first-generation Twilio function makes these with crypto-js 3.1.2: AES-128 for a secret in ASCII, AES-192 or AES-256
if its letters take more bytes (vectors in `tests/vectors/legacy_cbc.json`, `legacy_cbc_beyond_ascii.json`).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sheets_decrypt.decryption.ciphers import base64_strict, padding, trial
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Column, Reason, Secret

_BLOCK: Final = 16
_LEAST: Final = 32  # bytes: an IV and one block
_SHORTEST: Final = 44  # characters of base64 for that many bytes
_CHARACTERS: Final = 16
_KEY_SIZES: Final = (16, 24, 32)
_DAMAGED: Final = b""
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_ANOTHER: Final = (
    "nothing can decrypt what was encrypted with such a secret, not even the function's own JavaScript:"
    " use the secret that the function really had"
)
_CRYPTO_JS: Final = (
    "if the function really had this secret, only its own JavaScript (crypto-js) can decrypt these answers: do that"
    " under Node"
)


def read(cell: str) -> bytes | None:
    """Return `IV ‖ ciphertext` if the cell is standard base64 of 16 + n·16 bytes, n ≥ 1; else None."""
    length = len(cell)
    if length < _SHORTEST or length % 4 or (length // 4 * 3 - cell.count("=", length - 2)) % _BLOCK:
        return None
    body = base64_strict.decode(cell)
    if body is None:
        return _DAMAGED if _decodes_loosely(cell) else None
    return body


def read_all(cells: Sequence[str]) -> list[bytes] | None:
    """Return the result of `read` for each cell if all are whole tokens; else None."""
    bodies = base64_strict.decode_all(cells)
    if bodies is None or any(size < _LEAST or size % _BLOCK for size in set(map(len, bodies))):
        return None
    return bodies


def _decodes_loosely(cell: str) -> bool:
    """Return whether this may be a token whose last characters were changed, rather than some other text."""
    return "=" not in cell.rstrip("=") and not cell.endswith("===") and _ALPHABET.issuperset(cell)


def key_of(secret: Secret) -> bytes:
    """Return the AES key of 16, 24 or 32 bytes: the secret's first 16 characters in UTF-8.

    A shorter secret is padded on the right with the character `0`. A character is a UTF-16 unit, as in JavaScript.

    Raises:
        KeyWrong: They are not text, or their bytes are not an AES key. With keys of 20, 28, 36, 40, 44 and 48 bytes,
            crypto-js uses its own key schedule and can read its own tokens; no other program can.
    """
    try:
        units = secret.reveal().encode("utf-16-le", "surrogatepass")[: 2 * _CHARACTERS]
        key = (units.decode("utf-16-le") + "0" * (_CHARACTERS - len(units) // 2)).encode()
    except UnicodeError:  # half of a character beyond U+FFFF; the error contains the secret
        raise KeyWrong("a legacy secret's first 16 characters are not text", hint=_ANOTHER) from None
    if len(key) not in _KEY_SIZES:
        raise KeyWrong(
            f"a legacy secret's first 16 characters are {len(key)} bytes in UTF-8, and an AES key has 16, 24 or 32",
            hint=_ANOTHER if len(key) % 4 else _CRYPTO_JS,
        )
    return key


class LegacyCbc:
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
        """Return a name for each key; the first call takes 50 ms per key."""
        return [trial.fingerprint("legacy-cbc", key) for key in self._keys]

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt a sequence of tokens with every key; see `Cipher.decrypt`."""
        return trial.settle([_decrypt(key, bodies) for key in self._keys])


def _decrypt(key: bytes, bodies: Sequence[bytes]) -> list[str | Reason]:
    """Decrypt all bodies in one call of the library.

    CBC's plaintext block is D(block) xor the block before it (NIST SP 800-38A, 6.2). So a chain of bodies, each with
    its IV before its ciphertext, decrypts correctly under any IV; the blocks decrypted from the IVs are discarded.
    """
    # The chain's own IV only affects a block that is discarded.
    chain = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).decryptor()
    decrypted = chain.update(b"".join(bodies)) + chain.finalize()
    return padding.texts(decrypted, list(map(len, bodies)), lead=_BLOCK)
