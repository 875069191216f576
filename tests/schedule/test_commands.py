"""`sheets-decrypt schedule` as a user runs it, with Debian's cron, and unattended runs."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sheets_decrypt
from sheets_decrypt.runs import state
from sheets_decrypt.sandbox.google import Fault
from tests import require
from tests.long import scaled
from tests.schedule.cron_daemon import crontab, put_crontab
from tests.schedule.tasks import CRONTAB, StandIn
from tests.survey import PROGRAM, Done, World, assert_nothing_leaked
from tests.unattended_parts import memory

PACKAGES = Path(sheets_decrypt.__file__).parents[1]
CRON = ("--backend", "cron")


def _schedule(world: World, *arguments: object) -> Done:
    return world.run("schedule", *arguments, *CRON)


def _install(world: World, *arguments: object) -> Done:
    return _schedule(world, "install", "--config", world.path, *(arguments or ("--daily", "06:30")))


def _log(world: World, name: str = "all-jobs") -> Path:
    return world.folder / "home/.local/state/sheets-decrypt/log" / f"{name}.log"


def test_cron_pulls_into_the_vault_and_status_says_so(world: World, running_cron: Callable[[Path], bytes]) -> None:
    """After one command, the CSV is in the vault a minute later; nothing is printed, and removal leaves no trace."""
    home = world.folder / "home"
    home.mkdir(exist_ok=True)
    theirs = f'# mine é\nMAILTO=""\nHOME={home}\n\n5 5 * * * /usr/bin/true 50\\%\n# end'.encode() + b" \n"
    put_crontab(theirs)
    done = world.process("schedule", "install", "--config", world.path, "--job", "baseline", "--every", "1m", *CRON)
    assert done.code == 0
    assert re.fullmatch(r"baseline: every 1m, next \d{4}-\d\d-\d\d \d\d:\d\d \(cron\)\n", done.out)
    assert "asleep or off are skipped" in done.err
    installed = crontab()
    assert installed is not None
    assert installed.startswith(theirs)
    running_cron(state.file_of(world.load(), "baseline"))  # this file exists as soon as the run has begun
    until = time.monotonic() + 60
    while not state.load(world.load(), "baseline").last_run and time.monotonic() < until:
        time.sleep(0.1)
    assert world.csv() == world.whole()
    [found] = world.run("status", "--config", world.path, "--json").records()
    assert (found["exit_code"], found["stale"], found["schedule"], found["rows"][0]) == (0, False, "every 1m", 6)
    assert found["next_run"]
    done = world.process("schedule", "remove", "--job", "baseline", *CRON)
    assert (done.code, done.out) == (0, "baseline: removed\n")
    assert crontab() == theirs
    log = _log(world, "baseline").read_text(encoding="utf-8")
    assert_nothing_leaked(log, world.survey)
    line = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} baseline: (wrote|nothing changed, )[^\n]*\n"
    assert re.fullmatch(f"({line})+", log)
    assert world.run("status", "--config", world.path, "--json").records()[0]["schedule"] == ""


@pytest.fixture
def empty_crontab(own_crontab: None, world: World) -> World:
    """Return a world whose user has an empty crontab."""
    return world


def test_a_schedule_is_shown_installed_twice_read_back_run_and_removed(empty_crontab: World) -> None:
    """`show` changes nothing; a second `install` replaces the first; `run-now` runs the installed schedule."""
    world = empty_crontab
    assert _schedule(world, "status").out == "nothing is scheduled\n"
    shown = _schedule(world, "show", "--config", world.path, "--daily", "6:30", "--weekdays", "mon-fri")
    assert shown.code == 0
    assert crontab() is None
    assert _install(world, "--every", "1h").code == 0
    done = _install(world, "--daily", "6:30", "--weekdays", "mon-fri")
    assert done.out.startswith("all jobs: daily 06:30 mon-fri, next ")
    assert (crontab() or b"").decode() == shown.out.split("\n", 1)[1]
    assert b" --retry 10 --jitter 300 " in (crontab() or b"")
    assert _schedule(world, "status").out == done.out
    assert world.run("schedule", "status").out == done.out
    done = _schedule(world, "run-now")
    assert (done.code, done.out, done.err) == (0, "all jobs: started\n", "")
    assert world.csv() == world.whole()
    assert "baseline: wrote 6 rows" in _log(world).read_text(encoding="utf-8")
    assert _schedule(world, "remove").out == "all jobs: removed\n"
    assert crontab() in {None, b""}
    assert _schedule(world, "remove").out == "nothing is scheduled\n"


def test_run_now_waits_for_a_run_and_reports_its_exit_code(empty_crontab: World) -> None:
    """A failed run is not reported as started: the user sees its exit code and its log, which has the error once."""
    world = empty_crontab
    world.configure(columns=["nobody"])
    _install(world, "--daily", "06:30", "--job", "baseline")
    done = _schedule(world, "run-now", "--job", "baseline")
    assert (done.code, done.out) == (9, "")
    log = _log(world, "baseline")
    assert done.err == f"error: baseline: the run ended with exit code 9\nhint: see the log, {log}\n"
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert re.match(r'\d{4}.{19} error: baseline: "nobody" not found in row 1', lines[0])


def test_run_now_without_a_schedule_is_an_error(empty_crontab: World) -> None:
    """The error says what to do, also with `auto`."""
    for options in (CRON, ()):
        done = empty_crontab.run("schedule", "run-now", "--job", "baseline", *options)
        assert (done.code, done.out) == (2, "")
        assert "schedule install" in done.err


def test_run_now_without_a_name_runs_the_installed_schedule(empty_crontab: World) -> None:
    """A single job's schedule is run as well; for a job without one, the message lists those that have."""
    world = empty_crontab
    _install(world, "--daily", "06:30", "--job", "baseline")
    done = world.run("schedule", "run-now")
    assert (done.code, done.out) == (0, "baseline: started\n")
    assert world.csv() == world.whole()
    assert _schedule(world, "remove").out == "no schedule for all jobs; installed: baseline (use --job baseline)\n"
    done = _schedule(world, "run-now", "--job", "endline")
    assert (done.code, done.out) == (2, "")
    assert "no schedule for endline; installed: baseline (use --job baseline)" in done.err
    assert "`pull-and-decrypt --job endline` runs this job now" in done.err
    assert _schedule(world, "remove", "--job", "baseline").out == "baseline: removed\n"


@pytest.mark.system("posix", "on Windows, status asks only Task Scheduler")
def test_each_configuration_has_its_own_schedule_in_status(world: World, programs: Path) -> None:
    """A survey pulled by hand is not overdue because another configuration is scheduled."""
    StandIn(programs, "crontab", CRONTAB)
    other = world.path.with_name("other.toml")
    other.write_bytes(world.path.read_bytes())
    path = {"PATH": os.environ["PATH"]}
    assert world.run("schedule", "install", "--config", other, "--daily", "06:30", *CRON, environment=path).code == 0
    [scheduled] = world.run("status", "--config", other, "--json", environment=path).records()
    [by_hand] = world.run("status", "--config", world.path, "--json", environment=path).records()
    assert (scheduled["schedule"], by_hand["schedule"]) == ("daily 06:30", "")
    done = world.run("schedule", "install", "--config", world.path, "--daily", "06:30", *CRON, environment=path)
    assert (done.code, done.out) == (2, "")
    assert str(other) in done.err


def test_a_proxy_that_only_this_terminal_has_is_reported(world: World) -> None:
    """A user whose pull works by hand learns what a scheduled run would lack."""
    proxy = {"HTTPS_PROXY": "http://proxy:3128"}
    config = world.path.read_text(encoding="utf-8")
    world.path.write_text(re.sub(r"(?m)^proxy = .*$", "", config), encoding="utf-8")
    done = world.run("schedule", "show", "--config", world.path, "--daily", "06:30", *CRON, environment=proxy)
    assert (done.code, done.err) == (
        0,
        "note: HTTPS_PROXY is set here, and a scheduled run may not have it: set proxy under [google]\n",
    )


def test_show_needs_no_time(world: World) -> None:
    """`show` only displays, and says what time it assumed."""
    done = _schedule(world, "show", "--config", world.path)
    assert (done.code, "30 6 * * *" in done.out) == (0, True)
    assert done.err == "note: no time is given; this is for --daily 06:30\n"


def test_auto_finds_a_schedule_of_any_scheduler(empty_crontab: World) -> None:
    """A schedule is removed from its scheduler, whichever one this system prefers."""
    _install(empty_crontab)
    done = empty_crontab.run("schedule", "remove")
    assert (done.code, done.out) == (0, "all jobs: removed\n")


@pytest.mark.parametrize(
    ("source", "backend", "why", "instead"),
    [
        ({"prompt": True}, "cron", "it cannot ask for a password", "use a file"),
        ({"env": "SURVEY_KEY"}, "cron", "does not inherit your environment", "use a file"),
        ({"keyring": "sheets-decrypt/key"}, "cron", "no desktop session", "use a file"),
        ({"credential": "key"}, "cron", "only systemd", "use a file"),
        ({"credential": "key"}, "systemd", "does not load it", "--credential NAME=FILE"),
    ],
)
def test_a_secret_that_needs_a_person_is_refused(
    empty_crontab: World, source: dict[str, object], backend: str, why: str, instead: str
) -> None:
    """Nothing is installed, and the hint names a source that works; `show` prints it with the same warning."""
    world = empty_crontab
    world.keys["private_keys"] = [source]
    world.configure()
    for command in ("install", "show"):
        done = world.run(
            "schedule", command, "--config", world.path, "--daily", "06:30", "--backend", backend,
            environment={"SURVEY_KEY": world.survey.private_key.reveal()},
        )  # fmt: skip
        assert (done.code, done.out == "") == ((2, True) if command == "install" else (0, False))
        assert why in done.err
        assert instead in done.err
    assert crontab() is None


def test_a_credential_that_the_service_loads_is_accepted(world: World) -> None:
    """`--credential NAME=FILE` is written to the unit, and only systemd accepts it."""
    world.keys["private_keys"] = [{"credential": "key"}]
    world.configure()
    arguments = (
        "schedule",
        "show",
        "--config",
        world.path,
        "--daily",
        "06:30",
        "--credential",
        "key=keys/private_keys",
    )
    done = world.run(*arguments, "--backend", "systemd")
    assert done.code == 0
    assert f"LoadCredential=key:{world.folder / 'keys/private_keys'}" in done.out
    assert "RandomizedDelaySec=300" in done.out
    assert world.run(*arguments, "--backend", "cron").code == 2
    done = world.run(*arguments[:-1], "key", "--backend", "systemd")
    assert (done.code, "NAME=FILE" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "give one of --every, --daily and --cron"),
        (("--every", "1h", "--daily", "06:30"), "give one of"),
        (("--daily", "25:00"), "is not a valid time"),
        (("--every", "1h", "--job", "nobody"), 'unknown job "nobody"'),
        (("--every", "1h", "--jitter", "-1"), "jitter"),
    ],
)
def test_invalid_schedule_options_are_refused(empty_crontab: World, options: tuple[str, ...], words: str) -> None:
    """Each wrong option has its own error, and nothing is installed."""
    done = _install(empty_crontab, "--backend", "cron", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert crontab() is None


def test_jobs_without_a_key_are_refused(empty_crontab: World) -> None:
    """A job whose key comes from a user's environment cannot run unattended."""
    empty_crontab.keys.clear()
    empty_crontab.configure()
    done = _install(empty_crontab)
    assert done.code == 2
    assert 'job "baseline" has no key in the configuration' in done.err


# Unattended runs


def test_a_pull_works_in_a_bare_environment_and_says_nothing(world: World) -> None:
    """Without a locale, a terminal, standard input or a usable PATH, `--quiet` prints nothing."""
    home = world.folder / "bare"
    home.mkdir()
    variables = (f"HOME={home}", "LOGNAME=you", "SHELL=/bin/sh", "PATH=/usr/bin:/bin")
    command = [sys.executable, "-m", "sheets_decrypt", "pull", "--quiet", "--config", str(world.path)]
    for _ in range(scaled(1, 2)):  # the second time nothing has changed
        done = subprocess.run(
            [require.program("env"), "-i", *variables, *command],
            cwd=PACKAGES, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert world.csv() == world.whole()


def test_jitter_delays_a_run(world: World, waits: list[float]) -> None:
    """A run waits between zero and the given seconds before it notifies anyone of its start."""
    assert world.pull("--jitter", "3600").code == 0
    assert world.pull().code == 0
    assert 0 < waits[0] <= 3600
    assert waits[1] == 0


def test_a_temporary_failure_is_tried_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault that was locked for some minutes does not make a failed run, and no one is notified."""
    away = world.folder / "locked"
    slept: list[float] = []

    def unlock(seconds: float) -> None:
        slept.append(seconds)
        if seconds == 600:
            away.rename(world.vault_folder)

    world.vault_folder.rename(away)
    monkeypatch.setattr("time.sleep", unlock)
    done = world.pull("--retry", "10")
    assert (done.code, 600 in slept) == (0, True)
    assert "trying again in 10 minutes" in done.err
    assert memory(world).failed_runs == 0
    assert world.csv() == world.whole()


def test_a_lasting_failure_is_reported_once(world: World, waits: list[float]) -> None:
    """After the second attempt there is no third, and the exit code is that of the failure."""
    world.google.fault(Fault("values", times=None))
    done = world.pull("--retry", "1")
    assert (done.code, waits.count(60)) == (6, 1)
    assert "; trying again in 1 minute\n" in done.err
    assert memory(world).failed_runs == 1
    assert done.err.count("error: ") == 1


def test_a_permanent_failure_is_not_tried_again(world: World, waits: list[float]) -> None:
    """A column that does not exist will not exist in ten minutes either."""
    world.configure(columns=["nobody"])
    done = world.pull("--retry", "10")
    assert (done.code, 600 in waits) == (9, False)


@pytest.fixture
def holder(world: World) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """Return a pull that waits for Google's rows and so holds the lock, and the event that lets Google answer."""
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(300)

    world.google.fault(Fault("values", "call", then=hold))
    process = subprocess.Popen(
        [*PROGRAM, "pull", "--quiet", "--config", str(world.path)],
        env=world.environment(),
        stdin=subprocess.DEVNULL,
    )
    try:
        assert asked.wait(120)
        yield process, go_on
    finally:
        go_on.set()
        process.kill()
        process.wait()


def test_only_one_of_two_simultaneous_runs_works(
    world: World, holder: tuple[subprocess.Popen[bytes], threading.Event]
) -> None:
    """The second ends with exit code 8, leaves the job's state unchanged, and does not disturb the first."""
    process, go_on = holder
    done = world.pull()
    assert (done.code, done.out) == (8, "")
    assert "under way" in done.err
    assert "--wait" in done.err
    assert memory(world).last_run == ""
    go_on.set()
    assert process.wait(120) == 0
    assert world.csv() == world.whole()
    assert memory(world).failed_runs == 0


def test_a_killed_run_leaves_no_lock(world: World, holder: tuple[subprocess.Popen[bytes], threading.Event]) -> None:
    """The system releases the lock with the process, so the next run starts at once."""
    process, _ = holder
    process.kill()
    assert process.wait(120) != 0
    assert world.pull("--quiet") == Done(0, "", "")
    assert world.csv() == world.whole()


def test_a_run_waits_for_another(world: World, holder: tuple[subprocess.Popen[bytes], threading.Event]) -> None:
    """With `--wait`, the second run continues as soon as the first has ended; `tests/story` has the short form."""
    require.patience("two processes wait for each other")
    process, go_on = holder
    results: list[Done] = []
    waiting = threading.Thread(
        target=lambda: results.append(world.process("pull", "--config", world.path, "--wait", "120"))
    )
    waiting.start()
    waiting.join(3)
    assert waiting.is_alive()
    go_on.set()
    waiting.join(120)
    assert process.wait(120) == 0
    assert results[0].code == 0
    assert results[0].out.startswith("baseline: nothing changed, 6 rows")


@pytest.mark.system("posix", "the scheduler is cron")
def test_an_unreadable_crontab_does_not_count_as_empty(world: World, programs: Path) -> None:
    """If nothing can be run, the user learns why."""
    StandIn(programs, "crontab", "sys.exit('You are not allowed to use this program')")
    done = world.run("schedule", "run-now", *CRON, environment={"PATH": os.environ["PATH"]})
    assert (done.code, done.out) == (2, "")
    assert "the crontab cannot be read: you are not allowed" in done.err
