"""The whole story: check the vault, read the sheet, decrypt, write, record."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sheets_decrypt.config import Config, Conversion, Job, Keys
from sheets_decrypt.convert import Options, Target, convert
from sheets_decrypt.decryption.pool import spread
from sheets_decrypt.errors import ConfigurationError, SheetsDecryptError
from sheets_decrypt.keys import read_keys
from sheets_decrypt.output import deidentified as deidentify
from sheets_decrypt.output.csv_file import CsvFile
from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.runs.record import RunLog, RunRecord, append_history
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.vault import open_drive, open_vault


def pull(name: str, job: Job, config: Config, options: Options | None = None) -> RunRecord:
    """Run one job, and give its record, also where it failed.

    The order is what keeps the promise: the vault is checked before a secret is read, the secrets before Google is
    asked, and nothing appears under the CSV's name before every row has passed.

    Raises:
        KeyboardInterrupt: The user stopped it; nothing was written.
    """
    options = options or Options()
    log = RunLog(name, job.spreadsheet_id, job.worksheet or "", dry_run=options.dry_run)
    try:
        vault, file = open_vault(job, config.vault_of(job), resolve)
        target = Target(vault, file, vault.check())
        if job.deidentified is not None:
            deidentify.check(job.deidentified)
        vault.size(file)  # the vault takes note of the former csv, by which it knows a change from elsewhere
        with one_run(vault.identity(file), told=vault.path(file), wait=options.wait):
            return _recorded(log, target, job, config, options)
    except Exception as error:  # noqa: BLE001  (other jobs go on; an error that is not ours becomes exit code 1)
        return log.fail(error)


def _recorded(log: RunLog, target: Target, job: Job, config: Config, options: Options) -> RunRecord:
    """Run, and add the record to the history in the vault."""
    try:
        record = _run(log, target, job, config, options)
    except Exception as error:  # noqa: BLE001  (see `pull`)
        record = log.fail(error)
    if options.dry_run:
        return record
    try:
        append_history(target.vault, target.name, record)
    except SheetsDecryptError as error:  # the run is over: its result stands
        warning = f"the history could not be written: {error.message}"
        return replace(record, warnings=[*record.warnings, warning])
    return record


def _run(log: RunLog, target: Target, job: Job, config: Config, options: Options) -> RunRecord:
    from sheets_decrypt.google.session import open_session  # noqa: PLC0415  (a refused path need not wait for it)
    from sheets_decrypt.google.sheet import Moved, open_sheet  # noqa: PLC0415

    with spread(read_keys(config.keys_of(job)), config.workers) as ciphers, open_session(config.google) as session:
        try:
            sheet = open_sheet(
                session, spreadsheet_id=job.spreadsheet_id, worksheet=job.worksheet, gid=job.gid, values=job.values
            )
            log.worksheet, log.gid = sheet.tab.title, sheet.tab.gid
            try:
                record = convert(sheet, ciphers, target, job, log, options)
            except Moved:  # nothing was written; a second move is an error
                record = convert(sheet.reopen(), ciphers, target, job, log, options)
            found = [f"{warning.message}: {warning.hint}" for warning in session.warnings]
            return replace(record, requests=session.requests, warnings=[*record.warnings, *found])
        finally:
            log.requests = session.requests


def decrypt_file(
    file: Path,
    output: Path,
    conversion: Conversion,
    keys: Keys,
    *,
    accept: Sequence[str],
    options: Options,
    workers: int | Literal["auto"] = "auto",
) -> RunRecord:
    """Decrypt a CSV that was downloaded already, and give the run's record, also where it failed.

    Args:
        file: The CSV.
        output: The CSV to write, on a mounted vault drive.
        conversion: How cells are decrypted and written.
        keys: Where the keys come from.
        accept: The kinds of place that the CSV may be put on.
        options: How the run goes about it.
        workers: How many processes decrypt a large file.
    """
    log = RunLog(file.name, "", dry_run=options.dry_run)
    try:
        _refuse_itself(file, output)
        vault = open_drive(output.parent, accept=accept)
        target = Target(vault, output.name, vault.check())
        with (
            one_run(vault.identity(output.name), told=vault.path(output.name), wait=options.wait),
            spread(read_keys(keys), workers) as ciphers,
            CsvFile(file) as source,
        ):
            return convert(source, ciphers, target, conversion, log, options)
    except Exception as error:  # noqa: BLE001  (see `pull`)
        return log.fail(error)


def _refuse_itself(file: Path, output: Path) -> None:
    """Refuse to put the decrypted CSV in the place of the one that it is made from: the tokens would be lost."""
    with suppress(OSError):  # one of them is not there, or cannot be looked at: that is told later
        if file.samefile(output):
            raise ConfigurationError(f"{output} is the file that is to be decrypted", hint="name another --output")
