"""A launchd agent: a property list in `~/Library/LaunchAgents`.

An agent runs while its user is logged in, with access to that user's mounted vault. A time that falls into sleep is
made up for at the next wake with `StartCalendarInterval`, and left out with `StartInterval` (launchd.plist(5)); so an
interval that divides a day is written as a calendar.
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
    name_of,
    no_credentials,
    slug,
)
from sheets_decrypt.schedule.timing import DAY, Calendar, Every, Field, Timing, calendars, following, from_text

_MOST: Final = 1000
_SETTLING: Final = 5  # `bootout` is not done when it returns, and `bootstrap` fails until it is
_PRIVACY: Final = "macOS may ask once whether python may read files on the vault's volume: allow it"


@dataclass(frozen=True, slots=True)
class Launchd:
    """The user's own launchd domain.

    Args:
        folder: `~/Library/LaunchAgents`.
        user_id: The user's number, which names the domain.
        now: The time, in local time without a zone, from which the next run is told.
    """

    folder: Path
    user_id: int
    now: datetime

    name = "launchd"

    def render(self, task: Task) -> Mapping[str, str]:
        """Give the property list."""
        return {str(self._file(task.name)): _property_list(task)}

    def look(self, name: str | None) -> Look:
        """Look at the property list, and ask launchd for the agent."""
        if name is None:
            return Look(folders=((self.folder, "sheets-decrypt*.plist"),))
        return Look(files=(self._file(name),), commands=(("launchctl", "print", self._target(name)),))

    def names(self, found: Found) -> tuple[str, ...]:
        """List the schedules whose property lists are there."""
        names = (name_of(path.stem) for path in sorted(found.files))
        return tuple(name for name in names if name is not None)

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Write the property list and load it anew."""
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
        """Start the agent and do not wait."""
        if not self.status(name, found).installed:
            raise ConfigurationError(
                f"launchd knows no schedule of {name}", hint="run `sheets-decrypt schedule install`"
            )
        return [Run(("launchctl", "kickstart", self._target(name)))]

    def status(self, name: str, found: Found) -> Status:
        """Read the property list and what launchd says of the agent."""
        content = found.files.get(self._file(name))
        if content is None:
            return Status(False, name, self.name)
        loaded = found.reply("launchctl", "print", self._target(name)).code == 0
        holds = _read(content)
        match = re.search(rb"<!-- timing: (.+?) -->", content)
        text = match[1].decode(errors="replace") if match else ""
        as_installed = _starts(holds) == _expected(text)
        at = following(from_text(text), self.now) if as_installed else None
        unloaded = () if loaded else (f"launchd has not loaded the agent of {name}; `schedule install` puts it right",)
        return Status(
            loaded,
            name,
            self.name,
            text if as_installed else "changed by hand",
            at.strftime("%Y-%m-%d %H:%M") if at else None,
            shlex.join(map(str, holds.get("ProgramArguments", ()))),
            (*unloaded, *changed_by_hand(as_installed), _PRIVACY),
        )

    def _file(self, name: str) -> Path:
        return self.folder / f"{slug(name)}.plist"

    def _target(self, name: str) -> str:
        return f"gui/{self.user_id}/{slug(name)}"


def starts(timing: Timing) -> dict[str, Any]:
    """Write a timing as the keys of a property list.

    Raises:
        ConfigurationError: It would take more entries than is sensible, or days that launchd cannot combine.
    """
    if isinstance(timing, Every) and DAY % timing.minutes:
        return {"StartInterval": timing.minutes * 60}
    entries = [entry for calendar in calendars(timing) for entry in _entries(calendar)]
    if len(entries) > _MOST:
        raise ConfigurationError(
            f"{timing.text} takes {len(entries)} entries in launchd", hint="use --every, or fewer times"
        )
    return {"StartCalendarInterval": entries}


def _entries(calendar: Calendar) -> Iterator[dict[str, int]]:
    """Give an entry per combination; a key that is left out means every value, and Weekday 0 is Sunday."""
    for day, weekday in calendar.day_rules:
        if day and weekday:
            raise ConfigurationError(
                f"{calendar.text}: launchd cannot ask for a day of the month and a weekday at once",
                hint="name the days or the weekdays, and * for the other",
            )
        fields = (calendar.minute, calendar.hour, calendar.month, day, weekday)
        yield from _product(zip(("Minute", "Hour", "Month", "Day", "Weekday"), fields, strict=True))


def _product(fields: Iterable[tuple[str, Field | None]]) -> Iterator[dict[str, int]]:
    asked = [(key, field.values) for key, field in fields if field and not field.full]
    for values in itertools.product(*(values for _, values in asked)):
        yield {key: value for (key, _), value in zip(asked, values, strict=True)}


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
        holds = plistlib.loads(content)
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return {}
    return holds if isinstance(holds, dict) else {}


def _starts(holds: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in holds.items() if key in {"StartInterval", "StartCalendarInterval"}}


def _expected(text: str) -> dict[str, Any] | None:
    try:
        return starts(from_text(text))
    except ConfigurationError:
        return None
