"""Check whether a text that is configured as the public key may leave this computer."""

from collections.abc import Sequence
from typing import Final

from sheets_decrypt.decryption.ciphers.sealed_box import decode_key, decode_private_key
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Secret

_PRIME: Final = 2**255 - 19
_A: Final = 486662  # of Curve25519, RFC 7748


def check(text: str, private_keys: Sequence[Secret] = ()) -> bytes:
    """Return the public key's 32 bytes.

    Args:
        text: The configured public key.
        private_keys: The job's private keys, as far as they could be read.

    Raises:
        KeyWrong: It is one of the private keys, or not a public key.
    """
    key = decode_key(text)
    if key is None:
        raise KeyWrong(
            "public_key is not urlsafe base64 of 32 bytes", hint="copy the public key from `sheets-decrypt keygen`"
        )
    if any(key == decode_private_key(secret.reveal()) for secret in private_keys):
        raise KeyWrong(
            "public_key holds the private key",
            hint="put the public key there; if anyone has seen this configuration, make new keys",
        )
    if not _is_on_the_curve(key):
        raise KeyWrong(
            "public_key is not a public key; it may be the private one",
            hint="copy the public key from `sheets-decrypt keygen`",
        )
    return key


def _is_on_the_curve(key: bytes) -> bool:
    """Return whether x³ + 486662x² + x is a square modulo 2²⁵⁵ - 19, as for every point's coordinate x (RFC 7748).

    Every public key passes. A private key is a random number, and half of them fail, even if nothing else is known.
    """
    x = int.from_bytes(key, "little") % _PRIME
    return pow(x**3 + _A * x**2 + x, (_PRIME - 1) // 2, _PRIME) == 1
