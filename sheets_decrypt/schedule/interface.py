"""The interface of a scheduler, in pure text and data: neither this module nor a backend touches files or programs.

`install` reads what a backend lists in a `Look`, passes the result as `Found`, and carries out the `Step`s it returns.
A backend finds its own schedules by a name derived from the job's, so that nothing else is ever changed or removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Final, Protocol

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.timing import Timing, lost_to_clock_changes

ALL_JOBS: Final = "all jobs"
PROGRAM: Final = "sheets-decrypt"


@dataclass(frozen=True, slots=True)
class Task:
    """A command to schedule.

    Args:
        name: The job's name, or `ALL_JOBS`.
        command: The interpreter's absolute path and its arguments, with absolute paths.
        config: The configuration in use.
        log: The file that the command logs to; output from before its logging starts goes there too.
        folder: The working folder.
        timing: When.
        jitter: The longest random delay of a run in seconds, so that machines do not all start in the same second.
        credentials: Names and files of the systemd credentials that hold the job's secrets.

    Raises:
        ConfigurationError: A path is not absolute, a word has a control character, or the jitter is out of range.
    """

    name: str
    command: tuple[str, ...]
    config: PurePath
    log: PurePath
    folder: PurePath
    timing: Timing
    jitter: int = 0
    credentials: tuple[tuple[str, PurePath], ...] = ()

    def __post_init__(self) -> None:
        interpreter = type(self.config)(self.command[0])
        for path in (interpreter, self.config, self.log, self.folder, *(file for _, file in self.credentials)):
            if not path.is_absolute():
                raise ConfigurationError(
                    f"{path} is not an absolute path",
                    hint="a scheduled run has no current folder: use an absolute path",
                )
        for word in (self.name, *self.command, *map(str, (self.config, self.log, self.folder))):
            if not word.isprintable():
                raise ConfigurationError(f"{word!r} contains a control character", hint="rename the file or the folder")
        if not 0 <= self.jitter <= 24 * 3600:
            raise ConfigurationError(f"--jitter {self.jitter} is out of range", hint="use 0 to 86400 seconds")

    @property
    def command_with_jitter(self) -> tuple[str, ...]:
        """The command for a scheduler without random delays of its own."""
        return (*self.command, "--jitter", str(self.jitter)) if self.jitter else self.command


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file.

    Args:
        path: Where; missing folders are created.
        content: The whole content.
        temporary: Whether it is removed after the steps, also when one fails.
    """

    path: Path
    content: bytes
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a file, if it exists."""

    path: Path


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program.

    Args:
        argv: The program and its arguments; no shell is involved.
        stdin: Its standard input.
        checked: Whether its failure is an error.
        tries: The most attempts, until it succeeds.
        seconds: How long it may run before it is stopped; None means no limit.
    """

    argv: tuple[str, ...]
    stdin: bytes | None = None
    checked: bool = True
    tries: int = 1
    seconds: float | None = 60


Step = Write | Delete | Run


@dataclass(frozen=True, slots=True)
class Look:
    """The files and command output that a backend needs.

    Args:
        files: Files to read, if they exist.
        folders: Folders and patterns; every matching file is read.
        commands: Programs whose output is needed.
    """

    files: tuple[Path, ...] = ()
    folders: tuple[tuple[Path, str], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A program's result; `code` is None if it could not be started or did not end in time."""

    code: int | None
    stdout: bytes = b""
    stderr: str = ""

    @property
    def text(self) -> str:
        """Its output as text; bytes that are not UTF-8 become surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a `Look`: files by path, replies by command."""

    files: Mapping[Path, bytes] = field(default_factory=dict)
    replies: Mapping[tuple[str, ...], Reply] = field(default_factory=dict)

    def reply(self, *argv: str) -> Reply:
        """Return the reply of a program; for one that was not run, a reply without a code."""
        return self.replies.get(argv, Reply(None))


@dataclass(frozen=True, slots=True)
class Status:
    """A schedule as it was read back.

    Args:
        installed: Whether it exists and its scheduler will run it.
        name: The job's name, or `ALL_JOBS`.
        backend: The scheduler's name.
        timing: When it runs, for `timing.from_text`; if it was changed by hand, in the scheduler's own notation.
        next_run: The next run in local time, as text; None if not known.
        command: The command that it runs, in the scheduler's notation.
        notes: Notes for the user.
        since: When it was installed, with a zone; None if not known.
    """

    installed: bool
    name: str
    backend: str
    timing: str = ""
    next_run: str | None = None
    command: str = ""
    notes: tuple[str, ...] = ()
    since: datetime | None = field(default=None, compare=False)


class Backend(Protocol):
    """A scheduler. Every method is pure."""

    @property
    def name(self) -> str:
        """Its name for `--backend`."""

    def render(self, task: Task) -> Mapping[str, str]:
        """Return what would be installed: text by the path of its file, or by the name of the table that it joins.

        Raises:
            ConfigurationError: This scheduler does not support the timing or the command.
        """

    def look(self, name: str | None) -> Look:
        """Return what to read for one schedule, or, for None, what `names` needs."""

    def names(self, found: Found) -> tuple[str, ...]:
        """Return the names of all our schedules, from what `look(None)` found."""

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Return the steps that install or replace the schedule; none if it is already up to date."""

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Return the steps that remove what `install` made, and nothing else; none if it does not exist."""

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Return the steps that run it once, now, as the scheduler would."""

    def status(self, name: str, found: Found) -> Status:
        """Return the schedule as it was read back."""


def slug(name: str) -> str:
    """Return the name of a schedule's files: `sheets-decrypt`, followed for a single job by `-` and its name."""
    return PROGRAM if name == ALL_JOBS else f"{PROGRAM}-{name}"


def name_of(text: str) -> str | None:
    """Return the name from which `slug` made `text`, or None if it is not one of ours."""
    if text == PROGRAM:
        return ALL_JOBS
    return text.removeprefix(f"{PROGRAM}-") if text.startswith(f"{PROGRAM}-") else None


def described(task: Task) -> str:
    """Return a line that explains a schedule to anyone who finds it."""
    return f"sheets-decrypt pulls {task.name} of {task.config}"


def removal_hint(name: str) -> str:
    """Return the command that removes a schedule."""
    return "sheets-decrypt schedule remove" + ("" if name == ALL_JOBS else f" --job {name}")


def not_installed(name: str, backend: str) -> ConfigurationError:
    """Return the error for a schedule that does not exist."""
    return ConfigurationError(f"no schedule for {name} in {backend}", hint="run `sheets-decrypt schedule install`")


def no_credentials(task: Task) -> None:
    """Refuse a task that needs systemd credentials, on behalf of the other schedulers.

    Raises:
        ConfigurationError: It needs one.
    """
    if task.credentials:
        raise ConfigurationError(
            f"the systemd credential {task.credentials[0][0]} is available only under systemd",
            hint="use --backend systemd, or another source for the secret, such as a file",
        )


def changed_by_hand(expected: bool) -> tuple[str, ...]:
    """Return a note, unless the schedule is still as `install` wrote it."""
    return () if expected else ("its timing was changed by hand; `schedule install` restores it",)


def clock_change_note(timing: Timing, now: datetime) -> tuple[str, ...]:
    """Return a note if the scheduler may skip a run on a day when clocks go forward."""
    lost = lost_to_clock_changes(timing, now)
    if not lost:
        return ()
    asked, _ = lost[0]
    note = f"on {asked:%Y-%m-%d} the clocks go forward past {asked:%H:%M}: that run may be skipped; choose another time"
    return (note,)
