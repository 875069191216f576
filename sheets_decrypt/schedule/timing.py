"""When a job runs: `--every 15m`, `--daily 06:30 --weekdays mon-fri` or `--cron "…"`, validated.

Every backend renders the same values. All times are local, without a zone, as in the schedulers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from cronsim import CronSim

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import expression
from sheets_decrypt.schedule.expression import WEEKDAYS, Calendar, word_of

DAY: Final = 24 * 60

_EXAMPLE: Final = "such as `--daily 06:30 --weekdays mon-fri`"
_YEARS_AHEAD: Final = 10  # of clock changes; the rules for later ones are likely to change


@dataclass(frozen=True, slots=True)
class Every:
    """A run at a fixed interval.

    Args:
        minutes: The interval, from one minute to a day.
    """

    minutes: int

    @property
    def text(self) -> str:
        """Its text for people, such as `every 15m`; `from_text` parses it."""
        return f"every {self.minutes // 60}h" if self.minutes % 60 == 0 else f"every {self.minutes}m"


Timing = Every | Calendar


def parse(
    *, every: str | None = None, daily: str | None = None, weekdays: str | None = None, cron: str | None = None
) -> Timing:
    """Return the timing for the options of `schedule install`.

    Args:
        every: A number of minutes or hours, such as `15m` or `2h`.
        daily: A time of day, such as `06:30`.
        weekdays: With `daily`: names and ranges of them, such as `mon-fri` or `mon,thu`.
        cron: A cron expression of five fields.

    Raises:
        ConfigurationError: None or several are given, or one is not valid.
    """
    given = [value for value in (every, daily, cron) if value is not None]
    if len(given) != 1:
        raise ConfigurationError("give one of --every, --daily and --cron", hint=_EXAMPLE)
    if weekdays is not None and daily is None:
        raise ConfigurationError("--weekdays requires --daily", hint=_EXAMPLE)
    if every is not None:
        return _parse_every(every)
    return _parse_daily(daily, weekdays) if daily is not None else expression.parse(cron or "")


def from_text(text: str) -> Timing:
    """Return the timing with this `text`.

    Raises:
        ConfigurationError: No timing has this text.
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
            raise ConfigurationError(f"not a timing: {text}", hint="install the schedule again")


def calendars(timing: Timing) -> tuple[Calendar, ...]:
    """Return the calendars whose times together are exactly those of `timing`.

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
            f"{timing.text}: this scheduler supports only intervals that divide a day",
            hint=f"use --{Every(below).text} or --{Every(above).text}",
        )
    hours_of: dict[tuple[int, ...], list[int]] = {}
    for hour in range(24):
        minutes = tuple(minute for minute in range(60) if (hour * 60 + minute) % timing.minutes == 0)
        if minutes:
            hours_of.setdefault(minutes, []).append(hour)
    return tuple(
        expression.parse(f"{word_of(minutes, range(60))} {word_of(hours, range(24))} * * *", text=timing.text)
        for minutes, hours in hours_of.items()
    )


def following(timing: Timing, moment: datetime) -> datetime | None:
    """Return the first run after `moment`, or None if not known.

    An interval that does not divide a day counts from when the scheduler started it, which is not known here.
    """
    return min(_nearest(timing, moment, reverse=False), default=None)


def preceding(timing: Timing, moment: datetime) -> datetime | None:
    """Return the last run up to `moment`, or None as in `following`."""
    return max(_nearest(timing, moment + timedelta(seconds=1), reverse=True), default=None)


def lost_to_clock_changes(timing: Timing, today: datetime) -> list[tuple[datetime, datetime]]:
    """Return the runs of the next ten years that are lost when clocks go forward.

    A time in the hour that is skipped does not exist on that day. Only the first such run of a day counts, and none if
    the timing runs at the moved time anyway, as an interval or `*/15 * * * *` does.

    Args:
        timing: When it runs.
        today: The day from which to look, in this machine's zone.

    Returns:
        For each, the time that does not exist, and the time that the clock shows in its place.
    """
    if not isinstance(timing, Calendar):
        return []
    midnight = datetime.combine(today, time())
    days = [midnight + timedelta(days=number) for number in range(_YEARS_AHEAD * 366)]
    short = (day for day in days if (day + timedelta(days=1)).timestamp() - day.timestamp() < DAY * 60)
    return [lost for day in short if timing.matches(day) and (lost := _lost_on(timing, day)) is not None]


def _lost_on(timing: Calendar, day: datetime) -> tuple[datetime, datetime] | None:
    runs = [day + timedelta(minutes=minutes) for minutes in timing.times()]
    moved = ((run, datetime.fromtimestamp(run.timestamp())) for run in runs)  # noqa: DTZ006  (local time)
    return next(((run, shown) for run, shown in moved if shown != run and shown not in runs), None)


def _nearest(timing: Timing, moment: datetime, *, reverse: bool) -> Iterator[datetime]:
    if isinstance(timing, Every) and DAY % timing.minutes:
        return
    for calendar in calendars(timing):
        nearest = next(CronSim(calendar.expression, moment, reverse=reverse), None)
        if nearest is not None:
            yield nearest


def _parse_every(text: str) -> Every:
    match = re.fullmatch(r"([0-9]{1,5})\s*(m|min|h)", text.strip().lower())
    if match is None:
        raise ConfigurationError(f"--every {text} is not a valid interval", hint="write minutes or hours: 15m or 2h")
    minutes = int(match[1]) * (60 if match[2] == "h" else 1)
    if not 1 <= minutes <= DAY:
        raise ConfigurationError(f"--every {text} is not between 1m and 24h", hint="for once a day use --daily 06:30")
    return Every(minutes)


def _parse_daily(text: str, weekdays: str | None) -> Calendar:
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text.strip())
    if match is None:
        raise ConfigurationError(f"--daily {text} is not a valid time", hint="write hours and minutes, such as 06:30")
    hour, minute = int(match[1]), int(match[2])
    days = _parse_weekdays(weekdays) if weekdays is not None else set(range(7))
    name = f"daily {hour:02}:{minute:02}"
    if len(days) < len(WEEKDAYS):
        name += f" {','.join(WEEKDAYS[day] for day in sorted(days, key=lambda day: (day - 1) % 7))}"
    name = name.replace("mon,tue,wed,thu,fri", "mon-fri")
    return expression.parse(f"{minute} {hour} * * {word_of(days, range(7))}", text=name)


def _parse_weekdays(text: str) -> set[int]:
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        start = _weekday(first, text)
        end = _weekday(last, text) if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return days


def _weekday(name: str, text: str) -> int:
    names = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    for number, full in enumerate(names):
        if name in (full, full[:3]):
            return number
    raise ConfigurationError(f"--weekdays {text} is not valid", hint="write names, such as mon-fri or mon,thu")
