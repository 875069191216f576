"""Dates and times: a number, and a format that shows it as one (ECMA-376 part 1, 18.8.30, 18.17.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

_LAST_DAY: Final = 2_958_465  # 9999-12-31
_LONGEST_DURATION: Final = 10_000  # days; beyond, it is a date of which the format shows the time
_DAY: Final = 86_400_000  # milliseconds
_ASIDE: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
_NOON: Final = re.compile(r"am/pm|a/p", re.IGNORECASE)
_BUILT_IN: Final[Mapping[int, str]] = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 55, 56, 45, 46, 47), "[h]:mm:ss"),
    22: "yyyy-mm-dd h:mm",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """What a cell's format shows of its number.

    Args:
        day: The date.
        clock: The time of day, or a duration.
    """

    day: bool
    clock: bool


def moment_of(number: int, code: str | None) -> Moment | None:
    """Return what a number format shows, or None if it shows a plain number.

    Args:
        number: The format's number; those below 164 are built in.
        code: Its code, if the workbook has one for it, such as `dd/mm/yyyy`.
    """
    shown = _NOON.sub("", _ASIDE.sub("", code if code is not None else _BUILT_IN.get(number, "")).partition(";")[0])
    letters = set(shown.lower()) if shown.lower() != "general" else set()
    clock = bool(letters & {"h", "s"}) or "[m" in shown.lower()
    day = bool(letters & {"y", "d"}) or ("m" in letters and not clock)
    return Moment(day, clock) if day or clock else None


def iso(serial: str, moment: Moment, *, since_1904: bool) -> str | None:
    """Return a date or time as ISO 8601 writes it, with a blank in place of the `T`, or None if the number is neither.

    A time of less than a day, and a duration, are hours, minutes and seconds. Thousandths of a second appear where
    there are some. Nothing is cut off: a date's time appears also where the format hides it.

    >>> iso("45351", Moment(True, False), since_1904=False), iso("1.25", Moment(False, True), since_1904=False)
    ('2024-02-29', '30:00:00')
    """
    try:
        value = round(float(serial) * _DAY)
    except (ValueError, OverflowError):
        return None
    days, rest = divmod(value, _DAY)
    if not moment.day and 0 <= days < _LONGEST_DURATION:
        return _clock(value)
    day = _day(days, since_1904=since_1904)
    if day is None:
        return None
    return f"{day} {_clock(rest)}" if moment.clock or rest else day


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    return f"{text}.{thousandths:03}" if thousandths else text


def _day(days: int, *, since_1904: bool) -> str | None:
    if since_1904:
        days += 1462
    if not 1 <= days <= _LAST_DAY:
        return None
    if days == 60:  # noqa: PLR2004  (Excel's calendar has this day, as Lotus 1-2-3's had)
        return "1900-02-29"
    return str(date(1899, 12, 30 if days > 60 else 31) + timedelta(days=days))  # noqa: PLR2004
