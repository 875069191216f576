"""The module that runs the schedulers' programs verifies each result and leaves nothing half done."""

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import pytest

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install, steps
from sheets_decrypt.schedule.cron import Cron
from sheets_decrypt.schedule.interface import ALL_JOBS, Delete, Found, Look, Reply, Run, Task, Write, removal_hint
from sheets_decrypt.schedule.launchd import Launchd
from sheets_decrypt.schedule.pull_task import default_log, interpreter, pull_task
from sheets_decrypt.schedule.systemd import Systemd
from sheets_decrypt.schedule.task_scheduler import TaskScheduler
from sheets_decrypt.schedule.timing import parse
from tests import require, systems
from tests.schedule.tasks import CRONTAB, StandIn, task, windows_task

DAILY = parse(daily="06:30")
NOW = datetime(2026, 3, 6, 7, 0)  # noqa: DTZ001  (local time)


def here(tmp_path: Path, base: Task | None = None) -> Task:
    """Return a task whose log is in a folder of the test."""
    base = base or task()
    if isinstance(base.log, PurePosixPath):
        systems.only_on("posix", "the schedule is for Linux or macOS, whose paths begin with /")
    return replace(base, log=PurePath(tmp_path / "logs" / "baseline.log"))


def test_a_task_that_windows_did_not_create_is_an_error(programs: Path, tmp_path: Path) -> None:
    """Windows has reported success without creating a task, so the task is read back."""
    StandIn(programs, "schtasks", "sys.exit(1 if '/Query' in arguments else 0)")
    with pytest.raises(ConfigurationError, match="reported success, but the schedule of baseline does not exist"):
        install.install(install.backend_named("task-scheduler"), here(tmp_path, windows_task()))


def test_a_programs_error_message_is_reported(programs: Path, tmp_path: Path) -> None:
    """A failed command is an error in the program's own words, and its temporary file is removed."""
    StandIn(programs, "schtasks", "sys.exit('ERROR: Access is denied.')")
    backend = TaskScheduler(tmp_path / "xml", datetime(2026, 3, 6))  # noqa: DTZ001  (local time)
    with pytest.raises(ConfigurationError, match=r"schtasks /Create /TN failed: ERROR: Access is denied\."):
        install.install(backend, here(tmp_path, windows_task()))
    assert list((tmp_path / "xml").iterdir()) == []


@pytest.mark.system("posix", "the scheduler is cron")
def test_a_removal_without_effect_is_an_error(programs: Path) -> None:
    """A schedule that still exists after its removal is reported."""
    table = StandIn(programs, "crontab", CRONTAB.replace("rm crontab", ":"))
    backend = install.backend_named("cron")
    (table.state / "crontab").write_text(backend.render(task())["crontab"])
    with pytest.raises(ConfigurationError, match="still exists"):
        install.remove(backend, "baseline")


def test_no_scheduler_at_all_is_an_error(programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without crontab and systemctl, the error names what is missing; nothing is listed and nothing hangs."""
    monkeypatch.setenv("PATH", str(programs))
    assert [backend.name for backend in install.backends_here(platform="linux")] == ["cron", "systemd"]
    for backend in install.backends_here(platform="linux"):
        assert install.installed(backend) == ()
        with pytest.raises(ConfigurationError, match=r"crontab was not found|it is not installed"):
            install.install(backend, here(tmp_path))


@pytest.mark.system("posix", "launchd's names contain a POSIX user id")
def test_auto_chooses_the_systems_scheduler(programs: Path) -> None:
    """It chooses Task Scheduler, launchd, systemd if the user's own instance answers, or else cron."""
    StandIn(programs, "systemctl", "sys.exit(0 if (state / 'on').exists() else 'Failed to connect to bus')")
    assert install.backend_named("auto", platform="win32").name == "task-scheduler"
    assert install.backend_named("auto", platform="darwin").name == "launchd"
    assert install.backend_named("auto", platform="freebsd14").name == "cron"
    assert install.backend_named("auto", platform="linux").name == "cron"
    (programs / "systemctl.state" / "on").touch()
    assert install.backend_named("auto", platform="linux").name == "systemd"
    for name in install.BACKENDS[1:]:
        assert install.backend_named(name).name == name
    with pytest.raises(ConfigurationError, match="unknown backend at"):
        install.backend_named("at")


def test_a_second_scheduler_is_reported(programs: Path, tmp_path: Path) -> None:
    """Two schedules of one job would compete for its lock."""
    StandIn(programs, "crontab", CRONTAB)
    StandIn(programs, "systemctl", "print('LoadState=loaded\\nActiveState=active')")
    StandIn(programs, "loginctl", "print('yes')")
    systemd, cron = install.backends_here(platform="linux")
    assert install.install(systemd, here(tmp_path)).notes == ()
    status = install.install(cron, here(tmp_path))
    assert status.notes[-1] == (
        "systemd runs baseline as well; "
        "remove that with `sheets-decrypt schedule remove --job baseline --backend systemd`"
    )


@pytest.mark.parametrize("name", ["baseline", ALL_JOBS])
def test_the_schedule_of_another_configuration_is_not_replaced(name: str, programs: Path, tmp_path: Path) -> None:
    """The other survey would silently no longer be pulled; the error names it and says how to replace it."""
    StandIn(programs, "crontab", CRONTAB)
    cron = install.backend_named("cron")
    odd = replace(
        here(tmp_path, task(name=name)), config=PurePosixPath("/50% it's/c"), command=("/bin/echo", "/50% it's/c")
    )
    install.install(cron, odd)
    assert install.install(cron, replace(odd, timing=parse(every="1h"))).timing == "every 1h"
    other = replace(odd, config=PurePosixPath("/elsewhere/c.toml"), command=("/bin/echo", "/elsewhere/c.toml"))
    with pytest.raises(ConfigurationError, match=f"schedule of {name} belongs to another configuration") as refused:
        install.install(cron, other)
    assert f"`{removal_hint(name)}`" in refused.value.hint
    assert install.status(cron, name).timing == "every 1h"
    install.remove(cron, name)
    assert install.install(cron, other).installed


@pytest.mark.parametrize("name", ["c.toml", "my c.toml", "50% c.toml", "it's $c.toml", "Zoë.toml"])
def test_each_scheduler_reads_back_its_configuration(name: str) -> None:
    """An installed schedule uses its own configuration, and none whose path merely contains that path."""
    for backend, made in (
        (Cron("you", Path("/home/you"), NOW), task()),
        (Systemd(Path("/units"), "you", NOW), task()),
        (Launchd(Path("/agents"), 501, NOW), task()),
        (TaskScheduler(Path("/tmp"), NOW), windows_task()),
    ):
        config = made.config.with_name(name)
        command = tuple(str(config) if word == str(made.config) else word for word in made.command)
        rendered = backend.render(replace(made, config=config, command=command))
        files = {Path(path): content.encode() for path, content in rendered.items()}
        replies = {argv: Reply(0, "".join(rendered.values()).encode()) for argv in backend.look("baseline").commands}
        status = backend.status("baseline", Found(files, replies))
        assert install.uses(status, config), backend.name
        assert not install.uses(status, config.with_name(f"{name}.bak")), backend.name
        assert not install.uses(status, type(config)(*config.parts[:1], *config.parts[2:])), backend.name


@pytest.mark.parametrize(("code", "noted"), [(1, True), (0, False), (2, False)])
def test_a_cron_that_does_not_run_is_reported(code: int, noted: bool, programs: Path, tmp_path: Path) -> None:
    """In WSL or a container nothing starts cron, so a crontab pulls nothing; if pgrep fails, nothing is reported."""
    systems.only_on("linux", "macOS starts cron when it is needed")
    StandIn(programs, "crontab", CRONTAB)
    StandIn(programs, "pgrep", f"sys.exit({code} if arguments == ['-x', 'cron|crond'] else 9)")
    cron = install.backend_named("cron")
    for status in (install.install(cron, here(tmp_path)), install.status(cron, "baseline")):
        assert any("cron does not seem to be running" in note for note in status.notes) == noted


def test_the_start_of_a_schedule_is_known(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dates from the installation of its timing: reinstalling keeps it, and a removal forgets it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    StandIn(programs, "crontab", CRONTAB)
    cron = install.backend_named("cron")
    install.install(cron, here(tmp_path))
    first = install.status(cron, "baseline").since
    assert first is not None
    assert first.tzinfo is not None
    install.install(cron, here(tmp_path))
    assert install.status(cron, "baseline").since == first
    [found] = install.installed(cron)
    assert found.since == first
    install.install(cron, replace(here(tmp_path), timing=parse(every="1h")))
    later = install.status(cron, "baseline").since
    assert later is not None
    assert later > first
    install.remove(cron, "baseline")
    assert install.status(cron, "baseline").since is None


def test_a_job_also_in_the_schedule_of_all_jobs_is_reported(programs: Path, tmp_path: Path) -> None:
    """Whichever comes second, the user learns that the job is pulled twice; another configuration does not count."""
    StandIn(programs, "crontab", CRONTAB)
    cron = install.backend_named("cron")
    assert "twice" not in "".join(install.install(cron, here(tmp_path)).notes)
    everything = here(tmp_path, task(name=ALL_JOBS))
    assert install.install(cron, everything).notes[-1] == (
        "baseline is scheduled as well, so that jobs are pulled twice; "
        "remove that with `sheets-decrypt schedule remove --job baseline --backend cron`"
    )
    assert "all jobs is scheduled as well" in install.install(cron, here(tmp_path)).notes[-1]
    install.remove(cron, ALL_JOBS)
    elsewhere = replace(
        everything, config=PurePosixPath("/elsewhere/c.toml"), command=("/bin/echo", "/elsewhere/c.toml")
    )
    assert "twice" not in "".join(install.install(cron, elsewhere).notes)


FAILING_SYSTEMCTL = """
if "enable" in arguments and (state / "broken").exists():
    sys.exit("Failed to connect to bus")
print("LoadState=loaded\\nActiveState=active")
"""


def test_an_installation_that_fails_leaves_nothing_behind(programs: Path, tmp_path: Path) -> None:
    """No units and no folders remain, so the next attempt starts from the same state."""
    systemctl = StandIn(programs, "systemctl", FAILING_SYSTEMCTL)
    StandIn(programs, "loginctl", "print('yes')")
    (systemctl.state / "broken").touch()
    units = Path.home() / ".config/systemd/user"
    units.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError, match="Failed to connect to bus"):
        install.install(install.backend_named("systemd"), here(tmp_path))
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "calls"] == before


def test_a_failed_replacement_keeps_the_previous_schedule(programs: Path, tmp_path: Path) -> None:
    """The schedule's files are unchanged."""
    systemctl = StandIn(programs, "systemctl", FAILING_SYSTEMCTL)
    StandIn(programs, "loginctl", "print('yes')")
    StandIn(programs, "crontab", CRONTAB)
    backend = install.backend_named("systemd")
    install.install(backend, here(tmp_path))
    before = {path: path.read_bytes() for path in (Path.home() / ".config/systemd/user").iterdir()}
    (systemctl.state / "broken").touch()
    with pytest.raises(ConfigurationError, match="Failed to connect to bus"):
        install.install(backend, here(tmp_path, task(parse(daily="07:00"))))
    assert {path: path.read_bytes() for path in (Path.home() / ".config/systemd/user").iterdir()} == before


def test_a_refused_crontab_keeps_the_previous_schedule(programs: Path, tmp_path: Path) -> None:
    """If `crontab` reports an error and changes nothing, neither do we."""
    table = StandIn(programs, "crontab", CRONTAB.replace("cat >crontab", "cat >&2; exit 1"))
    backend = install.backend_named("cron")
    theirs = backend.render(task())["crontab"]
    (table.state / "crontab").write_text(theirs)
    with pytest.raises(ConfigurationError, match="crontab - failed"):
        install.install(backend, here(tmp_path, task(parse(daily="07:00"))))
    assert (table.state / "crontab").read_text() == theirs


def test_an_unavailable_scheduler_does_not_stop_another(programs: Path, tmp_path: Path) -> None:
    """A user who is not allowed to use cron can use systemd."""
    StandIn(programs, "crontab", "sys.exit('You are not allowed to use this program')")
    StandIn(programs, "systemctl", "print('LoadState=loaded\\nActiveState=active')")
    StandIn(programs, "loginctl", "print('yes')")
    assert install.install(install.backend_named("systemd"), here(tmp_path)).installed
    listed = [
        status.backend for backend in install.backends_here(platform="linux") for status in install.installed(backend)
    ]
    assert listed == ["systemd"]


def test_the_scheduled_pull_has_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreter, configuration, log and folder do not depend on the schedule's working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    entry = pull_task("baseline", Path("c.toml"), DAILY, jitter=60, retry=10, credentials={"key": Path("k")})
    config, log = str(tmp_path / "c.toml"), str(default_log("baseline"))
    options = ("--config", config, "--quiet", "--log", log, "--retry", "10", "--job", "baseline")
    python = str(Path(sys.executable).with_name("pythonw.exe")) if systems.WINDOWS else sys.executable
    assert entry.command == (python, "-m", "sheets_decrypt", "pull", *options)
    assert (entry.jitter, entry.credentials) == (60, (("key", tmp_path / "k"),))
    assert (Path(entry.folder) / "sheets_decrypt" / "__init__.py").is_file()
    everything = pull_task(ALL_JOBS, Path("c.toml"), DAILY, log=Path("l"))
    assert "--job" not in everything.command
    assert everything.log == tmp_path / "l"
    assert default_log(ALL_JOBS).name == "all-jobs.log"


def test_windows_runs_without_a_console_window(tmp_path: Path) -> None:
    """pythonw.exe is used if it is beside python.exe."""
    python = tmp_path / "python.exe"
    assert interpreter(str(python)) == str(python)
    (tmp_path / "pythonw.exe").touch()
    assert interpreter(str(python)) == str(tmp_path / "pythonw.exe")
    with pytest.raises(ConfigurationError, match="is not known"):
        interpreter("")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": PurePosixPath("c.toml")}, r"c\.toml is not an absolute path"),
        ({"command": ("python",)}, "python is not an absolute path"),
        ({"credentials": (("key", PurePosixPath("k")),)}, "k is not an absolute path"),
        ({"folder": PurePosixPath("/a\nb")}, "contains a control character"),
        ({"jitter": -1}, "--jitter -1 is out of range"),
        ({"jitter": 100_000}, "--jitter 100000 is out of range"),
    ],
)
def test_invalid_values_of_a_schedule_are_refused(changes: dict[str, Any], message: str) -> None:
    """A relative path, a line break, and a jitter of more than a day are refused."""
    with pytest.raises(ConfigurationError, match=message):
        replace(task(), **changes)


def test_an_unwritable_folder_is_reported(tmp_path: Path, programs: Path) -> None:
    """A file in place of a folder stops the installation before the scheduler is changed."""
    crontab = StandIn(programs, "crontab", CRONTAB)
    (tmp_path / "logs").touch()
    with pytest.raises(ConfigurationError, match=r"logs.*cannot be written"):
        install.install(install.backend_named("cron"), here(tmp_path))
    assert ["-"] not in crontab.calls
    with pytest.raises(ConfigurationError, match="cannot be written: file exists"):
        steps.carry_out([Write(tmp_path / "logs" / "a", b"")])


def test_files_are_read_and_an_unreadable_one_is_reported(tmp_path: Path) -> None:
    """A missing file is not an error, but an unreadable one is."""
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "b.txt").write_bytes(b"b")
    found = steps.read(Look(files=(tmp_path / "a", tmp_path / "b.txt"), commands=(("no-such-program",),)))
    assert found.files == {tmp_path / "b.txt": b"b"}
    assert found.reply("no-such-program").code is None
    with pytest.raises(ConfigurationError, match=r"folder\.txt cannot be read"):
        steps.read(Look(folders=((tmp_path, "*.txt"),)))


def test_steps_are_carried_out_in_order(tmp_path: Path) -> None:
    """A file is written, a program reads it until its tries are used up, and the file is removed."""
    file = tmp_path / "folder" / "a"
    shell = require.program("sh")
    code = steps.carry_out(
        [
            Write(file, b"a", temporary=True),
            Write(tmp_path / "b", b"b"),
            Delete(tmp_path / "b"),
            Delete(tmp_path / "never"),
            Run(
                (shell, "-c", 'echo x >>"$1.tries"; cat >"$1.in"; cat "$1" >"$1.out"; exit 3', shell, str(file)),
                b"in",
                False,
                3,
            ),
        ],
        pause=0,
    )
    assert code == 3
    assert sorted(os.listdir(tmp_path / "folder")) == ["a.in", "a.out", "a.tries"]  # noqa: PTH208  (names alone)
    assert (tmp_path / "folder" / "a.tries").read_text() == "x\nx\nx\n"
    assert (tmp_path / "folder" / "a.in").read_text() == "in"
    assert not (tmp_path / "b").exists()


def test_a_program_that_does_not_answer_is_stopped() -> None:
    """A scheduler that hangs does not hang the program; in an unchecked step it counts as a failure."""
    sleep = require.program("sleep")
    assert steps.carry_out([Run((sleep, "60"), checked=False, seconds=0.05)]) == 1
    with pytest.raises(ConfigurationError, match="did not answer"):
        steps.carry_out([Run((sleep, "60"), seconds=0.05)])


def test_a_silent_failure_reports_its_exit_code() -> None:
    """A program that fails silently is reported with its exit code."""
    with pytest.raises(ConfigurationError, match="failed: exit code 1"):
        steps.carry_out([Run((require.program("false"),))])


def test_units_are_written_where_systemd_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CONFIG_HOME counts only if it is absolute, as its specification says."""
    for value, folder in ((str(tmp_path), tmp_path), ("relative", Path.home() / ".config")):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        backend = install.backend_named("systemd")
        assert isinstance(backend, Systemd)
        assert backend.folder == folder / "systemd" / "user"
