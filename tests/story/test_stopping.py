"""Another run of the same CSV, being told to stop, and rows that move meanwhile."""

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.sandbox.google import Fault
from tests import mounts, survey
from tests.long import scaled
from tests.story.refusals import FORMER, refused
from tests.survey import CSV, HEADER, Done, World, assert_nothing_leaked


def test_another_run_of_the_same_csv_is_refused(former: World) -> None:
    """While a run holds the lock, another of the same output ends with exit code 8 and asks no one."""
    with one_run(former.vault.identity(CSV)):
        refused(former, 8, "under way", "--wait")
    assert former.google.requests == []
    assert former.pull("--allow-shrink").code == 0


def test_a_run_can_wait_for_another(world: World) -> None:
    """`--wait` goes on as soon as the other run has ended."""
    with world.google:
        held = one_run(world.vault.identity(CSV))
        held.__enter__()
        results: list[Done] = []
        waiting = threading.Thread(
            target=lambda: results.append(world.process("pull", "--config", world.path, "--wait", "60"))
        )
        waiting.start()
        waiting.join(1.5)
        assert results == []
        assert world.google.requests == []
        held.__exit__(None, None, None)
        waiting.join()
    assert results[0].code == 0


@pytest.mark.system("posix", "Windows sends a Ctrl-C to every program of a console at once")
@pytest.mark.parametrize("number", scaled([signal.SIGINT], [signal.SIGINT, signal.SIGTERM]))
def test_a_run_that_is_told_to_stop_leaves_the_former_csv(large: World, tmp_path: Path, number: int) -> None:
    """Ctrl-C or a scheduler's end in the middle of writing: exit code 130, no temporary file, the former CSV."""
    del large.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "a.csv"
        csv.write_bytes(FORMER)
        large.configure(output=str(csv), also=[str(drive.point / "a.xlsx")])
        with _stalled(large) as process:
            assert len(list(drive.point.iterdir())) == 3  # the former CSV and what was written so far
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert_nothing_leaked(out + err, large.survey)
        assert "error: interrupted" in err
        assert [path.name for path in drive.point.iterdir()] == ["a.csv"]
        assert csv.read_bytes() == FORMER


@pytest.mark.system("posix", "Windows sends a Ctrl-C to every program of a console at once")
def test_a_run_that_is_told_to_stop_leaves_a_cryptomator_vault_as_it_was(large: World) -> None:
    """The same in a Cryptomator vault, by a scheduler's signal: not one encrypted file more, fewer or changed."""
    with large.vault.replace(CSV) as file:
        file.write(FORMER)
    before = large.encrypted_files()
    with _stalled(large) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert large.encrypted_files() == before


def test_what_a_killed_run_left_is_removed_by_the_next(
    large: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed leaves its temporary files on the drive, and the next one cleans up."""
    del large.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "a.csv"
        csv.write_bytes(FORMER)
        also = [str(drive.point / "a.xlsx")]
        large.configure(output=str(csv), also=also, accept=["vault", "cannot tell"])  # a letter, to another process
        with _stalled(large) as process:
            process.kill()
            process.communicate(timeout=60)
        assert len(list(drive.point.iterdir())) == 3
        assert csv.read_bytes() == FORMER
        large.google.clear_faults()
        monkeypatch.setattr("time.sleep", lambda _seconds: None)  # the pace at which Google is asked
        assert large.pull("--allow-shrink").code == 0
        names = ["a.csv", "a.csv.runs.jsonl", "a.report.txt", "a.xlsx"]
        assert sorted(path.name for path in drive.point.iterdir()) == names


class _stalled:  # noqa: N801  (reads as a function: a run that Google lets wait in the middle of its rows)
    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> "subprocess.Popen[str]":
        world = self._world
        reached, self._end = threading.Event(), threading.Event()

        def stall() -> None:
            reached.set()
            self._end.wait(600)

        world.google.fault(Fault("values", "call", after=3, then=stall))
        self._process = subprocess.Popen(
            [*survey.PROGRAM, "pull", "--config", str(world.path)],
            # without coverage, whose own lock may stand still where a signal comes in
            env={name: value for name, value in world.environment().items() if not name.startswith("COVERAGE_")},
            cwd=world.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert reached.wait(120)
        return self._process

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def test_rows_that_moved_once_are_read_again(large: World, waits: list[float]) -> None:
    """A sheet that is sorted while it is read is read from the start, once."""
    large.google.fault(Fault("values", "call", after=1, then=_moves(large, 44_000)))
    done = large.pull("--json")
    [record] = done.records()
    assert (done.code, record["rows_read"], record["rows_written"]) == (0, 43_999, 43_999)
    assert record["requests"] == len(large.google.requests)


def test_rows_that_move_again_fail_the_run(large: World, waits: list[float]) -> None:
    """A sheet that moves each time is exit code 9, and the former CSV stays."""
    with large.vault.replace(CSV) as file:
        file.write(FORMER)
    large.google.fault(
        Fault("values", "call", after=1, then=_moves(large, 44_000)),
        Fault("values", "call", after=2, then=_moves(large, 43_000)),
    )
    refused(large, 9, "rows moved while the sheet was read, twice")
    assert large.history()[0]["requests"] == len(large.google.requests)


def _moves(world: World, rows: int) -> Callable[[], None]:
    def move() -> None:
        token = str(world.survey.sheet[1][1])
        world.google.replace_rows(
            world.spreadsheet, "data", [list(HEADER), *([f"{rows}-{number}", token] for number in range(1, rows))]
        )

    return move
