"""A systemd user timer: `systemd-analyze verify` reads it, and a stand-in systemctl logs its calls."""

import subprocess
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install
from sheets_decrypt.schedule.interface import ALL_JOBS, Found, Reply, Task
from sheets_decrypt.schedule.systemd import Systemd, unit_name
from sheets_decrypt.schedule.timing import Every, Timing, parse
from tests import require
from tests.schedule.tasks import FOLDER, StandIn, task

UNITS = Path("/home/you/.config/systemd/user")
NOW = datetime(2026, 3, 6, 7, 0)  # noqa: DTZ001  (local time)
BACKEND = Systemd(UNITS, "you", NOW)
SHOW = "--property=LoadState,ActiveState,NextElapseUSecRealtime"

SYSTEMCTL = """
timer = state / "timer"
if "daemon-reload" in arguments:
    (state / "loaded").touch()
elif "restart" in arguments:
    timer.touch()
elif "disable" in arguments:
    timer.unlink(missing_ok=True)
elif "show" in arguments:
    there = timer.exists()
    print("LoadState=" + ("loaded" if there else "not-found"))
    print("ActiveState=" + ("active" if there else "inactive"))
    print("NextElapseUSecRealtime=" + ("Mon 2026-03-09 06:30:00 CET" if there else ""))
elif "show-environment" not in arguments and "enable" not in arguments and "start" not in arguments:
    sys.exit(1)
"""


def odd_task(tmp_path: Path) -> Task:
    """Return a task whose arguments contain everything that is special to systemd."""
    words = ("100%", "$HOME", "${HOME}", 'a "b"', "c\\d", "it's", "é ü", "", ";", "%n")
    python = Path(require.program("sh"))
    config = tmp_path / "50% $x" / "c.toml"
    credentials = (("key", tmp_path / "secret 50%"),)
    return Task("baseline", (str(python), *words), config, tmp_path / "l", tmp_path, Every(15), 60, credentials)


@pytest.mark.parametrize(
    "timing",
    [
        parse(daily="06:30", weekdays="fri-mon"),
        parse(every="45m"),
        parse(every="1m"),
        parse(cron="*/5 8-18/2 13 jan,mar fri"),
        parse(cron="0 6 */2 * sun"),
    ],
)
def test_systemd_accepts_the_units(tmp_path: Path, timing: Timing) -> None:
    """`systemd-analyze verify` reads the service and the timer without complaints."""
    analyze = require.program("systemd-analyze")
    base = odd_task(tmp_path)
    entry = Task("é-ü", base.command, base.config, base.log, base.folder, timing, 60, base.credentials)
    files = [Path(path) for path in Systemd(tmp_path, "you", NOW).render(entry)]
    for path, text in Systemd(tmp_path, "you", NOW).render(entry).items():
        Path(path).write_text(text)
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "LC_ALL": "C.UTF-8"}
    verify = [analyze, "--user", "verify", *map(str, files)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_systemd_reads_every_word_of_the_command_as_intended(tmp_path: Path) -> None:
    """Quotes, backslashes, `%` and `$` are escaped by systemd's rules, and the credential is loaded."""
    service = Systemd(tmp_path, "you", NOW).render(odd_task(tmp_path))[
        str(tmp_path / "sheets-decrypt-baseline.service")
    ]
    expected = '100%% $$HOME "$${HOME}" "a \\"b\\"" "c\\\\d" "it\'s" "é ü" "" ";" %%n'
    assert f"ExecStart={require.program('sh')} {expected}\n" in service
    assert f"LoadCredential=key:{tmp_path}/secret 50%%\n" in service
    assert f"WorkingDirectory={tmp_path}\n" in service


def test_the_timer_catches_up_and_spreads_the_runs() -> None:
    """A run missed during sleep is made up for, and systemd itself applies the jitter."""
    timer = BACKEND.render(task(jitter=120))[str(UNITS / "sheets-decrypt-baseline.timer")]
    assert "OnCalendar=Mon..Fri *-*-* 06:30:00\n" in timer
    assert "Persistent=true\n" in timer
    assert "RandomizedDelaySec=120s\n" in timer
    assert "RandomizedDelaySec" not in "".join(BACKEND.render(task()).values())
    assert "--jitter" not in "".join(BACKEND.render(task(jitter=120)).values())


def test_either_day_takes_two_lines() -> None:
    """One line would require both the day and the weekday; two lines mean either, as in cron."""
    timer = BACKEND.render(task(parse(cron="0 6 13 * fri")))[str(UNITS / "sheets-decrypt-baseline.timer")]
    assert "OnCalendar=*-*-13 06:00:00\nOnCalendar=Fri *-*-* 06:00:00\n" in timer
    daily = BACKEND.render(task(parse(cron="0 6 1-31 * fri")))[str(UNITS / "sheets-decrypt-baseline.timer")]
    assert daily.count("OnCalendar=") == 1
    assert "OnCalendar=*-*-* 06:00:00\n" in daily


def test_an_interval_that_no_calendar_can_keep_is_refused() -> None:
    """`*:0/7` would run at :56 and again at :00."""
    with pytest.raises(ConfigurationError, match="every 7m"):
        BACKEND.render(task(Every(7)))


@pytest.mark.system("posix", "a unit's name contains backslashes")
def test_a_name_that_is_not_ascii_is_escaped_and_read_back() -> None:
    """A unit's name must be ASCII, so the job's name is escaped and read back."""
    assert unit_name("é_1") == "sheets-decrypt-\\xc3\\xa9_1"
    found = Found({UNITS / f"{unit_name(name)}.timer": b"" for name in ("é_1", "𝔘", ALL_JOBS, "b.c-d")})
    assert set(BACKEND.names(found)) == {"é_1", "𝔘", ALL_JOBS, "b.c-d"}
    assert BACKEND.names(Found({UNITS / "sheets-decrypted.timer": b""})) == ()


def reported(loaded: str = "loaded", active: str = "active", linger: str = "yes", **changed: bytes) -> Found:
    """Return the files and replies for an installed timer."""
    files = {Path(path): text.encode() for path, text in BACKEND.render(task()).items()}
    files = {path: changed.get(path.suffix[1:], content) for path, content in files.items()}
    unit = unit_name("baseline")
    says = f"LoadState={loaded}\nActiveState={active}\nNextElapseUSecRealtime=Mon 2026-03-09 06:30:00 CET\n".encode()
    return Found(
        {path: content for path, content in files.items() if content},
        {
            ("systemctl", "--user", "show", f"{unit}.timer", SHOW): Reply(0, says),
            ("loginctl", "show-user", "--property=Linger", "--value", "you"): Reply(0, linger.encode() + b"\n"),
        },
    )


def test_the_status_is_read_from_systemd() -> None:
    """The timing is read from the unit, next run and state from systemd; a note warns if runs need a session."""
    status = BACKEND.status("baseline", reported(linger="no"))
    assert (status.installed, status.timing) == (True, "daily 06:30 mon-fri")
    assert status.next_run == "Mon 2026-03-09 06:30:00 CET"
    assert status.command.startswith("/home/you/")
    assert "enable-linger" in status.notes[0]
    assert BACKEND.status("baseline", reported()).notes == ()


def test_files_without_a_running_timer_are_not_installed() -> None:
    """Files in the folder run nothing unless systemd has loaded them."""
    for found in (reported(active="inactive"), reported(loaded="not-found"), reported(service=b"")):
        status = BACKEND.status("baseline", found)
        assert not status.installed
        assert "systemd does not run the timer" in status.notes[0]
    assert not BACKEND.status("baseline", Found()).installed


def test_a_timing_changed_by_hand_shows() -> None:
    """The status relies on OnCalendar=, not on our comment."""
    for timer in (b"[Timer]\nOnCalendar=hourly\n", b"# timing: never\n[Timer]\nOnCalendar=hourly\n"):
        status = BACKEND.status("baseline", reported(timer=timer))
        assert status.timing == "hourly"
        assert "changed by hand" in status.notes[0]


@pytest.mark.system("posix", "systemd is part of Linux")
def test_it_is_installed_run_and_removed(programs: Path) -> None:
    """Files and calls are right from installation to removal, and other units stay."""
    systemctl = StandIn(programs, "systemctl", SYSTEMCTL)
    StandIn(programs, "loginctl", "print('no')")
    StandIn(programs, "crontab", "sys.exit('no crontab for you')")
    units = Path.home() / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "mine.timer").write_text("mine")
    log = Path.home() / "log" / "baseline.log"
    base = task()
    entry = Task("baseline", base.command, base.config, PurePosixPath(log), FOLDER, base.timing)
    backend = install.backend_named("auto", platform="linux")
    assert backend.name == "systemd"

    status = install.install(backend, entry)
    assert status.installed
    assert log.parent.is_dir()
    asked = [" ".join(call[1:]) for call in systemctl.calls if "show" not in " ".join(call)]
    timer = "sheets-decrypt-baseline.timer"
    assert asked == ["daemon-reload", f"enable {timer}", f"restart {timer}"]
    assert {path.name for path in units.iterdir()} == {timer, "sheets-decrypt-baseline.service", "mine.timer"}

    before = len(systemctl.calls)
    assert install.install(backend, entry) == status
    assert all("show" in " ".join(call) for call in systemctl.calls[before:])

    assert install.run_now(backend, "baseline") == 0
    assert systemctl.calls[-1] == ["--user", "start", "--no-block", "sheets-decrypt-baseline.service"]
    assert [status.name for status in install.installed(backend)] == ["baseline"]
    assert install.remove(backend, "baseline")
    assert [path.name for path in units.iterdir()] == ["mine.timer"]
    assert not install.remove(backend, "baseline")
    with pytest.raises(ConfigurationError, match="no schedule for baseline in systemd"):
        install.run_now(backend, "baseline")
