"""The command `sheets-decrypt notify test`."""

from pathlib import Path

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option, job_option
from sheets_decrypt.errors import ConfigurationError, NeedsAttention
from sheets_decrypt.runs.addresses import recipients_of
from sheets_decrypt.runs.notify import try_out


@click.group()
def notify() -> None:
    """Try the addresses that are notified of runs."""


@notify.command()
@config_option
@job_option
def test(config_path: Path | None, jobs: tuple[str, ...]) -> int:
    """Send one test message to each address under [notify], and show what happened.

    The heartbeat gets an entry in its log, which is neither a success nor a failure. Jobs that share their addresses
    send one message together.
    """
    config = load_named(config_path)
    names = chosen(config, jobs)
    sections = dict.fromkeys(config.notify_of(config.jobs[name]) for name in names)
    tried = failed = 0
    for section in sections:
        about = ", ".join(name for name in names if config.notify_of(config.jobs[name]) == section)
        recipients, unreadable = recipients_of(section)
        for warning in unreadable:
            terminal.write_notice(f"error: {about}: {warning}")
        attempts = try_out(recipients, about)
        for attempt in attempts:
            terminal.write_line(f"{about}: {attempt.where}: {attempt.problem or 'delivered'}")
        tried += len(attempts) + len(unreadable)
        failed += len(unreadable) + sum(1 for attempt in attempts if attempt.problem)
    if not tried:
        raise ConfigurationError("no address is configured under [notify]", hint="see docs/schedule.md")
    if not failed:
        return 0
    were = "was" if failed == 1 else "were"
    return terminal.show_error(
        NeedsAttention(
            f"{failed} of {tried} test messages {were} not delivered", hint="correct the addresses under [notify]"
        )
    )
