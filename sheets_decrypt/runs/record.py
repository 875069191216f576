"""The record of a run: what it did, without any value, token or secret."""

import getpass
import json
import socket
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any, Final

from sheets_decrypt.errors import (
    CellsRefused,
    KeyWrong,
    SheetsDecryptError,
    VaultLocked,
    VaultNotEncrypted,
    place_of,
)
from sheets_decrypt.table import CellFailure, ColumnCount

# On Windows the drive letter of a locked vault disappears; elsewhere its mount point remains, as an ordinary folder on
# the unencrypted disk.
_LOCKED: Final = (VaultLocked, VaultNotEncrypted)
_CELLS: Final = (KeyWrong, CellsRefused)


class Result(StrEnum):
    """How a run ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a run wrote.

    Args:
        path: Its path.
        vault: The vault that protects it, such as `gocryptfs at /mnt/vault`.
        sha256: The digest of its bytes, in hexadecimal.
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
        kind: The class of the error. Not part of the JSON.
    """

    code: int
    message: str
    hint: str
    kind: type[SheetsDecryptError] = SheetsDecryptError

    @property
    def locked(self) -> bool:
        """Whether the vault was locked or not mounted."""
        return issubclass(self.kind, _LOCKED)

    @property
    def cells(self) -> bool:
        """Whether cells could not be decrypted."""
        return issubclass(self.kind, _CELLS)


def timestamp(time: datetime) -> str:
    """Return a time in the format of records, such as `2026-01-31T06:30:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_time(time: str | datetime) -> str:
    """Return a time for people: local, with its offset from UTC, such as `2026-01-31 07:30 +01:00`.

    Args:
        time: A time, or the text of one from a record or a scheduler; without a zone it is local. Any other text,
            which anyone may have written into the vault, is returned unchanged.
    """
    try:
        found = datetime.fromisoformat(time) if isinstance(time, str) else time
        text = found.astimezone().isoformat(" ", "minutes")
    except (ValueError, OverflowError, OSError):
        return str(time)
    return f"{text[:16]} {text[16:]}"


def _now() -> str:
    return timestamp(datetime.now(UTC))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # in a container the user id may have no entry
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one run of one job did.

    The fields are the keys of its JSON, in this order (design, "Run record").

    Args:
        job: The job's name.
        spreadsheet_id: Which spreadsheet; blank for a file.
        worksheet: The tab's title; blank while it is unknown.
        warnings: What a person should look into.
        notes: What is true of every run of this kind, for example that a format cannot detect changed values.
        output: The file that was written or left unchanged.
        also: The other files of the run.
        dry_run: Nothing was written; `status` says how a real run would have ended.
    """

    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    job: str
    status: Result = Result.FAILED
    started: str = field(default_factory=_now)
    finished: str = ""
    exit_code: int = 0
    version: str = field(default_factory=lambda: version("sheets-decrypt"))
    host: str = field(default_factory=socket.gethostname)
    user: str = field(default_factory=_user)
    spreadsheet_id: str
    worksheet: str = ""
    gid: int | None = None
    rows_read: int = 0
    rows_written: int = 0
    requests: int = 0
    columns: Mapping[str, ColumnCount] = field(default_factory=dict)
    failures: Sequence[CellFailure] = ()
    failure_count: int = 0
    guarded_cells: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    output: Output | None = None
    also: Sequence[Output] = ()
    error: Failure | None = None

    @property
    def cells_failed(self) -> bool:
        """Whether cells could not be decrypted; to reveal more than this may reveal answers in the old formats."""
        return self.failure_count > 0 or (self.error is not None and self.error.cells)

    def finish(self, status: Result, exit_code: int, error: Failure | None = None) -> "Record":
        """Return the record of a run that is over."""
        return replace(self, status=status, exit_code=exit_code, error=error, finished=_now())

    def fail(self, error: BaseException) -> "Record":
        """Return the record of a run that failed. An unexpected error is described by its type and place."""
        if isinstance(error, SheetsDecryptError):
            failure = Failure(error.exit_code, error.message, error.hint, type(error))
        else:
            failure = Failure(1, f"unexpected error: {place_of(error)}", "this is a bug; please report this line")
        written = self.rows_written if self.output is not None else 0  # the csv was replaced before the error
        return replace(self, rows_written=written).finish(Result.FAILED, failure.code, failure)

    def raise_for_status(self) -> None:
        """Raise the error that ended the run, with its original class; do nothing if the run did not fail.

        A run that wrote the CSV but could not decrypt all cells has not failed: its `status` is `partial`.

        Raises:
            SheetsDecryptError: The run failed.
        """
        if self.error is not None:
            raise self.error.kind(self.error.message, hint=self.error.hint)

    def as_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; `output`, `also` and `error` are left out if they are empty."""
        content = asdict(self)
        if self.error is not None:
            del content["error"]["kind"]
        return {key: value for key, value in content.items() if value or key not in {"output", "also", "error"}}

    def line(self) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(self.as_json(), ensure_ascii=False)


@dataclass(slots=True)
class Run:
    """A run under way: each step replaces the record with a more complete one, so that a failure loses nothing.

    Args:
        record: The record so far.
    """

    record: Record

    def warn(self, warnings: Iterable[str]) -> None:
        """Add what a person should look into."""
        self.record = replace(self.record, warnings=(*self.record.warnings, *warnings))

    def note(self, notes: Iterable[str]) -> None:
        """Add what is true of every run of this kind."""
        self.record = replace(self.record, notes=(*self.record.notes, *notes))
