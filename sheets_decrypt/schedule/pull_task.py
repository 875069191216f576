"""The command that a schedule runs: the pull of one job or of all, with absolute paths."""

import sys
from collections.abc import Mapping
from pathlib import Path

import sheets_decrypt
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.interface import ALL_JOBS, Task
from sheets_decrypt.schedule.timing import Timing
from sheets_decrypt.system import user_folders


def pull_task(
    name: str,
    config: Path,
    timing: Timing,
    *,
    jitter: int = 0,
    retry: int = 0,
    credentials: Mapping[str, Path] | None = None,
    log: Path | None = None,
) -> Task:
    """Return the scheduled pull of one job, or of `ALL_JOBS`.

    It runs with the interpreter of this program, from the folder that contains this package: `python -m` puts the
    working folder first in its search path, and no other file there may shadow one of our modules.

    Args:
        name: The job's name, or `ALL_JOBS`.
        config: The configuration in use; a relative path is made absolute.
        timing: When.
        jitter: The longest random delay of a run, in seconds.
        retry: After how many minutes a run tries once more, if its failure may be temporary; 0 means never.
        credentials: The systemd credentials that hold the job's secrets: name → file.
        log: The log; by default `default_log(name)`.

    Raises:
        ConfigurationError: A path cannot be part of a schedule.
    """
    log = log or default_log(name)
    command = [interpreter(), "-m", "sheets_decrypt", "pull", "--config", str(config.absolute()), "--quiet"]
    command += ["--log", str(log.absolute())]
    if retry:
        command += ["--retry", str(retry)]
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


def log_folder() -> Path:
    """Return the user's folder for our logs."""
    return user_folders.logs()


def default_log(name: str) -> Path:
    """Return the log of a schedule."""
    return log_folder() / f"{'all-jobs' if name == ALL_JOBS else name}.log"


def interpreter(executable: str = sys.executable) -> str:
    """Return the interpreter to schedule: this one, with its virtual environment.

    On Windows that is `pythonw.exe` beside it, if it exists: `python.exe` would open a console window at each run.

    Raises:
        ConfigurationError: Python does not know the path of its interpreter.
    """
    if not executable:
        raise ConfigurationError("the path of this Python is not known", hint="install sheets-decrypt with pipx or pip")
    path = Path(executable).absolute()
    windowless = path.with_name(path.name.lower().replace("python", "pythonw", 1))
    return str(windowless if path.suffix.lower() == ".exe" and windowless.is_file() else path)
