"""A task of the Windows Task Scheduler, as XML for `schtasks /Create /XML`.

It runs as the user and only while that user is logged on: the drive letter of an unlocked vault belongs to the logon
session, and neither SYSTEM nor an elevated task sees it.

Microsoft does not specify what happens to a time that does not exist because clocks go forward (its article 325413).
"""

import codecs
import csv
import re
import subprocess
import xml.etree.ElementTree as ET  # parses only the output of schtasks about the user's own task
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
    clock_change_note,
    described,
    name_of,
    no_credentials,
    not_installed,
    slug,
)
from sheets_decrypt.schedule.task_triggers import add_texts, add_triggers
from sheets_decrypt.schedule.timing import from_text

NAMESPACE: Final = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_LIST: Final = ("schtasks", "/Query", "/FO", "CSV", "/NH")
_LOGGED_ON: Final = "runs only while you are logged on; while the vault is locked, a run ends with code 7"


@dataclass(frozen=True, slots=True)
class TaskScheduler:
    """The Windows Task Scheduler, as the user.

    Args:
        folder: The folder that holds the XML while schtasks reads it.
        now: The local time, without a zone, from which to look for clock changes.
    """

    folder: Path
    now: datetime

    name = "task-scheduler"

    def render(self, task: Task) -> Mapping[str, str]:
        """Return the task's XML; the file itself is in UTF-16."""
        return {f"{slug(task.name)}.xml": task_xml(task)}

    def look(self, name: str | None) -> Look:
        """Ask for the task's XML and its next run; for None, for the list of tasks."""
        return Look(commands=(_LIST,) if name is None else (_query_xml(name), _query_next(name)))

    def names(self, found: Found) -> tuple[str, ...]:
        """Return our tasks in the root folder."""
        rows = csv.reader(_text(found.reply(*_LIST).stdout).splitlines())
        names = (name_of(row[0].removeprefix("\\")) for row in rows if row)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Create or replace the task every time: Windows changes the XML, so it cannot be compared."""
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
        """Start the task without waiting for it."""
        if found.reply(*_query_xml(name)).code != 0:
            raise not_installed(name, self.name)
        return [Run(("schtasks", "/Run", "/TN", _path(name)))]

    def status(self, name: str, found: Found) -> Status:
        """Return the schedule from the task's XML, as Windows exports it."""
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
        clock_changes = clock_change_note(from_text(text), self.now) if as_installed else ()
        switched_off = ("the task is disabled",) if disabled else ()
        return Status(
            not disabled,
            name,
            self.name,
            text if as_installed else "changed by hand",
            _next_run(_text(found.reply(*_query_next(name)).stdout)),
            f"{command} {arguments}".strip(),
            (*switched_off, *changed_by_hand(as_installed), *clock_changes, _LOGGED_ON),
        )


def task_xml(task: Task) -> str:
    """Return the XML of a task.

    Raises:
        ConfigurationError: The timing takes more triggers than a task may have, or days that cannot be combined.
    """
    no_credentials(task)
    root = ET.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    about = ET.SubElement(root, "RegistrationInfo")
    ET.SubElement(about, "Description").text = f"{described(task)}; timing: {task.timing.text}"
    add_triggers(ET.SubElement(root, "Triggers"), task.timing, task.jitter)
    principal = ET.SubElement(ET.SubElement(root, "Principals"), "Principal", {"id": "Author"})
    add_texts(principal, LogonType="InteractiveToken", RunLevel="LeastPrivilege")
    add_texts(
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
                f"the Task Scheduler would expand a variable in {word}", hint="rename the file or the folder"
            )
    executable, *arguments = task.command
    add_texts(
        ET.SubElement(ET.SubElement(root, "Actions", {"Context": "Author"}), "Exec"),
        Command=executable,
        Arguments=subprocess.list2cmdline(arguments),
        WorkingDirectory=str(task.folder),
    )
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{body}\n'.replace("\n", "\r\n")


def encoded(text: str) -> bytes:
    """Return the bytes of the file: UTF-16 with a byte order mark, as schtasks requires."""
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le")


def _path(name: str) -> str:
    return f"\\{slug(name)}"


def _query_xml(name: str) -> tuple[str, ...]:
    return ("schtasks", "/Query", "/TN", _path(name), "/XML")


def _query_next(name: str) -> tuple[str, ...]:
    return ("schtasks", "/Query", "/TN", _path(name), "/FO", "CSV", "/NH")


def _next_run(listing: str) -> str | None:
    """Return the second column, in the display language of Windows. It is a time only if it starts with a digit."""
    rows = [row for row in csv.reader(listing.splitlines()) if len(row) > 1]
    return rows[0][1] if rows and rows[0][1][:1].isdigit() else None


def _text(content: bytes) -> str:
    """Decode the output of schtasks, which is in the console's code page or UTF-16, whatever the XML declares."""
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
    """Yield the parts that decide when the task runs, independent of Windows' order and added defaults."""
    for number, trigger in enumerate(root.iterfind(_in("Triggers") + "/*")):
        for element in trigger.iter():
            tag = element.tag.rpartition("}")[2]
            if not len(element) and tag not in {"Enabled", "StopAtDurationEnd", "RandomDelay"}:
                yield number, tag, (element.text or "").strip()


def _expected(text: str) -> list[tuple[int, str, str]] | None:
    root = ET.Element(f"{{{NAMESPACE}}}Task")
    try:
        add_triggers(ET.SubElement(root, f"{{{NAMESPACE}}}Triggers"), from_text(text), 0)
    except ConfigurationError:
        return None
    return sorted(_leaves(root))
