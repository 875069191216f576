"""The commands `sheets-decrypt vault ls|cat|put`: use a Cryptomator vault without mounting it."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import config_option
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system.printable import printable
from sheets_decrypt.system.regular_file import open_regular
from sheets_decrypt.vault.cryptomator import CryptomatorVault

_PIECE: Final = 1 << 20
_Command = TypeVar("_Command", bound=Callable[..., int])


@click.group()
def vault() -> None:
    """List, read and write files in the configuration's Cryptomator vaults."""


def _vault_options(command: _Command) -> _Command:
    named = click.option("--vault", "name", metavar="NAME", help="Which vault: a name under [vaults], or a job's name.")
    return config_option(named(command))


@vault.command()
@click.argument("path", default="")
@_vault_options
def ls(path: str, name: str | None, config_path: Path | None) -> int:
    """List a folder of the vault; PATH is inside the vault, its root by default."""
    terminal.write_lines([printable(entry) for entry in _open(config_path, name).names(path.strip("/"))])
    return 0


@vault.command()
@click.argument("path")
@_vault_options
@click.option("--yes", is_flag=True, help="Do not ask before printing to a terminal.")
def cat(path: str, name: str | None, config_path: Path | None, yes: bool) -> int:
    """Print a file of the vault. On a terminal: after a question, and with control characters escaped."""
    if terminal.prints_to_a_screen() and not (yes or terminal.confirm(f"print {path} to this screen?")):
        return 0
    with _open(config_path, name).read(path.strip("/")) as file:
        if terminal.prints_to_a_screen():
            for line in io.TextIOWrapper(file, encoding="utf-8-sig", errors="backslashreplace"):
                terminal.write_line(line.removesuffix("\n"))
            return 0
        while piece := file.read(_PIECE):
            terminal.write_bytes(piece)
    return 0


@vault.command()
@click.argument("path")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@_vault_options
@click.option("--force", is_flag=True, help="Replace an existing file.")
def put(path: str, file: Path | None, name: str | None, config_path: Path | None, force: bool) -> int:
    """Put FILE, or standard input, into the vault as PATH."""
    place, target = _open(config_path, name), path.strip("/")
    if place.size(target) is not None and not force:
        raise ConfigurationError(f"{place.path(target)} already exists", hint="--force overwrites it")
    with _source(file) as read, place.replace(target) as sink:
        while piece := read(_PIECE):
            sink.write(piece)
    terminal.write_line(f"wrote {place.path(sink.stored_as)}")
    return 0


@contextmanager
def _source(file: Path | None) -> Iterator[Callable[[int], bytes]]:
    if file is None:
        yield terminal.read_bytes
        return
    try:
        content = os.fdopen(open_regular(file), "rb")
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {reason_of(error)}", hint="without FILE, standard input is read"
        ) from None
    with content:
        yield content.read


def _open(config_path: Path | None, name: str | None) -> CryptomatorVault:
    """Open the named vault, or the only one."""
    config = load_named(config_path)
    vaults = {job: found for job, content in config.jobs.items() if (found := config.vault_of(content))} | config.vaults
    folders = {found.cryptomator: found for found in vaults.values()}
    if name is None and len(folders) == 1:
        folder = next(iter(folders.values()))
    elif name in vaults:
        folder = vaults[name]
    else:
        raise ConfigurationError(
            f'no Cryptomator vault is called "{name}"'
            if name
            else f"the configuration has {len(folders) or 'no'} Cryptomator vaults",
            hint=f"--vault: choose from {', '.join(sorted(vaults))}" if vaults else "add a vault to the configuration",
        )
    opened = CryptomatorVault(folder.cryptomator, lambda: resolve(folder.passphrase))
    opened.check()
    return opened
