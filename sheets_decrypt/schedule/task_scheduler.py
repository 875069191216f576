"""A task of the Windows Task Scheduler, as XML for `schtasks /Create /XML`.

It runs as the user and only while that user is logged on: the drive letter of an unlocked vault belongs to the logon
session, and neither SYSTEM nor an elevated task sees it.

Source of the order of elements: Microsoft's Task Scheduler schema, triggerBaseType and its extensions. Windows itself
writes `Enabled` after `StartBoundary`, the schema wants it before; it is left out, since true is its default.
"""

import codecs
import csv
import re
import subprocess
import xml.etree.ElementTree as ET  # reads what schtasks prints about the user's own task
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.interface import (
    Found,
    Look,
    Run,
    Status,
    Step,
    Task,
    Write,
    changed_by_hand,
    described,
    name_of,
    no_credentials,
    slug,
)
from sheets_decrypt.schedule.timing import Calendar, Every, Field, Timing, from_text

NAMESPACE: Final = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_MOST_TRIGGERS: Final = 48
_SHORTEST_RUN: Final = 3
_SINCE: Final = "2024-01-01"  # a day in the past: from then on; an interval is counted from its midnight
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LIST: Final = ("schtasks", "/Query", "/FO", "CSV", "/NH")
_LOGGED_ON: Final = "runs only while you are logged on; with the vault locked a run ends with code 7"


@dataclass(frozen=True, slots=True)
class TaskScheduler:
    """The Windows Task Scheduler, in the user's own name.

    Args:
        folder: Where the XML lies for the moment in which schtasks reads it.
    """

    folder: Path

    name = "task-scheduler"

    def render(self, task: Task) -> Mapping[str, str]:
        """Give the task's XML; the file itself is in UTF-16."""
        return {f"{slug(task.name)}.xml": task_xml(task)}

    def look(self, name: str | None) -> Look:
        """Ask for the task's XML and its next run; for None, for the list of tasks."""
        return Look(commands=(_LIST,) if name is None else (_query_xml(name), _query_next(name)))

    def names(self, found: Found) -> tuple[str, ...]:
        """List the tasks of ours in the root folder."""
        rows = csv.reader(_text(found.reply(*_LIST).stdout).splitlines())
        names = (name_of(row[0].removeprefix("\\")) for row in rows if row)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Create the task, or replace it: Windows changes the XML, so that it cannot be compared as a whole."""
        del found
        file = self.folder / f"{slug(task.name)}.xml"
        create = ("schtasks", "/Create", "/TN", _path(task.name), "/XML", str(file), "/F")
        return [Write(file, encoded(task_xml(task)), temporary=True), Run(create)]

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Delete the task."""
        if found.reply(*_query_xml(name)).code != 0:
            return []
        return [Run(("schtasks", "/Delete", "/TN", _path(name), "/F"))]

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Start the task and do not wait."""
        if found.reply(*_query_xml(name)).code != 0:
            raise ConfigurationError(
                f"the Task Scheduler has no task {_path(name)}", hint="run `sheets-decrypt schedule install`"
            )
        return [Run(("schtasks", "/Run", "/TN", _path(name)))]

    def status(self, name: str, found: Found) -> Status:
        """Read the task's XML as Windows gives it back."""
        reply = found.reply(*_query_xml(name))
        root = _parse(_text(reply.stdout)) if reply.code == 0 else None
        if root is None:
            return Status(False, name, self.name)
        description = root.findtext(_in("RegistrationInfo/Description"), "")
        text = description.rpartition("; timing: ")[2]
        as_installed = sorted(_leaves(root)) == _expected(text)
        command = root.findtext(_in("Actions/Exec/Command"), "")
        arguments = root.findtext(_in("Actions/Exec/Arguments"), "")
        disabled = root.findtext(_in("Settings/Enabled"), "true").strip() == "false"
        return Status(
            not disabled,
            name,
            self.name,
            text if as_installed else "changed by hand",
            _next_run(_text(found.reply(*_query_next(name)).stdout)),
            f"{command} {arguments}".strip(),
            (*(("the task is disabled",) if disabled else ()), *changed_by_hand(as_installed), _LOGGED_ON),
        )


def task_xml(task: Task) -> str:
    """Write the task.

    Raises:
        ConfigurationError: The timing takes more triggers than a task may have, or days that cannot be combined.
    """
    no_credentials(task)
    root = ET.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    about = ET.SubElement(root, "RegistrationInfo")
    ET.SubElement(about, "Description").text = f"{described(task)}; timing: {task.timing.text}"
    _add_triggers(ET.SubElement(root, "Triggers"), task.timing, task.jitter)
    principal = ET.SubElement(ET.SubElement(root, "Principals"), "Principal", {"id": "Author"})
    _add(principal, LogonType="InteractiveToken", RunLevel="LeastPrivilege")
    _add(
        ET.SubElement(root, "Settings"),
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        StartWhenAvailable="true",
        ExecutionTimeLimit="PT1H",
    )
    for word in (*task.command, str(task.folder)):
        if re.search(r"%[^%]+%|\$\(", word):
            raise ConfigurationError(
                f"the Task Scheduler would read {word} as holding a variable", hint="rename the file or the folder"
            )
    executable, *arguments = task.command
    _add(
        ET.SubElement(ET.SubElement(root, "Actions", {"Context": "Author"}), "Exec"),
        Command=executable,
        Arguments=subprocess.list2cmdline(arguments),
        WorkingDirectory=str(task.folder),
    )
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{body}\n'.replace("\n", "\r\n")


def encoded(text: str) -> bytes:
    """Give the bytes of the file: UTF-16 with its byte order mark, as schtasks wants it."""
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le")


def _add(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _add_triggers(triggers: ET.Element, timing: Timing, jitter: int) -> None:
    if isinstance(timing, Every):
        trigger = ET.SubElement(triggers, "TimeTrigger")
        _add_start(trigger, 0, jitter, _duration(timing.minutes * 60), None)
        return
    days = list(_day_schedules(timing))
    runs = list(_runs(timing.times()))
    if len(days) * len(runs) > _MOST_TRIGGERS:
        raise ConfigurationError(
            f"{timing.text} takes {len(days) * len(runs)} triggers, and a task may have {_MOST_TRIGGERS}",
            hint="use --every, or times at even distances",
        )
    for schedule in days:
        for start, step, count in runs:
            trigger = ET.SubElement(triggers, "CalendarTrigger")
            # half a step more than the last repetition: it is in, and one that nobody asked for is not
            lasting = _duration((count - 1) * step * 60 + step * 30) if count > 1 else None
            _add_start(trigger, start, jitter, _duration(step * 60) if count > 1 else None, lasting)
            trigger.append(schedule)


def _add_start(trigger: ET.Element, start: int, jitter: int, interval: str | None, lasting: str | None) -> None:
    _add(trigger, StartBoundary=f"{_SINCE}T{start // 60:02}:{start % 60:02}:00")
    if interval is not None:
        repetition = ET.SubElement(trigger, "Repetition")
        _add(repetition, Interval=interval, **({"Duration": lasting} if lasting else {}))
    if jitter:
        _add(trigger, RandomDelay=_duration(jitter))


def _runs(times: list[int]) -> Iterator[tuple[int, int, int]]:
    """Split sorted minutes of the day into runs of even distance (start, step, count); a lone time has count 1."""
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
        if weekday and (day or not calendar.month.full):
            other = "days of the month" if day else "months"
            raise ConfigurationError(
                f"{calendar.text}: the Task Scheduler cannot ask for weekdays and {other} at once",
                hint=f"name the weekdays or the {other}, and * for the other",
            )
        if weekday:
            yield _by_week(weekday)
        elif day or not calendar.month.full:
            yield _by_month(day.values if day else range(1, 32), calendar.month)
        else:
            schedule = ET.Element("ScheduleByDay")
            _add(schedule, DaysInterval="1")
            yield schedule


def _by_week(weekday: Field) -> ET.Element:
    schedule = ET.Element("ScheduleByWeek")
    _add(schedule, WeeksInterval="1")
    days = ET.SubElement(schedule, "DaysOfWeek")
    for number in weekday.values:
        ET.SubElement(days, _DAYS[number])
    return schedule


def _by_month(day_numbers: Iterable[int], month: Field) -> ET.Element:
    schedule = ET.Element("ScheduleByMonth")
    days, months = ET.SubElement(schedule, "DaysOfMonth"), ET.SubElement(schedule, "Months")
    for number in day_numbers:
        ET.SubElement(days, "Day").text = str(number)
    for number in month.values:
        ET.SubElement(months, _MONTHS[number - 1])
    return schedule


def _duration(seconds: int) -> str:
    """Write seconds as XML Schema does, such as PT1H30M."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (rest, "S"))
    return "PT" + "".join(f"{number}{letter}" for number, letter in parts if number)


def _path(name: str) -> str:
    return f"\\{slug(name)}"


def _query_xml(name: str) -> tuple[str, ...]:
    return ("schtasks", "/Query", "/TN", _path(name), "/XML")


def _query_next(name: str) -> tuple[str, ...]:
    return ("schtasks", "/Query", "/TN", _path(name), "/FO", "CSV", "/NH")


def _next_run(listing: str) -> str | None:
    """Read the second column, in the words of the user's Windows; where it is a time, it starts with a digit."""
    rows = [row for row in csv.reader(listing.splitlines()) if len(row) > 1]
    return rows[0][1] if rows and rows[0][1][:1].isdigit() else None


def _text(content: bytes) -> str:
    """Read what schtasks prints: the console's code page whatever its declaration says, or UTF-16."""
    if content.startswith(codecs.BOM_UTF16_LE):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp850", "replace")


def _parse(text: str) -> ET.Element | None:
    try:
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # noqa: S314  (the system's own answer)
    except ET.ParseError:
        return None
    return root if root.tag == f"{{{NAMESPACE}}}Task" else None


def _in(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))


def _leaves(root: ET.Element) -> Iterator[tuple[int, str, str]]:
    """Give what decides when the task runs, in a form that Windows' reordering and defaults do not change."""
    for number, trigger in enumerate(root.iterfind(_in("Triggers") + "/*")):
        for element in trigger.iter():
            tag = element.tag.rpartition("}")[2]
            if not len(element) and tag not in {"Enabled", "StopAtDurationEnd", "RandomDelay"}:
                yield number, tag, (element.text or "").strip()


def _expected(text: str) -> list[tuple[int, str, str]] | None:
    root = ET.Element(f"{{{NAMESPACE}}}Task")
    try:
        _add_triggers(ET.SubElement(root, f"{{{NAMESPACE}}}Triggers"), from_text(text), 0)
    except ConfigurationError:
        return None
    return sorted(_leaves(root))
