"""The command `sheets-decrypt twilio export`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option
from sheets_decrypt.config import Keys
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.table import Secret
from sheets_decrypt.twilio import export as exporting


@click.group()
def twilio() -> None:
    """Set up the sending half: the Twilio functions and the Studio flow."""


@twilio.command()
@click.argument("folder", type=click.Path(path_type=Path))
@config_option
@click.option("--job", metavar="NAME", help="The job whose columns are asked for; needed where there are several.")
@click.option("--plain", metavar="A,B", default="", help="Questions whose answers are not encrypted.")
@click.option("--domain", metavar="HOST", default="", help="The functions' domain, such as survey-1234-dev.twil.io.")
def export(folder: Path, config_path: Path | None, job: str | None, plain: str, domain: str) -> int:
    """Write the functions, the flow, a header row and a page of steps for a job into FOLDER."""
    config = load_named(config_path)
    names = chosen(config, [job] if job else [])
    if len(names) > 1:
        raise ConfigurationError("there are several jobs", hint=f"--job takes one of {', '.join(names)}")
    content = config.jobs[names[0]]
    keys = config.keys_of(content)
    files = exporting.for_job(
        content,
        plain=[name.strip() for name in plain.split(",") if name.strip()],
        public_key=keys.public_key or "",
        private_keys=list(_readable(keys)) if keys.public_key else (),
        domain=domain,
    )
    for path in exporting.write(folder, files):
        terminal.write_line(f"wrote {path}")
    terminal.write_line(f"next: follow {folder / 'STEPS.md'}")
    return 0


def _readable(keys: Keys) -> Iterator[Secret]:
    """Return the private keys that can be read here without asking; an export needs none of them."""
    for source in keys.private_keys:
        if not source.prompt:
            with contextlib.suppress(KeyMissing):
                yield resolve(source)
