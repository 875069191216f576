"""The result of a run in words, for a terminal or a log."""

from sheets_decrypt.cli import log, terminal
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.runs.record import Record, Result
from sheets_decrypt.runs.report import counted, failures


def show_result(record: Record, *, quiet: bool, as_json: bool) -> None:
    """Print the result of a run on standard output, and everything else on standard error."""
    in_place = record.error is None or record.output is not None  # otherwise only the second CSV failed
    if in_place:
        log.add(summary(record))
    if as_json:
        terminal.write_line(record.line())
    elif in_place and not (quiet and record.exit_code == 0):
        terminal.write_line(summary(record), logged=True)
    # With a wrong key every cell fails, so the error is enough.
    for warning in [*record.warnings, *(failures(record) if record.error is None else ())]:
        terminal.write_notice(f"warning: {record.job}: {warning}")
    if not quiet and not as_json:
        for note in record.notes:
            terminal.write_notice(f"note: {record.job}: {note}")
    if record.error is not None:
        named = not record.spreadsheet_id and record.job in record.error.message  # a file's own error names it
        error = SheetsDecryptError(record.error.message, hint=record.error.hint)
        terminal.show_error(error, about="" if named else record.job)


def summary(record: Record) -> str:
    """Return a one-line summary of a run."""
    if record.error is not None and record.output is None:
        return f"{record.job}: failed with exit code {record.exit_code}: {record.error.message}"
    path = record.output.path if record.output else "nowhere"
    path += f" and {counted(len(record.also), 'more file')}" if record.also else ""
    rows = counted(record.rows_read, "row")
    done = f"{'would write' if record.dry_run else 'wrote'} {rows} to {path}"
    if record.status is Result.UNCHANGED:
        done = f"nothing changed, {rows} in {path}"
    if record.status is Result.FAILED and not record.dry_run:  # it failed after the CSV was written
        done = f"{rows} in {path}"
    if record.status is Result.PARTIAL:
        done += f", but {counted(record.failure_count, 'cell')} could not be decrypted"
    return f"{record.job}: {done} ({_cells(record)})"


def _cells(record: Record) -> str:
    decrypted = sum(count.decrypted for count in record.columns.values())
    parts = [f"{counted(decrypted, 'cell')} decrypted in {counted(len(record.columns), 'column')}"]
    if record.guarded_cells:
        guarded = counted(record.guarded_cells, "cell")
        parts.append(
            f"{guarded} got a leading ' so that Excel does not run {'it' if record.guarded_cells == 1 else 'them'}"
        )
    return ", ".join(parts)
