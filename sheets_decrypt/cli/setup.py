"""The commands `sheets-decrypt init` and `config validate|example|keys`."""

from functools import partial
from pathlib import Path
from typing import Final

import click

from sheets_decrypt import config as configuration
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import config_option
from sheets_decrypt.config import writing
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.runs.addresses import problems_without_secrets
from sheets_decrypt.system.private_file import write_private_text
from sheets_decrypt.vault import open_drive
from sheets_decrypt.vault.mark import write_mark

_SOURCES: Final = "keyring:SERVICE/NAME, file:PATH, env:NAME, credential:NAME or prompt"
_WHERE: Final = "Where is the private key stored? (do not paste it) Enter = keyring, or file:PATH"
_DEFAULT_KEYRING: Final = "sheets-decrypt/private-key"


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Where to write the configuration.")
@click.option("--job", default="baseline", show_default=True, metavar="NAME", help="The job's name.")
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
@click.option("--force", is_flag=True, help="Replace an existing configuration.")
def init(config_path: Path | None, force: bool, **options: str | None) -> int:
    """Write a commented configuration file; asks for what the options leave out."""
    path = config_path or configuration.user_file()
    if path.exists() and not force:
        raise ConfigurationError(
            f"{path} already exists", hint="choose another place with --config, or --force to overwrite it"
        )
    answers = writing.Answers(
        job=options["job"] or "baseline",
        spreadsheet=_given(options, "spreadsheet", "the spreadsheet's URL"),
        worksheet=options["worksheet"],
        columns=_given(options, "columns", 'the columns to decrypt, as "name,phone", or "auto"'),
        output=_given(options, "output", "the CSV to write, on the vault drive, such as X:/surveys/baseline.csv"),
        credentials=_given(options, "credentials", "the key file from Google, with its full path", "credentials.json"),
        mark=options["mark"],
        sources=_sources(options),
    )
    draft = writing.draft(path, answers)
    if answers.mark:
        folder = draft.config.jobs[answers.job].output.parent
        open_drive(folder).check()  # a mark belongs on a vault and nowhere else
        write_mark(folder, answers.mark)
    write_private_text(path, draft.text, force=force)
    terminal.write_line(f"wrote {path}")
    terminal.write_line(f"next: {terminal.command('sheets-decrypt', 'check', '--config', path)}")
    return 0


def _given(options: dict[str, str | None], name: str, question: str, default: str | None = None) -> str:
    """Return an option's value, or ask for it."""
    value = options[name]
    if value is not None:
        _refuse(name, value)
        return value
    if terminal.is_interactive():
        return terminal.ask(question, default, refuse=partial(_refuse, name))
    raise ConfigurationError(
        f"--{name} is missing, and without a terminal it cannot be asked for", hint=f"add --{name}"
    )


def _sources(options: dict[str, str | None]) -> dict[str, str]:
    named = {
        "private_keys": options["private_key_from"],
        "legacy_secrets": options["legacy_secret_from"],
        "passphrases": options["passphrase_from"],
    }
    given = {key: source for key, source in named.items() if source}
    if not given and terminal.is_interactive():
        refuse = partial(_refuse, "private_keys")
        given = {"private_keys": terminal.ask(_WHERE, f"keyring:{_DEFAULT_KEYRING}", refuse=refuse)}
    return given or {"private_keys": f"keyring:{_DEFAULT_KEYRING}"}


def _refuse(name: str, answer: str) -> None:
    writing.refuse(name, answer)


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
