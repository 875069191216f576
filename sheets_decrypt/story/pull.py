"""A whole run: check the vault, read the keys, ask Google, decrypt, write, judge, commit, record."""

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final, Protocol

from sheets_decrypt.config import Config, Conversion, Job
from sheets_decrypt.decryption.pending import Submit
from sheets_decrypt.decryption.pool import spread
from sheets_decrypt.decryption.sheet import MARKS, Decryption, PendingPage, Rules
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.errors import CellsRefused
from sheets_decrypt.keys import read_keys
from sheets_decrypt.output.deidentified import OpenSecondCsv, SecondCsv
from sheets_decrypt.output.delivery import Delivered
from sheets_decrypt.output.outputs import Form, deliveries, refuse_elsewhere
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.runs.history import last_counts
from sheets_decrypt.runs.record import Output, Record, Result, Run
from sheets_decrypt.secret_sources import resolve, withheld
from sheets_decrypt.story.options import Options
from sheets_decrypt.story.target import Target, locked, remembered
from sheets_decrypt.table import Header, Page
from sheets_decrypt.vault import open_also, open_vault
from sheets_decrypt.vault.interface import Place

PARTIAL: Final = 3  # the exit code of a run that wrote the CSV but could not decrypt all cells
_AHEAD: Final = 1  # pages


class Source(Protocol):
    """A sheet, or a file that was downloaded from one."""

    @property
    def header(self) -> Header:
        """The names of the columns."""

    @property
    def row_total(self) -> int | None:
        """The highest number of rows to expect; None if unknown."""

    def pages(self) -> Iterator[Page]:
        """Yield the rows in order, once."""


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """The keys of a run, ready to decrypt.

    Args:
        ciphers: Format → cipher.
        decrypt: Decrypts cells with them, in this process or in several.
    """

    ciphers: Ciphers
    decrypt: Submit


def pull(name: str, job: Job, config: Config, options: Options | None = None) -> Record:
    """Run one job and return its record, even if the run failed.

    The guarantees depend on this order: the vault is checked before a secret is read, the secrets are read before
    Google is asked, and nothing appears under the CSV's name before every row has passed.

    Raises:
        KeyboardInterrupt: The user stopped it; nothing was written.
    """
    options = options or Options()
    run = Run(
        Record(job=name, spreadsheet_id=job.spreadsheet_id, worksheet=job.worksheet or "", dry_run=options.dry_run)
    )
    try:
        with withheld(config):
            vault, file = open_vault(job, config.vault_of(job), resolve)
            place = vault.check()
            also = refuse_elsewhere(open_also(job, vault), (vault, file), place)
            second = SecondCsv(job, job.deidentified) if job.deidentified else None
            target = Target(vault, file, place, also, second)
            with locked(target, wait=options.wait):
                try:
                    _pull(target, job, config, run, options)
                except Exception as error:  # noqa: BLE001  (any other error becomes exit code 1, in the history)
                    run.record = run.record.fail(error)
                return remembered(target, run.record)
    except Exception as error:  # noqa: BLE001  (other jobs continue)
        return run.record.fail(error)


def _pull(target: Target, job: Job, config: Config, run: Run, options: Options) -> None:
    """Ask Google for the sheet, and convert it."""
    from sheets_decrypt.google.session import open_session  # noqa: PLC0415  (saves 0.2 s when the path is refused)
    from sheets_decrypt.google.sheet import Moved, open_sheet  # noqa: PLC0415

    ciphers = read_keys(config.keys_of(job))
    with spread(ciphers, config.workers) as decrypt, open_session(config.google) as session:
        keys = OpenKeys(ciphers, decrypt)
        try:
            sheet = open_sheet(
                session, spreadsheet_id=job.spreadsheet_id, worksheet=job.worksheet, gid=job.gid, values=job.values
            )
            run.record = replace(run.record, worksheet=sheet.tab.title, gid=sheet.tab.gid)
            try:
                convert(sheet, keys, target, job, run, options)
            except Moved:  # nothing was written; a second move is an error
                convert(sheet.reopen(), keys, target, job, run, options)
        finally:
            run.record = replace(run.record, requests=session.requests)
            run.warn(f"{warning.message}: {warning.hint}" for warning in session.warnings)


def convert(source: Source, keys: OpenKeys, target: Target, conversion: Conversion, run: Run, options: Options) -> None:
    """Decrypt every row of `source` and put the CSV into the vault; leave the existing CSV alone if it is equal.

    Raises:
        KeyProblem: The keys do not fit.
        SheetRefused: The content is not what the job expects.
        VaultError: The vault could not store it.
    """
    decryption = Decryption(source.header, keys.ciphers, _rules(conversion), keys.decrypt)
    form, policy = Form(conversion.encoding, conversion.formula_guard), _policy(conversion, options)
    former = last_counts(target.vault, target.name)
    rows = 0
    with (
        _collector_at_rest(),
        deliveries(target.files, form, policy, former) as outputs,
        target.second.open(source.header, dry_run=options.dry_run) if target.second else nullcontext() as second,
    ):
        outputs.begin(source.header.names)
        for page, columns in _decrypted(decryption, source.pages(), run):
            text = outputs.write(columns)
            if second is not None:
                second.write(page)
            if any(mark in text for mark in MARKS):
                decryption.look_elsewhere(page)
            rows += len(columns[0])
            options.progress(rows, source.row_total)
        run.record = replace(run.record, guarded_cells=outputs.guarded_cells)
        _judge(decryption, conversion, run, rows)
        run.warn(outputs.warnings())
        if second is not None:
            second.refuse_decrypted(run.record.columns)
        try:
            outputs.commit(rows, run.record.columns)
        finally:
            _note(outputs.delivered, target.place, run, rows_written=0 if options.dry_run else rows)
        if second is not None:
            _commit_second(second, run, options)
    run.record = _finished(run.record, changed=outputs.changed)


def _finished(record: Record, *, changed: bool) -> Record:
    if record.failure_count:
        return record.finish(Result.PARTIAL, PARTIAL)
    return record.finish(Result.WRITTEN if changed else Result.UNCHANGED, 0)


def _rules(conversion: Conversion) -> Rules:
    return Rules(conversion.columns, frozenset(conversion.missing_values), conversion.on_error == "blank")


def _policy(conversion: Conversion, options: Options) -> ReplacePolicy:
    return ReplacePolicy(
        keep=conversion.keep,
        max_shrink=None if options.allow_shrink else conversion.max_shrink,
        dry_run=options.dry_run,
        missing_values=frozenset(conversion.missing_values),
        found_columns=conversion.columns == "auto",
    )


def _decrypted(
    decryption: Decryption, pages: Iterator[Page], run: Run
) -> Iterator[tuple[Page, Sequence[Sequence[str]]]]:
    """Yield each page with its decrypted columns.

    While other processes decrypt one page, the next one is read and sorted, and the previous one is written.
    """
    pending: deque[PendingPage] = deque()
    run.record = replace(run.record, rows_read=0)  # the sheet may be read a second time
    for page in pages:
        run.record = replace(run.record, rows_read=run.record.rows_read + len(page.rows))
        pending.append(decryption.submit(page))
        if len(pending) > _AHEAD:
            done = pending.popleft()
            yield done.page, decryption.finish(done)
    for done in pending:
        yield done.page, decryption.finish(done)


def _judge(decryption: Decryption, conversion: Conversion, run: Run, rows: int) -> None:
    """Record the results of the decryption, and prove that the CSV is complete and the keys are right.

    Raises:
        KeyProblem: The keys do not fit.
        SheetRefused: The content is not what the job expects.
    """
    failures, failure_count = decryption.failures(), decryption.failure_count()
    run.record = replace(run.record, columns=decryption.counts(), failures=failures, failure_count=failure_count)
    run.warn(decryption.warnings())
    run.note(decryption.notes())
    if not rows:
        run.warn(["the sheet has a header and no rows"])
    if run.record.rows_read != rows:
        raise AssertionError  # a page lost rows: a bug
    decryption.judge_keys()
    if failure_count and conversion.on_error == "fail":
        raise CellsRefused(
            f"{failure_count} cells could not be decrypted, the first in row {failures[0].row}",
            hint='see the record with --json; on_error = "keep" or "blank" writes the csv all the same',
        )


def _note(delivered: Sequence[Delivered], place: Place, run: Run, *, rows_written: int) -> None:
    """Record the files that were put in place."""
    vault = f"{place.what} at {place.where}"
    files = [Output(file.path, vault, file.sha256, file.size) for file in delivered]
    if files:
        run.record = replace(run.record, output=files[0], also=files[1:], rows_written=rows_written)
    for file in delivered:
        run.warn(file.notes)


def _commit_second(second: OpenSecondCsv, run: Run, options: Options) -> None:
    """Commit the second CSV; the first is already in place, and stays there whatever happens here."""
    run.warn(second.commit().notes)
    if not options.dry_run:
        run.note([f"the de-identified csv has {second.width} columns: {second.path}"])


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Pause the cyclic garbage collector: the pages contain no cycles, and traversing them takes 30 % of a run."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
