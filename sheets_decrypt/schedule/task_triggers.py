"""When a Windows task starts: the triggers of its XML.

Source of the elements and their order: Microsoft's Task Scheduler schema (MS-TSCH 2.5.3), triggerBaseType and its
extensions. Windows itself writes `Enabled` after `StartBoundary`, the schema before it; it is left out, since its
default is true.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.expression import Calendar, Field
from sheets_decrypt.schedule.timing import Every, Timing

_MOST_TRIGGERS: Final = 48
_SHORTEST_RUN: Final = 3
_SINCE: Final = "2024-01-01"  # any day in the past; an interval counts from midnight of that day
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_WEEKS: Final = ("1", "2", "3", "4", "Last")  # every week of a month; a fifth week is always the last
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def add_texts(parent: ET.Element, **texts: str) -> None:
    """Append an element with text for each name."""
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _add_names(parent: ET.Element, name: str, names: Iterable[str]) -> None:
    """Append an element whose children are empty elements of these names."""
    children = ET.SubElement(parent, name)
    for child in names:
        ET.SubElement(children, child)


def add_triggers(triggers: ET.Element, timing: Timing, jitter: int) -> None:
    """Append the triggers that start a task at `timing`.

    Args:
        triggers: The element `Triggers`, without a namespace.
        timing: When.
        jitter: The longest random delay, in seconds.

    Raises:
        ConfigurationError: It takes more triggers than a task may have, or days that cannot be combined.
    """
    if isinstance(timing, Every):
        trigger = ET.SubElement(triggers, "TimeTrigger")
        _add_start(trigger, 0, jitter, duration(timing.minutes * 60), None)
        return
    days = list(_day_schedules(timing))
    runs = list(_runs(timing.times()))
    if len(days) * len(runs) > _MOST_TRIGGERS:
        raise ConfigurationError(
            f"{timing.text} takes {len(days) * len(runs)} triggers, and a task may have {_MOST_TRIGGERS}",
            hint="use --every, or evenly spaced times",
        )
    for schedule in days:
        for start, step, count in runs:
            trigger = ET.SubElement(triggers, "CalendarTrigger")
            # half a step longer: includes the last repetition and excludes the next
            lasting = duration((count - 1) * step * 60 + step * 30) if count > 1 else None
            _add_start(trigger, start, jitter, duration(step * 60) if count > 1 else None, lasting)
            trigger.append(schedule)


def _add_start(trigger: ET.Element, start: int, jitter: int, interval: str | None, lasting: str | None) -> None:
    add_texts(trigger, StartBoundary=f"{_SINCE}T{start // 60:02}:{start % 60:02}:00")
    if interval is not None:
        repetition = ET.SubElement(trigger, "Repetition")
        add_texts(repetition, Interval=interval, **({"Duration": lasting} if lasting else {}))
    if jitter:
        add_texts(trigger, RandomDelay=duration(jitter))


def _runs(times: list[int]) -> Iterator[tuple[int, int, int]]:
    """Split sorted minutes of the day into evenly spaced runs (start, step, count); a single time has count 1."""
    index = 0
    while index < len(times):
        step = times[index + 1] - times[index] if index + 1 < len(times) else 0
        end = index + 1
        while end < len(times) and times[end] - times[end - 1] == step:
            end += 1
        if end - index >= _SHORTEST_RUN:
            yield times[index], step, end - index
            index = end
        else:
            yield times[index], 0, 1
            index += 1


def _day_schedules(calendar: Calendar) -> Iterator[ET.Element]:
    for day, weekday in calendar.day_rules:
        if weekday and day:
            raise ConfigurationError(
                f"{calendar.text}: the Task Scheduler cannot combine days of the month with weekdays",
                hint="write * for one of the two",
            )
        if weekday:
            yield _by_week(weekday) if calendar.month.full else _by_month_and_weekday(calendar.month, weekday)
        elif day or not calendar.month.full:
            yield _by_month(day.values if day else range(1, 32), calendar.month)
        else:
            schedule = ET.Element("ScheduleByDay")
            add_texts(schedule, DaysInterval="1")
            yield schedule


def _by_week(weekday: Field) -> ET.Element:
    schedule = ET.Element("ScheduleByWeek")
    add_texts(schedule, WeeksInterval="1")
    _add_names(schedule, "DaysOfWeek", (_DAYS[number] for number in weekday.values))
    return schedule


def _by_month_and_weekday(month: Field, weekday: Field) -> ET.Element:
    schedule = ET.Element("ScheduleByMonthDayOfWeek")
    weeks = ET.SubElement(schedule, "Weeks")
    for week in _WEEKS:
        ET.SubElement(weeks, "Week").text = week
    _add_names(schedule, "DaysOfWeek", (_DAYS[number] for number in weekday.values))
    _add_names(schedule, "Months", (_MONTHS[number - 1] for number in month.values))
    return schedule


def _by_month(day_numbers: Iterable[int], month: Field) -> ET.Element:
    schedule = ET.Element("ScheduleByMonth")
    days = ET.SubElement(schedule, "DaysOfMonth")
    for number in day_numbers:
        ET.SubElement(days, "Day").text = str(number)
    _add_names(schedule, "Months", (_MONTHS[number - 1] for number in month.values))
    return schedule


def duration(seconds: int) -> str:
    """Return seconds as a duration of XML Schema, such as PT1H30M."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (rest, "S"))
    return "PT" + "".join(f"{number}{letter}" for number, letter in parts if number)
