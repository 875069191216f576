"""The history beside a CSV in the vault, including a history planted by another user."""

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
    """Return an empty, open vault."""
    return quick_vault.create(tmp_path / "v", Secret("x"))


def _run(job: str = "baseline", path: str = "/v/a.csv") -> Record:
    output = Output(path, "gocryptfs at /v", "0" * 64, 9)
    columns = {"name": ColumnCount(1, 0, 0, 0, 1, {"sealed-box": 2}, ["dd7ff08f"])}
    run = Record(job=job, spreadsheet_id="1AbC", output=output, rows_read=2, columns=columns)
    return run.finish(Result.WRITTEN, 0)


def test_runs_are_read_back_in_order(vault: CryptomatorVault) -> None:
    """The oldest run comes first; without a history there are no runs."""
    assert read_history(vault, "a.csv") == []
    runs = [_run("one"), _run("two")]
    for run in runs:
        append_history(vault, "a.csv", run)
    assert read_history(vault, "a.csv") == [run.as_json() | _plain(run) for run in runs]


def _plain(run: Record) -> dict[str, object]:
    return dict(json.loads(run.line()))


def test_invalid_records_are_skipped(vault: CryptomatorVault) -> None:
    """Torn lines, other JSON and bytes that are not text hide no record."""
    with vault.replace(history_name("a.csv")) as file:
        file.write(b'{"job": "early"}\n[1]\n\xff\xfe\n\n{"job": "to')
    append_history(vault, "a.csv", _run("late"))
    assert [run["job"] for run in read_history(vault, "a.csv")] == ["early", "late"]


def test_a_history_that_is_too_long_is_cut_to_its_newer_half(
    vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never grows without limit, the newest runs stay, and no line is torn."""
    size = len(_run().line()) + 1
    monkeypatch.setattr(history, "_LARGEST", 10 * size)
    for number in range(25):
        append_history(vault, "a.csv", _run(f"{number:08}"))
        assert (vault.size(history_name("a.csv")) or 0) <= 10 * size
    jobs = [int(run["job"]) for run in read_history(vault, "a.csv")]
    assert jobs == list(range(jobs[0], 25))
    assert len(jobs) >= 5


def test_a_path_that_is_not_text_does_not_stop_the_history(vault: CryptomatorVault) -> None:
    """On Linux a file name may be any bytes; its line is still JSON."""
    systems.only_on("posix", "file names are text on Windows")
    name = os.fsdecode(b"/v/\xff.csv")
    append_history(vault, "a.csv", _run(path=name))
    assert read_history(vault, "a.csv")[0]["output"]["path"] == name


def test_a_history_of_any_size_takes_little_memory(vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last lines are read, because anyone who can write to the vault may have put a large file there."""
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
def test_the_tail_of_a_file_has_as_many_whole_lines_as_fit(content: bytes, most: int) -> None:
    """The tail is right for any size and any way of reading; a line that was cut is omitted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "_CHUNK", 3)
        tail = history._tail(BytesIO(content), most)
    assert tail == (content if len(content) <= most else content[-most:].partition(b"\n")[2])


def test_a_history_may_be_as_long_as_its_limit(vault: CryptomatorVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first line beyond the limit shortens it, not the line before."""
    size = len(_run().line()) + 1
    for lines in (1, 2):
        monkeypatch.setattr(history, "_LARGEST", lines * size)
        for _ in range(lines):
            append_history(vault, f"{lines}.csv", _run())
        assert len(read_history(vault, f"{lines}.csv")) == lines


def test_the_last_counts_are_those_of_the_last_run_with_a_csv(vault: CryptomatorVault) -> None:
    """Failed runs and other lines after it are skipped; if no run has counts, they are unknown."""
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
def test_an_invalid_record_stops_nothing(world: World, line: str) -> None:
    """`history` shows the valid records, and a pull succeeds."""
    with world.vault.replace("surveys/baseline.csv.runs.jsonl") as file:
        file.write(line.encode() + b"\n")
    assert world.pull().code == 0
    for more, words in (([], "wrote 6 rows"), (["--json"], '"written"')):
        done = world.run("history", "--config", world.path, *more)
        assert done.code == 0
        assert words in done.out
