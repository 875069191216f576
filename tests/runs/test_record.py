"""The run record and its wording."""

import getpass
import json
import time as clock
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sheets_decrypt.cli import result as report
from sheets_decrypt.errors import KeyMissing, SheetsDecryptError, VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.runs import record
from sheets_decrypt.runs.record import Output, Record, Result
from sheets_decrypt.runs.report import failures as failing
from sheets_decrypt.table import CellFailure, ColumnCount, Reason
from tests.survey import RECORD_KEYS


def _run(**more: object) -> Record:
    output = Output("/v/a.csv", "gocryptfs at /v", "0" * 64, 9)
    columns = {"name": ColumnCount(1, 0, 0, 0, 1, {"sealed-box": 2}, ["dd7ff08f"])}
    run = Record(job="baseline", spreadsheet_id="1AbC", output=output, rows_read=2, columns=columns)
    return replace(run, **more)  # type: ignore[arg-type]


def test_a_record_is_json_with_the_keys_of_the_design() -> None:
    """All of its values survive JSON; `output` and `error` are present only if they apply."""
    done = _run().finish(Result.WRITTEN, 0)
    content = json.loads(done.line())
    assert tuple(content) == (*RECORD_KEYS, "output")
    assert content["started"].endswith("Z")
    failed = json.loads(_run(output=None, rows_written=2).fail(VaultLocked("locked", hint="unlock")).line())
    assert tuple(failed) == (*RECORD_KEYS, "error")
    assert failed["error"] == {"code": 7, "message": "locked", "hint": "unlock"}
    assert failed["rows_written"] == 0


def test_an_unexpected_error_is_reported_by_its_type_and_place() -> None:
    """The error's own text could contain a value."""
    with pytest.raises(KeyError) as caught:
        dict[str, int]()["geheim"]
    done = _run().fail(caught.value)
    assert done.error is not None
    assert "geheim" not in done.line()
    assert done.error.message.startswith("unexpected error: KeyError in test_an_unexpected_error")
    assert _run().fail(ValueError("geheim")).error == record.Failure(
        1, "unexpected error: ValueError", "this is a bug; please report this line"
    )


@pytest.mark.parametrize(
    ("error", "locked"), [(VaultLocked, True), (VaultNotEncrypted, True), (VaultUnusable, False), (KeyMissing, False)]
)
def test_a_missing_vault_counts_as_locked(error: type[SheetsDecryptError], locked: bool) -> None:
    """On Linux a locked vault's mount point is an ordinary, unencrypted folder."""
    found = _run().fail(error("x")).error
    assert found is not None
    assert found.locked is locked


def test_a_user_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user id may have no entry, which must not fail a run."""

    def no_entry() -> str:
        raise OSError("no entry")

    monkeypatch.setattr(getpass, "getuser", no_entry)
    assert _run().finish(Result.WRITTEN, 0).user == "unknown"


# Times


@pytest.mark.usefixtures("far_from_utc")
def test_a_record_has_its_times_in_utc() -> None:
    """Times are converted to UTC from any zone, whatever the computer's own zone is."""
    assert (
        record.timestamp(datetime(2026, 1, 31, 7, 30, 5, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-31T06:30:05Z"
    )
    assert record._now()[:16] == datetime.now(UTC).isoformat()[:16]


@pytest.mark.system("posix", "Windows has one time zone for all programs")
@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-01-31T06:30:10Z", "2026-01-31 07:30 +01:00"),
        ("2026-07-31T23:30:10Z", "2026-08-01 01:30 +02:00"),
        ("2026-07-31 06:30", "2026-07-31 06:30 +02:00"),  # the local time of a scheduler
        (datetime(2026, 1, 31, 6, 30, tzinfo=UTC), "2026-01-31 07:30 +01:00"),
        ("", ""),
        ("yesterday", "yesterday"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_person_reads_local_time_with_its_offset(
    time: str | datetime, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summer time depends on the date; text that is not a time is shown unchanged."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()
    try:
        assert record.local_time(time) == shown
    finally:
        monkeypatch.undo()
        clock.tzset()


# Wording


def _summary(status: Result, **more: object) -> str:
    return report.summary(_run(**more).finish(status, 0))


def test_each_status_is_a_line() -> None:
    """A person reads what happened, to how many rows, and where."""
    cells = " (1 cell decrypted in 1 column)"
    assert _summary(Result.WRITTEN) == f"baseline: wrote 2 rows to /v/a.csv{cells}"
    assert _summary(Result.WRITTEN, dry_run=True) == f"baseline: would write 2 rows to /v/a.csv{cells}"
    assert _summary(Result.UNCHANGED, rows_read=1) == f"baseline: nothing changed, 1 row in /v/a.csv{cells}"
    partial = _summary(Result.PARTIAL, failure_count=1)
    assert "2 rows" in partial
    assert partial.endswith(f"/v/a.csv, but 1 cell could not be decrypted{cells}")
    guarded = _summary(Result.WRITTEN, guarded_cells=3, output=None)
    assert guarded.endswith(", 3 cells got a leading ' so that Excel does not run them)")
    failed = _run(output=None).fail(VaultLocked("the vault is locked"))
    assert report.summary(failed) == "baseline: failed with exit code 7: the vault is locked"
    second = _run().fail(VaultUnusable("the de-identified csv was not written"))
    assert report.summary(second) == f"baseline: 2 rows in /v/a.csv{cells}"


def test_failures_are_named_by_row_column_and_reason() -> None:
    """The first ten are listed, and the rest is counted."""
    failures = [CellFailure(row, "name", Reason.DAMAGED) for row in range(2, 102)]
    few = _run(failures=failures[:2], failure_count=2).finish(Result.PARTIAL, 3)
    assert failing(few) == [f'row {row}, column "name": the token is cut off or was changed' for row in (2, 3)]
    many = _run(failures=failures, failure_count=111).finish(Result.PARTIAL, 3)
    assert len(failing(many)) == 11
    assert failing(many)[-1] == "and 101 more cells"
    assert failing(_run().finish(Result.WRITTEN, 0)) == []


# As an exception


@pytest.mark.parametrize("error", [VaultLocked, KeyMissing, VaultUnusable])
def test_a_failed_record_raises_its_error_on_request(error: type[SheetsDecryptError]) -> None:
    """The class, the message and the hint are those of the error that ended the run."""
    with pytest.raises(error) as caught:
        _run().fail(error("x does not exist", hint="make it")).raise_for_status()
    assert (caught.value.message, caught.value.hint) == ("x does not exist", "make it")


def test_a_record_of_a_bug_raises_an_error_without_its_text() -> None:
    """The text could contain a value, so neither the error nor its cause shows it."""
    failed = _run().fail(ValueError("geheim"))
    with pytest.raises(SheetsDecryptError, match="unexpected error: ValueError") as caught:
        failed.raise_for_status()
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("status", [Result.WRITTEN, Result.UNCHANGED, Result.PARTIAL])
def test_a_run_with_a_csv_raises_nothing(status: Result) -> None:
    """Cells that stay encrypted are a status, not an error."""
    _run().finish(status, 3 if status is Result.PARTIAL else 0).raise_for_status()


def test_a_line_is_readable_for_people() -> None:
    """Letters beyond ASCII are not escaped."""
    assert '"job": "Ménages"' in _run(job="Ménages").finish(Result.WRITTEN, 0).line()
