"""The texts of a workbook: most cells name one by its number in a list (ECMA-376 part 1, 18.4)."""

import re
from typing import IO, Final

from sheets_decrypt.input.xlsx.markup import SHORT, Damaged, read

_MOST_STRINGS: Final = 20_000_000
_MOST_CHARACTERS: Final = 2_000_000_000
LONGEST: Final = 1_000_000  # characters of a cell; Excel's own limit is 32,767, Google's 50,000
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    r"""Return a text whose characters that XML cannot hold are no longer written as `_xHHHH_` (22.9.2.19, ST_Xstring).

    >>> unescaped("first_x000D_\nsecond"), unescaped("_x005F_x000D_")
    ('first\r\nsecond', '_x000D_')
    """
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Strings:
    """The list while it is read."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._taking = False
        self._phonetic = 0  # how many readings of Japanese names are open: they are beside the text, not in it
        self._depth = self._length = self._characters = 0

    def start(self, tag: str, _: dict[str, str]) -> None:
        name = SHORT.get(tag)
        self._depth += 1
        self._phonetic += name == "rPh"
        self._taking = name == "t" and not self._phonetic
        if self._depth > 10:  # noqa: PLR2004  (sst, si, r, rPr and what a font has)
            raise Damaged("nesting")

    def end(self, tag: str) -> None:
        name = SHORT.get(tag)
        self._depth -= 1
        self._phonetic -= name == "rPh"
        self._taking = False
        if name == "si":
            self._add()

    def text(self, data: str) -> None:
        if self._taking:
            self._parts.append(data)
            self._length += len(data)
            if self._length > LONGEST:
                raise Damaged("a cell of more than a million characters")

    def _add(self) -> None:
        text = unescaped("".join(self._parts))
        self._parts.clear()
        self._length = 0
        self._characters += len(text)
        self.found.append(text)
        if self._characters > _MOST_CHARACTERS or len(self.found) > _MOST_STRINGS:
            raise Damaged("more text than a worksheet can hold")


def read_strings(content: IO[bytes]) -> list[str]:
    """Return the texts in their order; formatting within a text, and readings beside it, are left out.

    Raises:
        Damaged: A text, or all of them together, are larger than a workbook's can be.
    """
    strings = _Strings()
    for _ in read(content, strings.start, strings.end, strings.text):
        pass
    return strings.found
