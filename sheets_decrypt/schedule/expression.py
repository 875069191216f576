"""Cron expressions: five fields, validated, with the values that each one matches.

cronsim reads them by the rules of Debian's cron, also where those differ from other schedulers': Sunday is 0 and 7, and
if neither the day of the month nor the weekday begins with `*`, a day matches when *either* does; otherwise both must.
What cronsim accepts and cron does not (`L`, `#`, seconds, `5/15`) is refused here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cronsim import CronSim, CronSimError

from sheets_decrypt.errors import ConfigurationError

WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_HINT: Final = 'write minute, hour, day of month, month and weekday, such as "30 6 * * mon-fri"'
_FIELDS: Final = (("minute", "0-59"), ("hour", "0-23"), ("day of month", "1-31"), ("month", "1-12"), ("weekday", "0-7"))
_WORD: Final = re.compile(r"((\*|\d+-\d+)(/\d+)?|\d+)(,((\*|\d+-\d+)(/\d+)?|\d+))*", re.ASCII)
_ANY_MOMENT: Final = datetime(2000, 1, 1)  # noqa: DTZ001  (the values of the fields do not depend on it)


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields of a cron expression.

    Args:
        values: The values that it matches, sorted; weekdays from 0 (Sunday) to 6.
        full: Whether these are all possible values.
    """

    values: tuple[int, ...]
    full: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times of the day on some days, in local time.

    Args:
        text: Its text for people, such as `daily 06:30 mon-fri`; `timing.from_text` parses it.
        expression: The five fields as every cron reads them: numbers, no names.
        minute: Minutes of the hour.
        hour: Hours of the day.
        day: Days of the month.
        month: Months, from 1.
        weekday: Weekdays, from 0 (Sunday).
        either_day: Whether a day matches if its number *or* its weekday does; otherwise both must.
    """

    text: str
    expression: str
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    either_day: bool

    @property
    def day_rules(self) -> tuple[tuple[Field | None, Field | None], ...]:
        """The rules of which one must match: days of the month and weekdays; None matches every day."""
        day, weekday = (None if field.full else field for field in (self.day, self.weekday))
        if not self.either_day:
            return ((day, weekday),)
        return ((None, None),) if day is None or weekday is None else ((day, None), (None, weekday))

    def times(self) -> list[int]:
        """Return the minutes since midnight at which it runs, sorted."""
        return [hour * 60 + minute for hour in self.hour.values for minute in self.minute.values]

    def matches(self, day: date) -> bool:
        """Return whether it runs on `day`."""
        number, weekday = day.day in self.day.values, day.isoweekday() % 7 in self.weekday.values
        return day.month in self.month.values and ((number or weekday) if self.either_day else (number and weekday))


def parse(expression: str, *, text: str = "") -> Calendar:
    """Return the calendar for a cron expression.

    Args:
        expression: Five fields; months and weekdays may be names.
        text: `Calendar.text`; by default `cron` and the expression.

    Raises:
        ConfigurationError: The expression is not valid.
    """
    words = expression.lower().split()
    if len(words) != len(_FIELDS):
        raise ConfigurationError(f'--cron "{expression}" does not have five fields', hint=_HINT)
    plain = [*words[:3], _numbered(words[3], MONTHS, first=1), _numbered(words[4], WEEKDAYS, first=0)]
    for index, word in enumerate(plain):
        _check(index, word, words[index])
    try:
        parsed = CronSim(" ".join(plain), _ANY_MOMENT)
    except CronSimError:  # each field is valid on its own
        raise ConfigurationError(
            f'--cron "{expression}" names a day that never comes', hint="check the day and the month"
        ) from None
    weekdays = {day % 7 for day in parsed.weekdays if isinstance(day, int)}  # 7 is Sunday, as 0 is
    return Calendar(
        text or f"cron {' '.join(words)}",
        " ".join(plain),
        _field(parsed.minutes, 60),
        _field(parsed.hours, 24),
        _field(parsed.days, 31),
        _field(parsed.months, 12),
        _field(weekdays, 7),
        not parsed.day_and,
    )


def word_of(values: Iterable[int], possible: range) -> str:
    """Return the shortest field that matches these of the possible values, such as `*/15` or `1-5`."""
    chosen = tuple(sorted(set(values)))
    if len(chosen) > 1:
        step = chosen[1] - chosen[0]
        if chosen == tuple(possible[::step]) and len(possible) % step == 0:
            return "*" if step == 1 else f"*/{step}"
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs_of(chosen))


def runs_of(values: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers."""
    start = 0
    for index, value in enumerate(values):
        if index + 1 == len(values) or values[index + 1] != value + 1:
            yield values[start], value
            start = index + 1


def _check(index: int, word: str, written: str) -> None:
    """Refuse a field that is not valid on its own."""
    fields = ["*"] * len(_FIELDS)
    fields[index] = word
    try:
        if _WORD.fullmatch(word):
            CronSim(" ".join(fields), _ANY_MOMENT)
            return
    except CronSimError:
        pass
    name, allowed = _FIELDS[index]
    raise ConfigurationError(
        f"--cron: the {name} {written} is not valid",
        hint=f"write a number from {allowed}, a rising range of them, or a list; /2 after * or a range is a step",
    )


def _numbered(word: str, names: tuple[str, ...], *, first: int) -> str:
    """Replace names by numbers: not every cron takes names in a range. A range that ends on Sunday ends on 7."""
    for number, name in enumerate(names, start=first):
        word = re.sub(rf"(?<![a-z]){name}(?![a-z])", str(number), word)
    return re.sub(r"(?<=[1-6]-)0(?![0-9])", "7", word) if names is WEEKDAYS else word


def _field(values: Iterable[int], possible: int) -> Field:
    chosen = tuple(sorted(values))
    return Field(chosen, len(chosen) == possible)
