"""Install, remove, run and read back schedules, with any scheduler that this system has.

Whatever a scheduler's command reports, only what is read back afterwards counts.
"""

import contextlib
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath, PureWindowsPath
from typing import Final

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import since, steps
from sheets_decrypt.schedule.cron import Cron
from sheets_decrypt.schedule.interface import ALL_JOBS, Backend, Found, Status, Task, Write, removal_hint
from sheets_decrypt.schedule.launchd import Launchd
from sheets_decrypt.schedule.pull_task import log_folder
from sheets_decrypt.schedule.systemd import Systemd
from sheets_decrypt.schedule.task_scheduler import TaskScheduler

BACKENDS: Final = ("auto", "cron", "systemd", "launchd", "task-scheduler")


def backend_named(name: str = "auto", *, platform: str = sys.platform) -> Backend:
    """Return the scheduler of that name; `auto` means the one that fits this system.

    Args:
        name: One of `BACKENDS`.
        platform: As in `sys.platform`.

    Raises:
        ConfigurationError: No scheduler has this name.
    """
    if name == "auto":
        return backends_here(platform=platform)[0]
    makers: dict[str, Callable[[], Backend]] = {
        "cron": lambda: Cron(getpass.getuser(), Path.home(), _now()),
        "systemd": lambda: Systemd(_config_home() / "systemd" / "user", getpass.getuser(), _now()),
        "launchd": lambda: Launchd(Path.home() / "Library" / "LaunchAgents", os.getuid(), _now()),
        "task-scheduler": lambda: TaskScheduler(log_folder(), _now()),
    }
    if name not in makers:
        raise ConfigurationError(f"unknown backend {name}", hint=f"use one of {', '.join(BACKENDS)}")
    return makers[name]()


def backends_here(*, platform: str = sys.platform) -> tuple[Backend, ...]:
    """Return the schedulers that this system may have, the preferred one first.

    On Linux that is systemd if the user's own instance answers (`systemctl --user`), else cron.
    """
    if platform == "win32":
        names = ["task-scheduler"]
    elif platform == "darwin":
        names = ["launchd", "cron"]
    elif platform == "linux" and steps.reply(("systemctl", "--user", "show-environment")).code == 0:
        names = ["systemd", "cron"]
    else:
        names = ["cron", "systemd"]
    return tuple(backend_named(name, platform=platform) for name in names)


def install(backend: Backend, task: Task) -> Status:
    """Install or change a schedule, and read it back. A failure leaves everything unchanged.

    Returns:
        The schedule as it was read back. Its notes also name other schedules that pull the same job.

    Raises:
        ConfigurationError: The scheduler does not support it, failed, or reported success falsely; or the
            schedule belongs to another configuration, whose survey would no longer be pulled.
    """
    backend.render(task)
    found = look(backend, task.name)
    before = backend.status(task.name, found)
    if before.installed and not uses(before, task.config):
        raise ConfigurationError(
            f"the schedule of {task.name} belongs to another configuration: {_configuration(before)}",
            hint="put both surveys into one configuration, each as its own [jobs.NAME]; or, if the other schedule is no"
            f" longer needed, run `{removal_hint(task.name)}` first",
        )
    with _undone_on_failure(backend, task, found):
        _create_folder(Path(task.log).parent)
        steps.carry_out(backend.install(task, found))
        after = status(backend, task.name)
        if not after.installed:
            raise ConfigurationError(
                f"{backend.name} reported success, but the schedule of {task.name} does not exist",
                hint="use another --backend, or ask the administrator whether schedules are allowed",
            )
    if not (before.installed and before.timing == after.timing):
        since.remember(backend.name, task.name, datetime.now(UTC))
    return replace(after, notes=(*after.notes, *_surprises(backend, task)))


def remove(backend: Backend, name: str) -> bool:
    """Remove a schedule, and nothing else; return whether it existed.

    Raises:
        ConfigurationError: The scheduler failed, or the schedule still exists afterwards.
    """
    removal = backend.remove(name, look(backend, name))
    steps.carry_out(removal)
    if status(backend, name).installed:
        raise ConfigurationError(
            f"the schedule of {name} still exists", hint=f"remove it by hand in {backend.name}, then try again"
        )
    since.forget(backend.name, name)
    return bool(removal)


def status(backend: Backend, name: str) -> Status:
    """Return one schedule, read back, and since when it has been installed."""
    return replace(backend.status(name, look(backend, name)), since=since.since(backend.name, name))


def installed(backend: Backend) -> tuple[Status, ...]:
    """Return every schedule of ours, including those of jobs that the configuration no longer names.

    A scheduler that does not exist here, or that this user may not use, has none.
    """
    try:
        names = backend.names(steps.read(backend.look(None)))
    except ConfigurationError:
        return ()
    return tuple(status(backend, name) for name in names)


def uses(schedule: Status, config: PurePath) -> bool:
    """Return whether a schedule pulls jobs of a configuration, regardless of how its scheduler quotes the path.

    Args:
        schedule: A schedule as it was read back.
        config: The configuration's absolute path.
    """
    path, command = (re.sub(r"[\\%$\"']", "", text) for text in (str(config), schedule.command))
    flags = re.IGNORECASE if isinstance(config, PureWindowsPath) else 0
    return re.search(rf"(?<!\S){re.escape(path)}(?!\S)", command, flags) is not None


def _configuration(schedule: Status) -> str:
    """Return the configuration that one of our schedules names, or its whole command if it was changed by hand."""
    named = re.search(r"--config [\"']?(.+?)[\"']? --quiet", schedule.command)
    return named[1] if named else schedule.command


def run_now(backend: Backend, name: str) -> int:
    """Run a schedule once, now.

    Returns:
        With cron, the exit code of the run. Otherwise 0: the scheduler has started it, and log and history show how it
        went.

    Raises:
        ConfigurationError: The schedule does not exist or cannot be started.
    """
    return steps.carry_out(backend.run_now(name, look(backend, name)))


def look(backend: Backend, name: str) -> Found:
    """Read everything that `backend` needs to know about one schedule."""
    return steps.read(backend.look(name))


@contextlib.contextmanager
def _undone_on_failure(backend: Backend, task: Task, before: Found) -> Iterator[None]:
    """If the block fails, restore what was found before, and remove empty folders that it created."""
    existed = bool(backend.remove(task.name, before))
    missing = [folder for folder in Path(task.log).parents if not folder.exists()]
    try:
        yield
    except ConfigurationError:
        with contextlib.suppress(ConfigurationError):
            if existed:
                steps.carry_out([Write(path, content) for path, content in before.files.items()])
            else:
                steps.carry_out(backend.remove(task.name, look(backend, task.name)))
        with contextlib.suppress(OSError):  # a folder that is not empty, or was never created
            for folder in missing:
                folder.rmdir()
        raise


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise steps.cannot_write(folder, error) from None


def _surprises(backend: Backend, task: Task) -> Iterator[str]:
    for other in backends_here():
        for found in installed(other):
            hint = f"{removal_hint(found.name)} --backend {other.name}"
            if found.name == task.name and other.name != backend.name:
                yield f"{other.name} runs {task.name} as well; remove that with `{hint}`"
            elif found.name != task.name and ALL_JOBS in (found.name, task.name) and uses(found, task.config):
                yield f"{found.name} is scheduled as well, so that jobs are pulled twice; remove that with `{hint}`"


def _config_home() -> Path:
    """Return the folder above the one in which systemd looks for the user's units."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".config"


def _now() -> datetime:
    return datetime.now(tz=UTC).astimezone().replace(tzinfo=None)
