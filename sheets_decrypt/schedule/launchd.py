"""A launchd agent: a property list in `~/Library/LaunchAgents`.

An agent runs while its user is logged in, with access to that user's mounted vault. A run that is due during sleep
starts at the next wake with `StartCalendarInterval`, and is skipped with `StartInterval` (launchd.plist(5)). So an
interval that divides a day is written as a calendar. Apple does not document what happens to a time that does not exist
because clocks go forward.
"""

import itertools
import plistlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.expression import Calendar, Field
from sheets_decrypt.schedule.interface import (
    Delete,
    Found,
    Look,
    Run,
    Status,
    Step,
    Task,
    Write,
    changed_by_hand,
    clock_change_note,
    name_of,
    no_credentials,
    not_installed,
    slug,
)
from sheets_decrypt.schedule.timing import DAY, Every, Timing, calendars, following, from_text

_MOST: Final = 1000
_SETTLING: Final = 5  # tries: `bootout` returns before it has finished, and until then `bootstrap` fails
_PRIVACY: Final = "macOS may ask once whether Python may read files on the vault's volume: allow it"


@dataclass(frozen=True, slots=True)
class Launchd:
    """The user's own launchd domain.

    Args:
        folder: `~/Library/LaunchAgents`.
        user_id: The user's number, which names the domain.
        now: The local time, without a zone, after which to look for the next run.
    """

    folder: Path
    user_id: int
    now: datetime

    name = "launchd"

    def render(self, task: Task) -> Mapping[str, str]:
        """Return the property list."""
        return {str(self._file(task.name)): _property_list(task)}

    def look(self, name: str | None) -> Look:
        """Read the property list, and ask launchd about the agent."""
        if name is None:
            return Look(folders=((self.folder, "sheets-decrypt*.plist"),))
        return Look(files=(self._file(name),), commands=(("launchctl", "print", self._target(name)),))

    def names(self, found: Found) -> tuple[str, ...]:
        """Return the schedules whose property lists exist."""
        names = (name_of(path.stem) for path in sorted(found.files))
        return tuple(name for name in names if name is not None)

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Write the property list and load it again."""
        content = _property_list(task).encode()
        if found.files.get(self._file(task.name)) == content and self.status(task.name, found).installed:
            return []
        target = self._target(task.name)
        return [
            Write(self._file(task.name), content),
            Run(("launchctl", "bootout", target), checked=False),
            Run(("launchctl", "enable", target), checked=False),
            Run(("launchctl", "bootstrap", f"gui/{self.user_id}", str(self._file(task.name))), tries=_SETTLING),
        ]

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Unload the agent and delete its property list."""
        if self._file(name) not in found.files:
            return []
        return [Run(("launchctl", "bootout", self._target(name)), checked=False), Delete(self._file(name))]

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Start the agent without waiting for it."""
        if not self.status(name, found).installed:
            raise not_installed(name, self.name)
        return [Run(("launchctl", "kickstart", self._target(name)))]

    def status(self, name: str, found: Found) -> Status:
        """Return the schedule from the property list and launchd's report."""
        content = found.files.get(self._file(name))
        if content is None:
            return Status(False, name, self.name)
        loaded = found.reply("launchctl", "print", self._target(name)).code == 0
        keys = _read(content)
        match = re.search(rb"<!-- timing: (.+?) -->", content)
        text = match[1].decode(errors="replace") if match else ""
        as_installed = _starts(keys) == _expected(text)
        at = following(from_text(text), self.now) if as_installed else None
        unloaded = () if loaded else (f"launchd has not loaded the agent of {name}; `schedule install` restores it",)
        clock_changes = clock_change_note(from_text(text), self.now) if as_installed else ()
        return Status(
            loaded,
            name,
            self.name,
            text if as_installed else "changed by hand",
            at.strftime("%Y-%m-%d %H:%M") if at else None,
            shlex.join(map(str, keys.get("ProgramArguments", ()))),
            (*unloaded, *changed_by_hand(as_installed), *clock_changes, _PRIVACY),
        )

    def _file(self, name: str) -> Path:
        return self.folder / f"{slug(name)}.plist"

    def _target(self, name: str) -> str:
        return f"gui/{self.user_id}/{slug(name)}"


def starts(timing: Timing) -> dict[str, Any]:
    """Return the property list keys for a timing.

    Raises:
        ConfigurationError: It takes too many entries, or days that launchd cannot combine.
    """
    if isinstance(timing, Every) and DAY % timing.minutes:
        return {"StartInterval": timing.minutes * 60}
    entries = [entry for calendar in calendars(timing) for entry in _entries(calendar)]
    if len(entries) > _MOST:
        raise ConfigurationError(
            f"{timing.text} takes {len(entries)} entries in launchd; the limit is {_MOST}",
            hint="use --every, or fewer times",
        )
    return {"StartCalendarInterval": entries}


def _entries(calendar: Calendar) -> Iterator[dict[str, int]]:
    """Yield an entry per combination. A missing key means every value; Weekday 0 is Sunday."""
    for day, weekday in calendar.day_rules:
        if day and weekday:
            raise ConfigurationError(
                f"{calendar.text}: launchd cannot combine days of the month with weekdays",
                hint="write * for one of the two",
            )
        fields = (calendar.minute, calendar.hour, calendar.month, day, weekday)
        yield from _product(zip(("Minute", "Hour", "Month", "Day", "Weekday"), fields, strict=True))


def _product(fields: Iterable[tuple[str, Field | None]]) -> Iterator[dict[str, int]]:
    limited = [(key, field.values) for key, field in fields if field and not field.full]
    for values in itertools.product(*(values for _, values in limited)):
        yield {key: value for (key, _), value in zip(limited, values, strict=True)}


def _property_list(task: Task) -> str:
    no_credentials(task)
    content = {
        "Label": slug(task.name),
        "ProgramArguments": list(task.command_with_jitter),
        "WorkingDirectory": str(task.folder),
        "StandardOutPath": str(task.log),
        "StandardErrorPath": str(task.log),
        "ProcessType": "Background",
        "RunAtLoad": False,
        "Umask": 0o077,
        "HardResourceLimits": {"Core": 0},
        **starts(task.timing),
    }
    text = plistlib.dumps(content, sort_keys=False).decode()
    return text.replace("<plist ", f"<!-- timing: {task.timing.text} -->\n<plist ", 1)


def _read(content: bytes) -> dict[str, Any]:
    try:
        keys = plistlib.loads(content)
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return {}
    return keys if isinstance(keys, dict) else {}


def _starts(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key in {"StartInterval", "StartCalendarInterval"}}


def _expected(text: str) -> dict[str, Any] | None:
    try:
        return starts(from_text(text))
    except ConfigurationError:
        return None
