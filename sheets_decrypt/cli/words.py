"""Run records in words: what a person reads on a terminal or in a log. Pure, ASCII but for names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sheets_decrypt.runs.record import RunRecord

# What a terminal obeys: control characters (Unicode's Cc), line separators, and the bidi controls that let a text read
# otherwise than it is (U+202A to U+202E, U+2066 to U+2069).
_OBEYED: Final = (*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_SPELT_OUT: Final = {code: f"\\u{code:04x}" for code in _OBEYED}


def printable(text: str, *, keep: str = "") -> str:
    r"""Spell out what a terminal would obey; a sheet's or a vault's names may bring it along.

    Args:
        text: Any text; JSON stays JSON, and says the same, since the escapes are its own.
        keep: Characters to leave as they are, such as the line breaks of a text of several lines.

    Returns:
        The text with `\u001b` in place of an escape character, and so on.
    """
    spelt_out = {code: escape for code, escape in _SPELT_OUT.items() if chr(code) not in keep} if keep else _SPELT_OUT
    return text.translate(spelt_out)


def summary(record: "RunRecord") -> str:
    """Say in one line what a run did."""
    from sheets_decrypt.runs.record import Status  # noqa: PLC0415  (every command prints, and few need what records need)

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


def failures(record: "RunRecord", most: int = 10) -> Sequence[str]:
    """Name the first cells that could not be decrypted, each with its reason."""
    named = [
        f'row {failure.row}, column "{failure.column}": {failure.reason.explanation}'
        for failure in record.failures[:most]
    ]
    more = record.failure_count - len(named)
    return [*named, f"and {_count(more, 'more cell')}"] if more > 0 else named


def _rows(record: "RunRecord") -> str:
    return _count(record.rows_read, "row")


def _cells(record: "RunRecord") -> str:
    decrypted = sum(count.decrypted for count in record.columns.values())
    parts = [f"{_count(decrypted, 'cell')} decrypted in {_count(len(record.columns), 'column')}"]
    if record.guarded_cells:
        parts.append(f"{_count(record.guarded_cells, 'cell')} guarded with '")
    return ", ".join(parts)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
