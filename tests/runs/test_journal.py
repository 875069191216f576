"""The journal of runs on this computer, and `history`, which merges it with the vault's history."""

import json
import shutil
from pathlib import Path

import pytest

from sheets_decrypt.cli.history import _table
from sheets_decrypt.errors import CellsRefused, ColumnNotFound, KeyWrong, RunUnderWay, VaultLocked
from sheets_decrypt.runs import journal, state
from sheets_decrypt.runs.record import Record, Result, local_time
from tests.cli.screens import assert_in_order, seen_at
from tests.survey import World
from tests.unattended_parts import configuration, record


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the journal below the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))


def _run(**more: object) -> Record:
    return Record(job="baseline", spreadsheet_id="12345abcde", worksheet="EVIL", **more)  # type: ignore[arg-type]


def _remembered(tmp_path: Path, *runs: Record) -> list[dict[str, object]]:
    config = configuration(tmp_path)
    for run in runs:
        journal.add(config, "baseline", run)
    return journal.read(config, "baseline")


def test_a_run_is_recorded_with_its_time_and_the_contents_of_a_message(tmp_path: Path) -> None:
    """It has the time, the exit code, the kind of result, and after a success the number of rows."""
    good = _run(rows_read=6).finish(Result.WRITTEN, 0)
    locked = _run().fail(VaultLocked("X: does not exist"))
    busy = _run().fail(RunUnderWay("another run is under way"))
    found = _remembered(tmp_path, good, locked, busy)
    assert found[0] == {
        "run_id": good.run_id, "job": "baseline", "status": "done", "started": good.started,
        "finished": good.finished, "exit_code": 0, "rows_read": 6,
    }  # fmt: skip
    assert [run.get("error") for run in found[1:]] == [
        {"code": 7, "message": "the vault was locked"},
        {"code": 8, "message": "another run was under way"},
    ]


def test_a_journal_is_readable_for_people(tmp_path: Path) -> None:
    """Letters beyond ASCII are not escaped, and a failed run is called failed."""
    config = configuration(tmp_path, Ménages={})
    journal.add(config, "Ménages", _run().fail(VaultLocked("locked")))
    [run] = journal.read(config, "Ménages")
    assert (run["job"], run["status"]) == ("Ménages", "failed")
    assert "Ménages" in state.file_of(config, "Ménages", "runs/*.jsonl").read_text(encoding="utf-8")


def test_a_run_stopped_from_outside_is_recorded_as_such(tmp_path: Path) -> None:
    """It could not report this itself: it has a start, but no end and no exit code."""
    config = configuration(tmp_path)
    journal.add_stopped(config, "baseline", "2026-03-06T06:30:00Z")
    assert journal.read(config, "baseline") == [
        {
            "job": "baseline",
            "status": "stopped",
            "started": "2026-03-06T06:30:00Z",
            "error": {"message": "the run was stopped before its end"},
        }
    ]


def test_the_journal_is_not_an_oracle(tmp_path: Path) -> None:
    """It has no count of failed cells, none of their consequences, no change of the CSV, and no text from the Sheet."""
    partial = _run(failure_count=3, rows_read=6).finish(Result.PARTIAL, 3)
    wrong = _run().fail(KeyWrong('column "EVIL": 7 of 7 tokens', hint="EVIL"))
    refused = _run().fail(CellsRefused("3 cells could not be decrypted, the first in row 2"))
    written, unchanged = _run(rows_read=6).finish(Result.WRITTEN, 0), _run(rows_read=6).finish(Result.UNCHANGED, 0)
    missing = _run().fail(ColumnNotFound('"EVIL" not found in row 1'))
    found = _remembered(tmp_path, partial, wrong, refused, written, unchanged, missing)
    said = [{key: run[key] for key in run if key not in {"run_id", "started", "finished"}} for run in found]
    assert said[0] == said[1] == said[2]
    assert said[0]["exit_code"] == 3
    assert said[3] == said[4]
    assert "EVIL" not in json.dumps(found)


def test_the_newest_runs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal does not grow without limit."""
    monkeypatch.setattr(journal, "KEPT", 5)
    runs = [_run(rows_read=number).finish(Result.WRITTEN, 0) for number in range(8)]
    assert [run["rows_read"] for run in _remembered(tmp_path, *runs)] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"[1]\n5\n", b"[" * 100_000, b'{"job": "to'])
def test_a_broken_journal_hides_no_later_run(tmp_path: Path, content: bytes) -> None:
    """Whatever the file contains, the next run is recorded."""
    config = configuration(tmp_path)
    file = state.file_of(config, "baseline", "runs/*.jsonl")
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert len(_remembered(tmp_path, _run().finish(Result.WRITTEN, 0))) == 1


# From the command line


def test_history_is_in_chronological_order_across_jobs(world: World) -> None:
    """Runs in this computer's journal appear between those in the vault, each once, with the vault's details."""
    jobs: dict[str, dict[str, object]] = {"one": {"output": "one.csv"}, "two": {"output": "two.csv"}}
    world.configure(jobs)
    world.pull()
    config = world.load()
    for job, time in (
        ("two", "2020-01-02T06:30:00Z"),
        ("one", "2020-01-01T06:30:00Z"),
        ("one", "2090-01-01T06:30:00Z"),
    ):
        journal.add(config, job, record(6, finished=time))
    runs = world.run("history", "--config", world.path, "--json").records()
    assert [run["job"] for run in runs] == ["one", "two", "one", "two", "one"]
    assert [run["status"] for run in runs] == ["failed", "failed", "written", "written", "failed"]
    shown = world.run("history", "--config", world.path, "--last", "1").out.splitlines()
    assert "wrote 6 rows, 18 cells decrypted" in shown[1]
    assert "failed with exit code 6: Google could not be reached" in shown[2]
    assert len(shown) == 3


def test_history_can_be_read_while_the_vault_is_locked(world: World) -> None:
    """It shows that runs failed for this reason and what is missing; later, the vault's details are shown again."""
    assert world.pull().code == 0
    shutil.move(world.vault_folder, world.folder / "away")
    assert world.pull().code == 7
    done = world.run("history", "--config", world.path)
    assert done.code == 7
    assert "error: baseline: the history in the vault cannot be read, so counts and messages are missing: " in done.err
    assert [line.split("baseline", 1)[1].strip() for line in done.out.splitlines()[1:]] == [
        "done, 6 rows",
        "failed with exit code 7: the vault was locked",
    ]
    shutil.move(world.folder / "away", world.vault_folder)
    done = world.run("history", "--config", world.path)
    assert (done.code, done.err) == (0, "")
    assert [line.split("baseline", 1)[1].strip() for line in done.out.splitlines()[1:]] == [
        "wrote 6 rows, 18 cells decrypted",
        "failed with exit code 7: the vault was locked",
    ]


def test_a_run_stopped_from_outside_is_in_the_history(world: World) -> None:
    """It could not report this itself; it is shown both while it is the last run and after the next one."""
    config = world.load()
    state.running(config, "baseline", "2026-03-06T06:30:00Z").__enter__()  # its lock is released, as after a kill
    for runs in (1, 2):
        shown = world.run("history", "--config", world.path).out.splitlines()[1:]
        assert len(shown) == runs
        assert shown[0].startswith("2026-03-06")
        assert shown[0].endswith("the run was stopped before its end")
        world.pull()


# On a screen

MESSAGE = '"respondent_telephone_number_as_given" not found in row 1; the file /mnt/vault/surveys/a.csv'
LONG: dict[str, object] = {
    "job": "household-survey-2026-second-round",
    "status": "failed",
    "finished": "2026-03-06T06:30:10Z",
    "exit_code": 9,
    "error": {"message": MESSAGE},
}
SHORT: dict[str, object] = {
    "job": "baseline",
    "status": "partial",
    "finished": "2026-03-06T07:30:10Z",
    "rows_read": 1204,
    "failure_count": 3,
    "columns": {"name": {"decrypted": 2391}},
}


@pytest.mark.parametrize("runs", [[SHORT], [SHORT, LONG]])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_history_loses_nothing_on_a_narrow_screen(width: int, runs: list[dict[str, object]]) -> None:
    """The time, the job, the counts and every word of a message are on the screen in full."""
    words = seen_at(width, _table(runs))
    assert_in_order(["1204", "rows,", "2391", "cells", "decrypted,", "3", "cells", "could", "not"], words)
    for run in runs:
        assert_in_order([*local_time(str(run["finished"])).split(), str(run["job"])], words)
    if LONG in runs:
        assert_in_order(MESSAGE.split(), words)
