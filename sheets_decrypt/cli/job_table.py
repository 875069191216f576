"""Every job at a glance: the last success, its age against the schedule, the trend of rows, and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from sheets_decrypt.cli.listing import listing
from sheets_decrypt.config import Config
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.runs import state
from sheets_decrypt.runs.news import in_a_row
from sheets_decrypt.runs.record import local_time
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.schedule import timing
from sheets_decrypt.schedule.interface import ALL_JOBS, Status
from sheets_decrypt.system.printable import printable

_PARTIAL: Final = 3
_GRACE: Final = timedelta(minutes=30)  # jitter, and the run itself
_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_BARS: Final = 12


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job is doing.

    Args:
        job: Its name.
        state: The runs that this machine remembers.
        age: Seconds since its last success, or None.
        schedule: When it runs, in words; blank if nothing is scheduled.
        next_run: The next scheduled run in local time, or None.
        stale: Whether a scheduled run should have succeeded since.
        running: Whether a run is in progress.
        csv: Where its CSV is.
    """

    job: str
    state: JobState
    age: float | None = None
    schedule: str = ""
    next_run: str | None = None
    stale: bool = False
    running: bool = False
    csv: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the last run was stopped from outside, or killed."""
        return bool(self.state.running_since) and not self.running

    @property
    def failing(self) -> bool:
        """Whether it failed in a way that is reported to people, and has not succeeded since."""
        return self.state.reported or self.stopped

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at it."""
        return self.failing or self.stale

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON, with the state's keys beside the others; `exit_code` is null before the first run."""
        content = asdict(self)
        held: dict[str, Any] = content.pop("state")
        del held["reported"]
        exit_code = self.state.exit_code if self.state.last_run else None
        return {**content, "failing": self.failing, **held, "exit_code": exit_code}


def survey(config: Config, jobs: Sequence[str], schedules: Sequence[Status], now: datetime) -> list[JobStatus]:
    """Return how each job is doing.

    Args:
        config: The configuration.
        jobs: Names of the jobs.
        schedules: The installed schedules, as read back; if two schedulers run the same job, the first one counts.
        now: The current time, with a zone.
    """
    installed = {schedule.name: schedule for schedule in reversed(schedules) if schedule.installed}
    return [_one(config, job, installed.get(job) or installed.get(ALL_JOBS), now) for job in jobs]


def _one(config: Config, job: str, schedule: Status | None, now: datetime) -> JobStatus:
    held = state.load(config, job)
    success = _time(held.last_success)
    vault = config.vault_of(config.jobs[job])
    return JobStatus(
        job=job,
        state=held,
        age=(now - success).total_seconds() if success else None,
        schedule=schedule.timing if schedule else "",
        next_run=schedule.next_run if schedule else None,
        stale=schedule is not None and _is_stale(schedule, success, now),
        running=bool(held.running_since) and state.is_running(config, job),
        csv=f"{config.jobs[job].output}{f' in the vault {vault.cryptomator}' if vault else ''}",
    )


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_stale(schedule: Status, success: datetime | None, now: datetime) -> bool:
    """Return whether a run that should be over by now has not succeeded; before the first is due, none should be."""
    try:
        when = timing.from_text(schedule.timing)
    except ConfigurationError:  # edited by hand, in a way that we cannot parse
        return False
    latest = max((moment for moment in (success, schedule.since) if moment), default=None)
    due = timing.preceding(when, (now - _GRACE).astimezone().replace(tzinfo=None))
    if due is None:
        if not isinstance(when, timing.Every):
            return False
        return latest is None or now - latest > 2 * timedelta(minutes=when.minutes) + _GRACE
    # Two moments where clocks change: schedulers differ on which one to take in an hour that is skipped or comes twice.
    first, last = sorted(due.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return now - _GRACE >= last and (latest is None or latest < first)


def headline(found: Sequence[JobStatus]) -> str:
    """Return one line that says whether a person should look at the jobs."""
    troubled = sum(one.needs_attention for one in found)
    if not troubled:
        return "No job needs attention"
    if len(found) == 1:
        return "The job needs attention"
    return f"{troubled} of {len(found)} jobs need{'s' if troubled == 1 else ''} attention"


def summary(found: Sequence[JobStatus]) -> str:
    """Return the headline, and the jobs that it refers to."""
    named = troubles(found)
    return f"{headline(found)}: {named}" if named else headline(found)


def troubles(found: Sequence[JobStatus]) -> str:
    """Return the jobs that a person should look at; blank if none."""
    return "; ".join(f"{one.job} {_trouble(one)}" for one in found if one.needs_attention)


def _trouble(one: JobStatus) -> str:
    if not one.failing:
        return "is overdue"
    if one.stopped:
        return "was stopped before its end"
    return "failed" if one.state.failed_runs or one.state.busy_runs else "has cells that stayed encrypted"


def table(found: Sequence[JobStatus], *, plain: bool) -> Table:
    """Return the jobs as a table.

    Args:
        found: How each job is doing.
        plain: Whether to show numbers in place of a sparkline, for output that is not a terminal.
    """
    shown = listing("job", "last success", "age", "schedule", "next run", "rows", "last run")
    for one in found:
        age = Text(duration(one.age), style="bold red" if one.stale else "")
        if one.stale:
            age.append(" overdue" if age else "overdue")
        rows = one.state.rows
        trend = " ".join(map(str, rows[-5:])) if plain else _trend(rows)
        job, last, schedule, upcoming = map(
            printable,
            (one.job, local_time(one.state.last_success) or "never", one.schedule or "none", _upcoming(one)),
        )
        shown.add_row(job, last, age, schedule, upcoming, trend, _last_run(one))
    return shown


def _upcoming(one: JobStatus) -> str:
    return local_time(one.next_run) if one.next_run else ""


def _trend(rows: Sequence[int]) -> str:
    """Return the newest row counts as bars, scaled from zero to the largest, and the last one as a number."""
    if not rows:
        return ""
    top = max(*rows, 1)
    return "".join(_BARS[count * (len(_BARS) - 1) // top] for count in rows[-_MOST_BARS:]) + f" {rows[-1]}"


def _last_run(one: JobStatus) -> Text:
    held = one.state
    words = in_words(one, held.message)
    style = {"good": "green", "waiting": "yellow", "bad": "red", "running": "cyan"}.get(mood(one), "")
    shown = Text(printable(words), style=style)
    hint = held.hint
    if held.exit_code == _PARTIAL:
        hint = "the report beside the CSV, .report.txt, names the cells and says what to do"
    if held.exit_code and hint and not one.running and not one.stopped:
        shown.append(f"\nhint: {printable(hint)}", style="default")
    return shown


def mood(one: JobStatus) -> str:
    """Return how a job is doing in one word: good, bad, waiting, running or new."""
    held = one.state
    if one.stopped or held.busy_runs:
        return "bad"
    if one.running:
        return "running"
    if not held.last_run:
        return "new"
    if held.exit_code == 0:
        return "good"
    return "bad" if held.failed_runs and not held.locked_runs else "waiting"


def in_words(one: JobStatus, why: str) -> str:
    """Return how the last run went.

    Args:
        one: The job.
        why: The reason for a failure, worded for its reader.
    """
    held = one.state
    found = f" ({in_a_row(held.busy_runs)} found it under way)" if held.busy_runs else ""
    if one.running:
        return f"running since {local_time(held.running_since)}{found}"
    if one.stopped:
        return f"a run that began {local_time(held.running_since)} was stopped before its end{found}"
    if held.busy_runs:
        return f"a run did not end{found}"
    return _ended(held, why) if held.last_run else "never ran"


def _ended(held: JobState, why: str) -> str:
    if held.exit_code == 0:
        return "ok"
    if held.locked_runs:
        return f"skipped, the vault was locked ({in_a_row(held.locked_runs)}){why and f': {why}'}"
    if not held.failed_runs:
        return "some cells could not be decrypted (exit code 3)"
    return f"failed with exit code {held.exit_code}: {why}"


def duration(seconds: float | None) -> str:
    """Return an age in its largest unit."""
    if seconds is None:
        return ""
    units: Mapping[str, float] = {"d": 86400, "h": 3600, "min": 60}
    for unit, size in units.items():
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return "now"
