"""The commands `sheets-decrypt config validate|example|keys`."""

from pathlib import Path

import click

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import config_option
from sheets_decrypt.config import writing
from sheets_decrypt.runs.addresses import problems_without_secrets


@click.group()
def config() -> None:
    """Validate or explain the configuration."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@config_option
def validate(file: Path | None, config_path: Path | None) -> int:
    """Check whether a configuration file is valid, without the network and without reading a secret."""
    path = configuration.find(file or config_path)
    content = configuration.load(path)
    jobs = ", ".join(content.jobs)
    terminal.write_line(f"{path} is valid; jobs: {jobs}")
    sections = dict.fromkeys((content.notify, *(content.notify_of(job) for job in content.jobs.values())))
    for problem in (problem for section in sections for problem in problems_without_secrets(section)):
        terminal.write_notice(f"warning: {problem}")
    return 0


@config.command()
def example() -> int:
    """Print a commented configuration to start from; `config keys` lists every key."""
    terminal.write_lines(writing.example().rstrip().split("\n"))
    return 0


@config.command()
def keys() -> int:
    """List every key of the configuration, its default and its meaning."""
    from sheets_decrypt.cli.listing import listing  # noqa: PLC0415  (rich, which no other command here needs)

    table = listing("key", "default", "meaning")
    for row in writing.all_keys():
        table.add_row(*row)
    terminal.show(table)
    return 0
