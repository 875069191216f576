"""An hour skipped by a clock change does not exist on that day: its runs are made up for, or announced."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sheets_decrypt.schedule.cron import Cron
from sheets_decrypt.schedule.interface import Backend, Found, Reply
from sheets_decrypt.schedule.launchd import Launchd
from sheets_decrypt.schedule.systemd import Systemd
from sheets_decrypt.schedule.task_scheduler import TaskScheduler
from sheets_decrypt.schedule.timing import Every, Timing, lost_to_clock_changes, parse
from tests import require, systems
from tests.schedule.tasks import task, windows_task

TODAY = datetime(2026, 11, 24)  # noqa: DTZ001  (schedulers mean local time)
FIRST, LAST = date(2027, 1, 1), date(2030, 12, 31)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
HOME = Path("/home/you")
SKIPPED = [
    ("Africa/Cairo", "00:00"),
    ("America/Santiago", "00:00"),
    ("Asia/Beirut", "00:30"),
    ("Europe/Berlin", "02:30"),
    ("America/New_York", "02:00"),
    ("Australia/Lord_Howe", "02:15"),  # the clocks go forward by half an hour
]


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that moves this machine to another time zone."""
    systems.only_on("posix", "Windows has one time zone for all programs")

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def systemd_runs(zone: str, timing: Timing) -> list[datetime]:
    """Return the local times from `FIRST` to `LAST` at which systemd's own calculator would start the timer."""
    analyze = require.program("systemd-analyze")
    [timer] = [text for path, text in Systemd(HOME, "you", TODAY).render(task(timing)).items() if "timer" in path]
    lines = re.findall(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    done = subprocess.run(
        [analyze, "calendar", "--iterations=1600", "--base-time=2026-12-31 23:59:59", *lines],
        capture_output=True, text=True, check=True, env={"TZ": zone, "LC_ALL": "C"},
    )  # fmt: skip
    elapses = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) ", done.stdout)
    runs = [datetime.fromisoformat(text) for text in elapses]
    return sorted(run for run in runs if FIRST <= run.date() <= LAST)


@pytest.mark.parametrize(("zone", "at"), SKIPPED)
def test_systemd_runs_every_day(zone: str, at: str, in_zone: Callable[[str], None]) -> None:
    """It runs once on each day of four years, at the requested time wherever that exists."""
    in_zone(zone)
    runs = systemd_runs(zone, parse(daily=at))
    assert Counter(run.date() for run in runs) == Counter(DAYS)
    moved = [run for run in runs if f"{run:%H:%M}" != at]
    assert [_exists(zone, datetime.fromisoformat(f"{run:%Y-%m-%d} {at}")) for run in moved] == [False] * 4


@pytest.mark.parametrize("timing", [parse(cron="*/15 2,14 * * *"), parse(cron="0,30 1-3 * * sun")])
def test_systemd_makes_up_once_for_several_lost_times(timing: Timing, in_zone: Callable[[str], None]) -> None:
    """One run makes up for an hour of several, and none is added if the timing runs at the moved time anyway."""
    in_zone("Europe/Berlin")
    runs = systemd_runs("Europe/Berlin", timing)
    spring = [run for run in runs if run.date() == date(2027, 3, 28)]
    assert len(spring) == len(set(spring))
    extra = [run for run in spring if f"{run:%H:%M}" == "03:00"]
    assert len(extra) == 1


def _exists(zone: str, at: datetime) -> bool:
    there = at.replace(tzinfo=ZoneInfo(zone))
    return there.astimezone(ZoneInfo("UTC")).astimezone(ZoneInfo(zone)) == there


@pytest.mark.parametrize(("zone", "at"), SKIPPED)
def test_lost_runs_are_known(zone: str, at: str, in_zone: Callable[[str], None]) -> None:
    """Python's own time zones agree on each lost run for ten years."""
    in_zone(zone)
    lost = lost_to_clock_changes(parse(daily=at), TODAY)
    days = [TODAY.date() + timedelta(days=number) for number in range(3660)]
    asked = [datetime.fromisoformat(f"{day} {at}") for day in days]
    assert [run for run, _ in lost] == [run for run in asked if not _exists(zone, run)]
    assert all(_exists(zone, shown) and shown > run for run, shown in lost)


def test_intervals_and_zones_without_changes_lose_nothing(in_zone: Callable[[str], None]) -> None:
    """An interval keeps its length, and most of the world's clocks never change."""
    in_zone("Europe/Berlin")
    for timing in (Every(45), parse(cron="*/15 * * * *"), parse(cron="30 * * * *"), parse(daily="03:00")):
        assert lost_to_clock_changes(timing, TODAY) == []
    assert lost_to_clock_changes(parse(cron="30 2 * * mon"), TODAY) == []  # the clocks change on Sundays
    in_zone("Asia/Kolkata")
    assert lost_to_clock_changes(parse(daily="02:30"), TODAY) == []


def test_the_extra_runs_do_not_look_like_a_change_by_hand(in_zone: Callable[[str], None]) -> None:
    """The timer is still read back as installed, even years later and in another zone."""
    in_zone("Europe/Berlin")
    timing = parse(daily="02:30")
    files = {Path(path): text.encode() for path, text in Systemd(HOME, "you", TODAY).render(task(timing)).items()}
    for zone in ("Europe/Berlin", "Asia/Kolkata"):
        in_zone(zone)
        status = Systemd(HOME, "you", datetime(2031, 1, 1)).status("baseline", Found(files))  # noqa: DTZ001
        assert status.timing == "daily 02:30"
        assert not any("by hand" in note for note in status.notes)


def _notes(backend: Backend, timing: Timing) -> str:
    """Return the notes on an installed schedule."""
    [(path, text)] = backend.render(windows_task(timing) if backend.name == "task-scheduler" else task(timing)).items()
    commands = backend.look("baseline").commands
    found = Found({Path(path): text.encode()}, {argv: Reply(0, text.encode()) for argv in commands})
    return "\n".join(backend.status("baseline", found).notes)


NOTED = [
    (Launchd(HOME, 501, TODAY), "30 2 * * *"),
    (TaskScheduler(HOME, TODAY), "30 2 * * *"),
    (Cron("you", HOME, TODAY), "*/15 2 * * *"),
]


@pytest.mark.parametrize(("backend", "expression"), NOTED)
def test_a_scheduler_that_may_skip_a_run_says_so(
    backend: Backend, expression: str, in_zone: Callable[[str], None]
) -> None:
    """Installation and status name the day; neither Apple nor Microsoft promises to make up for such a run."""
    in_zone("Europe/Berlin")
    assert "on 2027-03-28 the clocks go forward past 02:" in _notes(backend, parse(cron=expression))
    assert "clocks" not in _notes(backend, parse(cron="30 3 * * *"))
    in_zone("Asia/Kolkata")
    assert "clocks" not in _notes(backend, parse(cron=expression))


def test_cron_makes_up_for_a_fixed_time(in_zone: Callable[[str], None]) -> None:
    """Cron(8) runs it at once, as Debian's cron was observed to do; only a `*` in minute or hour is skipped."""
    in_zone("Europe/Berlin")
    assert "clocks" not in _notes(Cron("you", HOME, TODAY), parse(cron="0,30 2 * * *"))


IN_BERLIN = """
set -e
mount -t tmpfs none /var/spool/cron && mkdir -m 1730 /var/spool/cron/crontabs
mount -t tmpfs none /run
mount -t tmpfs none /dev/shm
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
mount --bind /usr/share/zoneinfo/Europe/Berlin /etc/localtime
cp "$1" /var/spool/cron/crontabs/root && chmod 600 /var/spool/cron/crontabs/root
TZ=Europe/Berlin exec faketime -f "@2027-03-28 01:59:30" cron -f
"""


def test_debians_cron_makes_up_for_a_fixed_time_but_not_for_a_starred_one(tmp_path: Path) -> None:
    """Debian's own cron runs with its own spool and a clock that goes forward after half a minute."""
    require.patience("a clock has to go forward")
    systems.root("posix", "only root can start cron")
    for program in ("cron", "faketime", "unshare"):
        require.program(program)
    expressions = {"fixed": "30 2 * * *", "starred": "*/15 2 * * *", "usual": "*/15 * * * *"}
    entries = [
        replace(
            task(parse(cron=expression), name=name), command=("/usr/bin/touch", str(tmp_path / name)), folder=tmp_path
        )
        for name, expression in expressions.items()
    ]
    table = tmp_path / "crontab"
    texts = [Cron("you", HOME, TODAY).render(replace(entry, log=tmp_path / "log"))["crontab"] for entry in entries]
    table.write_text("".join(texts))
    daemon = subprocess.Popen(["unshare", "-m", "sh", "-c", IN_BERLIN, "sh", str(table)], start_new_session=True)
    try:
        for _ in range(300):
            if (tmp_path / "fixed").exists() and (tmp_path / "usual").exists():
                break
            time.sleep(0.5)
        assert sorted(path.name for path in tmp_path.iterdir() if path.name in expressions) == ["fixed", "usual"]
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
