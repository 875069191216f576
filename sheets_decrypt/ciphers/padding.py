"""PKCS#7 padding and UTF-8, checked strictly: what tells a right key from a wrong one without authentication.

A wrong key's padding passes about once in 256 tokens (RFC 5652, section 6.3); then its bytes must be UTF-8 as well.
"""

from typing import Final

from sheets_decrypt.table import Reason

_BLOCK: Final = 16
_PADDINGS: Final = tuple(bytes([length]) * length for length in range(_BLOCK + 1))


def text(decrypted: bytes, start: int, end: int) -> str | Reason:
    """Take off the padding of `decrypted[start:end]` and read the rest as UTF-8.

    Args:
        decrypted: Decrypted blocks of 16 bytes.
        start: Where the plaintext begins.
        end: Where its padding ends.

    Returns:
        The plaintext; `WRONG_KEY` where the padding or the UTF-8 is not as an encryption would have left it.
    """
    length = decrypted[end - 1]
    if not 0 < length <= _BLOCK or decrypted[end - length : end] != _PADDINGS[length]:
        return Reason.WRONG_KEY
    try:
        return decrypted[start : end - length].decode()
    except UnicodeDecodeError:
        return Reason.WRONG_KEY
