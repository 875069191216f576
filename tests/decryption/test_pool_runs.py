"""Runs that use the pool of processes: the same CSV, and no process left, even after Ctrl-C."""

import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.config import Conversion, Keys
from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.decryption.pool import Pool
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox.google import Cell, GeneratedRows, Sandbox, Tab
from sheets_decrypt.story import file as file_story
from sheets_decrypt.story import pull
from sheets_decrypt.story.options import Options
from sheets_decrypt.table import Secret
from tests import encryption, mounts, survey
from tests.decryption.processes import are_gone, signal_is, wait_until, workers_of
from tests.long import scaled
from tests.survey import CSV, HEADER, World, assert_nothing_leaked, csv_of

PRIVATE = bytes(range(1, 33))
FOREIGN = bytes(range(151, 183))
FORMER = b"\xef\xbb\xbfid\r\n1\r\n"


def _configuration(text: str) -> config.Config:
    job = '[jobs.a]\nspreadsheet = "abcdefgh"\ncolumns = ["a"]\noutput = "a.csv"\n'
    return config.parse(tomllib.loads(f"{text}\n{job}"), folder=Path())


def test_the_configuration_says_how_many_processes() -> None:
    """`auto` is the default; a number is at least 1."""
    assert _configuration("").workers == "auto"
    assert _configuration('workers = "auto"').workers == "auto"
    assert _configuration("workers = 1").workers == 1
    assert _configuration("workers = 2").workers == 2


@pytest.mark.parametrize("value", ["0", "-1", "257", "1.5", '"all"'])
def test_an_invalid_number_of_processes_is_refused(value: str) -> None:
    """An invalid number is refused before anything is read or requested."""
    with pytest.raises(ConfigurationError, match="workers"):
        _configuration(f"workers = {value}")


@pytest.fixture
def small_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make a handful of tokens enough to start the processes, and return how many started for each run."""
    started: list[int] = []
    monkeypatch.setattr(Pool.__init__, "__defaults__", (3,))
    close = Pool.close

    def counted(self: Pool) -> None:
        started.append(0 if self._processes is None else len(self._processes._processes))
        close(self)

    monkeypatch.setattr(Pool, "close", counted)
    return started


def test_a_pull_gives_the_same_csv_with_workers_and_without(world: World, small_is_worth_it: list[int]) -> None:
    """Both CSVs are identical to the byte, and the record is the same."""
    settings = world.path.read_text("utf-8")
    for count in (2, 1):
        world.path.write_text(f"workers = {count}\n{settings}", "utf-8")
        job = world.load().jobs["baseline"]
        record = pull.pull("baseline", job, world.load())
        assert (record.exit_code, record.rows_written) == (0, 6)
        assert world.csv() == world.whole()
        assert record.columns["name"].decrypted == 6
    [started] = small_is_worth_it  # with one worker there is nothing to close
    assert started >= 1


def test_a_file_gives_the_same_csv_with_workers_and_without(
    world: World, tmp_path: Path, small_is_worth_it: list[int]
) -> None:
    """A downloaded CSV gives the same result, even with a token for another key in it."""
    [foreign] = sealing.seal(["theirs"], encryption.public_of(FOREIGN))
    rows = [[str(cell) for cell in row] for row in world.survey.sheet]
    rows[3][1] = foreign
    downloaded = tmp_path / "downloaded.csv"
    downloaded.write_bytes(csv_of(rows, mark=False))
    keys: Keys = world.load().keys
    conversion: Conversion = config.parse_conversion({"columns": ["name", "phone", "address"]})
    with mounts.gocryptfs(tmp_path) as drive:
        for count in (1, 2):
            record = file_story.decrypt_file(
                downloaded, drive.point / f"{count}.csv", conversion, keys,
                accept=("vault",), options=Options(), workers=count,
            )  # fmt: skip
            assert (record.exit_code, record.failure_count) == (3, 1)
        expected = [list(answer) for answer in world.survey.answers]
        expected[2][1] = foreign
        assert (drive.point / "1.csv").read_bytes() == csv_of([HEADER, *expected])
        assert (drive.point / "2.csv").read_bytes() == csv_of([HEADER, *expected])
    [started] = small_is_worth_it
    assert started >= 1


def test_decrypt_file_takes_the_number_of_processes_from_the_configuration(
    world: World, tmp_path: Path, small_is_worth_it: list[int]
) -> None:
    """`workers = 1` starts no process there either."""
    downloaded = tmp_path / "downloaded.csv"
    downloaded.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet], mark=False))
    settings = world.path.read_text("utf-8")
    with mounts.gocryptfs(tmp_path) as drive:
        for count in (2, 1):
            world.path.write_text(f"workers = {count}\n{settings}", "utf-8")
            done = world.run(
                "decrypt-file", downloaded, "--config", world.path, "--columns", "name,phone,address",
                "--output", drive.point / f"{count}.csv",
            )  # fmt: skip
            assert done.code == 0
    [started] = small_is_worth_it
    assert started >= 1


# Ctrl-C

ROWS = 90_000


@pytest.fixture(scope="module")
def sealed() -> tuple[Secret, list[str]]:
    """A private key, and tokens for it; each costs an exchange, as its neighbours have other keys."""
    private_key, public_key = sealing.generate()
    return private_key, [sealing.seal(["a name"], public_key)[0] for _ in range(2_000)]


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: tuple[Secret, list[str]]) -> Iterator[World]:
    """Return a world whose sheet is large enough for two processes, with a previous CSV in the vault."""
    private_key, tokens = sealed
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    with Sandbox(tmp_path / "google") as google:
        world = World.make(tmp_path, google, rows=1)
        world.keep("private_keys", private_key.reveal())

        def row(number: int) -> list[Cell]:
            return list(HEADER) if number == 1 else [number, tokens[number % len(tokens)], "", "", "free"]

        tab = Tab("data", GeneratedRows(ROWS, row, len(HEADER)), row_count=ROWS)
        world.spreadsheet = google.add("Large", [tab])
        world.settings["spreadsheet"] = world.spreadsheet
        world.configure(columns=["name"])
        world.path.write_text("workers = 2\n" + world.path.read_text("utf-8"), "utf-8")
        with world.vault.replace(CSV) as file:
            file.write(FORMER)
        yield world


@pytest.mark.system("posix", "Windows sends a Ctrl-C to every program of a console at once")
@pytest.mark.parametrize("when", scaled(["they work"], ["they start", "they work"]))
def test_ctrl_c_ends_a_run_with_its_workers(large: World, when: str) -> None:
    """A terminal sends it to every process at once: exit code 130, no traceback, vault unchanged, no process left."""
    before = large.encrypted_files()
    # Not measured: coverage holds a lock of its own, in which an interrupted process may hang for ever.
    environment = {name: value for name, value in large.environment().items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [*survey.PROGRAM, "pull", "--config", str(large.path)], env=environment, cwd=large.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: workers_of(process.pid) or process.poll() is not None)
        pids = workers_of(process.pid)
        if when == "they work":
            wait_until(lambda: len(workers_of(process.pid)) == 2 and all(signal_is(pid, "SigIgn") for pid in pids))
            pids = workers_of(process.pid)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert_nothing_leaked(out + err, large.survey)
    assert process.returncode == 130
    hint = "hint: nothing unfinished was kept, and former files are unchanged; run it again"
    assert err.strip().splitlines() == ["error: interrupted", hint]
    assert large.encrypted_files() == before
    assert pids
    wait_until(lambda: are_gone(pids))
