"""When a job runs: `--every 15m`, `--daily 06:30 --weekdays mon-fri` or `--cron "…"`, validated.

Every backend renders the same values, so that the rules of cron that differ elsewhere are settled here once: Sunday is
0 and 7, and where neither the day of the month nor the weekday begins with `*`, a day fits if *either* does; otherwise
both must (crontab(5), and the source of Debian's cron for `*/2`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sheets_decrypt.errors import ConfigurationError

DAY: Final = 24 * 60
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_LEAP_CYCLE: Final = 366 * 8
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CRON_HINT: Final = 'write minute, hour, day of month, month and weekday, such as "30 6 * * mon-fri"'


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields of a cron expression.

    Args:
        text: As cron reads it, with names turned into numbers.
        values: What it means, sorted; weekdays from 0 (Sunday) to 6.
        full: Whether that is every value there is.
    """

    text: str
    values: tuple[int, ...]
    full: bool

    @property
    def star(self) -> bool:
        """Whether cron sees a `*` at its start, which decides how the days are combined."""
        return self.text.startswith("*")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times of the day on some days, in local time.

    Args:
        text: How a person reads it, such as `daily 06:30 mon-fri`; `from_text` reads it again.
        minute: Minutes of the hour.
        hour: Hours of the day.
        day: Days of the month.
        month: Months, from 1.
        weekday: Weekdays, 0 is Sunday.
    """

    text: str
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @property
    def expression(self) -> str:
        """The five fields as cron reads them."""
        return " ".join(field.text for field in (self.minute, self.hour, self.day, self.month, self.weekday))

    @property
    def either_day(self) -> bool:
        """Whether a day fits when its number *or* its weekday does; else both must."""
        return not self.day.star and not self.weekday.star

    @property
    def day_rules(self) -> tuple[tuple[Field | None, Field | None], ...]:
        """The rules of which one must hold: days of the month and weekdays that must both fit; None fits always."""
        day, weekday = (None if field.full else field for field in (self.day, self.weekday))
        if not self.either_day:
            return ((day, weekday),)
        return ((None, None),) if day is None or weekday is None else ((day, None), (None, weekday))

    def times(self) -> list[int]:
        """List the minutes since midnight at which it runs, sorted."""
        return [hour * 60 + minute for hour in self.hour.values for minute in self.minute.values]

    def fits(self, day: date) -> bool:
        """Tell whether it runs on `day`."""
        number, weekday = day.day in self.day.values, day.isoweekday() % 7 in self.weekday.values
        fits = (number or weekday) if self.either_day else (number and weekday)
        return fits and day.month in self.month.values


@dataclass(frozen=True, slots=True)
class Every:
    """A run every so many minutes.

    Args:
        minutes: From 1 to a day's.
    """

    minutes: int

    @property
    def text(self) -> str:
        """How a person reads it, such as `every 15m`; `from_text` reads it again."""
        return f"every {self.minutes // 60}h" if self.minutes % 60 == 0 else f"every {self.minutes}m"


Timing = Every | Calendar


def parse(
    *, every: str | None = None, daily: str | None = None, weekdays: str | None = None, cron: str | None = None
) -> Timing:
    """Read the options of `schedule install`.

    Args:
        every: A number of minutes or hours, such as `15m` or `2h`.
        daily: A time of day, such as `06:30`.
        weekdays: With `daily`: names and ranges of them, such as `mon-fri` or `mon,thu`.
        cron: A cron expression of five fields.

    Raises:
        ConfigurationError: None or several are given, or one breaks a rule.
    """
    given = [value for value in (every, daily, cron) if value is not None]
    if len(given) != 1:
        raise ConfigurationError(
            "name one of --every, --daily and --cron", hint="such as `--daily 06:30 --weekdays mon-fri`"
        )
    if weekdays is not None and daily is None:
        raise ConfigurationError("--weekdays goes with --daily", hint="such as `--daily 06:30 --weekdays mon-fri`")
    if every is not None:
        return _parse_every(every)
    return _parse_daily(daily, weekdays) if daily is not None else _parse_cron(cron or "")


def from_text(text: str) -> Timing:
    """Read what `Timing.text` gives.

    Raises:
        ConfigurationError: It is something else.
    """
    kind, _, rest = text.partition(" ")
    match kind:
        case "every":
            return parse(every=rest)
        case "daily":
            at, _, weekdays = rest.partition(" ")
            return parse(daily=at, weekdays=weekdays or None)
        case "cron":
            return parse(cron=rest)
        case _:
            raise ConfigurationError(f"{text} is no timing of ours", hint="install the schedule again")


def calendars(timing: Timing) -> tuple[Calendar, ...]:
    """Give the calendars whose times together are exactly those of `timing`.

    Raises:
        ConfigurationError: The interval does not divide a day, so that no calendar can keep it.
    """
    if isinstance(timing, Calendar):
        return (timing,)
    if DAY % timing.minutes:
        fitting = [minutes for minutes in range(1, DAY + 1) if DAY % minutes == 0]
        below = max(minutes for minutes in fitting if minutes < timing.minutes)
        above = min(minutes for minutes in fitting if minutes > timing.minutes)
        raise ConfigurationError(
            f"{timing.text}: this scheduler keeps only intervals that divide a day",
            hint=f"use --{Every(below).text} or --{Every(above).text}",
        )
    hours_of: dict[tuple[int, ...], list[int]] = {}
    for hour in range(24):
        minutes = tuple(minute for minute in range(60) if (hour * 60 + minute) % timing.minutes == 0)
        if minutes:
            hours_of.setdefault(minutes, []).append(hour)
    return tuple(_times_calendar(timing.text, minutes, hours) for minutes, hours in hours_of.items())


def following(timing: Timing, moment: datetime) -> datetime | None:
    """Give the first time after `moment` (local, without a zone) at which it runs; None where that cannot be told.

    An interval that does not divide a day counts from when its scheduler started it, which is not known here.
    """
    return _nearest(timing, moment, direction=1)


def preceding(timing: Timing, moment: datetime) -> datetime | None:
    """Give the last time up to `moment` (local, without a zone) at which it should have run; None as in `following`."""
    return _nearest(timing, moment, direction=-1)


def _nearest(timing: Timing, moment: datetime, direction: int) -> datetime | None:
    if isinstance(timing, Every) and DAY % timing.minutes:
        return None
    found = [at for calendar in calendars(timing) if (at := _nearest_of(calendar, moment, direction)) is not None]
    return min(found, default=None) if direction > 0 else max(found, default=None)


def _nearest_of(calendar: Calendar, moment: datetime, direction: int) -> datetime | None:
    for distance in range(_LEAP_CYCLE):
        day = moment.date() + timedelta(days=distance * direction)
        if not calendar.fits(day):
            continue
        for minutes in calendar.times()[::direction]:
            at = datetime.combine(day, time(*divmod(minutes, 60)))
            if (at > moment) if direction > 0 else (at <= moment):
                return at
    return None


def _parse_every(text: str) -> Every:
    match = re.fullmatch(r"([0-9]{1,5})\s*(m|min|h)", text.strip().lower())
    if match is None:
        raise ConfigurationError(f"--every {text} is not understood", hint="write minutes or hours, such as 15m or 2h")
    minutes = int(match[1]) * (60 if match[2] == "h" else 1)
    if not 1 <= minutes <= DAY:
        raise ConfigurationError(f"--every {text} is not between 1m and 24h", hint="for once a day use --daily 06:30")
    return Every(minutes)


def _parse_daily(text: str, weekdays: str | None) -> Calendar:
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:  # noqa: PLR2004  (hours and minutes of a clock)
        raise ConfigurationError(f"--daily {text} is no time of day", hint="write hours and minutes, such as 06:30")
    hour, minute = int(match[1]), int(match[2])
    days = _parse_weekdays(weekdays) if weekdays is not None else tuple(range(7))
    name = f"daily {hour:02}:{minute:02}"
    if len(days) < len(WEEKDAYS):
        name += f" {','.join(WEEKDAYS[day] for day in sorted(days, key=lambda day: (day - 1) % 7))}"
    return _times_calendar(name.replace("mon,tue,wed,thu,fri", "mon-fri"), (minute,), (hour,), days)


def _parse_weekdays(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        start = _weekday(first, text)
        end = _weekday(last, text) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(days))


def _weekday(name: str, text: str) -> int:
    names = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    for number, full in enumerate(names):
        if name in (full, full[:3]):
            return number
    raise ConfigurationError(f"--weekdays {text} is not understood", hint="write names, such as mon-fri or mon,thu")


def _times_calendar(
    text: str, minutes: Iterable[int], hours: Iterable[int], weekdays: Iterable[int] = range(7)
) -> Calendar:
    return Calendar(
        text,
        _field(minutes, 0, 59),
        _field(hours, 0, 23),
        _field(range(1, 32), 1, 31),
        _field(range(1, 13), 1, 12),
        _field(weekdays, 0, 6),
    )


def _field(values: Iterable[int], low: int, high: int) -> Field:
    chosen = tuple(sorted(set(values)))
    everything = tuple(range(low, high + 1))
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges(chosen))
    if len(chosen) > 1:
        step = chosen[1] - chosen[0]
        if chosen == everything[::step] and len(everything) % step == 0:
            text = "*" if step == 1 else f"*/{step}"
    return Field(text, chosen, chosen == everything)


def ranges(values: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Give the first and the last of each run of consecutive numbers."""
    start = 0
    for index, value in enumerate(values):
        if index + 1 == len(values) or values[index + 1] != value + 1:
            yield values[start], value
            start = index + 1


def _parse_cron(text: str) -> Calendar:
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ConfigurationError(f'--cron "{text}" has not five fields', hint=_CRON_HINT)
    minute, hour, day, month, weekday = (
        _CronField(*rule).parse(word) for rule, word in zip(_FIELDS, words, strict=True)
    )
    calendar = Calendar(f"cron {' '.join(words)}", minute, hour, day, month, weekday)
    if not calendar.either_day and day.values[0] > max(_LONGEST_MONTHS[number - 1] for number in month.values):
        raise ConfigurationError(f'--cron "{text}" names a day that never comes', hint="check the day and the month")
    return calendar


_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class _CronField:
    """The rules of one field: its name, its lowest and highest number, and the names of its numbers, if any."""

    name: str
    low: int
    high: int
    names: tuple[str, ...]

    def parse(self, text: str) -> Field:
        """Read lists, ranges and steps."""
        values: set[int] = set()
        words = []
        for part in text.split(","):
            word, numbers = self._part(part, text)
            words.append(word)
            values.update(number % 7 if self.names is WEEKDAYS else number for number in numbers)
        everything = range(self.low, self.high + (self.names is not WEEKDAYS))
        return Field(",".join(words), tuple(sorted(values)), values == set(everything))

    def _part(self, part: str, text: str) -> tuple[str, range]:
        match = re.fullmatch(r"(\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,2}))?", part)
        if match is None:
            raise self._refused(text, _CRON_HINT)
        whole, first, last, step = match.groups()
        if whole == "*":
            # Sunday must not count twice: 7 is left out, or */7 would mean Sunday and Sunday
            low, high, word = self.low, self.high - (self.names is WEEKDAYS), "*"
        else:
            low = self._number(first, text)
            high = self._number(last, text) if last else low
            if last == "sun" and low > 0:
                high = 7
            word = f"{low}-{high}" if last else str(low)
        if high < low:
            raise self._refused(text, f"a range goes upwards; write {low}-{self.high},{self.low}-{high}")
        if step is None:
            return word, range(low, high + 1)
        if low == high or int(step) == 0:
            raise self._refused(text, "a step follows * or a range and is at least 1, such as */15 or 8-18/2")
        return f"{word}/{step}", range(low, high + 1, int(step))

    def _number(self, word: str, text: str) -> int:
        if word in self.names:
            return self.names.index(word) + (self.names is MONTHS)
        if not word.isdigit() or not self.low <= int(word) <= self.high:
            raise self._refused(text, f"the {self.name} is between {self.low} and {self.high}")
        return int(word)

    def _refused(self, text: str, hint: str) -> ConfigurationError:
        return ConfigurationError(f"--cron: the {self.name} {text} is not understood", hint=hint)
