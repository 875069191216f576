"""PKCS#7 padding and UTF-8, checked strictly: they reveal a wrong key in formats without authentication.

With a wrong key the padding is valid in about one of 256 tokens (RFC 5652, section 6.3); then the bytes must be valid
UTF-8 as well.
"""

from collections.abc import Sequence
from typing import Final

from sheets_decrypt.table import Reason

_BLOCK: Final = 16
_PADDINGS: Final = tuple(bytes([length]) * length for length in range(_BLOCK + 1))


def texts(decrypted: bytes, sizes: Sequence[int], lead: int = 0) -> list[str | Reason]:
    """Remove the padding of concatenated plaintexts, and decode the rest as UTF-8.

    Args:
        decrypted: Decrypted blocks of 16 bytes.
        sizes: How many bytes each plaintext takes, including its lead and padding; 0 for a damaged token.
        lead: How many bytes before each plaintext do not belong to it.

    Returns:
        For each size the plaintext; `WRONG_KEY` if its padding or its UTF-8 is not valid; `DAMAGED` for a damaged
        token.
    """
    found: list[str | Reason] = []
    start = end = 0
    for size in sizes:
        start, end = end, end + size
        length = decrypted[end - 1] if size else 0
        if 0 < length <= _BLOCK and decrypted.endswith(_PADDINGS[length], start, end):
            try:
                found.append(decrypted[start + lead : end - length].decode())
            except UnicodeDecodeError:
                found.append(Reason.WRONG_KEY)
        else:
            found.append(Reason.WRONG_KEY if size else Reason.DAMAGED)
    return found
