"""A private key as text that people can copy from paper: four lines of four groups of four letters and digits.

A line is base32 (RFC 4648, section 6) of eight bytes of the key and the first two bytes of SHA-256 of the key up to
the line's end. So each line shows whether it was copied correctly, and swapped lines are detected.
"""

import base64
import binascii
import hashlib
import re
from typing import Final

LINES: Final = 4
PIECE: Final = 8  # bytes of the key in a line
_CHECK: Final = 2  # bytes
_GROUP: Final = 4  # characters
_LETTERS: Final = 16  # in a line
_ALIKE: Final = str.maketrans("018", "OIB")  # digits that base32 does not use → the letters that look like them
_LINE: Final = re.compile(r"\s*(?:[A-Za-z0-8]{4}[^\S\n]+){3}[A-Za-z0-8]{4}\s*")


def write(key: bytes) -> list[str]:
    """Return the lines of a key of 32 bytes, such as `ABCD EFGH IJKL MNOP`."""
    ends = range(PIECE, len(key) + 1, PIECE)
    return [_grouped(base64.b32encode(key[end - PIECE : end] + _check(key[:end])).decode()) for end in ends]


def read(text: str) -> bytes | None:
    """Return the 32-byte key in a text that is only the lines, however they are broken, or a page that contains them.

    None if no key is found whose lines are all correct.
    """
    letters = "".join(text.split())
    if len(letters) == LINES * _LETTERS:
        lines = [letters[place : place + _LETTERS] for place in range(0, len(letters), _LETTERS)]
    else:
        lines = [line for line in text.split("\n") if _LINE.fullmatch(line)]
    key = b""
    for line in lines:
        key += read_line(line, key) or b""
        if len(key) == LINES * PIECE:
            return key
    return None


def read_line(line: str, before: bytes) -> bytes | None:
    """Return the eight bytes of a line, or None if it was not copied correctly.

    Args:
        line: Upper or lower case, with any blanks.
        before: The bytes of the lines before it.
    """
    letters = "".join(line.split()).upper().translate(_ALIKE)
    if len(letters) != _LETTERS:
        return None
    try:
        content = base64.b32decode(letters)
    except (binascii.Error, ValueError):
        return None
    piece = content[:PIECE]
    return piece if content[PIECE:] == _check(before + piece) else None


def looks_like_a_line(text: str) -> bool:
    """Return whether a text has the form of a line, whether or not its check bytes match."""
    return _LINE.fullmatch(text) is not None


def _check(start: bytes) -> bytes:
    return hashlib.sha256(start).digest()[:_CHECK]


def _grouped(letters: str) -> str:
    return " ".join(letters[place : place + _GROUP] for place in range(0, len(letters), _GROUP))
