"""A workbook: its worksheets, its texts, and which of its formats show a date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from sheets_decrypt.input.xlsx.dates import Moment, moment_of
from sheets_decrypt.input.xlsx.markup import SHORT, Damaged
from sheets_decrypt.input.xlsx.package import Package
from sheets_decrypt.input.xlsx.strings import read_strings
from sheets_decrypt.table import did_you_mean

_MOST_FORMATS: Final = 100_000  # Excel's limit is 65,490


class NotAWorkbook(Exception):
    """The archive holds something else."""


class NoSuchWorksheet(Exception):
    """No worksheet has this title; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A worksheet of the workbook.

    Args:
        title: What its tab shows.
        part: Its part of the package.
        shown: Whether its tab is shown.
    """

    title: str
    part: str
    shown: bool


class Workbook:
    """An open workbook.

    Args:
        package: Its archive.

    Raises:
        NotAWorkbook: It is not an Excel workbook.
        Damaged: A part is missing or not as it should be.
    """

    def __init__(self, package: Package) -> None:
        self._package: Final = package
        mains = [relation.target for relation in package.relations("").values() if relation.kind == "officeDocument"]
        if len(mains) != 1 or not package.has(mains[0]) or mains[0].endswith(".bin"):
            raise NotAWorkbook
        self._relations: Final = package.relations(mains[0])
        self.since_1904 = False
        self._is_workbook = False
        self._sheets: Final[list[Worksheet]] = []
        package.read(mains[0], self._start)
        if not self._is_workbook:
            raise NotAWorkbook
        self.worksheets: Final[Sequence[Worksheet]] = self._sheets

    def choose(self, title: str | None) -> Worksheet:
        """Return the worksheet of this title, or the first one that is shown.

        Raises:
            NoSuchWorksheet: No worksheet has the title.
            Damaged: There is no worksheet at all.
        """
        if not self._sheets:
            raise Damaged("no worksheet")
        if title is None:
            return next((sheet for sheet in self._sheets if sheet.shown), self._sheets[0])
        for sheet in self._sheets:
            if sheet.title == title:
                return sheet
        titles = [sheet.title for sheet in self._sheets]
        listed = ", ".join(f'"{each}"' for each in titles)
        raise NoSuchWorksheet(f"{did_you_mean(title, titles)}the worksheets are: {listed}")

    def open(self, sheet: Worksheet) -> IO[bytes]:
        """Return a worksheet's content."""
        return self._package.open(sheet.part)

    def strings(self) -> list[str]:
        """Return the texts that cells name by number."""
        part = self._part("sharedStrings")
        if part is None:
            return []
        with self._package.open(part) as content:
            return read_strings(content)

    def moments(self) -> Mapping[str, Moment]:
        """Return the styles that show a date or time: what a cell's `s` says → what is shown."""
        styles = _Styles()
        part = self._part("styles")
        if part is not None:
            self._package.read(part, styles.start)
        return styles.moments()

    def _part(self, kind: str) -> str | None:
        return next((relation.target for relation in self._relations.values() if relation.kind == kind), None)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = SHORT.get(tag)
        if name == "workbook":
            self._is_workbook = True
        elif name == "workbookPr":
            self.since_1904 = attributes.get("date1904", "0") in {"1", "true"}
        elif name == "sheet":
            ids = (value for key, value in attributes.items() if key.endswith("/relationships id"))
            relation = self._relations.get(next(ids, ""))
            if relation is not None and relation.kind == "worksheet":  # and not a chart, a dialogue or macros
                shown = attributes.get("state", "visible") == "visible"
                self._sheets.append(Worksheet(attributes.get("name", ""), relation.target, shown))


class _Styles:
    """The styles while they are read: number formats, and which of them each style has."""

    def __init__(self) -> None:
        self._codes: Final[dict[int, str]] = {}
        self._formats: Final[list[int]] = []
        self._in_cells = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = SHORT.get(tag)
        if name == "numFmt":
            self._codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif name == "xf" and self._in_cells:
            self._formats.append(_number(attributes.get("numFmtId", "0")))
            if len(self._formats) > _MOST_FORMATS:
                raise Damaged("styles")
        elif tag.endswith("Xfs"):  # those of cells, after those of named styles
            self._in_cells = name == "cellXfs"

    def moments(self) -> dict[str, Moment]:
        found = (moment_of(number, self._codes.get(number)) for number in self._formats)
        return {str(place): moment for place, moment in enumerate(found) if moment is not None}


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise Damaged("a number format") from None
