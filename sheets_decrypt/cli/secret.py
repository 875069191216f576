"""The commands `sheets-decrypt secret set|test`."""

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.config import SecretSource
from sheets_decrypt.decryption.ciphers import sealed_box
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.secret_sources import resolve, store
from sheets_decrypt.table import Secret


@click.group()
def secret() -> None:
    """Keep a secret in the system's keyring, and check whether it can be read."""


@secret.command(name="set")
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace an existing secret.")
def set_(name: str, force: bool) -> int:
    """Store a secret as NAME (service/name); it is typed unseen, or read from standard input."""
    entry = _entry(name)
    text = terminal.ask_unseen(f"secret for {entry}")
    if not text:
        raise KeyMissing("the secret is empty", hint="type it, or pipe it to standard input")
    store(entry, Secret(text), replace=force)
    terminal.write_line(f"the keyring has {entry}")
    return 0


@secret.command()
@click.argument("name")
def test(name: str) -> int:
    """Check whether the secret NAME (service/name) can be read, without showing it."""
    entry = _entry(name)
    found = resolve(SecretSource(keyring=entry))
    terminal.write_line(f"the keyring's {entry} can be read")
    if sealed_box.decode_key(found.reveal()) is not None:
        key = sealed_box.PrivateKey(found)
        terminal.write_line(f"it is a private key; its fingerprint is {sealed_box.fingerprint(key.public_key)}")
    return 0


def _entry(name: str) -> str:
    entry = name if "/" in name else f"sheets-decrypt/{name}"
    if not all(entry.partition("/")):
        raise ConfigurationError('a keyring entry is written "service/name"', hint="such as sheets-decrypt/private-key")
    return entry
