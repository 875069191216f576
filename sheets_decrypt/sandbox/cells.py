"""Cells: their values, how Google shows them, and how it interprets typed text.

Nothing is calculated here: a formula carries the value that it shows.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001  (a sheet's dates have no zone)
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?)"
)
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BOOLEANS: Final = {"TRUE": True, "FALSE": False}
_NAME: Final = re.compile(r"[=+]+[A-Za-z_][A-Za-z0-9_]*")
_WHOLE_DIGITS: Final = 1e15
_SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula and its displayed value.

    Args:
        text: The formula with its `=`.
        value: The displayed value; an error is a string such as `#NAME?`.
    """

    text: str
    value: str | int | float | bool


class InThousands(float):
    """A number that was typed as 1,234, which gives the cell that format."""


Cell: TypeAlias = str | int | float | bool | dt.date | Formula | None
Shown: TypeAlias = str | int | float | bool


def shown(cell: Cell, option: str, dates: str = "SERIAL_NUMBER") -> Shown:
    """Return a cell as `values.get` does.

    Args:
        cell: The cell.
        option: `FORMATTED_VALUE`, `UNFORMATTED_VALUE` or `FORMULA`.
        dates: `SERIAL_NUMBER` or `FORMATTED_STRING`; ignored if all values are formatted.
    """
    match cell:
        case str():
            return cell
        case None:
            return ""
        case Formula():
            return cell.text if option == "FORMULA" else shown(cell.value, option, dates)
        case dt.date():
            as_text = option == "FORMATTED_VALUE" or dates == "FORMATTED_STRING"
            return str(cell) if as_text else serial(cell)
        case bool():
            return str(cell).upper() if option == "FORMATTED_VALUE" else cell
        case _:
            return formatted(cell) if option == "FORMATTED_VALUE" else plain(cell)


def serial(day: dt.date) -> int | float:
    """Return a date as days since 30 December 1899, as in sheets."""
    moment = day if isinstance(day, dt.datetime) else dt.datetime.combine(day, dt.time())
    return plain((moment - _EPOCH).total_seconds() / _SECONDS_A_DAY)


def plain(value: float) -> int | float:
    """Return a number as in JSON: a whole one has no `.0`."""
    value = float(value) if isinstance(value, InThousands) else value
    return int(value) if abs(value) < _WHOLE_DIGITS and value == int(value) else value


def formatted(value: float) -> str:
    """Return a number in its format; the automatic format has ten digits, and shows whole numbers in full."""
    if isinstance(value, InThousands):
        return f"{float(value):,.{0 if value.is_integer() else 2}f}"
    if value == int(value) and abs(value) < _WHOLE_DIGITS:
        return str(int(value))
    return f"{value:.2E}" if abs(value) >= _WHOLE_DIGITS else f"{value:.10g}"


def entered(text: str) -> Cell:
    """Return the cell that typed text becomes (`USER_ENTERED`).

    Numbers, `TRUE`, `FALSE`, dates such as `2024-05-01`, a leading `'` that keeps text unchanged, and formulas. What
    begins with `=` or `+` and is not a number becomes a formula that shows an error: nothing is calculated here.
    """
    if text.startswith("'"):
        return text[1:]
    if _NUMBER.fullmatch(text):
        return plain(float(text)) if "," not in text else InThousands(text.replace(",", ""))
    if text.upper() in _BOOLEANS:
        return _BOOLEANS[text.upper()]
    if _ISO_DATE.fullmatch(text):
        return _day(text)
    if text.startswith(("=", "+")) and len(text) > 1:
        formula = text if text.startswith("=") else f"={text}"
        return Formula(formula, "#NAME?" if _NAME.fullmatch(text) else "#ERROR!")
    return text


def _day(text: str) -> dt.date | str:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text
