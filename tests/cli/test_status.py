"""`sheets-decrypt status`: each job at a glance, on a terminal, off one, and as JSON."""

import os
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.cli.job_table import JobStatus, survey, table, troubles
from sheets_decrypt.runs import state
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.schedule import interface
from sheets_decrypt.schedule.interface import ALL_JOBS
from tests.cli.glance import GOOD, HELD, NOW, held, read_time_zone
from tests.cli.screens import assert_in_order, seen_at
from tests.pseudo_terminal import at_a_terminal
from tests.survey import PROGRAM, World, assert_nothing_leaked
from tests.unattended_parts import configuration, scheduled

pytestmark = pytest.mark.usefixtures("no_schedules")
STATUS_KEYS = {
    "job", "last_success", "age", "schedule", "next_run", "stale", "exit_code", "message", "failed_runs",
    "locked_runs", "rows", "last_run", "running", "running_since", "busy_runs", "failing", "csv", "hint",
}  # fmt: skip


def _one(
    tmp_path: Path, schedules: list[interface.Status], success: str = "", now: datetime = NOW, **held: Any
) -> JobStatus:
    """Survey the job `baseline`, whose memory is as given."""
    config = configuration(tmp_path)
    memory = JobState(last_run=success, last_success=success)
    state.change(config, "baseline", lambda _: replace(memory, **held))
    [found] = survey(config, ["baseline"], schedules, now)
    return found


def _text(found: list[JobStatus], *, plain: bool = True, width: int = 200) -> str:
    from rich.console import Console

    console = Console(width=width, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  (only recorded)
    try:
        console.print(table(found, plain=plain))
    finally:
        console.file.close()
    return console.export_text(styles=True)


def test_the_last_success_its_age_and_the_schedule_are_told(tmp_path: Path) -> None:
    """A job is shown by what its machine remembers and by what is installed."""
    found = _one(tmp_path, [scheduled("daily 06:30", next_run="2026-03-07 06:30")], "2026-03-06T06:30:10Z", rows=(1, 2))
    csv = str(tmp_path / "baseline.csv")
    assert found == JobStatus("baseline", replace(HELD, rows=(1, 2)), 8990, "daily 06:30", "2026-03-07 06:30", csv=csv)


@pytest.mark.parametrize(
    ("timing", "success", "stale"),
    [
        ("daily 06:30", "2026-03-06T06:30:10Z", False),
        ("daily 06:30", "2026-03-06T06:29:59Z", True),
        ("daily 06:30", "", True),
        ("daily 08:45", "2026-03-05T08:45:10Z", False),  # due a quarter of an hour ago: jitter, and the run itself
        ("daily 08:30", "2026-03-05T08:30:10Z", True),
        ("daily 06:30 mon", "2026-03-02T06:31:00Z", False),
        ("daily 06:30 mon", "2026-02-23T06:31:00Z", True),
        ("cron 0 0 1 * *", "2026-03-01T00:02:00Z", False),
        ("cron 0 0 1 * *", "2026-02-20T00:02:00Z", True),
        ("every 15m", "2026-03-06T08:30:05Z", False),
        ("every 15m", "2026-03-06T08:29:59Z", True),
        ("every 7m", "2026-03-06T08:16:01Z", False),  # divides no day: counted from the last success
        ("every 7m", "2026-03-06T08:15:59Z", True),
        ("every 7m", "", True),
        ("OnCalendar=odd", "", False),  # changed by hand to what no one can judge
    ],
)
def test_a_job_is_stale_when_a_run_that_should_be_over_has_not_gone_well(
    tmp_path: Path, timing: str, success: str, stale: bool
) -> None:
    """The installed schedule decides, with half an hour's grace."""
    assert _one(tmp_path, [scheduled(timing)], success).stale is stale


@pytest.mark.parametrize(
    ("timing", "installed", "stale"),
    [
        ("daily 06:30", "2026-03-06T06:31:00+00:00", False),
        ("daily 06:30", "2026-03-06T06:29:00+00:00", True),
        ("every 1h", "2026-03-06T08:10:00+00:00", False),
        ("every 7m", "2026-03-06T08:55:00+00:00", False),
        ("every 7m", "2026-03-06T08:15:00+00:00", True),
    ],
)
def test_a_job_that_has_not_been_due_since_it_was_scheduled_is_not_stale(
    tmp_path: Path, timing: str, installed: str, stale: bool
) -> None:
    """Whoever schedules a job, and looks, is not alarmed; the first run that is due and missing counts."""
    schedule = scheduled(timing, since=datetime.fromisoformat(installed))
    assert _one(tmp_path, [schedule]).stale is stale
    assert _one(tmp_path, [schedule], "2026-02-01T06:30:10Z").stale is stale


@pytest.mark.system("posix", "Windows has one time zone for all programs")
def test_schedules_are_local_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """06:30 in Bogotá is 11:30 UTC; the zone of `now` does not matter."""
    monkeypatch.setenv("TZ", "America/Bogota")
    read_time_zone()
    now = datetime(2026, 3, 6, 14, 0, tzinfo=timezone(timedelta(hours=2)))  # 07:00 in Bogotá
    assert _one(tmp_path, [scheduled("daily 06:30")], "2026-03-06T11:29:59Z", now).stale
    assert not _one(tmp_path, [scheduled("daily 06:30")], "2026-03-06T11:30:01Z", now).stale


@pytest.mark.system("posix", "Windows has one time zone for all programs")
@pytest.mark.parametrize(
    ("success", "now", "stale"),
    [
        ("2027-03-28T01:00:05Z", "2027-03-28T05:00:00Z", False),  # cron, as soon as 02:30 has been skipped
        ("2027-03-28T01:31:00Z", "2027-03-28T05:00:00Z", False),  # systemd, half an hour later
        ("2027-03-27T01:31:00Z", "2027-03-28T01:33:00Z", False),  # it is not yet over
        ("2027-03-27T01:31:00Z", "2027-03-28T05:00:00Z", True),
        ("2026-10-25T00:31:00Z", "2026-10-25T05:00:00Z", False),  # the first 02:30 of two
    ],
)
def test_a_run_that_was_made_up_for_when_clocks_changed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, success: str, now: str, stale: bool
) -> None:
    """In Berlin there is no 02:30 on the one day, and there are two on the other."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    read_time_zone()
    assert _one(tmp_path, [scheduled("daily 02:30")], success, datetime.fromisoformat(now)).stale is stale


def test_a_job_without_a_schedule_is_never_stale(tmp_path: Path) -> None:
    """No one said when it should run; a schedule of another job, or one that is not there any more, is none."""
    gone = replace(scheduled("daily 06:30"), installed=False)
    found = _one(tmp_path, [scheduled("daily 06:30", "other"), gone])
    assert found == JobStatus("baseline", JobState(), csv=str(tmp_path / "baseline.csv"))
    assert "never ran" in _text([found])


def test_the_schedule_of_all_jobs_counts_where_a_job_has_none_of_its_own(tmp_path: Path) -> None:
    """A job's own schedule comes first, and of two schedulers the first."""
    everything, own = scheduled("daily 06:30", ALL_JOBS), scheduled("every 1h")
    assert _one(tmp_path, [everything]).schedule == "daily 06:30"
    assert _one(tmp_path, [everything, own]).schedule == "every 1h"
    assert _one(tmp_path, [own, scheduled("every 2h")]).schedule == "every 1h"


def test_overdue_is_red_and_says_so_without_colours(tmp_path: Path) -> None:
    """Whoever sees no colour reads it."""
    assert "\x1b[1;31m2 d overdue" in _text([replace(GOOD, stale=True, age=172800)])
    assert "overdue" not in _text([GOOD])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-5.0, "now"),
        (59.0, "now"),
        (60.0, "1 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (200000.0, "2 d"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds: float | None, words: str) -> None:
    """An age is read at a glance."""
    [cell] = [column for column in table([replace(GOOD, age=seconds)], plain=True).columns if column.header == "age"]
    assert [str(text) for text in cell.cells] == [words]


@pytest.mark.parametrize(
    ("changes", "words", "colour"),
    [
        ({}, "ok", "32"),
        ({"exit_code": 3}, "some cells could not be decrypted (exit code 3)", "33"),
        ({"exit_code": 6, "failed_runs": 2, "message": "no network"}, "failed with exit code 6: no network", "31"),
        ({"exit_code": 7, "failed_runs": 2, "message": "it is full"}, "failed with exit code 7: it is full", "31"),
        ({"exit_code": 7, "failed_runs": 1, "locked_runs": 1, "message": "no X:"},
         "skipped, the vault was locked (1 run): no X:", "33"),
        ({"exit_code": 7, "failed_runs": 5, "locked_runs": 4, "message": "no X:"},
         "skipped, the vault was locked (4 runs in a row): no X:", "33"),
    ],
)  # fmt: skip
def test_the_last_run_is_told_and_a_locked_vault_is_a_state_of_its_own(
    changes: dict[str, Any], words: str, colour: str
) -> None:
    """What failed is in the table, in a colour of its own."""
    assert f"\x1b[{colour}m{words}" in _text([held(**changes)])


def test_cells_that_could_not_be_decrypted_have_a_next_step() -> None:
    """Such a run has no error and so no hint of its own; the report beside the CSV has the cells."""
    assert "hint: the report beside the CSV, .report.txt, names the cells" in _text([held(exit_code=3)])
    assert "hint: " not in _text([GOOD])


def test_the_trend_of_rows_is_a_sparkline_on_a_terminal_and_numbers_off_one() -> None:
    """The bars reach from none to the largest, and the last count is named."""
    assert "▁▄█ 8" in _text([held(rows=(0, 4, 8))], plain=False)
    assert "▁▁ 0" in _text([held(rows=(0, 0))], plain=False)
    assert "2 3 4 5 6 " in _text([held(rows=(1, 2, 3, 4, 5, 6))])
    assert "▁" not in _text([held(rows=())], plain=False)


# From the command line


def test_status_follows_what_happens_to_a_job(world: World) -> None:
    """Never ran, good, failed, locked: `status` distinguishes each by what the last runs left, even locked."""
    assert "never ran" in world.run("status", "--config", world.path).out
    world.pull()
    done = world.run("status", "--config", world.path)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"baseline +\d{4}-\d\d-\d\d \d\d:\d\d \+00:00 +now +none +6 +ok", done.out)
    assert "\x1b" not in done.out
    shutil.move(world.vault_folder, world.folder / "away")
    world.pull()
    done = world.run("status", "--config", world.path)
    assert "skipped, the vault was locked (1 run)" in done.out
    assert re.search(r"baseline +\d{4}-\d\d-\d\d \d\d:\d\d", done.out)


def test_status_as_json_is_one_line_for_each_job(world: World) -> None:
    """`--json` holds what the table holds, and `--job` chooses."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv", "columns": ["nobody"]}})
    world.pull()
    one, two = world.run("status", "--config", world.path, "--json").records()
    assert set(one) == STATUS_KEYS
    assert (one["job"], one["exit_code"], one["stale"], one["rows"]) == ("one", 0, False, [6])
    assert (two["job"], two["exit_code"], two["failed_runs"], two["last_success"]) == ("two", 9, 1, "")
    assert [job["job"] for job in world.run("status", "--config", world.path, "--json", "--job", "two").records()] == [
        "two"
    ]
    done = world.run("status", "--config", world.path, "--job", "three")
    assert (done.code, "one, two" in done.err) == (2, True)


@pytest.mark.system("posix", "the scheduler is cron")
def test_a_scheduler_that_cannot_be_read_hides_nothing(world: World, tmp_path: Path) -> None:
    """Where someone cut our block in the crontab in half, that is a warning, and the jobs are shown all the same."""
    programs = tmp_path / "bin"
    programs.mkdir()
    crontab = programs / "crontab"
    crontab.write_text("#!/bin/sh\necho '# >>> sheets-decrypt: baseline'\n")
    crontab.chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = world.run("status", "--config", world.path, "--json", environment=environment)
    assert done.code == 0
    assert done.err == "warning: cron: the block of baseline in the crontab has no end mark\n"
    assert done.records()[0]["job"] == "baseline"


def test_monitoring_sees_a_job_that_failed_or_is_overdue(world: World) -> None:
    """`--fail` ends with exit code 10 and names the jobs; a good run ends that, and without it the code is 0."""
    status = ("status", "--config", world.path, "--fail")
    assert world.run(*status).code == 0
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv", "columns": ["nobody"]}})
    assert world.pull().code == 9
    done = world.run(*status)
    assert done.code == 10
    assert done.err.startswith("error: two failed\nhint: ")
    assert "one " in done.out
    without = world.run(*status[:-1])
    assert (without.code, without.out.splitlines()[-1]) == (0, "1 of 2 jobs needs attention: two failed")
    assert world.run(*status, "--job", "one").code == 0
    assert [job["failing"] for job in world.run(*status, "--json").records()] == [False, True]
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv"}})
    world.pull()
    assert world.run(*status).code == 0
    assert world.run(*status[:-1]).out.splitlines()[-1] == "No job needs attention"


@pytest.mark.parametrize(
    ("changes", "more", "failing"),
    [
        ({}, {}, False),
        ({"exit_code": 6, "failed_runs": 1, "reported": True}, {}, True),
        ({"exit_code": 3, "reported": True}, {}, True),
        ({"exit_code": 7, "failed_runs": 1, "locked_runs": 1}, {}, False),  # until it was locked `locked_after` times
        ({"exit_code": 7, "failed_runs": 3, "locked_runs": 3, "reported": True}, {}, True),
        ({"running_since": "2026-03-06T06:30:00Z"}, {"running": True}, False),
        ({"running_since": "2026-03-06T06:30:00Z"}, {}, True),  # it was killed
    ],
)
def test_what_monitoring_calls_a_failure_is_what_people_are_notified_of(
    changes: dict[str, Any], more: dict[str, Any], failing: bool
) -> None:
    """And a run that could report nothing, because it was stopped from outside."""
    one = replace(held(**changes), **more)
    assert one.failing is failing
    assert (troubles([GOOD, one]) != "") is failing


# On a screen


LONG = JobStatus(
    "household-survey-2026-second-round",
    replace(
        HELD,
        last_run="2026-03-06T06:30:10Z",
        exit_code=9,
        failed_runs=1,
        message='"respondent_telephone_number_as_given" not found in row 1; the file /mnt/vault/surveys/2026/b.csv',
        hint="check the spelling against row 1, and that this is the right tab",
        rows=tuple(range(1200, 1230)),
    ),
    9000,
    "daily 06:30 mon-fri",
    "2026-03-07 06:30",
)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_lost_on_a_narrow_screen(width: int) -> None:
    """Every word of every value is on one line, whole and in its order, and no line is longer than the screen."""
    words = seen_at(width, table([GOOD, LONG], plain=False))
    for one in (GOOD, LONG):
        for value in (one.job, one.schedule, "2026-03-06 06:30 +00:00", one.state.message, one.state.hint):
            assert_in_order(value.split(), words)
    assert_in_order(["▇▇▇▇▇▇▇▇▇▇▇█", "1229"], words)


def test_a_word_that_is_longer_than_the_screen_is_left_whole(world: World) -> None:
    """A path that does not fit is not broken by us: the terminal wraps it, and it can be copied."""
    path = "/mnt/vault/" + "surveys/" * 12 + "baseline.csv"
    assert path in seen_at(
        60, table([replace(LONG, state=replace(LONG.state, message=path))], plain=False), whole=False
    )


def test_status_on_a_terminal_has_colours_and_bars(world: World) -> None:
    """A person at a terminal sees the sparkline and the colours."""
    world.pull()
    environment = world.environment({"TERM": "xterm", "COLUMNS": "120"})
    environment.pop("NO_COLOR", None)
    command = [*PROGRAM, "status", "--config", str(world.path)]
    code, seen = at_a_terminal(command, environment, after=b"", keys=b"")
    out = seen.decode()
    assert code == 0
    assert_nothing_leaked(out, world.survey)
    assert "█ 6" in out
    assert "\x1b[32mok" in out
