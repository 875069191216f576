"""The state of each job between runs, on this machine: the last success, how later runs went, and a run under way.

The history is in the vault and cannot be read while the vault is locked. The state is what must be known even then:
times, codes, counts and error messages, never a value. It is kept in the user's state folder.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import filelock
from pydantic import NonNegativeInt, TypeAdapter

from sheets_decrypt.config import Config
from sheets_decrypt.errors import RunUnderWay
from sheets_decrypt.runs.record import Record, Result
from sheets_decrypt.system import user_folders
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.system.regular_file import read_small

_ROWS_KEPT: Final = 30
_LARGEST: Final = 1 << 20  # bytes of a state file; an error message is its longest part
_SECONDS: Final = 2.0  # how long a change waits for another process's change, which takes milliseconds
_GLANCE: Final = 0.2  # seconds; `status` holds a running lock for less than that when it checks it


@dataclass(frozen=True, slots=True)
class JobState:
    """How the last runs of a job went.

    Args:
        last_run: When the last run ended, in the format of records; blank if none did.
        last_success: When a run last ended with code 0 or 3; blank if none did.
        exit_code: The last run's.
        message: The last run's error message; blank if there was none.
        failed_runs: How many runs in a row have failed.
        locked_runs: How many runs in a row have found the vault locked.
        rows: How many rows the last successful runs read, oldest first.
        running_since: When a run began that has not ended; blank if none is under way.
        busy_runs: How many runs in a row have found another run under way.
        reported: A failure was reported, and no run has succeeded since.
        hint: The next step that belongs to the message.
    """

    last_run: str = ""
    last_success: str = ""
    exit_code: NonNegativeInt = 0
    message: str = ""
    failed_runs: NonNegativeInt = 0
    locked_runs: NonNegativeInt = 0
    rows: tuple[NonNegativeInt, ...] = ()
    running_since: str = ""
    busy_runs: NonNegativeInt = 0
    reported: bool = False
    hint: str = ""

    def after(self, record: Record, patience: int = 1) -> "JobState":
        """Return the state after a run.

        Args:
            record: The run's record.
            patience: How many runs in a row may find the vault locked, or another run under way, before it is reported.
        """
        if record.exit_code == RunUnderWay.exit_code:
            after = replace(self, busy_runs=self.busy_runs + 1)
            return replace(after, reported=self.reported or after.is_due(patience))
        if record.status is Result.FAILED:
            after = replace(
                self,
                last_run=record.finished,
                exit_code=record.exit_code,
                message=record.error.message if record.error else "",
                hint=record.error.hint if record.error else "",
                failed_runs=self.failed_runs + 1,
                locked_runs=self.locked_runs + 1 if record.error and record.error.locked else 0,
                running_since="",
                busy_runs=0,
            )
            return replace(after, reported=self.reported or after.is_due(patience))
        rows = (*self.rows, record.rows_read)[-_ROWS_KEPT:]
        return JobState(record.finished, record.finished, record.exit_code, rows=rows, reported=record.exit_code != 0)

    def is_due(self, patience: int) -> bool:
        """Return whether to report the last run's failure; some are only due at every `patience`-th run in a row."""
        streak = self.busy_runs or self.locked_runs
        return streak % max(patience, 1) == 0


_WRITTEN: Final = TypeAdapter(JobState)


def load(config: Config, job: str) -> JobState:
    """Return the state of a job; a file that cannot be read counts as an empty state."""
    try:
        return _read(read_small(file_of(config, job), limit=_LARGEST))
    except (OSError, ValueError):  # ValueError also for an impossible path
        return JobState()


def change(config: Config, job: str, function: Callable[[JobState], JobState]) -> tuple[JobState, JobState]:
    """Change the state of a job, and return the states before and after.

    If it cannot be written, the run continues: by the end of a run the CSV is already in the vault.
    """
    with held(config, job, "state"):
        before = load(config, job)
        after = function(before)
        content = json.dumps(asdict(after), ensure_ascii=False).encode(errors="replace")
        with suppress(OSError, ValueError):
            write_private(file_of(config, job), content)
    return before, after


@contextmanager
def running(config: Config, job: str, since: str) -> Iterator[JobState | None]:
    """Record that a run is under way; yield the state before it, or None if another one already is.

    The start is recorded before anything that could hang. The system drops the lock with the process, so a start
    without a lock belongs to a run that was stopped from outside; the state before the next run still contains it.
    """
    with _held(_lock(config, job, "running"), _GLANCE) as alone:
        before = change(config, job, lambda state: replace(state, running_since=since))[0] if alone else None
        yield before
        if alone:
            change(config, job, lambda state: replace(state, running_since=""))


def is_running(config: Config, job: str) -> bool:
    """Return whether a run of the job is under way at this moment."""
    lock = _lock(config, job, "running")
    if not os.path.exists(lock.lock_file):  # noqa: PTH110  (False if it may not be accessed)
        return False
    with _held(lock, 0) as free:
        return not free


@contextmanager
def held(config: Config, job: str, kind: str) -> Iterator[None]:
    """Keep other processes from changing one kind of a job's data, for the milliseconds that a change takes."""
    with _held(_lock(config, job, kind), _SECONDS):
        yield


@contextmanager
def _held(lock: filelock.BaseFileLock, seconds: float) -> Iterator[bool]:
    """Hold a lock if it becomes free in time; yield whether it did. An unusable state folder counts as free."""
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        yield False
        return
    except (OSError, ValueError, NotImplementedError):
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _read(content: bytes) -> JobState:
    """Parse a state that `change` wrote.

    Raises:
        ValueError: It was not written by `change`.
    """
    state = _WRITTEN.validate_json(content, strict=True)
    for time in (state.last_run, state.last_success, state.running_since):
        if time and datetime.fromisoformat(time).tzinfo is None:
            raise ValueError
    return state


def _lock(config: Config, job: str, kind: str) -> filelock.FileLock:
    return filelock.FileLock(_folder() / "locks" / f"{_name(config, job)}.{kind}")


def file_of(config: Config, job: str, kind: str = "jobs/*.json") -> Path:
    """Return the path of a job's file in the user's state folder; `*` is replaced by the job's internal name."""
    return _folder() / kind.replace("*", _name(config, job))


def _folder() -> Path:
    return user_folders.state()


def _name(config: Config, job: str) -> str:
    """Return a name derived from the job's output, so that a renamed job keeps its state."""
    folder = config.vault_of(config.jobs[job])
    output = config.jobs[job].output
    # Absolute, so that another spelling of the configuration's path gives the same name. Links are not followed: they
    # lead elsewhere while the vault is locked.
    base = os.path.abspath(folder.cryptomator if folder else output)  # noqa: PTH100  (resolve() follows links)
    target = f"{base}\n{output if folder else ''}"
    return hashlib.sha256(target.encode(errors="surrogatepass")).hexdigest()[:32]
