"""The text of notifications about a run: a fixed vocabulary. Pure.

A person who reads a message may also be able to edit the Sheet. The number of failed cells would let such a person
learn answers in the unauthenticated formats, and whether the CSV changed would reveal equal answers. So a message names
the job, the kind of result, the number of rows after a success, and a next step. It has no error text, no name of a tab
or a column and no count of cells. It does not say whether the CSV changed, nor whether a run with failed cells wrote a
CSV (exit code 3) or not (4 and 9).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sheets_decrypt.errors import EXIT_CODES, RunUnderWay
from sheets_decrypt.runs.record import Record
from sheets_decrypt.runs.state import JobState

_CELLS_FAILED: Final = 3  # sent for every run in which cells failed, whatever its exit code


class Event(StrEnum):
    """The subject of a message; also the values of the configuration key `on`."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class News:
    """The information that leaves this computer after a run.

    Args:
        job: The job's name.
        code: The exit code to send.
        status: The result in a few fixed words.
        event: The subject of a message; None if no message is due.
        rows: How many rows the Sheet has, after a success.
        next_step: What a person should do; blank if nothing.
        beat: Whether the heartbeat is sent.
    """

    job: str
    code: int
    status: str
    event: Event | None
    rows: int | None = None
    next_step: str = ""
    beat: bool = True


def outcome(record: Record) -> tuple[int, str]:
    """Return the exit code and the result in fixed words, limited to what people who cannot open the vault may know."""
    if record.exit_code == RunUnderWay.exit_code:
        return record.exit_code, "another run was under way"
    if record.error is not None and record.error.locked:
        return record.exit_code, "the vault was locked"
    if record.cells_failed:
        return _CELLS_FAILED, "cells could not be decrypted"
    return record.exit_code, EXIT_CODES.get(record.exit_code, "") if record.exit_code else "done"


def news_of(patience: int, record: Record, before: JobState, after: JobState) -> News:
    """Return what to send about a run.

    A locked vault, or another run under way, is a failure only once it has lasted for `locked_after` runs, and again
    after as many more. Until then the heartbeat reports a locked vault as a success, with "skipped" in its body: a
    start without an end would raise the alarm. A run that found another one under way sends nothing: if that other run
    hangs, the heartbeat must not report a success.
    """
    step = f"on the computer that ran it: sheets-decrypt status --job {record.job}"
    event = Event.FAILURE if after.is_due(patience) else None
    code, words = outcome(record)
    if after.busy_runs:
        lasting = after.busy_runs >= patience
        status = f"{words}, {in_a_row(after.busy_runs)}; it may hang"
        return News(record.job, code, status, event, next_step=step, beat=lasting)
    if after.locked_runs:
        lasting = after.locked_runs >= patience
        status = f"{'' if lasting else 'skipped: '}{words}, {in_a_row(after.locked_runs)}"
        return News(record.job, code if lasting else 0, status, event, next_step="unlock the vault")
    if code:
        status = words if record.cells_failed else f"failed with exit code {code}: {words}"
        return News(record.job, code, status, event, next_step=step)
    return News(record.job, 0, words, Event.RECOVERY if before.reported else Event.SUCCESS, record.rows_read)


def in_a_row(runs: int) -> str:
    """Return the number of consecutive runs with the same result, in words."""
    return "1 run" if runs == 1 else f"{runs} runs in a row"


def title(news: News) -> str:
    """Return a message's subject."""
    if news.event is Event.RECOVERY:
        return f"sheets-decrypt: {news.job} works again"
    return f"sheets-decrypt: {news.job}: {news.status}"


def body(news: News) -> str:
    """Return a message's text, or a heartbeat's body."""
    lines = [
        f"job: {news.job}",
        f"status: {news.status}",
        *([] if news.rows is None else [f"rows: {news.rows}"]),
        *([f"next step: {news.next_step}"] if news.next_step else []),
    ]
    return "\n".join(lines) + "\n"
