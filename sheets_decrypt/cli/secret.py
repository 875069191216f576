"""The commands `sheets-decrypt secret set|test`."""

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.table import Secret


@click.group()
def secret() -> None:
    """Keep a secret in the system's keyring, and try whether it can be read."""


@secret.command(name="set")
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace a secret that is there.")
def set_(name: str, force: bool) -> int:
    """Store a secret as NAME (service/name); it is typed unseen, or read from standard input."""
    from sheets_decrypt.secrets import store  # noqa: PLC0415  (imported when the command runs)

    text = terminal.ask_unseen(f"secret for {_entry(name)}")
    if not text:
        raise KeyMissing("the secret is empty", hint="type it, or give it on standard input")
    store(_entry(name), Secret(text), replace=force)
    terminal.say(f"the keyring has {_entry(name)}")
    return 0


@secret.command()
@click.argument("name")
def test(name: str) -> int:
    """Say whether the secret NAME (service/name) can be read, without showing it."""
    from sheets_decrypt.ciphers import sealed_box  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.config import SecretSource  # noqa: PLC0415
    from sheets_decrypt.secrets import resolve  # noqa: PLC0415

    found = resolve(SecretSource(keyring=_entry(name)))
    terminal.say(f"the keyring's {_entry(name)} can be read")
    if sealed_box.decode_key(found.reveal()) is not None:
        key = sealed_box.PrivateKey(found)
        terminal.say(f"it is a private key; its fingerprint is {sealed_box.fingerprint(key.public_key)}")
    return 0


def _entry(name: str) -> str:
    return name if "/" in name else f"sheets-decrypt/{name}"
