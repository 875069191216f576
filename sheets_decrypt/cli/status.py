"""The command `sheets-decrypt status`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.errors import ConfigurationError, reason_of

if TYPE_CHECKING:
    from sheets_decrypt.schedule.interface import Status


@click.command()
@config_option
@job_option
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one page for a browser.")
@json_option("Print how each job stands, one line of JSON for each.")
def status(config_path: Path | None, jobs: tuple[str, ...], html: Path | None, as_json: bool) -> int:
    """Show each job's last success, its age against its schedule, the trend of rows, and what failed."""
    from sheets_decrypt import config as configuration  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.cli import job_table as standing  # noqa: PLC0415
    from sheets_decrypt.schedule import install as scheduling  # noqa: PLC0415

    config = configuration.load(configuration.find(config_path))
    names = chosen(config, jobs)
    schedules: list[Status] = []
    for backend in scheduling.backends_here():
        try:
            schedules += scheduling.installed(backend)
        except ConfigurationError as error:  # one scheduler that cannot be asked does not hide how the jobs stand
            terminal.complain(f"warning: {backend.name}: {error.message}")
    now = datetime.now(UTC)
    found = standing.survey(config, names, schedules, now)
    if html is not None:
        _write(html, standing.page(found, now))
    if as_json:
        terminal.write_lines([json.dumps(asdict(one), ensure_ascii=False) for one in found])
    elif html is not None:
        terminal.say(f"wrote {html}")
    else:
        terminal.show(standing.table(found, plain=not terminal.prints_to_a_screen()))
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(f"{path} cannot be written: {reason}", hint="name another file") from None
