"""The same steps for a table that is already on this computer: no Google, and the vault is a mounted drive."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sheets_decrypt.config import Conversion, Keys, kind_of
from sheets_decrypt.decryption.pool import spread
from sheets_decrypt.errors import ColumnNotFound, ConfigurationError
from sheets_decrypt.input.table_file import TableFile, open_table
from sheets_decrypt.keys import read_keys
from sheets_decrypt.output.outputs import refuse_elsewhere
from sheets_decrypt.runs.record import Record, Run
from sheets_decrypt.secret_sources import withheld
from sheets_decrypt.story.options import Options
from sheets_decrypt.story.pull import OpenKeys, convert
from sheets_decrypt.story.target import Target, locked, remembered
from sheets_decrypt.vault import open_drive


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What the user specifies about the input file.

    Args:
        worksheet: The worksheet of a workbook; None for the first visible one.
        encoding: The encoding of a CSV from which it cannot be detected; one of `dialect.ENCODINGS`.
    """

    worksheet: str | None = None
    encoding: str | None = None


def decrypt_file(
    file: Path,
    output: Path,
    conversion: Conversion,
    keys: Keys,
    *,
    accept: Sequence[str],
    options: Options,
    reading: InputOptions = InputOptions(),
    also: Sequence[Path] = (),
    workers: int | Literal["auto"] = "auto",
) -> Record:
    """Decrypt a table that was already downloaded, and return the run's record, even if the run failed.

    The file is checked first, then the vault; no secret is read before both checks pass.

    Args:
        file: A CSV or an Excel workbook.
        output: The CSV to write, on a mounted vault drive.
        conversion: How cells are decrypted and written.
        keys: Where the keys come from.
        accept: The kinds of place that the CSV may be written to.
        options: The options of this run.
        reading: What the user specifies about the input file.
        also: Further output files with the same rows, on the same drive.
        workers: How many processes decrypt a large file.
    """
    run = Run(Record(job=file.name, spreadsheet_id="", dry_run=options.dry_run))
    try:
        _refuse_unfit(file, [output, *also])
        with open_table(file, worksheet=reading.worksheet, encoding=reading.encoding) as source:
            run.record = replace(run.record, worksheet=source.worksheet)
            run.note([f"read as {source.words}"])
            vault = open_drive(output.parent, accept=accept)
            place = vault.check()
            others = [(open_drive(each.parent, accept=accept), each.name) for each in also]
            target = Target(vault, output.name, place, refuse_elsewhere(others, (vault, output.name), place))
            with withheld(keys), locked(target, wait=options.wait):
                try:
                    ciphers = read_keys(keys)
                    with spread(ciphers, workers) as decrypt, _pointing_elsewhere(source):
                        convert(source, OpenKeys(ciphers, decrypt), target, conversion, run, options)
                    run.note(source.notes())  # only after success: a failed run has not read all cells
                except Exception as error:  # noqa: BLE001  (see `pull`)
                    run.record = run.record.fail(error)
                run.warn(source.warnings())
                return remembered(target, run.record)
    except Exception as error:  # noqa: BLE001  (see `pull`)
        return run.record.fail(error)


@contextmanager
def _pointing_elsewhere(source: TableFile) -> Iterator[None]:
    """Add to an error about missing columns where else in the file they may be."""
    try:
        yield
    except ColumnNotFound as error:
        hint = error.hint if error.guessed or not source.elsewhere else f"{error.hint}; {source.elsewhere}"
        raise ColumnNotFound(error.message, hint=hint) from None


def _refuse_unfit(file: Path, outputs: Sequence[Path]) -> None:
    """Refuse outputs of an unknown kind, and an output that would overwrite the input file.

    Raises:
        ConfigurationError: An output cannot be written, or the tokens would be lost.
    """
    for output in outputs:
        kind_of(output)
        with suppress(OSError):  # one of them does not exist or cannot be inspected: reported later
            if file.samefile(output):
                raise ConfigurationError(f"{output} is the file that is to be decrypted", hint="name another --output")
