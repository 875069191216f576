"""This computer's list of a job's runs, which can be read while the vault is locked.

A run that ends before the vault is open cannot write to the history there. The journal holds only what notifications
may say about a run: the times, the exit code, the kind of result in fixed words, and the number of rows after a
success. It has no error text and no name from the Sheet, and does not say how many cells failed or whether the CSV
changed.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.config import Config
from sheets_decrypt.runs import state
from sheets_decrypt.runs.history import records
from sheets_decrypt.runs.news import outcome
from sheets_decrypt.runs.record import Record
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.system.regular_file import read_small

KEPT: Final = 500  # runs: five days with a run every quarter of an hour, 16 months with one a day
_LARGEST: Final = 1 << 20  # bytes; a line has about 250


def add(config: Config, job: str, record: Record) -> None:
    """Add a run that has ended. If the journal cannot be written, the run's result stays the same."""
    code, words = outcome(record)
    _append(config, job, {
        "run_id": record.run_id,
        "job": job,
        "status": "failed" if code else "done",
        "started": record.started,
        "finished": record.finished,
        "exit_code": code,
        **({"error": {"code": code, "message": words}} if code else {"rows_read": record.rows_read}),
    })  # fmt: skip


def add_stopped(config: Config, job: str, started: str) -> None:
    """Add a run that was stopped from outside, and so could not add itself."""
    _append(config, job, stopped(job, started))


def stopped(job: str, started: str) -> dict[str, Any]:
    """Return the line of a run that was stopped from outside."""
    message = "the run was stopped before its end"
    return {"job": job, "status": "stopped", "started": started, "error": {"message": message}}


def read(config: Config, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job, oldest first; a journal that cannot be read counts as empty."""
    try:
        return list(records(read_small(_file(config, job), limit=_LARGEST)))
    except (OSError, ValueError):  # ValueError: an impossible path
        return []


def _append(config: Config, job: str, line: dict[str, Any]) -> None:
    with state.held(config, job, "journal"), suppress(OSError, ValueError):
        kept = [*read(config, job), line][-KEPT:]
        content = "".join(json.dumps(run, ensure_ascii=False) + "\n" for run in kept)
        write_private(_file(config, job), content.encode(errors="replace"))


def _file(config: Config, job: str) -> Path:
    return state.file_of(config, job, "runs/*.jsonl")
