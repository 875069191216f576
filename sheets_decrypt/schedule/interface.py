"""What every scheduler can do: pure text and data, no file is touched and no program run here or in a backend.

`install` looks at what a backend names in a `Look`, hands over what it `Found`, and carries out the `Step`s it gets.
Each backend finds its own by a name that it derives from the job's, so that nothing else is ever changed or removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, Protocol

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.timing import Timing

ALL_JOBS: Final = "all jobs"
PROGRAM: Final = "sheets-decrypt"


@dataclass(frozen=True, slots=True)
class Task:
    """A command that is to run by itself.

    Args:
        name: The job's name, or `ALL_JOBS`.
        command: The interpreter's absolute path and its arguments, with absolute paths.
        config: The configuration in use.
        log: The file that the command logs to, and that takes what it says before it can log.
        folder: The working folder.
        timing: When.
        jitter: Up to how many seconds a run is put off, so that not every machine asks at the same second.
        credentials: Names and files of systemd credentials that the job's secrets come from.

    Raises:
        ConfigurationError: A path is not absolute, or something cannot stand in a scheduler's file.
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
                raise ConfigurationError(f"{path} is not an absolute path", hint="a schedule has no folder to start in")
        for word in (self.name, *self.command, *map(str, (self.config, self.log, self.folder))):
            if not word.isprintable():
                raise ConfigurationError(f"{word!r} holds a control character", hint="rename the file or the folder")
        if not 0 <= self.jitter <= 24 * 3600:
            raise ConfigurationError(f"a jitter of {self.jitter} seconds", hint="use 0 to 86400 seconds")

    @property
    def command_with_jitter(self) -> tuple[str, ...]:
        """The command for a scheduler that cannot put off a run by itself."""
        return (*self.command, "--jitter", str(self.jitter)) if self.jitter else self.command


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file.

    Args:
        path: Where; missing folders are made.
        content: All of it.
        temporary: Whether it is removed when the steps have been carried out, well or not.
    """

    path: Path
    content: bytes
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a file; one that is not there is no error."""

    path: Path


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program.

    Args:
        argv: The program and its arguments; no shell is involved.
        stdin: What it reads.
        checked: Whether its failure is an error.
        tries: How often it is tried, where it fails.
        seconds: After how long it is stopped; None: never.
    """

    argv: tuple[str, ...]
    stdin: bytes | None = None
    checked: bool = True
    tries: int = 1
    seconds: float | None = 60


Step = Write | Delete | Run


@dataclass(frozen=True, slots=True)
class Look:
    """What a backend has to see to know what is there.

    Args:
        files: Files to read, where they are there.
        folders: Folders and patterns; every file that fits is read.
        commands: Programs to run, and to note what they say.
    """

    files: tuple[Path, ...] = ()
    folders: tuple[tuple[Path, str], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a program said; `code` is None where it is not installed, could not be run or gave no answer in time."""

    code: int | None
    stdout: bytes = b""
    stderr: str = ""

    @property
    def text(self) -> str:
        """What it wrote as text; bytes that are not UTF-8 survive in it as surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Found:
    """What there is: the files by their path and the replies by their command."""

    files: Mapping[Path, bytes] = field(default_factory=dict)
    replies: Mapping[tuple[str, ...], Reply] = field(default_factory=dict)

    def reply(self, *argv: str) -> Reply:
        """Give what a program said."""
        return self.replies.get(argv, Reply(None))


@dataclass(frozen=True, slots=True)
class Status:
    """What is really there of a schedule.

    Args:
        installed: Whether it is there and the scheduler knows it.
        name: The job's name, or `ALL_JOBS`.
        backend: The scheduler's name.
        timing: When it runs, as `timing.from_text` reads it; what the scheduler holds, where it was changed by hand.
        next_run: The next run in local time, in words; None where it is not known.
        command: What it runs, in the scheduler's words.
        notes: What the user should know.
    """

    installed: bool
    name: str
    backend: str
    timing: str = ""
    next_run: str | None = None
    command: str = ""
    notes: tuple[str, ...] = ()


class Backend(Protocol):
    """A scheduler. Every method is pure: it gives text or data."""

    @property
    def name(self) -> str:
        """The name that `--backend` knows it by."""

    def render(self, task: Task) -> Mapping[str, str]:
        """Give what would be installed: the file's path, or what it becomes part of, and the text.

        Raises:
            ConfigurationError: This scheduler cannot keep that timing or run that command.
        """

    def look(self, name: str | None) -> Look:
        """Say what to look at for one schedule; for None, to find the `names` of all."""

    def names(self, found: Found) -> tuple[str, ...]:
        """List the schedules of ours that are there, after `look(None)`."""

    def install(self, task: Task, found: Found) -> Sequence[Step]:
        """Give the steps that put the schedule there, or replace it; none where it is there as it should be."""

    def remove(self, name: str, found: Found) -> Sequence[Step]:
        """Give the steps that take away what `install` put there, and nothing else; none where it is not there."""

    def run_now(self, name: str, found: Found) -> Sequence[Step]:
        """Give the steps that run it once, now, as the scheduler would."""

    def status(self, name: str, found: Found) -> Status:
        """Read what is really there."""


def slug(name: str) -> str:
    """Name what belongs to a schedule: `sheets-decrypt` for all jobs, else `sheets-decrypt-` and the job's name."""
    return PROGRAM if name == ALL_JOBS else f"{PROGRAM}-{name}"


def name_of(text: str) -> str | None:
    """Read what `slug` wrote; None where it is not ours."""
    if text == PROGRAM:
        return ALL_JOBS
    return text.removeprefix(f"{PROGRAM}-") if text.startswith(f"{PROGRAM}-") else None


def described(task: Task) -> str:
    """Say in one line what a schedule is, for those who find it."""
    return f"sheets-decrypt pulls {task.name} of {task.config}"


def removal_hint(name: str) -> str:
    """Give the command that removes a schedule."""
    return "sheets-decrypt schedule remove" + ("" if name == ALL_JOBS else f" --job {name}")


def no_credentials(task: Task) -> None:
    """Refuse a task whose secrets are systemd credentials, for a scheduler that has none.

    Raises:
        ConfigurationError: It has such secrets.
    """
    if task.credentials:
        raise ConfigurationError(
            f"the systemd credential {task.credentials[0][0]} is only there under systemd",
            hint="use --backend systemd, or another source for the secret, such as a file",
        )


def changed_by_hand(expected: bool) -> tuple[str, ...]:
    """Give the note on a schedule that is not as `install` left it."""
    return () if expected else ("its timing was changed by hand; `schedule install` puts it right",)
