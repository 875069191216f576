"""Our side, by its public rooms. One thing is exchanged: a plain folder is taken for a vault.

What a vault's encryption costs is a row of its own, so that it hides nothing here.
"""

from collections import deque
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from sheets_decrypt import config
from sheets_decrypt.decryption.pool import spread
from sheets_decrypt.decryption.sheet import Decryption, PendingPage, Rules
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.keys import read_keys
from sheets_decrypt.runs.record import Record
from sheets_decrypt.story import file as file_story
from sheets_decrypt.story import pull as rooms
from sheets_decrypt.story.options import Options
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Place, Protection, Vault
from tests.benchmarks.sheets import ENCRYPTED, Kind


def plain_drive(folder: Path) -> Vault:
    """Return a drive in a folder that is not encrypted."""
    return Drive(folder, classify=lambda path: Place(Protection.VAULT, "benchmark", str(path)))


def decrypt_file(kind: Kind, file: Path, output: Path, key_file: Path) -> None:
    """Read a CSV, decrypt its three columns, write a CSV."""
    conversion = config.parse_conversion({"columns": list(ENCRYPTED)})
    vars(file_story)["open_drive"] = lambda folder, **_: plain_drive(folder)
    keys = _keys(kind, key_file)
    _succeeded(file_story.decrypt_file(file, output, conversion, keys, accept=("vault",), options=Options()))


def pull(kind: Kind, spreadsheet: str, output: Path, key_file: Path) -> None:
    """Pull a sheet. The environment leads to Google and names the credentials."""
    job = {"spreadsheet": spreadsheet, "columns": list(ENCRYPTED), "output": str(output)}
    settings = config.parse(
        {"keys": {kind.keys: [{"file": str(key_file)}]}, "jobs": {"benchmark": job}}, folder=output.parent
    )
    vars(rooms)["open_vault"] = lambda *_: (plain_drive(output.parent), output.name)
    _succeeded(rooms.pull("benchmark", settings.jobs["benchmark"], settings))


def decryption_step(kind: Kind, file: Path, key_file: Path) -> Callable[[], None]:
    """Return the decryption alone, between reading and writing: pages that are in memory → pages, as `convert` does it.

    The start and the end of the worker processes are part of it.
    """
    with CsvFile(file) as source:
        pages = list(source.pages())

    def decrypt() -> None:
        ciphers = read_keys(_keys(kind, key_file))
        with spread(ciphers, "auto") as submit:
            decryption = Decryption(source.header, ciphers, Rules(ENCRYPTED, frozenset()), submit)
            pending: deque[PendingPage] = deque()
            for page in pages:
                pending.append(decryption.submit(page))
                if len(pending) > 1:
                    decryption.finish(pending.popleft())
            decryption.finish(pending.popleft())
        if decryption.failure_count():
            raise RuntimeError("a cell was not decrypted")

    return decrypt


def _keys(kind: Kind, key_file: Path) -> config.Keys:
    return config.Keys.model_validate({kind.keys: [{"file": key_file}]})


def _succeeded(record: Record) -> None:
    if record.exit_code:
        raise RuntimeError(f"the run failed: {record.error or record.failures}")


def import_late_modules(*, google: bool) -> None:
    """Import what a run imports late, so that its time is not counted."""
    names = ("sheets_decrypt.google.session", "sheets_decrypt.google.sheet") if google else ()
    for name in ("sheets_decrypt.vault.drive", *names):
        import_module(name)
