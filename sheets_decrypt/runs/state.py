"""What this machine remembers of each job between runs: when it last went well, and how the runs since went.

The history lies in the vault, where it cannot be read while the vault is locked. This is the little that must be known
then: times, codes and counts, and never a value. It lies in the user's state folder.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import platformdirs
from pydantic import NonNegativeInt, TypeAdapter

from sheets_decrypt.config import Config
from sheets_decrypt.private_file import write_private
from sheets_decrypt.regular_file import read_small
from sheets_decrypt.runs.record import RunRecord, Status

_ROWS_KEPT: Final = 30
_LIMIT: Final = 64 * 1024  # bytes; a state has less than 1 KiB


@dataclass(frozen=True, slots=True)
class JobState:
    """How the last runs of a job went.

    Args:
        last_run: When the last run ended, as records have it; blank where there was none.
        last_success: When a run last ended with code 0 or 3; blank where none did.
        exit_code: The last run's.
        message: What the last run's error said; blank where there was none.
        failed_runs: How many runs in a row have failed.
        locked_runs: How many runs in a row have found the vault locked.
        rows: How many rows the last successful runs read, oldest first.
    """

    last_run: str = ""
    last_success: str = ""
    exit_code: NonNegativeInt = 0
    message: str = ""
    failed_runs: NonNegativeInt = 0
    locked_runs: NonNegativeInt = 0
    rows: tuple[NonNegativeInt, ...] = ()

    def after(self, record: RunRecord) -> "JobState":
        """Give the state that a run leaves."""
        if record.status is Status.FAILED:
            return replace(
                self,
                last_run=record.finished,
                exit_code=record.exit_code,
                message=record.error.message if record.error else "",
                failed_runs=self.failed_runs + 1,
                locked_runs=self.locked_runs + 1 if record.error and record.error.locked else 0,
            )
        rows = (*self.rows, record.rows_read)[-_ROWS_KEPT:]
        return JobState(record.finished, record.finished, record.exit_code, rows=rows)


_WRITTEN: Final = TypeAdapter(JobState)


def load(config: Config, job: str) -> JobState:
    """Give what is remembered of a job; what cannot be read is forgotten."""
    try:
        return _read(read_small(_file(config, job), limit=_LIMIT))
    except (OSError, ValueError):  # a path that no file can have, as well
        return JobState()


def save(config: Config, job: str, state: JobState) -> None:
    """Remember the state of a job. Where that cannot be written, the run stands all the same."""
    content = json.dumps(asdict(state), ensure_ascii=False).encode(errors="replace")
    with suppress(OSError, ValueError):  # the csv is written by now
        write_private(_file(config, job), content)


def _read(content: bytes) -> JobState:
    """Read what `save` wrote.

    Raises:
        ValueError: Something else wrote it.
    """
    state = _WRITTEN.validate_json(content, strict=True)
    for time in (state.last_run, state.last_success):
        if time and datetime.fromisoformat(time).tzinfo is None:
            raise ValueError
    return state


def _file(config: Config, job: str) -> Path:
    """Name the file after what the job writes: a job that is renamed keeps its memory."""
    folder = config.vault_of(config.jobs[job])
    output = config.jobs[job].output
    # Absolute, so that another spelling of the configuration's path finds it; but links are not followed, since they
    # lead elsewhere while the vault is locked.
    base = os.path.abspath(folder.cryptomator if folder else output)  # noqa: PTH100  (resolve() follows links)
    target = f"{base}\n{output if folder else ''}"
    name = hashlib.sha256(target.encode(errors="surrogateescape")).hexdigest()[:32]
    return platformdirs.user_state_path("sheets-decrypt") / "jobs" / f"{name}.json"
