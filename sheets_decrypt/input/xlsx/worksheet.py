"""A worksheet's rows as they arrive (ECMA-376 part 1, 18.3.1)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final

from sheets_decrypt.cells import Cell, Number
from sheets_decrypt.decryption.row_numbers import RowNumbers
from sheets_decrypt.input.xlsx.dates import Moment, iso
from sheets_decrypt.input.xlsx.markup import SHORT, Damaged, read
from sheets_decrypt.input.xlsx.strings import LONGEST, unescaped

_COLUMNS: Final = 16_384
_ROWS: Final = 1_048_576
_DEEPEST: Final = 50
_DIGITS: Final = 10  # more than any row or text has
_ROW: Final = re.compile("[0-9]{1,7}")
_RANGE: Final = re.compile("[A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}([0-9]{1,7})")
_LETTERS: Final = re.compile(r"[A-Z]{1,3}")


class Rows:
    """The rows of a worksheet, in one reading.

    Args:
        content: The worksheet's part.
        strings: The workbook's texts.
        moments: The styles that show a date or time.
        since_1904: Whether days are counted from 1904 on.

    Iterating yields `(row number, cells)` for each row that holds something. A cell is a text, a `Number` with every
    digit of the file, or a boolean; blank cells are empty texts, and not there at a row's end. `last_row` is where the
    worksheet says that it ends, for a progress bar. These count:
    `dates`, cells that were written as ISO dates; `unsaved`, the rows of formulas without a saved value.
    """

    def __init__(
        self, content: IO[bytes], strings: Sequence[str], moments: Mapping[str, Moment], *, since_1904: bool
    ) -> None:
        self._content: Final = content
        self._strings: Final = strings
        self._moments: Final = moments
        self._since_1904: Final = since_1904
        self._columns: Final[dict[str, int]] = {}
        self._done: Final[list[tuple[int, list[Cell]]]] = []
        self._parts: Final[list[str]] = []
        self._row: list[Cell] = []
        self._number = self._column = self._depth = self._phonetic = self._length = 0
        self._in_row = self._in_cell = self._taking = self._valued = self._formula = False
        self._type = self._style = self._number_text = ""
        self.last_row: int | None = None
        self.dates = 0
        self.unsaved: Final = RowNumbers()

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]:
        for _ in read(self._content, self._start, self._end, self._text):
            yield from self._done
            self._done.clear()

    # These three are called some five times a cell; what is written out in them in place of a call, and the comparisons
    # in place of sets, are a third of the time that a worksheet takes.

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = SHORT.get(tag)
        if name == "c":
            before = self._column
            place = attributes.get("r")
            if place is None:
                self._column = before + 1
            else:
                letters = place.removesuffix(self._number_text)
                self._column = self._columns.get(letters) or self._column_of(letters)
            if self._in_cell or not self._in_row or not before < self._column <= _COLUMNS:
                raise self._damaged("the order of the cells")
            self._in_cell = True
            self._valued = self._formula = False
            self._type = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
        elif (name == "v" or name == "t") and self._in_cell:  # noqa: PLR1714  (see above)
            if self._taking:
                raise self._damaged("a value within a value")
            self._taking = not self._phonetic
            self._valued = True
        elif name == "row":
            self._start_row(attributes)
        else:
            self._start_other(name, attributes)

    def _end(self, tag: str) -> None:
        name = SHORT.get(tag)
        if (name == "v" or name == "t") and self._in_cell:  # noqa: PLR1714  (see above)
            self._taking = False
        elif name == "c":
            self._in_cell = False
            if self._valued:
                value = self._value("".join(self._parts))
                self._parts.clear()
                self._length = 0
                if value != "":
                    if self._column > len(self._row) + 1:
                        self._row.extend([""] * (self._column - len(self._row) - 1))
                    self._row.append(value)
            elif self._formula:
                self.unsaved.add(self._number)
        elif name == "row":
            self._in_row = False
            if self._row:
                self._done.append((self._number, self._row))
        else:
            self._depth -= 1
            self._phonetic -= name == "rPh"

    def _text(self, data: str) -> None:
        if self._taking:
            self._parts.append(data)
            self._length += len(data)
            if self._length > LONGEST:
                raise self._damaged("a cell of more than a million characters")

    def _start_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r")
        before = self._number
        if number is not None and not _ROW.fullmatch(number):
            raise self._damaged("the number of a row after that")
        self._number = before + 1 if number is None else int(number)
        if self._in_row or not before < self._number <= _ROWS:
            raise self._damaged("the order of the rows")
        self._in_row = True
        self._number_text = str(self._number)
        self._row = []
        self._column = 0

    def _start_other(self, name: str | None, attributes: dict[str, str]) -> None:
        self._depth += 1
        if name == "dimension" and (found := _RANGE.fullmatch(attributes.get("ref", ""))):
            self.last_row = int(found[1])
        self._formula = self._formula or name == "f"
        self._phonetic += name == "rPh"
        if self._depth > _DEEPEST:
            raise self._damaged("nesting")

    def _value(self, text: str) -> Cell:
        kind = self._type
        if kind == "s":
            number = int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else -1
            if not 0 <= number < len(self._strings):
                raise self._damaged("a text that is not there")
            return self._strings[number]
        if kind == "n":
            number_text = text.strip()
            moment = self._moments.get(self._style)
            if moment is not None:
                shown = iso(number_text, moment, since_1904=self._since_1904)
                if shown is not None:
                    self.dates += 1
                    return shown
            return Number(number_text)
        if kind == "b":
            return text.strip() in {"1", "true"}
        return unescaped(text)  # a text in place, a formula's text, an error's name, a date in ISO 8601

    def _column_of(self, letters: str) -> int:
        """Return a column by its letters, from 1."""
        if not _LETTERS.fullmatch(letters):
            raise self._damaged("a cell's place")
        number = 0
        for letter in letters:
            number = 26 * number + ord(letter) - ord("A") + 1
        self._columns[letters] = number
        return number

    def _damaged(self, what: str) -> Damaged:
        return Damaged(f"{what} in row {self._number}")
