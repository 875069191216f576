"""The commands `sheets-decrypt schedule install|status|run-now|remove|show`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option
from sheets_decrypt.errors import ConfigurationError

if TYPE_CHECKING:
    from sheets_decrypt.schedule.interface import Backend, Status, Task

_Command = TypeVar("_Command", bound=Callable[..., int])


@click.group()
def schedule() -> None:
    """Let pull-and-decrypt run by itself."""


def _one_job(command: _Command) -> _Command:
    named = click.option("--job", metavar="NAME", help="This job only. Default: all jobs, in one schedule.")
    return config_option(named(command))


def _backend_option(command: _Command) -> _Command:
    names = click.Choice(["auto", "cron", "systemd", "launchd", "task-scheduler"])
    return click.option("--backend", type=names, default="auto", show_default=True, help="The scheduler.")(command)


def _timing_options(command: _Command) -> _Command:
    for option in (
        click.option("--credential", "credentials", multiple=True, metavar="NAME=FILE",
                     help="systemd: load this credential from FILE; may be given several times."),
        click.option("--jitter", type=click.IntRange(0, 86400), metavar="SECONDS",
                     help="Put each run off by up to so many seconds. Default: 300 for --daily and --cron."),
        click.option("--cron", metavar='"M H D M W"', help="A cron expression."),
        click.option("--weekdays", metavar="mon-fri", help="With --daily: on these days only."),
        click.option("--daily", metavar="06:30", help="Every day at this time."),
        click.option("--every", metavar="15m|1h", help="Every so many minutes or hours."),
    ):  # fmt: skip
        command = option(command)
    return command


@schedule.command()
@_one_job
@_timing_options
@_backend_option
def install(backend: str, **options: Any) -> int:
    """Install a schedule, or change the one that is there."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    chosen_backend = scheduling.backend_named(backend)
    done = scheduling.install(chosen_backend, _task(chosen_backend, options))
    terminal.say(_line(done))
    for note in done.notes:
        terminal.complain(f"note: {note}")
    return 0


@schedule.command()
@_one_job
@_timing_options
@_backend_option
def show(backend: str, **options: Any) -> int:
    """Print what `install` would install."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    chosen_backend = scheduling.backend_named(backend)
    for place, text in chosen_backend.render(_task(chosen_backend, options)).items():
        terminal.say(f"# {place}")
        terminal.write_lines(text.rstrip("\n").splitlines())
    return 0


@schedule.command()
@_backend_option
def status(backend: str) -> int:
    """Read back what is installed. With `auto`, every scheduler of this system is asked."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    backends = scheduling.backends_here() if backend == "auto" else (scheduling.backend_named(backend),)
    found = [status for one in backends for status in scheduling.installed(one)]
    for one in found:
        terminal.say(_line(one))
        for note in one.notes:
            terminal.complain(f"note: {one.name}: {note}")
    if not found:
        terminal.say("nothing is scheduled")
    return 0


@schedule.command(name="run-now")
@_one_job
@_backend_option
def run_now(config_path: Path | None, job: str | None, backend: str) -> int:
    """Run what is installed once, now, as the scheduler would."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    del config_path
    name = _name(job)
    code = scheduling.run_now(_where_installed(name, backend), name)
    if code:  # cron's run was waited for
        terminal.complain(f"error: {name}: the run ended with exit code {code}")
        terminal.complain(f"hint: see the log, {scheduling.default_log(name)}")
    else:
        terminal.say(f"{name}: started")
    return code


@schedule.command()
@_one_job
@_backend_option
def remove(config_path: Path | None, job: str | None, backend: str) -> int:
    """Remove a schedule that `install` made; nothing else is touched."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    del config_path
    name = _name(job)
    there = scheduling.remove(_where_installed(name, backend), name)
    terminal.say(f"{name}: removed" if there else f"{name}: there was no schedule")
    return 0


def _name(job: str | None) -> str:
    from sheets_decrypt.schedule.interface import ALL_JOBS  # noqa: PLC0415  (imported when the command runs)

    return job or ALL_JOBS


def _where_installed(name: str, backend: str) -> "Backend":
    """Give the scheduler that has the schedule; with `auto`, the first of this system's that has it."""
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415  (imported when the command runs)

    if backend != "auto":
        return scheduling.backend_named(backend)
    here = scheduling.backends_here()
    return next((one for one in here if any(found.name == name for found in scheduling.installed(one))), here[0])


def _task(backend: "Backend", options: dict[str, Any]) -> "Task":
    """Make the task, where its secrets can be read when nobody is there."""
    from sheets_decrypt import config as configuration  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.schedule import timing  # noqa: PLC0415
    from sheets_decrypt.schedule.install import pull_task  # noqa: PLC0415
    from sheets_decrypt.schedule.unattended import refuse_attended  # noqa: PLC0415

    path = configuration.find(options["config_path"])
    config = configuration.load(path)
    names = chosen(config, [options["job"]] if options["job"] else [])
    when = timing.parse(**{name: options[name] for name in ("every", "daily", "weekdays", "cron")})
    credentials = dict(_credential(text) for text in options["credentials"])
    refuse_attended(config, names, backend.name, credentials)
    jitter = options["jitter"]
    if jitter is None:
        jitter = 0 if options["every"] else 300
    return pull_task(_name(options["job"]), path, when, jitter=jitter, credentials=credentials)


def _credential(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not (name and file):
        raise ConfigurationError("--credential is not as it should be", hint="write --credential NAME=FILE")
    return name, Path(file)


def _line(status: "Status") -> str:
    if not status.installed:
        return f"{status.name}: not installed ({status.backend})"
    upcoming = f", next {status.next_run}" if status.next_run else ""
    return f"{status.name}: {status.timing}{upcoming} ({status.backend})"
