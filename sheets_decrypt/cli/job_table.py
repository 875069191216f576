"""Every job at a glance: the last success, its age against the schedule, the trend of rows, and what failed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sheets_decrypt.cli.words import printable
from sheets_decrypt.config import Config
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.runs import state
from sheets_decrypt.runs.record import timestamp
from sheets_decrypt.schedule import timing
from sheets_decrypt.schedule.interface import ALL_JOBS, Status

_GRACE: Final = timedelta(minutes=30)  # jitter, and the run itself
_BARS: Final = "▁▂▃▄▅▆▇█"
_PAGE_WIDTH: Final = 140  # characters
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<title>sheets-decrypt: status</title>
<style>
{stylesheet}
body {{ color: {foreground}; background-color: {background}; margin: 2em; }}
</style>
</head>
<body>
<pre style="font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace"><code>{code}</code></pre>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands.

    Args:
        job: Its name.
        last_success: When it last went well, as records have it; blank where it never did.
        age: Seconds since then, or None.
        schedule: When it runs, in words; blank where nothing is scheduled.
        next_run: The next scheduled run in local time, or None.
        stale: Whether a scheduled run should have gone well since.
        exit_code: The last run's, or None where there was none.
        message: What the last run's error said.
        failed_runs: How many runs in a row have failed.
        locked_runs: How many runs in a row have found the vault locked.
        rows: How many rows the last successful runs read, oldest first.
    """

    job: str
    last_success: str
    age: float | None
    schedule: str
    next_run: str | None
    stale: bool
    exit_code: int | None
    message: str
    failed_runs: int
    locked_runs: int
    rows: Sequence[int]


def survey(config: Config, jobs: Sequence[str], schedules: Sequence[Status], now: datetime) -> list[JobStatus]:
    """Say how each job stands.

    Args:
        config: The configuration.
        jobs: Names of the jobs.
        schedules: What is installed, as read back; where two schedulers run the same job, the first of them counts.
        now: The time, with a zone.
    """
    installed = {schedule.name: schedule for schedule in reversed(schedules) if schedule.installed}
    return [_one(config, job, installed.get(job) or installed.get(ALL_JOBS), now) for job in jobs]


def _one(config: Config, job: str, schedule: Status | None, now: datetime) -> JobStatus:
    held = state.load(config, job)
    success = _time(held.last_success)
    return JobStatus(
        job=job,
        last_success=held.last_success,
        age=(now - success).total_seconds() if success else None,
        schedule=schedule.timing if schedule else "",
        next_run=schedule.next_run if schedule else None,
        stale=schedule is not None and _is_stale(schedule.timing, success, now),
        exit_code=held.exit_code if held.last_run else None,
        message=held.message,
        failed_runs=held.failed_runs,
        locked_runs=held.locked_runs,
        rows=held.rows,
    )


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_stale(text: str, success: datetime | None, now: datetime) -> bool:
    """Tell whether a run that should be over by now has not gone well."""
    try:
        when = timing.from_text(text)
    except ConfigurationError:  # changed by hand to what we cannot read
        return False
    due = timing.preceding(when, (now - _GRACE).astimezone().replace(tzinfo=None))
    if due is None:
        if not isinstance(when, timing.Every):
            return False
        return success is None or now - success > 2 * timedelta(minutes=when.minutes) + _GRACE
    return success is None or success < due.astimezone(UTC)


def table(found: Sequence[JobStatus], *, plain: bool) -> Table:
    """Show the jobs as a table.

    Args:
        found: How each job stands.
        plain: Numbers in place of a sparkline, for what is no terminal.
    """
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("job", "last success", "age", "schedule", "next run", "rows", "last run"):
        shown.add_column(title, overflow="fold")
    for one in found:
        age = Text(_duration(one.age), style="bold red" if one.stale else "")
        if one.stale:
            age.append(" STALE")
        trend = " ".join(map(str, one.rows[-5:])) if plain else _trend(one.rows)
        job, last, schedule, upcoming = map(
            printable, (one.job, one.last_success or "never", one.schedule or "none", one.next_run or "")
        )
        shown.add_row(job, last, age, schedule, upcoming, trend, _last_run(one))
    return shown


def page(found: Sequence[JobStatus], now: datetime) -> str:
    """Give the table as one HTML page that loads nothing from elsewhere, and says when it was made: it ages."""
    console = Console(file=io.StringIO(), record=True, width=_PAGE_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table(found, plain=False))
    console.print(f"\nas of {timestamp(now)}")
    return console.export_html(code_format=_PAGE)


def _trend(rows: Sequence[int]) -> str:
    """Draw row counts as a line of bars, from none to the largest, and name the last one."""
    if not rows:
        return ""
    top = max(*rows, 1)
    return "".join(_BARS[count * (len(_BARS) - 1) // top] for count in rows) + f" {rows[-1]}"


def _last_run(one: JobStatus) -> Text:
    if one.exit_code is None:
        return Text("never ran")
    if one.exit_code == 0:
        return Text("ok", style="green")
    if one.locked_runs:
        times = "once" if one.locked_runs == 1 else f"{one.locked_runs} times in a row"
        return Text(f"skipped, the vault is not there ({times}): {printable(one.message)}", style="yellow")
    if not one.failed_runs:
        return Text(f"code {one.exit_code}: some cells could not be decrypted", style="yellow")
    return Text(f"failed with code {one.exit_code}: {printable(one.message)}", style="red")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    units: Mapping[str, float] = {"d": 86400, "h": 3600, "min": 60}
    for unit, size in units.items():
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return "now"
