"""The run record: what a run did, and never a value, a token or a secret. The history: a line per run in the vault."""

import getpass
import json
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any, BinaryIO, Final

from sheets_decrypt.errors import (
    SheetsDecryptError,
    VaultError,
    VaultFileMissing,
    VaultLocked,
    VaultNotEncrypted,
    place_of,
)
from sheets_decrypt.table import CellFailure, ColumnCount, FormerCounts
from sheets_decrypt.vault.interface import Vault

# A locked vault's drive letter is gone on Windows; elsewhere its mount point stays, and leads to the plain disk below.
_LOCKED: Final = (VaultLocked, VaultNotEncrypted)
HISTORY_SUFFIX: Final = ".runs.jsonl"
_PIECE: Final = 1 << 20
_LARGEST_HISTORY: Final = 4 * 1024 * 1024  # bytes; a longer one is cut to its newer half


class Status(StrEnum):
    """How a run ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Output:
    """The CSV that a run left.

    Args:
        path: Where it is.
        vault: What protects it, such as `gocryptfs at /mnt/vault`.
        sha256: Of its bytes.
        bytes: Its size.
    """

    path: str
    vault: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed.

    Args:
        code: The exit code.
        message: What happened.
        hint: The next step.
        locked: Whether the vault was locked or not there, which is no alarm at night; the JSON has it not.
    """

    code: int
    message: str
    hint: str
    locked: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one run of one job did (design, "Run record").

    Args:
        warnings: What somebody should look into.
        notes: What holds for every run of this kind, such as values that nothing vouches for.
        dry_run: Nothing was written; `status` says what would have been.
    """

    run_id: str
    job: str
    status: Status
    started: str
    finished: str
    exit_code: int
    version: str
    host: str
    user: str
    spreadsheet_id: str
    worksheet: str
    gid: int | None
    rows_read: int
    rows_written: int
    requests: int
    columns: Mapping[str, ColumnCount]
    failures: Sequence[CellFailure]
    failure_count: int
    guarded_cells: int
    warnings: Sequence[str]
    notes: Sequence[str]
    dry_run: bool
    output: Output | None
    error: Failure | None

    def as_json(self) -> dict[str, Any]:
        """Give the record as JSON has it; keys without a value are left out."""
        content = asdict(self)
        if self.error is not None:
            del content["error"]["locked"]
        return {key: value for key, value in content.items() if not (key in {"output", "error"} and value is None)}

    def line(self) -> str:
        """Give the record as one line of JSON."""
        return json.dumps(self.as_json(), ensure_ascii=False)


@dataclass(slots=True)
class RunLog:
    """Gathers what a run does, from its start to its record.

    Args:
        job: The job's name.
        spreadsheet_id: Which spreadsheet.
        worksheet: The tab's title, as far as it is known.
    """

    job: str
    spreadsheet_id: str
    worksheet: str = ""
    gid: int | None = None
    dry_run: bool = False
    rows_read: int = 0
    rows_written: int = 0
    requests: int = 0
    columns: Mapping[str, ColumnCount] = field(default_factory=dict)
    failures: Sequence[CellFailure] = ()
    failure_count: int = 0
    guarded_cells: int = 0
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    output: Output | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def finish(self, status: Status, exit_code: int, error: Failure | None = None) -> RunRecord:
        """Close the log."""
        content = {name: getattr(self, name) for name in self.__slots__}
        return RunRecord(
            **content
            | {
                "status": status,
                "exit_code": exit_code,
                "error": error,
                "started": timestamp(self.started),
                "finished": timestamp(datetime.now(UTC)),
                "version": version("sheets-decrypt"),
                "host": socket.gethostname(),
                "user": _user(),
            }
        )

    def fail(self, error: BaseException) -> RunRecord:
        """Close the log of a run that failed. An error that is not ours is told by its type and place alone."""
        if isinstance(error, SheetsDecryptError):
            failure = Failure(error.exit_code, error.message, error.hint, isinstance(error, _LOCKED))
        else:
            failure = Failure(1, f"unexpected error: {place_of(error)}", "this is a bug; please report this line")
        if self.output is None:  # else the csv is in its place, and what came after it failed
            self.rows_written = 0
        return self.finish(Status.FAILED, failure.code, failure)


def timestamp(time: datetime) -> str:
    """Give a time as records have it, such as `2026-01-31T06:30:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this user id, as in a container
        return "unknown"


def history_name(name: str) -> str:
    """Give the name of the history beside a CSV."""
    return name + HISTORY_SUFFIX


def append_history(vault: Vault, name: str, record: RunRecord) -> None:
    """Add a run to the history beside the CSV `name`; a history that grew too long is cut to its newer half."""
    history = history_name(name)
    line = (record.line() + "\n").encode(errors="backslashreplace")  # a path that is no text, as JSON escapes it
    if (vault.size(history) or 0) + len(line) <= _LARGEST_HISTORY:
        vault.append(history, line)
        return
    with vault.read(history) as file:
        lines = _end_of(file, _LARGEST_HISTORY).splitlines(keepends=True)
    with vault.replace(history) as sink:
        sink.write(b"".join(lines[len(lines) // 2 :]) + line)


def read_history(vault: Vault, name: str) -> list[dict[str, Any]]:
    """Give the runs in the history beside the CSV `name`, oldest first; no history gives none."""
    try:
        with vault.read(history_name(name)) as file:
            return list(_records(file))
    except VaultFileMissing:
        return []


def last_counts(vault: Vault, name: str) -> FormerCounts | None:
    """Return what the last run that left the CSV `name` counted, or None where the history does not say."""
    try:
        runs = read_history(vault, name)
    except VaultError:  # the CSV itself must do
        return None
    for run in reversed(runs):
        try:
            decrypted = {str(column): int(count["decrypted"]) for column, count in run["columns"].items()}
            return FormerCounts(str(run["output"]["sha256"]), decrypted)
        except (KeyError, TypeError, ValueError, AttributeError):  # a run that failed, or a line of something else
            continue
    return None


def _end_of(file: BinaryIO, limit: int) -> bytes:
    """Return the last bytes of a file, at most `limit`: in its place there may be a file of gigabytes."""
    end = b""
    while piece := file.read(_PIECE):
        end = (end + piece)[-limit:]
    return end


def _records(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Read line by line; a line that a killed run left torn is passed over."""
    for line in _end_of(file, 2 * _LARGEST_HISTORY).splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict):
            yield content
