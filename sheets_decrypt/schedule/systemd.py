"""A systemd user timer and its service, in `~/.config/systemd/user`.

`Persistent=` catches up on runs that were missed while the machine was asleep or off, but not on a time that does
not exist because clocks go forward: systemd then skips that day (seen with `systemd-analyze calendar`). Such days get
their own line, with the time that the clock shows instead. Sources: systemd.timer(5), systemd.time(7),
systemd.exec(5), systemd.service(5) on quoting.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.expression import WEEKDAYS, Calendar, Field, runs_of
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
    described,
    name_of,
    not_installed,
    removal_hint,
    slug,
)
from sheets_decrypt.schedule.timing import calendars, from_text, lost_to_clock_changes

_SYSTEMCTL: Final = ("systemctl", "--user")
_LINGER: Final = ("loginctl", "show-user", "--property=Linger", "--value")
_LAST_ASCII: Final = 0x7F
_DATED: Final = re.compile(r"\d{4}-")  # the lines for the days on which clocks go forward; no other line has a year
_NO_LINGER: Final = "runs only while you are logged on; `loginctl enable-linger` lets it run without a session"

# No option here creates a mount or user namespace, in which a vault mounted by FUSE may not be readable.
# MemoryDenyWriteExecute is left out, because libffi may need such memory.
_HARDENING: Final = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
UMask=0077
LimitCORE=0
"""


@dataclass(frozen=True, slots=True)
class Systemd:
    """The user's own systemd.

    Args:
        folder: The folder of the user's units, `$XDG_CONFIG_HOME/systemd/user`.
        user: The user's name, to ask whether the user lingers.
        now: The local time, without a zone, from which to look for clock changes.
    """

    folder: Path
    user: str
    now: datetime

    name = "systemd"

    def render(self, task: Task) -> Mapping[str, str]:
        """Return the service and the timer."""
        unit = unit_name(task.name)
        return {
            str(self.folder / f"{unit}.service"): _service(task),
            str(self.folder / f"{unit}.timer"): _timer(task, self.now),
        }

    def look(self, name: str | None) -> Look:
        """Read the two files, and ask systemd about the timer."""
        if name is None:
            return Look(folders=((self.folder, "sheets-decrypt*.timer"),))
        unit = unit_name(name)
        files = (self.folder / f"{unit}.service", self.folder / f"{unit}.timer")
        return Look(files=files, commands=(_show(unit), (*_LINGER, self.user)))

    def names(self, found: Found) -> tuple[str, ...]:
        """Return the schedules whose timers exist."""
        names = (_name(path.stem) for path in sorted(found.files))
        return tuple(name for name in names if name is not None)

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Write the files that differ; enable and start the timer."""
        wanted = {Path(path): text.encode() for path, text in self.render(task).items()}
        writes = [Write(path, content) for path, content in wanted.items() if found.files.get(path) != content]
        if not writes and self.status(task.name, found).installed:
            return []
        timer = f"{unit_name(task.name)}.timer"
        return [
            *writes,
            Run((*_SYSTEMCTL, "daemon-reload")),
            Run((*_SYSTEMCTL, "enable", timer)),
            Run((*_SYSTEMCTL, "restart", timer)),
        ]

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Stop and disable the timer and delete the two files."""
        unit = unit_name(name)
        files = [path for path in self.look(name).files if path in found.files]
        if not files:
            return []
        disable = Run((*_SYSTEMCTL, "disable", "--now", f"{unit}.timer"), checked=False)
        clean = Run((*_SYSTEMCTL, "clean", "--what=state", f"{unit}.timer"), checked=False)
        return [disable, clean, *map(Delete, files), Run((*_SYSTEMCTL, "daemon-reload"), checked=False)]

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Start the service without waiting for it."""
        if not self.status(name, found).installed:
            raise not_installed(name, self.name)
        return [Run((*_SYSTEMCTL, "start", "--no-block", f"{unit_name(name)}.service"))]

    def status(self, name: str, found: Found) -> Status:
        """Return the schedule from the two files and systemd's report."""
        unit = unit_name(name)
        timer = found.files.get(self.folder / f"{unit}.timer", b"").decode(errors="replace")
        service = found.files.get(self.folder / f"{unit}.service", b"").decode(errors="replace")
        if not timer and not service:
            return Status(False, name, self.name)
        reported = dict(line.split("=", 1) for line in found.reply(*_show(unit)).text.splitlines() if "=" in line)
        runs = bool(timer and service) and (reported.get("LoadState"), reported.get("ActiveState")) == (
            "loaded",
            "active",
        )
        held = [value for value in _values(timer, "OnCalendar") if not _DATED.match(value)]
        text = next(iter(re.findall(r"^# timing: (.+)$", timer, re.MULTILINE)), "")
        as_installed = held == _expected(text)
        return Status(
            runs,
            name,
            self.name,
            text if as_installed else "; ".join(held),
            reported.get("NextElapseUSecRealtime") or None,
            next(iter(_values(service, "ExecStart")), ""),
            (*_notes(name, runs, found.reply(*_LINGER, self.user).text), *changed_by_hand(as_installed)),
        )


def unit_name(name: str) -> str:
    r"""Return the name of the units: a byte that is not ASCII is written as in systemd-escape(1), such as `\xc3`."""
    encoded = (f"\\x{byte:02x}" if byte > _LAST_ASCII else chr(byte) for byte in slug(name).encode())
    return "".join(encoded)


def on_calendar(calendar: Calendar) -> list[str]:
    """Return the `OnCalendar=` values of a calendar: separate ones for day and weekday if matching either is enough."""
    return [_expression(calendar, day, weekday) for day, weekday in calendar.day_rules]


def _name(unit: str) -> str | None:
    plain = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), unit.encode())
    return name_of(plain.decode(errors="replace"))


def _show(unit: str) -> tuple[str, ...]:
    properties = "--property=LoadState,ActiveState,NextElapseUSecRealtime"
    return (*_SYSTEMCTL, "show", f"{unit}.timer", properties)


def _expression(calendar: Calendar, day: Field | None, weekday: Field | None) -> str:
    date = f"*-{_numbers(calendar.month)}-{_numbers(day)}"
    at = f"{_numbers(calendar.hour)}:{_numbers(calendar.minute)}:00"
    return f"{_weekdays(weekday)} {date} {at}" if weekday else f"{date} {at}"


def _numbers(field: Field | None) -> str:
    if field is None or field.full:
        return "*"
    return ",".join(
        f"{first:02}" if first == last else f"{first:02}..{last:02}" for first, last in runs_of(field.values)
    )


def _weekdays(field: Field) -> str:
    """Return weekdays from Monday to Sunday, as systemd counts them."""
    numbers = tuple(sorted(number or len(WEEKDAYS) for number in field.values))
    names = {number: WEEKDAYS[number % len(WEEKDAYS)].capitalize() for number in numbers}
    runs = runs_of(numbers)
    return ",".join(names[first] if first == last else f"{names[first]}..{names[last]}" for first, last in runs)


def _expected(text: str) -> list[str] | None:
    try:
        return [value for calendar in calendars(from_text(text)) for value in on_calendar(calendar)]
    except ConfigurationError:
        return None


def _service(task: Task) -> str:
    credentials = "".join(f"LoadCredential={_plain(name)}:{_plain(str(file))}\n" for name, file in task.credentials)
    first, *rest = task.command
    command = " ".join([_quoted(first), *(_quoted(word).replace("$", "$$") for word in rest)])
    return (
        f"# made by `sheets-decrypt schedule install`; remove it with `{removal_hint(task.name)}`\n"
        f"[Unit]\nDescription={_plain(described(task))}\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={_plain(str(task.folder))}\nExecStart={command}\n"
        f"TimeoutStartSec=1h\n{credentials}{_HARDENING}"
    )


def _timer(task: Task, now: datetime) -> str:
    times = "".join(f"OnCalendar={value}\n" for calendar in calendars(task.timing) for value in on_calendar(calendar))
    lost = lost_to_clock_changes(task.timing, now)
    if lost:
        times += "# on these days the clocks go forward, and the time above does not exist\n"
        times += "".join(f"OnCalendar={shown:%Y-%m-%d %H:%M:%S}\n" for _, shown in lost)
    jitter = f"RandomizedDelaySec={task.jitter}s\n" if task.jitter else ""
    return (
        f"# made by `sheets-decrypt schedule install`; remove it with `{removal_hint(task.name)}`\n"
        f"# timing: {task.timing.text}\n"
        f"[Unit]\nDescription={_plain(described(task))}\n\n"
        f"[Timer]\n{times}Persistent=true\n{jitter}\n[Install]\nWantedBy=timers.target\n"
    )


def _plain(text: str) -> str:
    """Escape `%`, which starts a systemd specifier."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Quote a word of a command line, if it needs quotes."""
    word = _plain(word)
    if re.fullmatch(r"[\w@%+=:,./$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(unit: str, key: str) -> tuple[str, ...]:
    return tuple(re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE))


def _notes(name: str, runs: bool, linger: str) -> Iterator[str]:
    if not runs:
        yield f"the files exist, but systemd does not run the timer of {name}; `schedule install` restores it"
    if linger.strip() == "no":
        yield _NO_LINGER
