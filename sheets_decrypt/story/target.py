"""Where a run's files go, with their lock, and the history and the report for people beside them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.output.deidentified import SecondCsv
from sheets_decrypt.output.outputs import Destination
from sheets_decrypt.runs.history import append_history
from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.runs.record import Record
from sheets_decrypt.runs.report import write_report
from sheets_decrypt.vault.interface import Place, Vault


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files go.

    Args:
        vault: A vault that was checked.
        name: The output's name in it.
        place: The result of the vault's check.
        also: Further outputs in the same vault.
        second: The de-identified CSV, or None.
    """

    vault: Vault
    name: str
    place: Place
    also: Sequence[Destination] = ()
    second: SecondCsv | None = None

    @property
    def files(self) -> list[Destination]:
        """The files in the vault, the main one first."""
        return [Destination(self.vault, self.name), *self.also]


@contextmanager
def locked(target: Target, *, wait: float) -> Iterator[None]:
    """Keep other runs from writing this run's files.

    Args:
        target: Where the files go.
        wait: Seconds to wait for another run to end.

    Raises:
        RunUnderWay: Another run writes one of them.
    """
    with ExitStack() as stack:
        # Always lock in the same order, so that two runs never wait for each other.
        for file in sorted(target.files, key=lambda file: file.vault.identity(file.name)):
            stack.enter_context(one_run(file.vault.identity(file.name), name=file.path, wait=wait))
        for file in target.files:
            file.vault.size(file.name)  # the vault notes the existing file, and so detects a change by others
        yield


def remembered(target: Target, record: Record) -> Record:
    """Add the record to the history beside the output, and write the report for people; a failure is a warning."""
    if record.dry_run:
        return record
    for what, write in (("history", append_history), ("report", write_report)):
        try:
            write(target.vault, target.name, record)
        except SheetsDecryptError as error:  # the run is over, and its result stays the same
            warning = f"the {what} could not be written: {error.message}"
            record = replace(record, warnings=(*record.warnings, warning))
    return record
