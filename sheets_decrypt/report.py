"""Run records in words: what a person reads on a terminal or in a log. Pure, ASCII but for names."""

from collections.abc import Sequence

from sheets_decrypt.record import RunRecord, Status


def summary(record: RunRecord) -> str:
    """Say in one line what a run did."""
    if record.error is not None:
        return f"{record.job}: failed with exit code {record.exit_code}: {record.error.message}"
    path = record.output.path if record.output else "nowhere"
    done = {
        Status.WRITTEN: f"{'would write' if record.dry_run else 'wrote'} {_rows(record)} to {path}",
        Status.UNCHANGED: f"nothing changed, {_rows(record)} in {path}",
        Status.PARTIAL: f"{'would write' if record.dry_run else 'wrote'} {_rows(record)} to {path},"
        f" but {_count(record.failure_count, 'cell')} could not be decrypted",
    }[record.status]
    return f"{record.job}: {done} ({_cells(record)})"


def failures(record: RunRecord, most: int = 10) -> Sequence[str]:
    """Name the first cells that could not be decrypted, each with its reason."""
    named = [
        f'row {failure.row}, column "{failure.column}": {failure.reason.explanation}'
        for failure in record.failures[:most]
    ]
    more = record.failure_count - len(named)
    return [*named, f"and {_count(more, 'more cell')}"] if more > 0 else named


def _rows(record: RunRecord) -> str:
    return _count(record.rows_read, "row")


def _cells(record: RunRecord) -> str:
    decrypted = sum(count.decrypted for count in record.columns.values())
    parts = [f"{_count(decrypted, 'cell')} decrypted in {_count(len(record.columns), 'column')}"]
    if record.guarded_cells:
        parts.append(f"{_count(record.guarded_cells, 'cell')} guarded with '")
    return ", ".join(parts)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
