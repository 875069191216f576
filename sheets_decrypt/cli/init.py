"""The command `sheets-decrypt init`."""

from pathlib import Path
from typing import Final

import click

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import in_use
from sheets_decrypt.cli.interview import Interview
from sheets_decrypt.config import Config, writing
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.system.private_file import write_private_text
from sheets_decrypt.vault import open_drive
from sheets_decrypt.vault.mark import write_mark

_SOURCES: Final = "keyring:SERVICE/NAME, file:PATH, env:NAME, credential:NAME or prompt"


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Where to write the configuration.")
@click.option("--job", metavar="NAME", help="The job's name. Default: baseline.")
@click.option("--spreadsheet", metavar="URL", help="The spreadsheet's URL or id.")
@click.option("--worksheet", metavar="TITLE", help="The tab. Default: the URL's gid, else the first tab.")
@click.option("--columns", metavar="A,B", help='The columns to decrypt, or "auto".')
@click.option("--output", metavar="FILE", help="The CSV to write, on the mounted vault drive.")
@click.option("--credentials", metavar="FILE", help="The service account's key file.")
@click.option("--private-key-from", metavar="SOURCE", help=f"Where the private key is: {_SOURCES}.")
@click.option("--legacy-secret-from", metavar="SOURCE", help="Where the legacy secret is; likewise.")
@click.option("--passphrase-from", metavar="SOURCE", help="Where the CryptoJS passphrase is; likewise.")
@click.option(
    "--mark", metavar="ID", help="Mark the vault with this id, so that a drive that is not the vault is noticed."
)
@click.option("--add", is_flag=True, help="Add a job to an existing configuration.")
@click.option("--force", is_flag=True, help="Replace an existing configuration.")
def init(config_path: Path | None, add: bool, force: bool, **options: str | None) -> int:
    """Write a commented configuration file, or add a job to one; asks for what the options leave out.

    On a terminal it looks at the Sheet, if it can be read, and offers its tabs, its encrypted columns, and the kind of
    secret that they need. Without a terminal nothing is asked, and the network is not used.
    """
    path = config_path or configuration.user_file()
    base = _extended(path, add=add, force=force)
    interview = Interview(options, base)
    answers = interview.answers()
    draft = writing.draft(path, answers) if base is None else writing.extended(path, _text(path), answers)
    if answers.mark:
        folder = draft.config.jobs[answers.job].output.parent
        open_drive(folder).check()  # only a vault may be marked
        write_mark(folder, answers.mark)
    write_private_text(path.resolve(), draft.text, force=force or base is not None)
    terminal.write_line(f"wrote {path}" if base is None else f"added the job {answers.job} to {path}")
    for entry in interview.to_store:
        terminal.write_line(f"next: {terminal.command('sheets-decrypt', 'secret', 'set', entry)}")
    terminal.write_line(f"next: {terminal.command('sheets-decrypt', 'check', '--config', path)}")
    return 0


def _extended(path: Path, *, add: bool, force: bool) -> Config | None:
    """Return the configuration to add a job to, or None if a new one is written.

    Raises:
        ConfigurationError: It already exists, and is neither to be extended nor replaced; or it is invalid.
    """
    if add and force:
        raise ConfigurationError("--add and --force exclude each other", hint="leave one of them out")
    if not add and (force or not path.exists()):
        return None
    if not add and not (terminal.is_interactive() and terminal.confirm(f"{path} already exists; add a job to it?")):
        raise ConfigurationError(
            f"{path} already exists",
            hint="--add adds a job to it; or choose another place with --config, or --force to overwrite it",
        )
    return in_use(configuration.load(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:  # unlikely: it was read a moment ago
        raise ConfigurationError(f"{path} cannot be read: {reason_of(error)}", hint="try again") from None
