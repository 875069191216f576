"""The history beside a CSV in the vault, also where someone else has put something in its place."""

import json
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.errors import VaultLocked
from sheets_decrypt.runs import history
from sheets_decrypt.runs.history import append_history, history_name, last_counts, read_history
from sheets_decrypt.runs.record import Output, Record, Result
from sheets_decrypt.table import ColumnCount, FormerCounts, Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault, systems
from tests.survey import World


@pytest.fixture
def vault(tmp_path: Path) -> CryptomatorVault:
    """Return an empty vault, opened."""
    return quick_vault.create(tmp_path / "v", Secret("x"))


def _run(job: str = "baseline", path: str = "/v/a.csv") -> Record:
    output = Output(path, "gocryptfs at /v", "0" * 64, 9)
    columns = {"name": ColumnCount(1, 0, 0, 0, 1, {"sealed-box": 2}, ["dd7ff08f"])}
    run = Record(job=job, spreadsheet_id="1AbC", output=output, rows_read=2, columns=columns)
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


@given(st.lists(st.text("ab\n", max_size=9).map(str.encode), max_size=6).map(b"".join), st.integers(1, 9))
@example(b"aa\n", 1)
@example(b"aaaa\n", 5)
@example(b"a\naaa\na\n", 5)
def test_the_end_of_a_file_is_as_many_whole_lines_as_fit(content: bytes, most: int) -> None:
    """Whatever its size, and however it is read; a line that was cut is left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "_CHUNK", 3)
        tail = history._tail(BytesIO(content), most)
    assert tail == (content if len(content) <= most else content[-most:].partition(b"\n")[2])


def test_a_history_may_be_as_long_as_its_limit(vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line that does not fit cuts it, and not the one before."""
    size = len(_run().line()) + 1
    for lines in (1, 2):
        monkeypatch.setattr(history, "_LARGEST", lines * size)
        for _ in range(lines):
            append_history(vault, f"{lines}.csv", _run())
        assert len(read_history(vault, f"{lines}.csv")) == lines


def test_the_last_run_that_left_a_csv_says_what_it_counted(vault: CryptomatorVault) -> None:
    """Behind it may be runs that failed, and lines of something else; where nobody says, it is not known."""
    assert last_counts(vault, "a.csv") is None
    for rows in (7, 8):
        append_history(vault, "a.csv", replace(_run(), rows_written=rows))
    append_history(vault, "a.csv", Record(job="baseline", spreadsheet_id="1AbC").fail(VaultLocked("locked")))
    vault.append(history_name("a.csv"), b'{"columns": {}}\n[]\n')
    assert last_counts(vault, "a.csv") == FormerCounts("0" * 64, 8, {"name": 1})
    with vault.replace(f"{history_name('b.csv')}/in the way") as file:
        file.write(b"x")
    assert last_counts(vault, "b.csv") is None


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
