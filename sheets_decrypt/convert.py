"""Header and pages → one CSV in the vault. The part of the story that a pull and `decrypt-file` share."""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from sheets_decrypt.config import Conversion, Job
from sheets_decrypt.decryption.sheet import MARKS, Begun, Decryption, Rules
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.errors import CellsRefused
from sheets_decrypt.output import deidentified as deidentify
from sheets_decrypt.output.csv_text import CsvText
from sheets_decrypt.output.delivery import Terms, deliver
from sheets_decrypt.runs.record import Output, RunLog, RunRecord, Status
from sheets_decrypt.table import Header, Page
from sheets_decrypt.vault.interface import Place, Vault

PARTIAL: Final = 3
_AHEAD: Final = 1  # pages
Progress = Callable[[int, int | None], None]


class Source(Protocol):
    """A sheet, or a CSV that was downloaded from one."""

    @property
    def header(self) -> Header:
        """The names of the columns."""

    @property
    def row_total(self) -> int | None:
        """How many rows to expect at the most, as far as that is known."""

    def pages(self) -> Iterator[Page]:
        """Give the rows in order, once."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the CSV goes.

    Args:
        vault: A vault that was checked.
        name: The CSV's name in it.
        place: What the check found.
    """

    vault: Vault
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Options:
    """How one run goes about its job.

    Args:
        allow_shrink: Accept any loss of rows.
        dry_run: Do everything but write.
        wait: Seconds to wait for another run of the same job.
        progress: Told after each page the rows done and the rows to expect.
    """

    allow_shrink: bool = False
    dry_run: bool = False
    wait: float = 0
    progress: Progress = lambda done, total: None  # noqa: ARG005  (nobody watches)


def convert(
    source: Source, ciphers: Ciphers, target: Target, conversion: Conversion, log: RunLog, options: Options
) -> RunRecord:
    """Decrypt every row of `source` and put the CSV into the vault, or leave the former one as it is.

    Raises:
        KeyProblem: The keys do not fit.
        SheetRefused: The content is not what the job expects.
        VaultError: The vault could not take it.
    """
    work = _Work(source, ciphers, conversion, log, options)
    terms = Terms(conversion.keep, None if options.allow_shrink else conversion.max_shrink, options.dry_run)
    with _collector_at_rest():
        delivered = deliver(target.vault, target.name, work.pieces(), terms, rows=work.rows, approve=work.approve)
    log.output = Output(
        target.vault.path(delivered.name),
        f"{target.place.what} at {target.place.where}",
        delivered.sha256,
        delivered.size,
    )
    log.warnings.extend(delivered.notes)
    log.rows_written = 0 if options.dry_run else work.rows()
    if isinstance(conversion, Job) and conversion.deidentified is not None and not options.dry_run:
        second = deidentify.write(target.vault, delivered.name, conversion, conversion.deidentified, work.kept)
        log.warnings.extend(second.notes)
        log.notes.append(f"the de-identified csv has {len(work.kept)} columns: {conversion.deidentified.output}")
    if log.failure_count:
        return log.finish(Status.PARTIAL, PARTIAL)
    return log.finish(Status.WRITTEN if delivered.changed else Status.UNCHANGED, 0)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep Python's collector of cycles from walking over the pages, which hold none: it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Work:
    """One pass over the source: the CSV's bytes, and at the end the approval."""

    def __init__(self, source: Source, ciphers: Ciphers, conversion: Conversion, log: RunLog, options: Options) -> None:
        rules = Rules(conversion.columns, frozenset(conversion.missing_values), conversion.on_error == "blank")
        self._source: Final = source
        self._conversion: Final = conversion
        self._second: Final = conversion.deidentified if isinstance(conversion, Job) else None
        self._log: Final = log
        self._progress: Final = options.progress
        self._decryption: Final = Decryption(source.header, ciphers, rules)
        self._csv: Final = CsvText(conversion.encoding, conversion.formula_guard)
        self._rows = 0
        self.kept: list[int] = []  # the columns of the second CSV, chosen by `approve`
        log.rows_read = 0

    def rows(self) -> int:
        """Give the number of rows that became part of the CSV."""
        return self._rows

    def pieces(self) -> Iterator[bytes]:
        """Give the CSV's bytes, page by page."""
        yield self._csv.header(self._source.header.names)
        begun: deque[Begun] = deque()
        for page in self._source.pages():
            self._log.rows_read += len(page.rows)
            begun.append(self._decryption.begin(page))
            # While one page is decrypted by other processes, the next is read and sorted, and the one before written.
            if len(begun) > _AHEAD:
                yield self._written(begun.popleft())
        while begun:
            yield self._written(begun.popleft())

    def _written(self, begun: Begun) -> bytes:
        columns = self._decryption.finish(begun)
        self._rows += len(columns[0])
        self._progress(self._rows, self._source.row_total)
        lines = self._csv.columns(columns)
        if any(mark in lines for mark in MARKS):
            self._decryption.look_elsewhere(begun)
        return lines

    def approve(self) -> None:
        """Fill the log, and prove that the CSV is whole and the keys are right."""
        log, decryption = self._log, self._decryption
        log.columns, log.failures = decryption.counts(), decryption.failures()
        log.failure_count, log.guarded_cells = decryption.failure_count(), self._csv.guarded_cells
        log.warnings, log.notes = decryption.warnings(), decryption.notes()
        log.warnings.extend(self._csv.warnings(self._source.header.names))
        if not self._rows:
            log.warnings.append("the sheet has a header and no rows")
        if log.rows_read != self._rows:
            raise AssertionError  # a page lost rows: a bug, and never a result
        decryption.judge_keys()
        if self._second is not None:
            self.kept = deidentify.kept(self._source.header, self._second, log.columns)
        if log.failure_count and self._conversion.on_error == "fail":
            raise CellsRefused(
                f"{log.failure_count} cells could not be decrypted, the first in row {log.failures[0].row}",
                hint='see the record with --json; on_error = "keep" or "blank" writes the csv all the same',
            )
