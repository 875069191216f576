"""The command `sheets-decrypt keygen`, and the backup of a private key, which `secret backup` shares."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from sheets_decrypt import key_backup
from sheets_decrypt.cli import terminal
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.key_backup import Backup
from sheets_decrypt.keys import KeyPair, new_key_pair
from sheets_decrypt.secret_sources import REPLACING, store
from sheets_decrypt.system.private_file import write_private_text
from sheets_decrypt.vault.exposure import exposures

DEFAULT_KEYRING: Final = "sheets-decrypt/private-key"
survey_option: Final = click.option("--survey", metavar="NAME", default="", help="What the backup calls the survey.")
plain_disk_option: Final = click.option(
    "--plain-disk", is_flag=True, help="Let the backup be on a disk that is not encrypted, such as to print it."
)


@click.command()
@click.option(
    "--keyring",
    metavar="SERVICE/NAME",
    help=f"Keep the private key in the system's keyring. Default: {DEFAULT_KEYRING}.",
)
@click.option(
    "--file", type=click.Path(path_type=Path), help="Keep the private key in this file, which only you can read."
)
@click.option("--print", "show", is_flag=True, help="Print the private key on the terminal, and keep it nowhere.")
@click.option(
    "--force", is_flag=True, help="Replace an existing key. Without a copy of it, what was encrypted for it is lost!"
)
@click.option("--backup", type=click.Path(path_type=Path), metavar="FILE",
              help="Also write a page with the private key, to keep in the vault or to print.")  # fmt: skip
@survey_option
@plain_disk_option
def keygen(backup: Path | None, survey: str, plain_disk: bool, **options: Any) -> int:
    """Make a key pair: the public key goes to Twilio, the private key stays with you.

    Keep a copy of the private key in a safe place (--backup): without it, the answers cannot be read.
    """
    if sum(1 for name in ("keyring", "file", "show") if options[name]) > 1:
        raise ConfigurationError("--keyring, --file and --print exclude each other", hint="leave all but one out")
    if options["file"]:
        exposures(options["file"])  # refuses a folder inside a locked vault
    if backup is not None:
        key_backup.refuse(backup, survey, plain_disk=plain_disk)
    pair = new_key_pair()
    entry = options["keyring"] or DEFAULT_KEYRING
    if backup is not None:
        key_backup.write(backup, Backup(pair.private_key, survey, entry, datetime.now(UTC)))
    with _undone_on_failure(backup):
        _keep(pair, entry, options)
    if backup is not None:
        report_backup(backup)
    else:
        terminal.write_line("without the private key the answers cannot be read by anyone: keep a copy in a safe place")
        if not options["show"]:
            place = f"file:{options['file']}" if options["file"] else entry
            backing_up = terminal.command("sheets-decrypt", "secret", "backup", place)
            terminal.write_line(f"this makes a page for the vault or to print: {backing_up} FILE")
    terminal.write_line("")
    terminal.write_line("the public key, for Twilio (ENCRYPTION_PUBLIC_KEY) and as public_key under [keys]:")
    terminal.write_line(f"  {pair.public_key}")
    terminal.write_line("never put the private key into Twilio, the Sheet or a mail")
    terminal.write_line(f"fingerprint of the pair: {pair.fingerprint}")
    return 0


def _keep(pair: KeyPair, entry: str, options: Mapping[str, Any]) -> None:
    """Store the private key where the options say."""
    if options["show"]:
        terminal.write_line(f"private key (never put it into Twilio, the Sheet or a mail): {pair.private_key.reveal()}")
        terminal.require_written()  # this is the only copy
    elif options["file"]:
        if os.path.lexists(options["file"]) and not options["force"]:
            raise ConfigurationError(f"{options['file']} already exists", hint=REPLACING)
        write_private_text(options["file"], pair.private_key.reveal() + "\n", force=options["force"])
        terminal.write_line(f"the private key is in {options['file']}; only you can read it")
        move = f"unlock the vault, move {options['file'].name} onto its drive, and name its new place in [keys]"
        _warn_of(options["file"], move)
    else:
        try:
            store(entry, pair.private_key, replace=options["force"])
        except KeyMissing as error:
            hint = "keep the key in a file on the vault's drive: sheets-decrypt keygen --file PATH"
            raise KeyMissing(error.message, hint=hint) from None
        terminal.write_line(f"the private key is in the keyring as {entry}")


@contextmanager
def _undone_on_failure(backup: Path | None) -> Iterator[None]:
    """Remove the backup if the key could not be stored."""
    try:
        yield
    except BaseException:
        if backup is not None:
            with suppress(OSError):
                backup.unlink()
        raise


def report_backup(path: Path) -> None:
    """Report where a backup is, and warn if the place is unsuitable."""
    terminal.write_line(f"the backup is in {path}; only you can read it")
    _warn_of(path, f"print {path.name}, then delete it; or move it onto the vault's drive")


def _warn_of(path: Path, hint: str) -> None:
    """Warn of a place that is unsuitable for a key."""
    reasons = exposures(path)
    for reason in reasons:
        terminal.write_notice(f"warning: {path} holds the private key and {reason}")
    if reasons:
        terminal.write_notice(f"hint: {hint}")
