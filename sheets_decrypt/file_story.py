"""The same story for a table that lies on this computer already: no Google, and the vault is a mounted drive."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from sheets_decrypt.config import Conversion, Keys
from sheets_decrypt.decryption.pool import spread
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.keys import read_keys
from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.runs.record import Record
from sheets_decrypt.secret_sources import withheld
from sheets_decrypt.story import OpenKeys, Options, Target, convert
from sheets_decrypt.vault import open_drive


def decrypt_file(
    file: Path,
    output: Path,
    conversion: Conversion,
    keys: Keys,
    *,
    accept: Sequence[str],
    options: Options,
    workers: int | Literal["auto"] = "auto",
) -> Record:
    """Decrypt a CSV that was downloaded already, and return the run's record, also if it failed.

    Args:
        file: The CSV.
        output: The CSV to write, on a mounted vault drive.
        conversion: How cells are decrypted and written.
        keys: Where the keys come from.
        accept: The kinds of place that the CSV may be put on.
        options: How the run does its job.
        workers: How many processes decrypt a large file.
    """
    log = Record(job=file.name, spreadsheet_id="", dry_run=options.dry_run)
    try:
        _refuse_itself(file, output)
        vault = open_drive(output.parent, accept=accept)
        target = Target(vault, output.name, vault.check())
        with withheld(keys), one_run(vault.identity(output.name), name=vault.path(output.name), wait=options.wait):
            ciphers = read_keys(keys)
            with spread(ciphers, workers) as decrypt, CsvFile(file) as source:
                return convert(source, OpenKeys(ciphers, decrypt), target, conversion, log, options)
    except Exception as error:  # noqa: BLE001  (see `pull`)
        return log.fail(error)


def _refuse_itself(file: Path, output: Path) -> None:
    """Refuse to replace the CSV that the decrypted one is made from: the tokens would be lost."""
    with suppress(OSError):  # one of them does not exist, or cannot be looked at: that is reported later
        if file.samefile(output):
            raise ConfigurationError(f"{output} is the file that is to be decrypted", hint="name another --output")
