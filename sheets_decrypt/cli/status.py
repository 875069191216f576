"""The command `sheets-decrypt status`."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import job_page, job_table, terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.job_table import JobStatus
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.errors import ConfigurationError, NeedsAttention, reason_of
from sheets_decrypt.schedule import install as scheduling
from sheets_decrypt.schedule.interface import Status
from sheets_decrypt.system.regular_file import open_regular


@click.command()
@config_option
@job_option
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one page for a browser.")
@click.option("--fail", is_flag=True, help="For monitoring: end with exit code 10 if a job failed or is overdue.")
@json_option("Print how each job is doing, one line of JSON for each.")
def status(config_path: Path | None, jobs: tuple[str, ...], html: Path | None, fail: bool, as_json: bool) -> int:
    """Show each job's last success, its age against its schedule, the trend of rows, and what failed."""
    path = configuration.find(config_path)
    config = load_named(path)
    names = chosen(config, jobs)
    schedules: list[Status] = []
    for backend in scheduling.backends_here():
        try:
            schedules += scheduling.installed(backend)
        except ConfigurationError as error:  # one unreadable scheduler must not hide the jobs
            terminal.write_notice(f"warning: {backend.name}: {error.message}")
    schedules = [one for one in schedules if scheduling.uses(one, path.absolute())]
    now = datetime.now(UTC)
    found = job_table.survey(config, names, schedules, now)
    if html is not None:
        _write(html, job_page.page(found, now))
    if as_json:
        terminal.write_lines([json.dumps(one.as_json(), ensure_ascii=False) for one in found])
    elif html is not None:
        terminal.write_line(f"wrote {html}")
    else:
        terminal.show(job_table.table(found, plain=not terminal.prints_to_a_screen()))
        if len(found) > 1 and not fail:
            terminal.write_line()
            terminal.write_line(job_table.summary(found))
    return _fail(found) if fail else 0


def _fail(found: Sequence[JobStatus]) -> int:
    """Report the jobs that failed or are overdue, and return the exit code for that."""
    troubles = job_table.troubles(found)
    if not troubles:
        return 0
    return terminal.show_error(NeedsAttention(troubles, hint="see the last run of each with `sheets-decrypt status`"))


def _write(path: Path, text: str) -> None:
    """Write the page; it may replace only a page, never a CSV that was named by mistake."""
    start = job_page.START.encode()
    try:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "r+b") as file:  # noqa: PTH123  (a descriptor)
            if (former := file.read(len(start))) and former != start:
                raise ConfigurationError(
                    f"{path} already exists and is not a page of `status --html`", hint="name another file"
                )
            file.seek(0)
            file.write(text.encode(errors="replace"))
            file.truncate()
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(f"{path} cannot be written: {reason}", hint="name another file") from None
