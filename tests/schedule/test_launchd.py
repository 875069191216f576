"""A launchd agent: its property list is parsed, and a stand-in launchctl logs its calls."""

import os
import plistlib
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install, steps
from sheets_decrypt.schedule.interface import ALL_JOBS, Found, Reply, Task
from sheets_decrypt.schedule.launchd import Launchd, starts
from sheets_decrypt.schedule.timing import Every, parse
from tests.schedule.tasks import FOLDER, LOG, StandIn, task

AGENTS = Path("/Users/you/Library/LaunchAgents")
BACKEND = Launchd(AGENTS, 501, datetime(2026, 3, 6, 7, 0))  # noqa: DTZ001  (local time)
FILE = AGENTS / "sheets-decrypt-baseline.plist"
PRINT = ("launchctl", "print", "gui/501/sheets-decrypt-baseline")

LAUNCHCTL = """
agent = state / "agent"
match arguments:
    case ["bootstrap", _, file]:
        tries = state / "tries"
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        if len(tries.read_text()) < 3:
            sys.exit("Bootstrap failed: 5: Input/output error")
        agent.touch()
    case ["bootout", _] | ["print", _] | ["kickstart", _] if not agent.exists():
        sys.exit("Could not find service")
    case ["bootout", _]:
        agent.unlink()
"""


def content(entry: Task) -> dict[str, Any]:
    """Return the parsed property list."""
    loaded: dict[str, Any] = plistlib.loads(BACKEND.render(entry)[str(FILE)].encode())
    return loaded


def test_the_property_list_holds_everything() -> None:
    """It has absolute paths, the log, no core dump, and a time for each weekday, Sunday being 0."""
    holds = content(task())
    assert holds["Label"] == "sheets-decrypt-baseline"
    assert tuple(holds["ProgramArguments"]) == task().command
    assert (holds["StandardOutPath"], holds["StandardErrorPath"]) == (str(LOG), str(LOG))
    assert holds["WorkingDirectory"] == str(FOLDER)
    assert holds["RunAtLoad"] is False
    assert holds["HardResourceLimits"] == {"Core": 0}
    assert holds["StartCalendarInterval"] == [
        {"Minute": 30, "Hour": 6, "Weekday": weekday} for weekday in (1, 2, 3, 4, 5)
    ]
    assert content(task(jitter=60))["ProgramArguments"][-2:] == ["--jitter", "60"]


def test_an_interval_that_divides_a_day_becomes_a_calendar_that_catches_up() -> None:
    """`StartInterval` skips runs that fall into sleep, so it is used only if no calendar keeps the interval."""
    assert starts(Every(30)) == {"StartCalendarInterval": [{"Minute": 0}, {"Minute": 30}]}
    assert starts(Every(1)) == {"StartCalendarInterval": [{}]}
    assert len(starts(Every(45))["StartCalendarInterval"]) == 32
    assert starts(Every(50)) == {"StartInterval": 3000}


def test_a_day_and_a_weekday_become_separate_entries() -> None:
    """By cron's rule the 13th or a Friday matches, so each gets its own entry."""
    entries = starts(parse(cron="0 6 13 * fri"))["StartCalendarInterval"]
    assert entries == [{"Minute": 0, "Hour": 6, "Day": 13}, {"Minute": 0, "Hour": 6, "Weekday": 5}]


def test_schedules_that_launchd_cannot_run_are_refused() -> None:
    """A day combined with a weekday, thousands of entries, and a credential are refused."""
    with pytest.raises(ConfigurationError, match="cannot combine days of the month with weekdays"):
        starts(parse(cron="0 6 */2 * sun"))
    with pytest.raises(ConfigurationError, match="takes 3000 entries"):
        starts(parse(cron="*/6 1-10 1-30 * *"))
    base = task()
    secret = Task(
        "baseline", base.command, base.config, base.log, base.folder, base.timing, 0, (("key", PurePosixPath("/k")),)
    )
    with pytest.raises(ConfigurationError, match="available only under systemd"):
        BACKEND.render(secret)


def holding(text: str, code: int = 0) -> Found:
    """Return the files and replies for a property list, with the exit code of `launchctl print`."""
    return Found({FILE: text.encode()}, {PRINT: Reply(code)})


def test_the_status_describes_the_installed_schedule() -> None:
    """Timing, next run and command are read from the property list; launchd reports whether it is loaded."""
    text = BACKEND.render(task())[str(FILE)]
    status = BACKEND.status("baseline", holding(text))
    assert (status.installed, status.timing, status.next_run) == (True, "daily 06:30 mon-fri", "2026-03-09 06:30")
    assert "--job baseline" in status.command
    unloaded = BACKEND.status("baseline", holding(text, 113))
    assert not unloaded.installed
    assert "has not loaded the agent" in unloaded.notes[0]
    assert not BACKEND.status("baseline", Found()).installed


@pytest.mark.parametrize(("old", "new"), [("<integer>30<", "<integer>31<"), ("timing: daily", "timing: never")])
def test_a_change_by_hand_shows(old: str, new: str) -> None:
    """The status relies on the keys, not on our comment."""
    status = BACKEND.status("baseline", holding(BACKEND.render(task())[str(FILE)].replace(old, new)))
    assert (status.timing, status.next_run) == ("changed by hand", None)


@pytest.mark.parametrize("text", ["", "<plist", "not a list", "<plist><string>a</string></plist>"])
def test_a_broken_property_list_counts_as_changed(text: str) -> None:
    """A property list that cannot be read counts as changed."""
    assert BACKEND.status("baseline", holding(text)).timing == "changed by hand"


def test_an_interval_without_a_calendar_has_no_known_next_run() -> None:
    """The scheduler counts the interval from when the agent was loaded."""
    status = BACKEND.status("baseline", holding(BACKEND.render(task(Every(50)))[str(FILE)]))
    assert (status.timing, status.next_run) == ("every 50m", None)


@pytest.mark.system("posix", "launchd is part of macOS")
def test_it_is_installed_run_and_removed(programs: Path) -> None:
    """Files and calls are right from installation to removal; a `bootstrap` that is not ready yet is tried again."""
    launchctl = StandIn(programs, "launchctl", LAUNCHCTL)
    agents = Path.home() / "Library" / "LaunchAgents"
    agents.mkdir(parents=True)
    (agents / "mine.plist").write_text("mine")
    base = task(name=ALL_JOBS)
    entry = Task(ALL_JOBS, base.command, base.config, PurePosixPath(Path.home() / "l" / "log"), FOLDER, base.timing)
    backend = install.backend_named("auto", platform="darwin")

    found = install.look(backend, ALL_JOBS)
    assert steps.carry_out(backend.install(entry, found), pause=0) == 0
    target = f"gui/{os.getuid()}/sheets-decrypt"
    bootstrap = ["bootstrap", f"gui/{os.getuid()}", str(agents / "sheets-decrypt.plist")]
    assert launchctl.calls[1:] == [["bootout", target], ["enable", target], bootstrap, bootstrap, bootstrap]
    assert install.status(backend, ALL_JOBS).installed
    assert backend.install(entry, install.look(backend, ALL_JOBS)) == []
    assert [status.name for status in install.installed(backend)] == [ALL_JOBS]

    assert install.run_now(backend, ALL_JOBS) == 0
    assert launchctl.calls[-1] == ["kickstart", target]
    assert install.remove(backend, ALL_JOBS)
    assert [path.name for path in agents.iterdir()] == ["mine.plist"]
    assert not install.remove(backend, ALL_JOBS)
    with pytest.raises(ConfigurationError, match="no schedule for all jobs in launchd"):
        install.run_now(backend, ALL_JOBS)
