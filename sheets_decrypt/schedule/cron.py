r"""The user's crontab: a marked block per schedule; every other byte is left unchanged.

    # >>> sheets-decrypt: baseline
    # sheets-decrypt pulls baseline of /home/you/.config/sheets-decrypt/sheets-decrypt.toml
    # timing: daily 06:30 mon-fri
    30 6 * * 1-5 cd /home/you/… && /home/you/…/python -m sheets_decrypt pull … >>/home/you/…/baseline.log 2>&1
    # <<< sheets-decrypt: baseline

cron gives a job no PATH worth the name, no locale and no terminal; it reads `%` as a line break (crontab(5)), and mails
or drops a job's output. Hence absolute paths, `\%`, and a log that also takes the output before logging starts.

Accepted risk: a change that another program makes to the crontab between our reading and our writing it is lost.
`crontab` has no lock that could prevent this; reading and writing are milliseconds apart.

A time that does not exist because clocks go forward runs right after the change (cron(8); seen with Debian's cron),
unless its minute or hour begins with `*`.
"""

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.interface import (
    PROGRAM,
    Found,
    Look,
    Run,
    Status,
    Step,
    Task,
    changed_by_hand,
    clock_change_note,
    described,
    no_credentials,
    not_installed,
)
from sheets_decrypt.schedule.timing import calendars, following, from_text

LIST: Final = ("crontab", "-l")
# Debian's `crontab -l` prints a carriage return as \r and a backspace as \b; writing that back would change them.
# `crontab -e` passes the real bytes to an editor, and `cat` as the editor changes nothing.
EXACT: Final = (
    *("/bin/sh", "-c"),
    r"crontab -l 2>/dev/null | grep -q '\\[rb]' && VISUAL=/bin/cat EDITOR=/bin/cat exec crontab -e 2>/dev/null",
)
_JOINED: Final = "# the line above this block had no line break at its end"
_LONGEST: Final = 990  # bytes: Debian's cron cuts a command off at 1000
# macOS starts its cron as soon as a crontab exists.
_RUNNING: Final = (("pgrep", "-x", "cron|crond"),) if sys.platform == "linux" else ()
_STOPPED: Final = (
    "cron does not seem to be running, so nothing is pulled; start it, such as with `sudo service cron start`"
)
_NO_CATCHING_UP: Final = "runs due while the computer is asleep or off are skipped"
_ENTRY: Final = re.compile(r"^(?P<when>[\d*](?:\S*[ \t]+){5})(?P<command>.+?)\r?$", re.MULTILINE)
_TIMING: Final = re.compile(r"^# timing: (?P<text>.+?)\r?$", re.MULTILINE)
_OPEN: Final = re.compile(rf"^# >>> {PROGRAM}: (?P<name>.+?)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cron:
    """The user's own crontab.

    Args:
        user: The user's name, for the environment of `run_now`.
        home: The user's home folder, for the same.
        now: The local time, without a zone, after which to look for the next run.
    """

    user: str
    home: Path
    now: datetime

    name = "cron"

    def render(self, task: Task) -> Mapping[str, str]:
        """Return the block that goes into the crontab."""
        return {"crontab": _block(task)}

    def look(self, name: str | None) -> Look:
        """Read the crontab, which holds every schedule, and check whether cron is running."""
        return Look(commands=(LIST,) if name is None else (LIST, EXACT, *_RUNNING))

    def names(self, found: Found) -> tuple[str, ...]:
        """Return the schedules that have a block."""
        return tuple(dict.fromkeys(match["name"] for match in _OPEN.finditer(_crontab(found))))

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Replace the block in its place, or append it."""
        before = _exact(found)
        return _replace(before, with_block(before, task))

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Remove the block."""
        before = _exact(found)
        return _replace(before, without_block(before, name))

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Run the block's command in cron's own environment, without delays, and wait for it."""
        entries = _entries(_inside(_crontab(found), name))
        if not entries:
            raise not_installed(name, self.name)
        command = entries[0][1]
        command = re.sub(r" --(jitter|retry) \d+(?= |$)", "", command.replace(r"\%", "%"))
        environment = (f"HOME={self.home}", f"LOGNAME={self.user}", "PATH=/usr/bin:/bin", "SHELL=/bin/sh")
        argv = ("/usr/bin/env", "-i", *environment, "/bin/sh", "-c", command)
        return [Run(argv, checked=False, seconds=None)]

    def status(self, name: str, found: Found) -> Status:
        """Return the schedule from its block."""
        block = _inside(_crontab(found), name)
        if block is None:
            return Status(False, name, self.name)
        entries = _entries(block)
        expressions = "; ".join(when for when, _ in entries)
        timing = _TIMING.search(block)
        as_installed = timing is not None and expressions == _expressions(timing["text"])
        text = timing["text"] if timing is not None and as_installed else f"cron {expressions}"
        return Status(
            bool(entries),
            name,
            self.name,
            text,
            _next_run(text, self.now),
            entries[0][1].replace(r"\%", "%") if entries else "",
            (*_not_running(found), _NO_CATCHING_UP, *_clock_changes(text, self.now), *changed_by_hand(as_installed)),
        )


def _not_running(found: Found) -> tuple[str, ...]:
    """Return a note if cron is not running: pgrep's exit code is then 1; any other code is inconclusive."""
    return (_STOPPED,) if any(found.reply(*argv).code == 1 for argv in _RUNNING) else ()


def with_block(text: str, task: Task) -> str:
    """Return the crontab `text` with exactly one block of `task`."""
    block = _block(task)
    spans = list(_spans(text, task.name))
    if not spans:
        joined = "" if not text or text.endswith("\n") else "\n"
        first, rest = block.split("\n", 1)
        return text + (f"\n{first}\n{_JOINED}\n{rest}" if joined else block)
    start, end = spans[0]
    if _JOINED in text[start:end]:
        first, rest = block.split("\n", 1)
        block = f"{first}\n{_JOINED}\n{rest}"
    for later_start, later_end in reversed(spans[1:]):
        text = text[:later_start] + text[later_end:]
    return text[:start] + block + text[end:]


def without_block(text: str, name: str) -> str:
    """Return the crontab `text` without the blocks of `name`, every other byte unchanged."""
    for start, end in reversed(list(_spans(text, name))):
        joined = _JOINED in text[start:end] and end == len(text)
        text = text[: start - 1 if joined else start] + text[end:]
    return text


def _block(task: Task) -> str:
    no_credentials(task)
    command = _command(task)
    lines = [
        f"# >>> {PROGRAM}: {task.name}",
        f"# {described(task)}",
        f"# timing: {task.timing.text}",
        *(f"{calendar.expression} {command}" for calendar in calendars(task.timing)),
        f"# <<< {PROGRAM}: {task.name}",
    ]
    return "\n".join(lines) + "\n"


def _command(task: Task) -> str:
    words = shlex.join(task.command_with_jitter)
    folder, log = shlex.quote(str(task.folder)), shlex.quote(str(task.log))
    command = f"cd {folder} && {words} >>{log} 2>&1".replace("%", r"\%")
    if len(command.encode()) > _LONGEST:
        raise ConfigurationError(
            f"the command is longer than the {_LONGEST} bytes that cron allows", hint="use shorter paths"
        )
    return command


def _spans(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Yield where each block of `name` begins and ends.

    Raises:
        ConfigurationError: A block has no end mark.
    """
    close = re.compile(rf"^# <<< {PROGRAM}: {re.escape(name)}[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    for opening in _OPEN.finditer(text):
        if opening["name"] != name:
            continue
        closing = close.search(text, opening.end())
        next_opening = _OPEN.search(text, opening.end())
        if closing is None or (next_opening and next_opening.start() < closing.start()):
            raise ConfigurationError(
                f"the block of {name} in the crontab has no end mark",
                hint=f"run `crontab -e` and delete what is left of it, from `# >>> {PROGRAM}: {name}` on",
            )
        yield opening.start(), closing.end()


def _inside(text: str, name: str) -> str | None:
    span = next(_spans(text, name), None)
    return None if span is None else text[slice(*span)]


def _entries(block: str | None) -> list[tuple[str, str]]:
    """Return the entries of a block: the five fields, and the command as written."""
    return [(" ".join(match["when"].split()), match["command"]) for match in _ENTRY.finditer(block or "")]


def _expressions(text: str) -> str | None:
    """Return the fields that the timing `text` is installed with, or None if it is not a timing."""
    try:
        return "; ".join(calendar.expression for calendar in calendars(from_text(text)))
    except ConfigurationError:
        return None


def _clock_changes(text: str, now: datetime) -> tuple[str, ...]:
    """Return a note if cron skips a run on a day when clocks go forward."""
    try:
        timing = from_text(text)
    except ConfigurationError:
        return ()
    fields = [field for calendar in calendars(timing) for field in calendar.expression.split()[:2]]
    starred = any(field.startswith("*") for field in fields)
    return clock_change_note(timing, now) if starred else ()


def _next_run(text: str, now: datetime) -> str | None:
    try:
        at = following(from_text(text), now)
    except ConfigurationError:
        return None
    return at.strftime("%Y-%m-%d %H:%M") if at else None


def _crontab(found: Found) -> str:
    """Return the crontab; it is empty if the user has none.

    Raises:
        ConfigurationError: It cannot be read. Treating it as empty would overwrite the user's lines.
    """
    reply = found.reply(*LIST)
    if reply.code == 0:
        return reply.text
    if reply.code is not None and re.search(r"no crontab for|can't open .*No such file", reply.stderr):
        return ""
    raise ConfigurationError(
        f"the crontab cannot be read: {reply.stderr.strip().lower() or 'the program crontab was not found'}",
        hint="install cron, ask the administrator to allow it, or name another --backend",
    )


def _exact(found: Found) -> str:
    """Return the crontab with its real bytes.

    Raises:
        ConfigurationError: It cannot be read, or only in a form that must not be written back.
    """
    listed = _crontab(found)
    if not re.search(r"\\[rb]", listed):
        return listed
    exact = found.reply(*EXACT).text
    if listed in (exact, exact.replace("\r", r"\r").replace("\b", r"\b")):
        return exact
    raise ConfigurationError(
        "the crontab contains control characters and cannot be read byte for byte",
        hint="run `crontab -e` and add or remove by hand what `sheets-decrypt schedule show` prints",
    )


def _replace(before: str, after: str) -> Sequence[Step]:
    if before == after:
        return []
    if not after:
        return [Run(("crontab", "-r"))]
    return [Run(("crontab", "-"), stdin=after.encode("utf-8", "surrogateescape"))]
