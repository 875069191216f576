r"""The user's crontab: a marked block per schedule; every other line stays as it is, byte for byte.

    # >>> sheets-decrypt: baseline
    # sheets-decrypt pulls baseline of /home/you/.config/sheets-decrypt/sheets-decrypt.toml
    # timing: daily 06:30 mon-fri
    30 6 * * 1-5 cd /home/you/… && /home/you/…/python -m sheets_decrypt pull … >>/home/you/…/baseline.log 2>&1
    # <<< sheets-decrypt: baseline

cron has no PATH, no locale and no terminal for a job, `%` is a line break to it (crontab(5)), and what a job prints is
mailed or lost: hence absolute paths, `\%`, and the log for what is said before the program can log by itself.
A crontab that somebody else changes between our reading and our writing of it would lose that change; `crontab` has
no lock that could prevent it, and the moment is short.
"""

import re
import shlex
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
    described,
    no_credentials,
)
from sheets_decrypt.schedule.timing import calendars, following, from_text

LIST: Final = ("crontab", "-l")
# Debian's `crontab -l` writes a carriage return as \r and a backspace as \b, so that writing its answer back would
# change them. An editor gets the true bytes, and `cat` is one that changes nothing.
EXACT: Final = (
    *("/bin/sh", "-c"),
    r"crontab -l 2>/dev/null | grep -q '\\[rb]' && VISUAL=/bin/cat EDITOR=/bin/cat exec crontab -e 2>/dev/null",
)
_JOINED: Final = "# the line above this block had no line break at its end"
_LONGEST: Final = 990  # Debian's cron cuts a command off at 1000 bytes
_NO_CATCHING_UP: Final = "cron does not catch up: a run that falls into sleep or shutdown is left out"
_ENTRY: Final = re.compile(r"^(?P<when>[\d*](?:\S*[ \t]+){5})(?P<command>.+?)\r?$", re.MULTILINE)
_TIMING: Final = re.compile(r"^# timing: (?P<text>.+?)\r?$", re.MULTILINE)
_OPEN: Final = re.compile(rf"^# >>> {PROGRAM}: (?P<name>.+?)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cron:
    """The user's own crontab.

    Args:
        user: The user's name, for the environment of `run_now`.
        home: The user's home, for the same.
        now: The time, in local time without a zone, from which the next run is told.
    """

    user: str
    home: Path
    now: datetime

    name = "cron"

    def render(self, task: Task) -> Mapping[str, str]:
        """Give the block that goes into the crontab."""
        return {"crontab": _block(task)}

    def look(self, name: str | None) -> Look:
        """Look at the crontab, which tells of every schedule."""
        return Look(commands=(LIST,) if name is None else (LIST, EXACT))

    def names(self, found: Found) -> tuple[str, ...]:
        """List the schedules whose blocks are there."""
        return tuple(dict.fromkeys(match["name"] for match in _OPEN.finditer(_crontab(found))))

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Put the block where it stood, or at the end."""
        before = _exact(found)
        return _replace(before, with_block(before, task))

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Take the block away."""
        before = _exact(found)
        return _replace(before, without_block(before, name))

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Run the block's command in cron's own environment, without jitter, and wait for it."""
        command = _entries(_inside(_crontab(found), name))[0][1]
        command = re.sub(r" --jitter \d+(?= |$)", "", command.replace(r"\%", "%"))
        environment = (f"HOME={self.home}", f"LOGNAME={self.user}", "PATH=/usr/bin:/bin", "SHELL=/bin/sh")
        argv = ("/usr/bin/env", "-i", *environment, "/bin/sh", "-c", command)
        return [Run(argv, checked=False, seconds=None)]

    def status(self, name: str, found: Found) -> Status:
        """Read the block."""
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
            (_NO_CATCHING_UP, *changed_by_hand(as_installed)),
        )


def with_block(text: str, task: Task) -> str:
    """Give the crontab `text` with the block of `task` in it, once."""
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
    """Give the crontab `text` without the blocks of `name`, every other byte as it was."""
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
            f"the command is longer than the {_LONGEST} bytes that cron takes", hint="use shorter paths"
        )
    return command


def _spans(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Find where the blocks of `name` begin and end."""
    close = re.compile(rf"^# <<< {PROGRAM}: {re.escape(name)}[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    for opening in _OPEN.finditer(text):
        if opening["name"] != name:
            continue
        closing = close.search(text, opening.end())
        following_opening = _OPEN.search(text, opening.end())
        if closing is None or (following_opening and following_opening.start() < closing.start()):
            raise ConfigurationError(
                f"the crontab's block of {name} is not closed",
                hint=f"run `crontab -e` and delete the rest of it, from `# >>> {PROGRAM}: {name}` on",
            )
        yield opening.start(), closing.end()


def _inside(text: str, name: str) -> str | None:
    span = next(_spans(text, name), None)
    return None if span is None else text[slice(*span)]


def _entries(block: str | None) -> list[tuple[str, str]]:
    """List the block's lines that are not comments: when, and the command as it stands."""
    found = [(" ".join(match["when"].split()), match["command"]) for match in _ENTRY.finditer(block or "")]
    if block is None:
        raise ConfigurationError(
            "there is no such schedule in the crontab", hint="run `sheets-decrypt schedule install`"
        )
    return found


def _expressions(text: str) -> str | None:
    """Give the fields that `text` would be installed with; None where it is no timing of ours."""
    try:
        return "; ".join(calendar.expression for calendar in calendars(from_text(text)))
    except ConfigurationError:
        return None


def _next_run(text: str, now: datetime) -> str | None:
    try:
        at = following(from_text(text), now)
    except ConfigurationError:
        return None
    return at.strftime("%Y-%m-%d %H:%M") if at else None


def _crontab(found: Found) -> str:
    """Give the crontab; a user who has none has an empty one.

    Raises:
        ConfigurationError: It cannot be read; taking that for an empty one would overwrite the user's lines.
    """
    reply = found.reply(*LIST)
    if reply.code == 0:
        return reply.text
    if reply.code is not None and re.search(r"no crontab for|can't open .*No such file", reply.stderr):
        return ""
    raise ConfigurationError(
        f"the crontab cannot be read: {reply.stderr.strip().lower() or 'the program crontab is not there'}",
        hint="install cron, ask the administrator to allow it, or name another --backend",
    )


def _exact(found: Found) -> str:
    """Give the crontab with its true bytes.

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
        "the crontab holds control characters, and cannot be read as it is",
        hint="run `crontab -e` and put in, or take out, what `sheets-decrypt schedule show` prints",
    )


def _replace(before: str, after: str) -> Sequence[Step]:
    if before == after:
        return []
    if not after:
        return [Run(("crontab", "-r"))]
    return [Run(("crontab", "-"), stdin=after.encode("utf-8", "surrogateescape"))]
