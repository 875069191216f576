"""The commands `sheets-decrypt secret set|test|show|backup`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from sheets_decrypt import key_backup
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.keygen import DEFAULT_KEYRING, plain_disk_option, report_backup, survey_option
from sheets_decrypt.config import SecretSource
from sheets_decrypt.decryption.ciphers import backup_text, sealed_box
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.secret_sources import resolve, store
from sheets_decrypt.table import Secret

_FILE: Final = "file:"
_LONGEST: Final = 64 * 1024  # bytes; no secret is longer
_KINDS: Final = {"file": "file", "keyring": "keyring's"}
_WARNING: Final = "whoever sees this screen, a recording or a shared view of it can decrypt every answer"


@click.group()
def secret() -> None:
    """Keep a secret in the system's keyring, test it, show it again, and make a backup of a private key."""


@secret.command(name="set")
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace an existing secret.")
def set_(name: str, force: bool) -> int:
    """Store a secret as NAME (service/name); it is typed unseen, or read from standard input.

    A private key may also be typed, pasted or read as its backup has it.
    """
    entry = _entry(name)
    text = _typed(entry) if terminal.takes_typing() else _piped(terminal.read_text(_LONGEST))
    if not text:
        raise KeyMissing("the secret is empty", hint="type it, or pipe it to standard input")
    key = sealed_box.decode_private_key(text)
    found = Secret(text if key is None else sealed_box.encode_key(key))
    store(entry, found, replace=force)
    terminal.write_line(f"the keyring has {entry}")
    terminal.write_lines(list(_about(found)))
    return 0


@secret.command()
@click.argument("name")
def test(name: str) -> int:
    """Check whether the secret NAME (service/name, or file:PATH) can be read, without showing it."""
    source = _source(name)
    found = resolve(source)
    terminal.write_line(f"the {_KINDS[source.kind]} {source.file or source.keyring} can be read")
    terminal.write_lines(list(_about(found)))
    return 0


@secret.command()
@click.argument("name")
def show(name: str) -> int:
    """Show the secret NAME (service/name) on this terminal, after a question, until Enter is pressed."""
    entry = _entry(name)
    if not terminal.is_interactive():
        raise ConfigurationError(
            "a secret is shown on a terminal only, and is never written into a file or a pipe",
            hint=f"run it in a terminal, without | or >; `sheets-decrypt secret test {entry}` tests it unseen",
        )
    found = resolve(SecretSource(keyring=entry))
    terminal.write_notice(f"warning: {_WARNING}")
    if terminal.confirm(f"show {entry} on this screen?"):
        terminal.show_until_enter([f"{entry}:", "", f"  {found.reveal()}", *_in_groups(found)])
    return 0


@secret.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@survey_option
@plain_disk_option
def backup(name: str, file: Path, survey: str, plain_disk: bool) -> int:
    """Write a page with the private key NAME (service/name, or file:PATH) into FILE, for the vault or to print."""
    source = _source(name)
    key_backup.refuse(file, survey, plain_disk=plain_disk)
    entry = source.keyring or DEFAULT_KEYRING
    key_backup.write(file, key_backup.Backup(resolve(source), survey, entry, datetime.now(UTC)))
    report_backup(file)
    return 0


def _typed(entry: str) -> str:
    """Ask for a secret; after the first line of a backup, ask for the other lines."""
    while True:
        with terminal.unseen() as ask:
            text = ask(f"secret for {entry}")
            start = backup_text.read_line(text, b"")
            if start is not None:
                return _rest_of_backup(start, ask)
        if not backup_text.looks_like_a_line(text):
            return text
        terminal.write_notice("warning: this looks like the first line of a key's backup, with a mistake in it")
        if terminal.confirm("is it a secret of another kind, and right?"):
            return text


def _rest_of_backup(key: bytes, ask: Callable[[str], str]) -> str:
    """Ask for the other lines of a backup, each until it is right; the key is returned in its usual form."""
    while len(key) < sealed_box.KEY:
        number = len(key) // backup_text.PIECE + 1
        piece = backup_text.read_line(ask(f"line {number} of {backup_text.LINES}"), key)
        if piece is None:
            terminal.write_notice(f"error: line {number} has a mistake; type it once more")
        key += piece or b""
    return sealed_box.encode_key(key)


def _piped(text: str) -> str:
    """Return the secret from standard input: a private key, split into lines or on a page, else the first line."""
    key = sealed_box.decode_private_key(text)
    return text.partition("\n")[0].removesuffix("\r") if key is None else sealed_box.encode_key(key)


def _about(found: Secret) -> Iterator[str]:
    if sealed_box.decode_private_key(found.reveal()) is not None:
        key = sealed_box.PrivateKey(found)
        yield f"it is a private key; its fingerprint is {sealed_box.fingerprint(key.public_key)}"
    else:
        yield "it is not a private key; it may be another secret, such as an older survey's"


def _in_groups(found: Secret) -> Iterator[str]:
    key = sealed_box.decode_private_key(found.reveal())
    if key is not None:
        yield from ["", "the same to write down; `secret set` takes its four lines:", ""]
        yield from (f"  {line}" for line in backup_text.write(key))
        yield from ["", *_about(found)]


def _source(name: str) -> SecretSource:
    """Parse `service/name`, the name of a keyring entry, or `file:PATH`."""
    if name.startswith(_FILE):
        return SecretSource(file=Path(name.removeprefix(_FILE)).expanduser().absolute())
    return SecretSource(keyring=_entry(name))


def _entry(name: str) -> str:
    if sealed_box.decode_private_key(name) is not None:
        raise ConfigurationError(
            "this is a private key, and now your shell's history holds it",
            hint="delete that line from the history; give a name, such as sheets-decrypt/private-key, and then the key",
        )
    if name.startswith(_FILE):
        hint = "`secret test` and `secret backup` take it; `sheets-decrypt keygen --file PATH` makes one"
        raise ConfigurationError("this names a file, and not an entry of the keyring", hint=hint)
    entry = name if "/" in name else f"sheets-decrypt/{name}"
    if not all(entry.partition("/")):
        raise ConfigurationError('a keyring entry is written "service/name"', hint="such as sheets-decrypt/private-key")
    return entry
