"""The format of an output, which the ending of its name decides."""

from enum import StrEnum
from pathlib import PurePath
from typing import Final, TypeVar

from sheets_decrypt.errors import ConfigurationError


class Kind(StrEnum):
    """The kinds of file that can be written, each with its ending."""

    CSV = ".csv"
    WORKBOOK = ".xlsx"
    STATA = ".dta"


_Path = TypeVar("_Path", bound=PurePath)
_ENDINGS: Final = frozenset(Kind)
_HINT: Final = "end its name in .csv, .xlsx (Excel) or .dta (Stata)"


def kind_of(file: PurePath) -> Kind:
    """Return the format of `file`.

    Raises:
        ConfigurationError: No format has its ending.
    """
    ending = file.suffix.lower()
    if ending not in _ENDINGS:
        what = f"{ending} files cannot be written" if ending else "a file extension is missing"
        raise ConfigurationError(f"{file.name}: {what}", hint=_HINT)
    return Kind(ending)


def report_of(output: _Path) -> _Path:
    """Return the path of the report for people beside an output: `baseline.report.txt` beside `baseline.csv`."""
    return output.with_name(f"{output.stem}.report.txt")


def with_known_ending(file: PurePath) -> None:
    """Refuse a file of another kind; for use as a validator.

    Raises:
        ValueError: No format has its ending; the message includes the next step.
    """
    try:
        kind_of(file)
    except ConfigurationError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None
