"""Text that is safe to print."""

from typing import Final

# Characters that a terminal interprets: control characters (Unicode's Cc), line separators, and the bidi controls that
# make text appear different from what it is (U+202A to U+202E, U+2066 to U+2069).
_INTERPRETED: Final = (*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_SPELT_OUT: Final = {code: f"\\u{code:04x}" for code in _INTERPRETED}


def printable(text: str, *, keep: str = "") -> str:
    r"""Return the text with all characters that a terminal interprets escaped; names in a Sheet or vault may have some.

    Args:
        text: Any text. JSON stays valid and means the same, because the escapes are JSON's own.
        keep: Characters to leave unchanged, such as the line breaks of a text of several lines.

    Returns:
        The text with `\u001b` in place of an escape character, and so on.
    """
    spelt_out = {code: escape for code, escape in _SPELT_OUT.items() if chr(code) not in keep} if keep else _SPELT_OUT
    return text.translate(spelt_out)
