"""The report for people beside an output, such as `baseline.report.txt`: how the last run went, and what to do.

Although it is in the vault, it never contains a value. Like the history, it is written by every run, so its time is
that of the last run; a synced vault uploads a few hundred bytes for it. It is UTF-8 with a byte order mark and CRLF, so
that every version of Notepad shows it correctly.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from sheets_decrypt.config import report_of
from sheets_decrypt.errors import VaultFileMissing, VaultUnusable
from sheets_decrypt.runs.record import Record, Result, local_time
from sheets_decrypt.system.printable import printable
from sheets_decrypt.table import ColumnCount
from sheets_decrypt.vault.interface import Vault

_NAMED: Final = 50  # cells that stayed encrypted
_KEY_PROBLEM: Final = 4  # with a wrong key every cell fails: a list of them would hide the cause
_WIDTH: Final = 8
_START: Final = 4096  # bytes; enough for a job's or a file's name, and a line of the same length
_TITLE: Final = re.compile(rb"\xef\xbb\xbf[^\r\n]*\r\n=+\r\n")


def write_report(vault: Vault, name: str, record: Record) -> None:
    """Write the report beside the output `name`. Only a report is replaced.

    Raises:
        VaultError: Something else has its name, or the vault cannot be written.
    """
    report = str(report_of(PurePosixPath(name)))
    if not _is_ours(vault, report):
        raise VaultUnusable(
            f"{vault.path(report)} is not a report of this program", hint="rename it; the next run writes a report"
        )
    with vault.replace(report) as file:
        file.write("".join(f"{printable(line)}\r\n" for line in lines(record)).encode("utf-8-sig", "backslashreplace"))


def _is_ours(vault: Vault, report: str) -> bool:
    try:
        with vault.read(report) as file:
            start = file.read(_START)
    except VaultFileMissing:
        return True
    return not start or _TITLE.match(start) is not None


def lines(record: Record) -> Iterator[str]:
    """Yield the report's lines."""
    yield from (record.job, "=" * len(record.job), "")
    files = [file.path for file in (record.output, *record.also) if file]
    for key, values in (
        ("Run", [f"{local_time(record.finished)} on {record.host} by {record.user}"]),
        ("Result", [_result(record)]),
        ("Sheet", [f'tab "{record.worksheet}"'] if record.worksheet else []),
        ("Files" if len(files) > 1 else "File", files),
    ):
        yield from (f"{key if not place else '':{_WIDTH}} {value}" for place, value in enumerate(values))
    named = record.error is None or record.error.code != _KEY_PROBLEM
    for title, texts in (
        ("Columns", [f"{name}: {_column(count)}" for name, count in record.columns.items()]),
        ("Not decrypted", failures(record, _NAMED) if named else []),
        ("Warnings", record.warnings),
        ("Good to know", record.notes),
        ("What to do", list(_steps(record))),
    ):
        if texts:
            yield from ("", title)
            yield from (f"  {text}" for text in texts)


def failures(record: Record, most: int = 10) -> Sequence[str]:
    """Return the first cells that could not be decrypted, each with its reason, and how many more there are."""
    named = [
        f'row {failure.row}, column "{failure.column}": {failure.reason.explanation}'
        for failure in record.failures[:most]
    ]
    more = record.failure_count - len(named)
    return [*named, f"and {counted(more, 'more cell')}"] if more > 0 else named


def counted(number: int, thing: str) -> str:
    """Return a number of things in words, such as `1 row` or `2 rows`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _result(record: Record) -> str:
    if record.error is not None:
        return f"failed: {record.error.message}"
    rows = counted(record.rows_written, "row")
    done = f"nothing changed since the run before: {rows}" if record.status is Result.UNCHANGED else f"wrote {rows}"
    decrypted = sum(count.decrypted for count in record.columns.values())
    left = f", {record.failure_count} not" if record.failure_count else ""
    return f"{done}; {counted(decrypted, 'cell')} decrypted{left}"


def _column(count: ColumnCount) -> str:
    parts = {
        "decrypted": count.decrypted,
        "blank": count.blank,
        "not answered": count.missing,
        "readable in the Sheet": count.not_encrypted,
        "not decrypted": count.failed,
    }
    return ", ".join(f"{number} {what}" for what, number in parts.items() if number) or "no rows"


def _steps(record: Record) -> Iterator[str]:
    if record.error is not None:
        yield record.error.hint or "see docs/troubleshooting.md"
        if record.output is None:
            yield "Nothing was written: the existing file, if any, is unchanged."
        else:  # a later step failed: a further file, or the de-identified one
            yield "The file that is named above is in place."
        return
    if record.failure_count:
        yield "Look at the cells named above in the Sheet. In the file they are as the Sheet has them, or blank."
        yield "If many of them have the same reason, ask whoever set up the survey whether the key is complete."
    if record.warnings:
        yield "Look into the warnings above; docs/troubleshooting.md explains them."
    if not (record.failure_count or record.warnings):
        yield "Nothing: the file is ready to open."
