"""The commands `demo` and `sandbox`."""

import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.result import show_result
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.sandbox.demo import OUTPUT, Demonstration, demonstrate
from sheets_decrypt.sandbox.faults import parse_fault
from sheets_decrypt.sandbox.sample import ENCRYPTED
from sheets_decrypt.sandbox.serving import serve_csv
from sheets_decrypt.system.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

_TOKEN_SHOWN: Final = 24  # characters


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="An empty or new folder. Default: a new temporary one.")
def demo(folder: Path | None) -> int:
    """Show the whole job with sample data on this machine.

    A made-up survey is in a stand-in for Google on this machine; it is pulled, decrypted, and put into a Cryptomator
    vault that is made for it. Nothing leaves this machine.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="sheets-decrypt-demo-"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise ConfigurationError(f"{place} is not empty", hint="name a new folder")
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(f"{place} cannot be used: {reason}", hint="name a new folder") from None
    done = demonstrate(place.absolute())
    _show(done)
    if done.record.exit_code == 0 and not done.whole:
        raise ConfigurationError("the csv does not say what was answered", hint="this is a bug; please report it")
    return done.record.exit_code


def _show(done: Demonstration) -> None:
    terminal.write_line(f"1. What the Google Sheet holds ({', '.join(ENCRYPTED)} are encrypted), a row of each format:")
    terminal.show(_table(done.sheet))
    terminal.write_line()
    terminal.write_line("2. pull-and-decrypt signs in, reads, decrypts, and writes into the vault:")
    show_result(done.record, quiet=False, as_json=False)
    if done.record.error is not None:
        return
    terminal.write_line()
    terminal.write_line("3. What the vault holds now, the same rows:")
    terminal.show(_table(done.csv))
    terminal.write_line()
    terminal.write_line("4. See for yourself:")
    terminal.write_line(f"   vault folder   {done.vault}")
    terminal.write_line(f"   passphrase     {done.passphrase.reveal()}  (for this sample alone)")
    terminal.write_line(
        "   Open the folder with the Cryptomator app, or run the next line. Delete it when you are done."
    )
    terminal.write_line(f"   {terminal.command('sheets-decrypt', 'vault', 'cat', '--config', done.config, OUTPUT)}")


def _table(rows: list[list[str]]) -> "Table":
    from sheets_decrypt.cli.listing import listing  # noqa: PLC0415  (rich, which `sandbox` can do without)

    table = listing(*map(printable, rows[0]))
    for row in rows[1:]:
        table.add_row(*(_shortened(printable(cell.replace("\n", " "))) for cell in row))
    return table


def _shortened(cell: str) -> str:
    return cell if len(cell) <= _TOKEN_SHOWN else f"{cell[: _TOKEN_SHOWN - 1]}…"


@click.command()
@click.option("--workbook", "files", type=click.Path(path_type=Path), multiple=True, required=True, metavar="FILE.csv",
              help="A CSV that becomes a tab; may be given several times.")  # fmt: skip
@click.argument("more", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The proxy's port. Default: a free one.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the key file and certificates go.")
@click.option("--fault", "faults", multiple=True, metavar="TEXT", help="Let a request go wrong, such as values:429*2.")
@click.option("--powershell", is_flag=True, help="Print what to set for PowerShell.")
def sandbox(
    files: tuple[Path, ...],
    more: tuple[Path, ...],
    port: int,
    folder: Path | None,
    faults: tuple[str, ...],
    powershell: bool,
) -> int:
    """Run a stand-in for Google on this machine, until Ctrl-C: each CSV becomes a tab of one spreadsheet.

    Prints what to set so that pull-and-decrypt asks this Google instead of the real one.
    """
    place = (folder or Path(tempfile.mkdtemp(prefix="sheets-decrypt-sandbox-"))).absolute()
    script = [parse_fault(text) for text in faults]
    with serve_csv([*files, *more], place, port=port, faults=script) as served, suppress(KeyboardInterrupt):
        terminal.write_lines(served.lines(powershell=powershell))
        terminal.write_notice("the sandbox runs until ctrl-c")
        while True:
            time.sleep(3600)  # unlike waiting for an event, Ctrl-C ends it on Windows as well
    return 0
