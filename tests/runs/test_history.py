"""The history beside a CSV in the vault, also where someone else has put something in its place."""

import json
import os
from pathlib import Path

import pytest

from sheets_decrypt.runs import history
from sheets_decrypt.runs.history import append_history, history_name, read_history
from sheets_decrypt.runs.record import Output, Record, Result
from sheets_decrypt.table import ColumnCount, Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault, systems
from tests.survey import World


@pytest.fixture
def vault(tmp_path: Path) -> CryptomatorVault:
    """Return an empty vault, opened."""
    return quick_vault.create(tmp_path / "v", Secret("x"))


def _run(job: str = "baseline", path: str = "/v/a.csv") -> Record:
    run = Record(job=job, spreadsheet_id="1AbC", output=Output(path, "gocryptfs at /v", "0" * 64, 9), rows_read=2)
    run.columns = {"name": ColumnCount(1, 0, 0, 0, 1, {"sealed-box": 2}, ["dd7ff08f"])}
    return run.finish(Result.WRITTEN, 0)


def test_runs_are_read_as_they_were_added(vault: CryptomatorVault) -> None:
    """Oldest first; where there is no history there are no runs."""
    assert read_history(vault, "a.csv") == []
    runs = [_run("one"), _run("two")]
    for run in runs:
        append_history(vault, "a.csv", run)
    assert read_history(vault, "a.csv") == [run.as_json() | _plain(run) for run in runs]


def _plain(run: Record) -> dict[str, object]:
    return dict(json.loads(run.line()))


def test_what_is_no_record_is_passed_over(vault: CryptomatorVault) -> None:
    """Torn lines, lines of something else and bytes that are no text hide nothing."""
    with vault.replace(history_name("a.csv")) as file:
        file.write(b'{"job": "early"}\n[1]\n\xff\xfe\n\n{"job": "to')
    append_history(vault, "a.csv", _run("late"))
    assert [run["job"] for run in read_history(vault, "a.csv")] == ["early", "late"]


def test_a_history_that_grew_too_long_is_cut_to_its_newer_half(
    vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never grows for ever, the newest runs stay, and no line is torn."""
    size = len(_run().line()) + 1
    monkeypatch.setattr(history, "_LARGEST", 10 * size)
    for number in range(25):
        append_history(vault, "a.csv", _run(f"{number:08}"))
        assert (vault.size(history_name("a.csv")) or 0) <= 10 * size
    jobs = [int(run["job"]) for run in read_history(vault, "a.csv")]
    assert jobs == list(range(jobs[0], 25))
    assert len(jobs) >= 5


def test_a_path_that_is_no_text_does_not_stop_the_history(vault: CryptomatorVault) -> None:
    """On Linux a file's name may be any bytes; its line is JSON all the same."""
    systems.only_on("posix", "names of files are text on Windows")
    name = os.fsdecode(b"/v/\xff.csv")
    append_history(vault, "a.csv", _run(path=name))
    assert read_history(vault, "a.csv")[0]["output"]["path"] == name


def test_a_history_of_any_size_takes_little_memory(vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write into the vault may have put a large file there: only its last lines are read."""
    monkeypatch.setattr(history, "_LARGEST", 10_000)
    with vault.replace(history_name("a.csv")) as file:
        for _ in range(300):
            file.write(b"x" * 9_999 + b"\n")
    append_history(vault, "a.csv", _run("late"))
    assert [run["job"] for run in read_history(vault, "a.csv")] == ["late"]
    assert (vault.size(history_name("a.csv")) or 0) <= 10_000
    with vault.replace(history_name("a.csv")) as file:
        file.write(b"x" * 3_000_000)
    assert read_history(vault, "a.csv") == []


PLANTED = (
    "[" * 100_000,
    '{"columns": 5}',
    '{"columns": {"a": 7}, "error": "x"}',
    '{"columns": [], "error": [1]}',
    '{"columns": {"a": {"decrypted": "x"}}, "finished": {}}',
    '{"columns": {"a": {"decrypted": null}}}',
    '{"error": 1e999}',
)


@pytest.mark.parametrize("line", PLANTED, ids=range(len(PLANTED)))
def test_a_line_that_is_no_record_stops_nothing(world: World, line: str) -> None:
    """`history` shows what it can, and a pull goes well."""
    with world.vault.replace("surveys/baseline.csv.runs.jsonl") as file:
        file.write(line.encode() + b"\n")
    assert world.pull().code == 0
    for more, words in (([], "wrote 6 rows"), (["--json"], '"written"')):
        done = world.run("history", "--config", world.path, *more)
        assert done.code == 0
        assert words in done.out
