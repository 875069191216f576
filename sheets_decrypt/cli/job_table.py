"""Every job at a glance: the last success, its age against the schedule, the trend of rows, and what failed."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sheets_decrypt.cli.words import printable
from sheets_decrypt.config import Config
from sheets_decrypt.errors import EXIT_CODES, ConfigurationError
from sheets_decrypt.runs import state
from sheets_decrypt.runs.record import timestamp
from sheets_decrypt.runs.state import JobState
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
    """How a job is doing.

    Args:
        job: Its name.
        state: What this machine remembers of its runs.
        age: Seconds since its last success, or None.
        schedule: When it runs, in words; blank if nothing is scheduled.
        next_run: The next scheduled run in local time, or None.
        stale: Whether a scheduled run should have gone well since.
        running: Whether a run is under way.
    """

    job: str
    state: JobState
    age: float | None = None
    schedule: str = ""
    next_run: str | None = None
    stale: bool = False
    running: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it: the state's keys beside the others; `exit_code` is null before the first run."""
        content = asdict(self)
        held: dict[str, Any] = content.pop("state")
        del held["reported"]
        return {**content, **held, "exit_code": self.state.exit_code if self.state.last_run else None}


def survey(config: Config, jobs: Sequence[str], schedules: Sequence[Status], now: datetime) -> list[JobStatus]:
    """Return how each job is doing.

    Args:
        config: The configuration.
        jobs: Names of the jobs.
        schedules: What is installed, as read back; if two schedulers run the same job, the first of them counts.
        now: The time, with a zone.
    """
    installed = {schedule.name: schedule for schedule in reversed(schedules) if schedule.installed}
    return [_one(config, job, installed.get(job) or installed.get(ALL_JOBS), now) for job in jobs]


def _one(config: Config, job: str, schedule: Status | None, now: datetime) -> JobStatus:
    held = state.load(config, job)
    success = _time(held.last_success)
    return JobStatus(
        job=job,
        state=held,
        age=(now - success).total_seconds() if success else None,
        schedule=schedule.timing if schedule else "",
        next_run=schedule.next_run if schedule else None,
        stale=schedule is not None and _is_stale(schedule.timing, success, now),
        running=bool(held.running_since) and state.is_running(config, job),
    )


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_stale(text: str, success: datetime | None, now: datetime) -> bool:
    """Return whether a run that should be over by now has not gone well."""
    try:
        when = timing.from_text(text)
    except ConfigurationError:  # edited by hand into something that we cannot parse
        return False
    due = timing.preceding(when, (now - _GRACE).astimezone().replace(tzinfo=None))
    if due is None:
        if not isinstance(when, timing.Every):
            return False
        return success is None or now - success > 2 * timedelta(minutes=when.minutes) + _GRACE
    return success is None or success < due.astimezone(UTC)


def table(found: Sequence[JobStatus], *, plain: bool, private: bool = True) -> Table:
    """Return the jobs as a table.

    Args:
        found: How each job is doing.
        plain: Numbers in place of a sparkline, for what is not a terminal.
        private: Whether only people at this computer see it. A page may be put where people who can edit the Sheet
            read it: it has no error text, which may count cells or repeat names from the Sheet.
    """
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("job", "last success", "age", "schedule", "next run", "rows", "last run"):
        shown.add_column(title, overflow="fold")
    for one in found:
        age = Text(_duration(one.age), style="bold red" if one.stale else "")
        if one.stale:
            age.append(" STALE")
        rows = one.state.rows
        trend = " ".join(map(str, rows[-5:])) if plain else _trend(rows)
        job, last, schedule, upcoming = map(
            printable, (one.job, one.state.last_success or "never", one.schedule or "none", one.next_run or "")
        )
        shown.add_row(job, last, age, schedule, upcoming, trend, _last_run(one, private=private))
    return shown


def page(found: Sequence[JobStatus], now: datetime) -> str:
    """Return the table as one HTML page that loads nothing from elsewhere, with the time at which it was made."""
    console = Console(file=io.StringIO(), record=True, width=_PAGE_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table(found, plain=False, private=False))
    console.print(f"\nas of {timestamp(now)}")
    return console.export_html(code_format=_PAGE)


def _trend(rows: Sequence[int]) -> str:
    """Return row counts as a line of bars, from zero to the largest, and the last one as a number."""
    if not rows:
        return ""
    top = max(*rows, 1)
    return "".join(_BARS[count * (len(_BARS) - 1) // top] for count in rows) + f" {rows[-1]}"


def _last_run(one: JobStatus, *, private: bool) -> Text:
    held = one.state
    waiting = f" ({_runs(held.busy_runs)} found it under way)" if held.busy_runs else ""
    if one.running:
        return Text(f"running since {held.running_since}{waiting}", style="red" if held.busy_runs else "cyan")
    if held.running_since or held.busy_runs:
        began = f" of {held.running_since} was stopped before its end" if held.running_since else " did not end"
        return Text(f"a run{began}{waiting}", style="red")
    if not held.last_run:
        return Text("never ran")
    return _ended(held, printable(held.message) if private else EXIT_CODES.get(held.exit_code, ""))


def _ended(held: JobState, why: str) -> Text:
    if held.exit_code == 0:
        return Text("ok", style="green")
    if held.locked_runs:
        return Text(f"skipped, the vault was locked ({_runs(held.locked_runs)}): {why}", style="yellow")
    if not held.failed_runs:
        return Text(f"code {held.exit_code}: some cells could not be decrypted", style="yellow")
    return Text(f"failed with code {held.exit_code}: {why}", style="red")


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs in a row"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    units: Mapping[str, float] = {"d": 86400, "h": 3600, "min": 60}
    for unit, size in units.items():
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return "now"
