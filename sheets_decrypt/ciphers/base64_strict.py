"""Standard base64 as an encoder writes it (RFC 4648, section 4), and nothing else."""

import binascii
from typing import Final

_LAST_BEFORE_TWO: Final = frozenset("AQgw")
_LAST_BEFORE_ONE: Final = frozenset("AEIMQUYcgkosw048")


def decode(text: str) -> bytes | None:
    """Decode standard base64 with its padding.

    Returns:
        The bytes, or None where `text` is not what an encoder would have written: other characters, white space,
        missing or needless padding, or bits after the last byte that are not zero (RFC 4648, section 3.5).
    """
    if len(text) % 4:  # strict_mode takes "AAAA=" for "AAAA"
        return None
    if text[-1:] == "=" and (text[-3] not in _LAST_BEFORE_TWO if text[-2] == "=" else text[-2] not in _LAST_BEFORE_ONE):
        return None
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error, or a character beyond ASCII
        return None
