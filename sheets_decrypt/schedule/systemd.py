"""A systemd user timer and its service, in `~/.config/systemd/user`.

`Persistent=` runs what was missed while the machine slept or was off. Sources: systemd.timer(5), systemd.time(7),
systemd.exec(5), systemd.service(5) on quoting.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
    described,
    name_of,
    removal_hint,
    slug,
)
from sheets_decrypt.schedule.timing import WEEKDAYS, Calendar, Field, calendars, from_text, ranges

_SYSTEMCTL: Final = ("systemctl", "--user")
_LINGER: Final = ("loginctl", "show-user", "--property=Linger", "--value")
_LAST_ASCII: Final = 0x7F
_NO_LINGER: Final = "runs only while you are logged on; `loginctl enable-linger` lets it run without a session"

# Nothing here makes a mount or user namespace: through one, a vault that FUSE mounts may not be readable.
# MemoryDenyWriteExecute is left out since libffi may need such memory.
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
        folder: Where the user's units lie, `$XDG_CONFIG_HOME/systemd/user`.
        user: The user's name, to ask whether it lingers.
    """

    folder: Path
    user: str

    name = "systemd"

    def render(self, task: Task) -> Mapping[str, str]:
        """Give the service and the timer."""
        unit = unit_name(task.name)
        return {
            str(self.folder / f"{unit}.service"): _service(task),
            str(self.folder / f"{unit}.timer"): _timer(task),
        }

    def look(self, name: str | None) -> Look:
        """Look at the two files, and ask systemd what it knows of the timer."""
        if name is None:
            return Look(folders=((self.folder, "sheets-decrypt*.timer"),))
        unit = unit_name(name)
        files = (self.folder / f"{unit}.service", self.folder / f"{unit}.timer")
        return Look(files=files, commands=(_show(unit), (*_LINGER, self.user)))

    def names(self, found: Found) -> tuple[str, ...]:
        """List the schedules whose timers are there."""
        names = (_name(path.stem) for path in sorted(found.files))
        return tuple(name for name in names if name is not None)

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Write what differs; enable and start the timer."""
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
        """Start the service and do not wait."""
        if not self.status(name, found).installed:
            raise ConfigurationError(
                f"systemd knows no schedule of {name}", hint="run `sheets-decrypt schedule install`"
            )
        return [Run((*_SYSTEMCTL, "start", "--no-block", f"{unit_name(name)}.service"))]

    def status(self, name: str, found: Found) -> Status:
        """Read the two files and what systemd says of the timer."""
        unit = unit_name(name)
        timer = found.files.get(self.folder / f"{unit}.timer", b"").decode(errors="replace")
        service = found.files.get(self.folder / f"{unit}.service", b"").decode(errors="replace")
        if not timer and not service:
            return Status(False, name, self.name)
        says = dict(line.split("=", 1) for line in found.reply(*_show(unit)).text.splitlines() if "=" in line)
        runs = bool(timer and service) and (says.get("LoadState"), says.get("ActiveState")) == ("loaded", "active")
        held = _values(timer, "OnCalendar")
        text = next(iter(re.findall(r"^# timing: (.+)$", timer, re.MULTILINE)), "")
        as_installed = list(held) == _expected(text)
        return Status(
            runs,
            name,
            self.name,
            text if as_installed else "; ".join(held),
            says.get("NextElapseUSecRealtime") or None,
            next(iter(_values(service, "ExecStart")), ""),
            (*_notes(name, runs, found.reply(*_LINGER, self.user).text), *changed_by_hand(as_installed)),
        )


def unit_name(name: str) -> str:
    r"""Name the units: a byte that is not ASCII is written as in systemd-escape(1), such as `\xc3`."""
    encoded = (f"\\x{byte:02x}" if byte > _LAST_ASCII else chr(byte) for byte in slug(name).encode())
    return "".join(encoded)


def on_calendar(calendar: Calendar) -> list[str]:
    """Write a calendar as `OnCalendar=` values; where either day fits, one for the day and one for the weekday."""
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
        f"{first:02}" if first == last else f"{first:02}..{last:02}" for first, last in ranges(field.values)
    )


def _weekdays(field: Field) -> str:
    """Write weekdays from Monday to Sunday, as systemd counts them."""
    numbers = tuple(sorted(number or len(WEEKDAYS) for number in field.values))
    names = {number: WEEKDAYS[number % len(WEEKDAYS)].capitalize() for number in numbers}
    runs = ranges(numbers)
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


def _timer(task: Task) -> str:
    times = "".join(f"OnCalendar={value}\n" for calendar in calendars(task.timing) for value in on_calendar(calendar))
    jitter = f"RandomizedDelaySec={task.jitter}s\n" if task.jitter else ""
    return (
        f"# made by `sheets-decrypt schedule install`; remove it with `{removal_hint(task.name)}`\n"
        f"# timing: {task.timing.text}\n"
        f"[Unit]\nDescription={_plain(described(task))}\n\n"
        f"[Timer]\n{times}Persistent=true\n{jitter}\n[Install]\nWantedBy=timers.target\n"
    )


def _plain(text: str) -> str:
    """Keep `%` from naming one of systemd's specifiers."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Quote a word of a command line where it needs it."""
    word = _plain(word)
    if re.fullmatch(r"[\w@%+=:,./$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(unit: str, key: str) -> tuple[str, ...]:
    return tuple(re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE))


def _notes(name: str, runs: bool, linger: str) -> Iterator[str]:
    if not runs:
        yield f"the files are there, but systemd does not run the timer of {name}; `schedule install` puts it right"
    if linger.strip() == "no":
        yield _NO_LINGER
