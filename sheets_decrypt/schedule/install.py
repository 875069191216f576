"""The one place that asks a scheduler, runs its commands and writes its files.

Whatever a command reports, `install` reads back afterwards and believes only that. `LC_ALL=C` keeps what programs say
in the words that the backends know.
"""

import getpass
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import platformdirs

import sheets_decrypt
from sheets_decrypt import programs
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.schedule.cron import Cron
from sheets_decrypt.schedule.interface import (
    ALL_JOBS,
    PROGRAM,
    Backend,
    Delete,
    Found,
    Look,
    Reply,
    Run,
    Status,
    Step,
    Task,
    Write,
    removal_hint,
)
from sheets_decrypt.schedule.launchd import Launchd
from sheets_decrypt.schedule.systemd import Systemd
from sheets_decrypt.schedule.task_scheduler import TaskScheduler
from sheets_decrypt.schedule.timing import Timing
from sheets_decrypt.secret_sources import environment_for_children

BACKENDS: Final = ("auto", "cron", "systemd", "launchd", "task-scheduler")
_LOOK_SECONDS: Final = 30
_SETTLE_SECONDS: Final = 1.0


def backend_named(name: str = "auto", *, platform: str = sys.platform) -> Backend:
    """Give the scheduler of that name; `auto` is the one that fits this system.

    Args:
        name: One of `BACKENDS`.
        platform: As in `sys.platform`.

    Raises:
        ConfigurationError: There is no such scheduler.
    """
    if name == "auto":
        return backends_here(platform=platform)[0]
    makers: dict[str, Callable[[], Backend]] = {
        "cron": lambda: Cron(getpass.getuser(), Path.home(), _now()),
        "systemd": lambda: Systemd(_config_home() / "systemd" / "user", getpass.getuser(), _now()),
        "launchd": lambda: Launchd(Path.home() / "Library" / "LaunchAgents", os.getuid(), _now()),
        "task-scheduler": lambda: TaskScheduler(_log_folder(), _now()),
    }
    if name not in makers:
        raise ConfigurationError(f"there is no backend {name}", hint=f"name one of {', '.join(BACKENDS)}")
    return makers[name]()


def backends_here(*, platform: str = sys.platform) -> tuple[Backend, ...]:
    """Give the schedulers that this system may have, the one to use first.

    On Linux that is systemd where the user's own instance answers (`systemctl --user`), else cron.
    """
    if platform == "win32":
        names = ["task-scheduler"]
    elif platform == "darwin":
        names = ["launchd", "cron"]
    elif platform == "linux" and _reply(("systemctl", "--user", "show-environment")).code == 0:
        names = ["systemd", "cron"]
    else:
        names = ["cron", "systemd"]
    return tuple(backend_named(name, platform=platform) for name in names)


def pull_task(
    name: str,
    config: Path,
    timing: Timing,
    *,
    jitter: int = 0,
    credentials: Mapping[str, Path] | None = None,
    log: Path | None = None,
) -> Task:
    """Describe the scheduled pull of one job, or of `ALL_JOBS`.

    It runs with the interpreter of this program, from the folder that holds this package: `python -m` puts the working
    folder first in its search path, and nothing else may be found there in place of a module of ours.

    Args:
        name: The job's name, or `ALL_JOBS`.
        config: The configuration in use; a relative path is made absolute.
        timing: When.
        jitter: Up to how many seconds a run is put off.
        credentials: systemd credentials that the job's secrets come from: name → file.
        log: The log; default: `default_log(name)`.

    Raises:
        ConfigurationError: A path cannot stand in a schedule.
    """
    log = log or default_log(name)
    command = [interpreter(), "-m", "sheets_decrypt", "pull", "--config", str(config.absolute()), "--quiet"]
    command += ["--log", str(log.absolute())]
    if name != ALL_JOBS:
        command += ["--job", name]
    return Task(
        name,
        tuple(command),
        config.absolute(),
        log.absolute(),
        Path(sheets_decrypt.__file__).absolute().parents[1],
        timing,
        jitter,
        tuple((credential, file.absolute()) for credential, file in (credentials or {}).items()),
    )


def default_log(name: str) -> Path:
    """Give the log of a schedule, in the user's folder for logs."""
    return _log_folder() / f"{'all-jobs' if name == ALL_JOBS else name}.log"


def interpreter(executable: str = sys.executable) -> str:
    """Give the interpreter to schedule: this one, with its virtual environment.

    On Windows that is `pythonw.exe` beside it, where it is there: `python.exe` would open a console window at each run.

    Raises:
        ConfigurationError: This program does not know its interpreter.
    """
    if not executable:
        raise ConfigurationError("the path of this python is not known", hint="install sheets-decrypt with pipx or pip")
    path = Path(executable).absolute()
    windowless = path.with_name(path.name.lower().replace("python", "pythonw", 1))
    return str(windowless if path.suffix.lower() == ".exe" and windowless.is_file() else path)


def install(backend: Backend, task: Task) -> Status:
    """Put a schedule there, or replace it, and read it back.

    Returns:
        What is there now; its notes also tell of another configuration whose schedule was replaced, and of a
        second schedule of the same job with another scheduler of this system.

    Raises:
        ConfigurationError: The scheduler cannot do it, or said that it did and did not.
    """
    backend.render(task)
    found = look(backend, task.name)
    before = backend.status(task.name, found)
    try:
        Path(task.log).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(Path(task.log), error) from None
    carry_out(backend.install(task, found))
    after = status(backend, task.name)
    if not after.installed:
        raise ConfigurationError(
            f"{backend.name} reported success, but the schedule of {task.name} is not there",
            hint="try another --backend, or ask the administrator whether schedules are allowed",
        )
    return replace(after, notes=(*after.notes, *_surprises(backend, task, before)))


def remove(backend: Backend, name: str) -> bool:
    """Take a schedule away, and nothing else; tell whether there was one.

    Raises:
        ConfigurationError: The scheduler cannot do it, or it is still there afterwards.
    """
    steps = backend.remove(name, look(backend, name))
    carry_out(steps)
    if status(backend, name).installed:
        raise ConfigurationError(
            f"the schedule of {name} is still there", hint=f"remove it by hand in {backend.name}, then try again"
        )
    return bool(steps)


def status(backend: Backend, name: str) -> Status:
    """Read what is really there of one schedule."""
    return backend.status(name, look(backend, name))


def installed(backend: Backend) -> tuple[Status, ...]:
    """Read every schedule of ours, also of jobs that the configuration no longer names.

    A scheduler that is not there, or that this user may not use, has none.
    """
    try:
        names = backend.names(_look(backend.look(None)))
    except ConfigurationError:
        return ()
    return tuple(status(backend, name) for name in names)


def run_now(backend: Backend, name: str) -> int:
    """Run a schedule once, now.

    Returns:
        With cron the run's exit code, since it is waited for; else 0: the scheduler has started it, and the log and
        the history tell how it went.

    Raises:
        ConfigurationError: There is no such schedule, or it cannot be started.
    """
    return carry_out(backend.run_now(name, look(backend, name)))


def look(backend: Backend, name: str) -> Found:
    """Look at what `backend` needs to see of one schedule."""
    return _look(backend.look(name))


def carry_out(steps: Iterable[Step], *, pause: float = _SETTLE_SECONDS) -> int:
    """Carry out steps in order; give the exit code of the last program.

    Args:
        steps: What to do.
        pause: Seconds between the tries of a program that is tried again.

    Raises:
        ConfigurationError: A file cannot be written, or a program failed whose failure is an error.
    """
    code = 0
    temporary: list[Path] = []
    try:
        for step in steps:
            match step:
                case Write():
                    temporary += [step.path] if step.temporary else []
                    _write(step)
                case Delete():
                    step.path.unlink(missing_ok=True)
                case Run():
                    code = _run(step, pause)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)
    return code


def _surprises(backend: Backend, task: Task, before: Status) -> Iterable[str]:
    if before.installed and _unquoted(str(task.config)) not in _unquoted(before.command):
        yield f"this replaced a schedule of another configuration: {before.command}"
    for other in backends_here():
        if other.name == backend.name:
            continue
        try:
            doubled = status(other, task.name).installed
        except ConfigurationError:  # a scheduler that cannot be asked holds nothing that runs
            continue
        if doubled:
            hint = f"{removal_hint(task.name)} --backend {other.name}"
            yield f"{other.name} runs {task.name} as well; `{hint}` takes that away"


def _unquoted(text: str) -> str:
    """Leave out what the schedulers quote and escape with, to compare paths across their ways of writing them."""
    return re.sub(r"[\\%$\"']", "", text)


def _look(wanted: Look) -> Found:
    paths = [*wanted.files, *(path for folder, pattern in wanted.folders for path in folder.glob(pattern))]
    files = {}
    for path in paths:
        try:
            files[path] = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read: {(error.strerror or 'unknown').lower()}", hint="check who owns it"
            ) from None
    return Found(files, {argv: _reply(argv) for argv in wanted.commands})


def _reply(argv: tuple[str, ...], stdin: bytes | None = None, seconds: float | None = _LOOK_SECONDS) -> Reply:
    try:
        done = programs.run(argv, seconds=seconds, env={**environment_for_children(), "LC_ALL": "C"}, stdin=stdin)
    except (OSError, subprocess.TimeoutExpired):
        return Reply(None)
    return Reply(done.code, done.stdout, done.stderr.decode(errors="replace"))


def _run(step: Run, pause: float) -> int:
    reply = _reply(step.argv, step.stdin, step.seconds)
    for _ in range(step.tries - 1):
        if reply.code == 0:
            break
        time.sleep(pause)
        reply = _reply(step.argv, step.stdin, step.seconds)
    if step.checked and reply.code != 0:
        said = " ".join(reply.stderr.split()) or f"exit code {reply.code}"
        missing = "it is not installed, or did not answer"
        raise ConfigurationError(
            f"{' '.join(step.argv[:3])} failed: {missing if reply.code is None else said}",
            hint="name another --backend, or see what `sheets-decrypt schedule show` would install",
        )
    return reply.code if reply.code is not None else 1


def _write(step: Write) -> None:
    partial = step.path.with_name(f"{step.path.name}.part")
    try:
        step.path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(step.content)
        partial.replace(step.path)
    except OSError as error:
        raise _unwritable(step.path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    reason = reason_of(error)
    return ConfigurationError(f"{path} cannot be written: {reason}", hint="check who owns the folder")


def _config_home() -> Path:
    """Give the folder in which systemd looks for the user's units."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".config"


def _log_folder() -> Path:
    return platformdirs.user_log_path(PROGRAM, appauthor=False)


def _now() -> datetime:
    return datetime.now(tz=UTC).astimezone().replace(tzinfo=None)
