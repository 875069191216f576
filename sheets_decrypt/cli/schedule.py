"""The commands `sheets-decrypt schedule install|status|run-now|remove|show`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import in_use
from sheets_decrypt.cli.options import chosen, config_option, job_names
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install as scheduling
from sheets_decrypt.schedule import timing
from sheets_decrypt.schedule.interface import ALL_JOBS, Backend, Status, Task
from sheets_decrypt.schedule.pull_task import default_log, pull_task
from sheets_decrypt.schedule.unattended import left_behind, refuse_attended

_Command = TypeVar("_Command", bound=Callable[..., int])


_JITTER_SECONDS: Final = 300
_RETRY_MINUTES: Final = 10


@click.group()
def schedule() -> None:
    """Let pull-and-decrypt run by itself."""


def _one_job(command: _Command) -> _Command:
    named = click.option(
        "--job", metavar="NAME", shell_complete=job_names, help="This job only. Default: all jobs, in one schedule."
    )
    return config_option(named(command))


def _backend_option(command: _Command) -> _Command:
    names = click.Choice(scheduling.BACKENDS)
    return click.option("--backend", type=names, default="auto", show_default=True, help="The scheduler.")(command)


def _timing_options(command: _Command) -> _Command:
    for option in (
        click.option("--credential", "credentials", multiple=True, metavar="NAME=FILE",
                     help="systemd: load this credential from FILE; may be given several times."),
        click.option("--retry", type=click.IntRange(0, 1440), metavar="MINUTES",
                     help="After a failure that may pass (network, locked vault), try once more. Default: 10; "
                          "0 for short intervals."),
        click.option("--jitter", type=click.IntRange(0, 86400), metavar="SECONDS",
                     help="Delay each run by a random time of up to this. Default: 300 for --daily and --cron."),
        click.option("--cron", metavar='"M H D M W"', help="A cron expression."),
        click.option("--weekdays", metavar="mon-fri", help="With --daily: on these days only."),
        click.option("--daily", metavar="06:30", help="Every day at this time."),
        click.option("--every", metavar="15m|1h", help="At this interval, in minutes or hours."),
    ):  # fmt: skip
        command = option(command)
    return command


@schedule.command()
@_one_job
@_timing_options
@_backend_option
def install(backend: str, **options: Any) -> int:
    """Install a schedule, or change the existing one."""
    scheduler = scheduling.backend_named(backend)
    done = scheduling.install(scheduler, _task(scheduler, options, refuse=True))
    terminal.write_line(_line(done))
    for note in done.notes:
        terminal.write_notice(f"note: {note}")
    return 0


@schedule.command()
@_one_job
@_timing_options
@_backend_option
def show(backend: str, **options: Any) -> int:
    """Print what `install` would install."""
    scheduler = scheduling.backend_named(backend)
    if not any(options[name] for name in ("every", "daily", "cron")):
        options["daily"] = "06:30"
        terminal.write_notice("note: no time is given; this is for --daily 06:30")
    for place, text in scheduler.render(_task(scheduler, options, refuse=False)).items():
        terminal.write_line(f"# {place}")
        terminal.write_lines(text.rstrip("\n").splitlines())
    return 0


@schedule.command()
@_backend_option
def status(backend: str) -> int:
    """Read back what is installed. With `auto`, from every scheduler of this system."""
    found = [status for _, status in _installed(backend)]
    for one in found:
        terminal.write_line(_line(one))
        for note in one.notes:
            terminal.write_notice(f"note: {one.name}: {note}")
    if not found:
        terminal.write_line("nothing is scheduled")
    return 0


@schedule.command(name="run-now")
@click.option(
    "--job", metavar="NAME", shell_complete=job_names, help="The schedule of this job. Default: every schedule."
)
@config_option
@_backend_option
def run_now(config_path: Path | None, job: str | None, backend: str) -> int:
    """Run what is installed once, now, as the scheduler would."""
    del config_path
    found = [(scheduler, status.name) for scheduler, status in _installed(backend) if status.installed]
    wanted = [(scheduler, name) for scheduler, name in found if job in (None, name)]
    if found and not wanted:
        names = [name for _, name in found]
        raise ConfigurationError(_missing(job, names), hint=f"`pull-and-decrypt --job {job}` runs this job now")
    codes = []
    for scheduler, name in wanted or [(scheduling.backend_named(backend), job or ALL_JOBS)]:  # it says what is missing
        codes.append(scheduling.run_now(scheduler, name))
        if codes[-1]:  # only cron's run is waited for
            terminal.write_notice(f"error: {name}: the run ended with exit code {codes[-1]}")
            terminal.write_notice(f"hint: see the log, {default_log(name)}")
        else:
            terminal.write_line(f"{name}: started")
    return next((code for code in codes if code), 0)


@schedule.command()
@_one_job
@_backend_option
def remove(config_path: Path | None, job: str | None, backend: str) -> int:
    """Remove a schedule that `install` made, and nothing else."""
    del config_path
    name = job or ALL_JOBS
    found = [(scheduler, status.name) for scheduler, status in _installed(backend)]
    scheduler = next((one for one, installed in found if installed == name), None) or scheduling.backend_named(backend)
    existed = scheduling.remove(scheduler, name)
    terminal.write_line(
        f"{name}: removed" if existed else _missing(job or ALL_JOBS, [installed for _, installed in found])
    )
    return 0


def _missing(job: str | None, installed: list[str]) -> str:
    """Return the message that a schedule does not exist, and which ones do."""
    if not installed:
        return "nothing is scheduled"
    use = f"use --job {installed[0]}" if installed[0] != ALL_JOBS else "leave out --job"
    return f"no schedule for {job}; installed: {', '.join(installed)} ({use})"


def _installed(backend: str) -> Iterator[tuple[Backend, Status]]:
    backends = scheduling.backends_here() if backend == "auto" else (scheduling.backend_named(backend),)
    for scheduler in backends:
        for status in scheduling.installed(scheduler):
            yield scheduler, status


def _task(backend: Backend, options: dict[str, Any], *, refuse: bool) -> Task:
    """Return the task that the options describe.

    Raises:
        ConfigurationError: An option is not valid, or a scheduled run could not read a secret; without `refuse`,
            the latter is only reported.
    """
    path = configuration.find(options["config_path"])
    config = in_use(configuration.load(path))
    names = chosen(config, [options["job"]] if options["job"] else [])
    when = timing.parse(**{name: options[name] for name in ("every", "daily", "weekdays", "cron")})
    credentials = dict(_credential(text) for text in options["credentials"])
    try:
        refuse_attended(config, names, backend.name, credentials)
    except ConfigurationError as error:
        if refuse:
            raise
        terminal.write_notice(f"warning: `install` would refuse this: {error.message}")
        terminal.write_notice(f"hint: {error.hint}")
    for note in left_behind(config.google, os.environ):
        terminal.write_notice(f"note: {note}")
    jitter, retry = options["jitter"], options["retry"]
    if jitter is None:
        jitter = 0 if options["every"] else _JITTER_SECONDS
    if retry is None:
        soon = isinstance(when, timing.Every) and when.minutes <= 3 * _RETRY_MINUTES  # the next run is the retry
        retry = 0 if soon else _RETRY_MINUTES
    name = options["job"] or ALL_JOBS
    return pull_task(name, path, when, jitter=jitter, retry=retry, credentials=credentials)


def _credential(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not (name and file):
        raise ConfigurationError(f"--credential {text} is not valid", hint="write --credential NAME=FILE")
    return name, Path(file)


def _line(status: Status) -> str:
    if not status.installed:
        return f"{status.name}: not installed ({status.backend})"
    upcoming = f", next {status.next_run}" if status.next_run else ""
    return f"{status.name}: {status.timing}{upcoming} ({status.backend})"
