"""The dialect of a CSV: its encoding and its separator. Detected once, from the beginning of the file."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sheets_decrypt.errors import ConfigurationError, SheetRefused

# Encodings that cannot be detected: Excel's plain "CSV" has the Windows code page of the computer that saved it.
# `cp1252` is that of Western Europe and the Americas.
ENCODINGS: Final = (
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "mac-roman",
)  # fmt: skip
_MARKS: Final = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_SEPARATORS: Final = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
}  # on a tie in the header, the first wins
_SEP_LINE: Final = re.compile(r'(?:"sep=([^"\r\n])"|sep=([^"\r\n]))(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_QUOTED: Final = re.compile(r'(?:\A|(?<=[,;\t\r\n]))"[^"]*(?:""[^"]*)*(?:"|\Z)')
_BLOCK: Final = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Dialect:
    """The dialect of a CSV.

    Args:
        encoding: As Python's codecs call it; it leaves out a byte order mark.
        encoding_name: Its name for people.
        separator: One character.
        announced: Whether the first line announces the separator (`sep=;`) and so is not the header.
    """

    encoding: str
    encoding_name: str
    separator: str
    announced: bool

    def words(self, columns: int) -> str:
        """Describe the dialect of a file with this many columns, such as `CSV separated by tabs, UTF-16`."""
        separator = _SEPARATORS.get(self.separator) or f'"{self.separator}"'
        return f"CSV {f'separated by {separator}' if columns > 1 else 'of one column'}, {self.encoding_name}"


def dialect_of(path: Path, start: bytes, encoding: str | None) -> Dialect:
    """Return the dialect of a file.

    The separator is whichever of comma, semicolon and tab is most frequent in the header outside quotes.

    Args:
        path: The file, for an error.
        start: The file's first bytes.
        encoding: The encoding that the user names, or None for UTF-8, or UTF-16 with its mark.

    Raises:
        ConfigurationError: The user names an encoding, and the file's mark shows another.
    """
    name, words = encoding or "utf-8", encoding or "UTF-8"
    for mark, found in _MARKS.items():
        if start.startswith(mark):
            if encoding:
                raise ConfigurationError(
                    f"{path} is {found[1]}, as its byte order mark shows", hint="leave out --input-encoding"
                )
            name, words = found
    text = codecs.getincrementaldecoder(name)("replace").decode(start)
    announced = _SEP_LINE.match(text)
    separator = (announced[1] or announced[2]) if announced else _most_frequent(text)
    return Dialect(name, words, separator, bool(announced))


def _most_frequent(text: str) -> str:
    header = re.split(r"[\r\n]", _QUOTED.sub("", text), maxsplit=1)[0]
    return max(_SEPARATORS, key=header.count)


def refuse_utf8(path: Path, content: BinaryIO, encoding: str) -> None:
    """Refuse a file that is UTF-8 although the user names another encoding: accents would be silently damaged.

    Args:
        path: The file, for the error.
        content: The file, positioned at its beginning before and after.
        encoding: What the user named.

    Raises:
        SheetRefused: All of it is UTF-8, and not only ASCII.
    """
    decoder, plain = codecs.getincrementaldecoder("utf-8")(), True
    try:
        while block := content.read(_BLOCK):
            plain = plain and block.isascii()
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return
    finally:
        content.seek(0)
    if not plain:
        raise SheetRefused(f"{path} is UTF-8, not {encoding}", hint="leave out --input-encoding")
