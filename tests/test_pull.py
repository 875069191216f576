"""`pull-and-decrypt` as a user runs it: what it says, how it ends, and what lies in the vault afterwards."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.sandbox.google import Cell, Fault, GeneratedRows, Sandbox, Tab, parse_fault
from sheets_decrypt.story import Options, pull
from tests import mounts, survey
from tests.survey import CSV, ENCRYPTED, HEADER, RECORD_KEYS, Done, World, assert_nothing_leaked, csv_of

FORMER = csv_of([HEADER, ["1", "the former csv", "", "", ""]])


@pytest.fixture
def former(world: World) -> World:
    """Give a world whose vault holds a CSV of an earlier run."""
    with world.vault.replace(CSV) as file:
        file.write(FORMER)
    return world


def _refused(world: World, code: int, *words: str, options: tuple[object, ...] = ()) -> Done:
    """Hold that a pull ends with `code`, one clear line and one hint, and that the former CSV is as it was."""
    done = world.pull(*options)
    assert (done.code, done.out) == (code, "")
    error, hint = [line for line in done.err.splitlines() if not line.startswith(("warning: ", "note: "))]
    assert error.startswith("error: baseline: ")
    assert hint.startswith("hint: ")
    for word in words:
        assert word.lower() in done.err.lower()
    assert world.csv() == FORMER
    return done


# What a good run does


def test_a_pull_puts_the_whole_survey_into_the_vault(world: World) -> None:
    """A first run writes the CSV that the design describes, tells of it in one line, and remembers it."""
    done = world.process("pull", "--config", world.path)
    where = f"{CSV} in the Cryptomator vault {world.vault_folder}"
    assert done.code == 0
    assert done.out.splitlines() == [f"baseline: wrote 6 rows to {where} (18 cells decrypted in 3 columns)"]
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["note", "note"]
    assert world.csv() == world.whole()
    [record] = world.history()
    assert (record["status"], record["exit_code"]) == ("written", 0)


def test_the_command_of_its_own_does_the_same(world: World) -> None:
    """`pull-and-decrypt` is `sheets-decrypt pull`."""
    command = [sys.executable, "-c", "from sheets_decrypt.cli import pull_and_decrypt; pull_and_decrypt()"]
    done = subprocess.run(
        [*command, "--config", str(world.path)],
        env=world.environment(),
        cwd=world.folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert_nothing_leaked(done.stdout + done.stderr, world.survey)
    assert world.csv() == world.whole()


def test_an_ordinary_pull_asks_google_three_times(world: World) -> None:
    """The record counts the requests that Google saw: token, properties and values."""
    [record] = world.pull("--json").records()
    assert record["requests"] == 3
    assert [request.kind.value for request in world.google.requests] == ["token", "spreadsheet", "values"]


def test_the_record_holds_what_the_design_says(world: World) -> None:
    """`--json` prints one object with exactly the design's keys, and the history holds the same line."""
    done = world.pull("--json")
    [record] = done.records()
    assert tuple(record) == (*RECORD_KEYS, "output")
    assert done.err == ""
    assert record["status"] == "written"
    assert (record["job"], record["worksheet"], record["gid"]) == ("baseline", "data", 7)
    assert record["spreadsheet_id"] == world.spreadsheet
    assert (record["rows_read"], record["rows_written"], record["failure_count"]) == (6, 6, 0)
    assert set(record["columns"]) == set(ENCRYPTED)
    assert record["columns"]["phone"] | {"key_fingerprints": []} == {
        "decrypted": 6, "blank": 0, "missing": 0, "not_encrypted": 0, "failed": 0, "formats": {"legacy-cbc": 6},
        "key_fingerprints": [],
    }  # fmt: skip
    assert [len(count["key_fingerprints"]) for count in record["columns"].values()] == [1, 1, 1]
    assert tuple(record["output"]) == ("path", "vault", "sha256", "bytes")
    assert record["output"]["bytes"] == len(world.whole())
    assert world.history() == [record]


def test_a_failed_run_has_a_record_with_its_error(world: World) -> None:
    """On failure `error` stands in place of `output`, in the JSON and in the history alike."""
    world.configure(columns=["nobody"])
    done = world.pull("--json")
    [record] = done.records()
    assert tuple(record) == (*RECORD_KEYS, "error")
    assert (record["status"], record["exit_code"], record["error"]["code"]) == ("failed", 9, 9)
    assert set(record["error"]) == {"code", "message", "hint"}
    assert (record["rows_written"], record["requests"]) == (0, 3)
    assert world.history() == [record]


def test_nothing_changed_leaves_the_csv_alone(world: World) -> None:
    """A second run rewrites no encrypted file but the history's, so that a synced vault uploads nothing else."""
    world.pull()
    before = world.encrypted_files()
    done = world.pull()
    assert done.code == 0
    assert done.out.startswith("baseline: nothing changed, 6 rows in ")
    after = world.encrypted_files()
    assert len([name for name in before if after[name] != before[name]]) == 1
    assert [run["status"] for run in world.history()] == ["written", "unchanged"]


def test_a_changed_row_is_written(world: World) -> None:
    """A row more in the sheet is a row more in the CSV."""
    world.pull()
    more = survey.make(7)
    world.google.replace_rows(world.spreadsheet, "data", [*world.survey.sheet, [*more.sheet[7][:1], "", "", "", "x"]])
    assert world.pull().out.startswith("baseline: wrote 7 rows")
    assert world.csv() == csv_of([HEADER, *world.survey.answers, ["7", "", "", "", "x"]])


def test_a_dry_run_writes_nothing_at_all(world: World) -> None:
    """`--dry-run` reads and decrypts everything and touches no file of the vault, the history included."""
    before = world.encrypted_files()
    done = world.pull("--dry-run", "--json")
    [record] = done.records()
    assert (done.code, record["dry_run"], record["status"]) == (0, True, "written")
    assert (record["rows_read"], record["rows_written"], record["requests"]) == (6, 0, 3)
    assert world.encrypted_files() == before
    assert world.pull("--dry-run").out.startswith("baseline: would write 6 rows to ")


def test_a_dry_run_says_what_would_be_refused(former: World) -> None:
    """`--dry-run` fails as the run would: here the rows fell."""
    former.google.replace_rows(former.spreadsheet, "data", [list(HEADER)])
    before = former.encrypted_files()
    done = former.pull("--dry-run")
    assert done.code == 9
    assert former.encrypted_files() == before


def test_quiet_prints_nothing_on_success(world: World) -> None:
    """`--quiet` is silent where all is well, changed or not."""
    assert world.pull("--quiet") == Done(0, "", "")
    assert world.pull("--quiet") == Done(0, "", "")


def test_quiet_still_tells_what_went_wrong(world: World) -> None:
    """`--quiet` keeps errors, and with some cells encrypted the outcome."""
    world.configure(columns=["nobody"])
    done = world.pull("--quiet")
    assert (done.code, done.out) == (9, "")
    assert done.err.startswith("error: baseline: ")


def test_every_job_runs_and_the_first_failing_one_decides(world: World) -> None:
    """With several jobs one's failure does not stop the others, and the exit code is the first failing job's."""
    world.configure(
        {
            "good": {"output": "good.csv"},
            "nocolumn": {"output": "a.csv", "columns": ["nobody"]},
            "notab": {"output": "b.csv", "worksheet": "nowhere"},
            "late": {"output": "late.csv"},
        }
    )
    done = world.pull("--json")
    assert done.code == 9
    assert [(record["job"], record["exit_code"]) for record in done.records()] == [
        ("good", 0), ("nocolumn", 9), ("notab", 5), ("late", 0),
    ]  # fmt: skip
    assert world.csv("late.csv") == world.whole()


def test_one_job_of_several_can_be_named(world: World) -> None:
    """`--job` runs that job alone, and an unknown one is a usage error that lists the known ones."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv"}})
    assert [record["job"] for record in world.pull("--json", "--job", "two").records()] == ["two"]
    assert world.csv("one.csv") is None
    done = world.pull("--job", "three")
    assert done.code == 2
    assert "one, two" in done.err


def test_columns_auto_finds_what_decrypts(world: World) -> None:
    """`columns = "auto"` decrypts every column that holds tokens, and leaves the others as they are."""
    world.configure(columns="auto")
    [record] = world.pull("--json").records()
    assert set(record["columns"]) == set(ENCRYPTED)
    assert world.csv() == world.whole()


def test_a_reader_that_goes_away_stops_no_job(world: World) -> None:
    """Where nobody reads the output any more, every job runs all the same, and the exit code tells of it."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv", "columns": ["nobody"]},
                     "three": {"output": "three.csv"}})  # fmt: skip
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*survey.PROGRAM, "pull", "--config", str(world.path)],
        env=world.environment(),
        cwd=world.folder,
        stdout=writer,
        stderr=writer,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 9
    assert world.csv("one.csv") == world.csv("three.csv") == world.whole()


def test_a_run_without_standard_streams_does_its_job(world: World) -> None:
    """A scheduler that closes output and error, as pythonw does, gets the CSV and the exit code all the same."""
    command = subprocess.list2cmdline([*survey.PROGRAM, "pull", "--config", str(world.path)])
    done = subprocess.run(f"exec {command} >&- 2>&-", shell=True, env=world.environment(), check=False)
    assert done.returncode == 0
    assert world.csv() == world.whole()


# Exit codes besides 0: what is refused, and that nothing is lost by it


def test_an_output_that_takes_nothing_is_a_bug_without_a_value(world: World) -> None:
    """An error that is not ours is exit code 1, told by its type and place alone."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*survey.PROGRAM, "pull", "--config", str(world.path)],
            env=world.environment(),
            cwd=world.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 1
    assert_nothing_leaked(done.stderr, world.survey)
    assert "error: unexpected error: OSError in " in done.stderr
    assert "please report this line" in done.stderr


def test_an_unexpected_error_names_no_value(former: World) -> None:
    """A bug in the middle of a run is recorded by its type and place, and leaves the former CSV."""

    def explode(done: int, total: int | None) -> None:
        raise ValueError(former.survey.answers[0][1])

    content = former.load()
    record = pull("baseline", content.jobs["baseline"], content, Options(progress=explode))
    assert record.exit_code == 1
    assert record.error is not None
    assert record.error.message.startswith("unexpected error: ValueError in explode, line ")
    assert_nothing_leaked(record.line(), former.survey)
    assert former.csv() == FORMER
    assert former.history()[0]["error"]["code"] == 1


def test_some_cells_stay_encrypted(world: World) -> None:
    """A damaged token stays as it is, is named by row, column and reason, and the exit code is 3."""
    row = world.survey.sheet[2]
    row[1] = str(row[1])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    done = world.pull("--quiet")
    assert done.code == 3
    assert "but 1 cell could not be decrypted (17 cells decrypted" in done.out
    assert 'warning: baseline: row 3, column "name": ' in done.err
    world.survey.answers[1][1] = str(row[1])
    assert world.csv() == world.whole()
    [record] = world.history()
    assert (record["status"], record["failure_count"]) == ("partial", 1)
    assert record["failures"][0]["row"] == 3
    before = world.csv()
    assert world.pull().code == 3
    assert world.csv() == before


def test_many_failures_are_counted_and_the_first_named(world: World) -> None:
    """The record names the first hundred failures and counts the rest; the terminal names ten."""
    sheet: list[list[Cell]] = [list(HEADER), *(["1", world.survey.sheet[1][1], "", "", ""] for _ in range(150))]
    damaged = str(world.survey.sheet[1][1])[:-8]
    for row in sheet[2:]:
        row[1] = damaged
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    done = world.pull("--json")
    [record] = done.records()
    assert (record["failure_count"], len(record["failures"])) == (149, 100)
    assert done.err.splitlines()[-1] == "warning: baseline: and 139 more cells"


def test_cells_that_stay_encrypted_can_be_blank(world: World) -> None:
    """`on_error = "blank"` leaves no token in the CSV."""
    world.survey.sheet[2][1] = str(world.survey.sheet[2][1])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    world.configure(on_error="blank")
    assert world.pull().code == 3
    world.survey.answers[1][1] = ""
    assert world.csv() == world.whole()


def test_cells_that_stay_encrypted_can_fail_the_run(former: World) -> None:
    """`on_error = "fail"` writes nothing, exit code 9."""
    former.survey.sheet[2][1] = str(former.survey.sheet[2][1])[:-8]
    former.google.replace_rows(former.spreadsheet, "data", former.survey.sheet)
    former.configure(on_error="fail")
    _refused(former, 9, "1 cells could not be decrypted, the first in row 3")


@pytest.mark.parametrize(
    ("name", "text", "column"),
    [
        ("private_keys", sealing.generate()[0].reveal(), "name"),
        ("legacy_secrets", "another secret..", "phone"),
        ("passphrases", "another passphrase", "address"),
    ],
    ids=ENCRYPTED,
)
def test_a_wrong_key_writes_nothing(former: World, name: str, text: str, column: str) -> None:
    """A key that does not fit is exit code 4, with the key's fingerprint and the column."""
    former.keep(name, text)
    rows = survey.make(40)  # a wrong key without authentication seems to fit now and then
    sheet = [[*row[:1], *was[1:]] for was, row in zip(former.survey.sheet[1:] * 7, rows.sheet[1:], strict=False)]
    former.google.replace_rows(former.spreadsheet, "data", [list(HEADER), *sheet])
    done = _refused(former, 4, f'column "{column}": key ', "this is not the key")
    assert text not in done.err
    assert former.history()[0]["exit_code"] == 4


def test_a_missing_key_writes_nothing(former: World) -> None:
    """A column whose format has no key is exit code 4, and the hint names where the key belongs."""
    del former.keys["passphrases"]
    former.configure()
    _refused(former, 4, 'column "address": no key is configured', "passphrases")


def test_no_key_at_all_is_told_before_google_is_asked(former: World) -> None:
    """Without [keys] there is nothing to ask for."""
    former.keys = {}
    former.configure()
    _refused(former, 4, "no key is configured", "keygen")
    assert former.google.requests == []


def test_rows_that_fell_are_refused(former: World) -> None:
    """The former CSV stays where far fewer rows would replace it; `--allow-shrink` says that it is right."""
    former.pull()
    whole = former.csv()
    former.google.replace_rows(former.spreadsheet, "data", former.survey.sheet[:4])
    done = former.pull()
    assert done.code == 9
    assert "3 rows" in done.err
    assert "--allow-shrink" in done.err
    assert former.csv() == whole
    assert former.pull("--allow-shrink").code == 0
    assert former.csv() == csv_of([HEADER, *former.survey.answers[:3]])


def test_dated_copies_of_former_csvs_are_kept(world: World) -> None:
    """`keep = 2` leaves the two last former CSVs beside the new one, each with what it held."""
    world.configure(keep=2, max_shrink=1)
    for rows in (3, 4, 5, 6):
        world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:rows])
        assert world.pull().code == 0
        for path in world.vault_folder.rglob("*.c9r"):  # each run an hour after the one before
            os.utime(path, (1_700_000_000 + 3600 * rows,) * 2)
    names = [name for name in world.vault.names("surveys") if name.endswith("Z.csv")]
    assert len(names) == 2
    contents = [world.csv(f"surveys/{name}") for name in names]
    assert contents == [csv_of([HEADER, *world.survey.answers[: rows - 1]]) for rows in (4, 5)]


# The vault


def test_a_refused_vault_is_told_before_google_or_a_secret_is_asked(world: World) -> None:
    """A path that is not encrypted: no request is sent, and no secret is read."""
    plain = world.folder / "plain"
    plain.mkdir()
    asked = world.folder / "asked"
    world.keys = {"private_keys": {"command": [sys.executable, "-c", f"open({str(asked)!r}, 'w')"]}}
    del world.settings["vault"]
    world.configure(output=str(plain / "a.csv"))
    done = world.pull()
    assert done.code == 7
    assert "not encrypted" in done.err
    assert "hint: unlock the vault" in done.err
    assert world.google.requests == []
    assert not asked.exists()
    assert list(plain.iterdir()) == []


def test_a_wrong_passphrase_changes_nothing(former: World) -> None:
    """A Cryptomator vault that stays locked is exit code 7, before Google is asked."""
    former.keep("vault", "not the passphrase")
    done = former.pull()
    assert done.code == 7
    assert "passphrase" in done.err
    assert former.google.requests == []
    assert former.csv() == FORMER


def test_an_output_inside_a_locked_vault_is_refused(world: World) -> None:
    """Plaintext beside a vault's encrypted files would go to the cloud: no configuration allows it."""
    del world.settings["vault"]
    world.configure(output=str(world.vault_folder / "a.csv"), accept=["vault", "encrypted disk", "cannot tell"])
    before = world.encrypted_files()
    done = world.pull()
    assert done.code == 7
    assert "the inside of a locked Cryptomator vault" in done.err
    assert world.encrypted_files() == before
    assert world.google.requests == []


def test_a_pull_onto_a_mounted_drive(world: World, tmp_path: Path) -> None:
    """On a real gocryptfs mount: written, unchanged to the nanosecond, remembered, and gone with the mount."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "baseline.csv"
        world.configure(output=str(csv), keep=1)
        assert world.process("pull", "--config", world.path).code == 0
        assert csv.read_bytes() == world.whole()
        before = csv.stat()
        assert world.pull().out.startswith("baseline: nothing changed")
        assert (csv.stat().st_mtime_ns, csv.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
        history = (drive.point / "baseline.csv.runs.jsonl").read_text()
        assert_nothing_leaked(history, world.survey)
        assert [json.loads(line)["status"] for line in history.splitlines()] == ["written", "unchanged"]
        assert sorted(path.name for path in drive.point.iterdir()) == ["baseline.csv", "baseline.csv.runs.jsonl"]
    asked = len(world.google.requests)
    done = world.pull()
    assert (done.code, len(world.google.requests)) == (7, asked)
    assert list(drive.point.iterdir()) == []


def test_a_drive_is_known_by_its_mark(world: World, tmp_path: Path) -> None:
    """With `mark`, a mounted drive that is not the one that the configuration names is refused."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        world.configure(output=str(drive.point / "a.csv"), mark="survey-drive")
        assert world.pull().code == 7
        (drive.point / ".sheets-decrypt-vault").write_text("survey-drive\n")
        assert world.pull().code == 0


def test_a_history_that_cannot_be_written_is_a_warning(world: World, tmp_path: Path) -> None:
    """The run is over and its result stands, but it is not silent."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        world.configure(output=str(drive.point / "a.csv"))
        (drive.point / "a.csv.runs.jsonl").mkdir()
        done = world.pull()
        assert done.code == 0
        assert "warning: baseline: the history could not be written: " in done.err
        assert (drive.point / "a.csv").read_bytes() == world.whole()


# Another run, and being told to stop


def test_another_run_of_the_same_csv_is_refused(former: World) -> None:
    """While a run holds the lock, another of the same output ends with exit code 8 and asks nobody."""
    with one_run(former.vault.identity(CSV)):
        _refused(former, 8, "under way", "--wait")
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


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world whose sheet is so large that it is read in two blocks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    with Sandbox(tmp_path / "google") as google:
        world = World.make(tmp_path, google, rows=1)
        token = str(world.survey.sheet[1][1])

        def row(number: int) -> list[Any]:
            return list(HEADER) if number == 1 else [str(number), token if number < 9 else "", "", "", "free " * 9]

        tab = Tab("data", GeneratedRows(45_000, row, len(HEADER)), row_count=45_000)
        world.spreadsheet = google.add("Large", [tab])
        world.settings["spreadsheet"] = world.spreadsheet
        world.configure()
        yield world


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_leaves_the_former_csv(large: World, tmp_path: Path, number: int) -> None:
    """Ctrl-C or a scheduler's end in the middle of writing: exit code 130, no temporary file, the former CSV."""
    del large.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "a.csv"
        csv.write_bytes(FORMER)
        large.configure(output=str(csv))
        with _stalled(large) as process:
            assert len(list(drive.point.iterdir())) == 2  # the former CSV and what was written so far
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert_nothing_leaked(out + err, large.survey)
        assert "error: interrupted" in err
        assert [path.name for path in drive.point.iterdir()] == ["a.csv"]
        assert csv.read_bytes() == FORMER


def test_a_run_that_is_told_to_stop_leaves_a_cryptomator_vault_as_it_was(large: World) -> None:
    """The same in a Cryptomator vault: not one encrypted file more, fewer or changed."""
    with large.vault.replace(CSV) as file:
        file.write(FORMER)
    before = large.encrypted_files()
    with _stalled(large) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert large.encrypted_files() == before


def test_what_a_killed_run_left_is_removed_by_the_next(large: World, tmp_path: Path) -> None:
    """A run that is killed leaves its temporary file on the drive, and the next one cleans up."""
    del large.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "a.csv"
        csv.write_bytes(FORMER)
        large.configure(output=str(csv))
        with _stalled(large) as process:
            process.kill()
            process.communicate(timeout=60)
        assert len(list(drive.point.iterdir())) == 2
        assert csv.read_bytes() == FORMER
        large.google.clear_faults()
        assert large.pull().code == 0
        assert sorted(path.name for path in drive.point.iterdir()) == ["a.csv", "a.csv.runs.jsonl"]


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


# Rows that move


def test_rows_that_moved_once_are_read_again(large: World) -> None:
    """A sheet that is sorted while it is read is read from the start, once."""
    large.google.fault(Fault("values", "call", after=1, then=_moves(large, 44_000)))
    done = large.pull("--json")
    [record] = done.records()
    assert (done.code, record["rows_read"], record["rows_written"]) == (0, 43_999, 43_999)
    assert record["requests"] == len(large.google.requests)


def test_rows_that_move_again_fail_the_run(large: World) -> None:
    """A sheet that moves each time is exit code 9, and the former CSV stays."""
    with large.vault.replace(CSV) as file:
        file.write(FORMER)
    large.google.fault(
        Fault("values", "call", after=1, then=_moves(large, 44_000)),
        Fault("values", "call", after=2, then=_moves(large, 43_000)),
    )
    _refused(large, 9, "rows moved while the sheet was read, twice")
    assert large.history()[0]["requests"] == len(large.google.requests)


def _moves(world: World, rows: int) -> Callable[[], None]:
    def move() -> None:
        token = str(world.survey.sheet[1][1])
        world.google.replace_rows(
            world.spreadsheet, "data", [list(HEADER), *([f"{rows}-{number}", token] for number in range(1, rows))]
        )

    return move


# Bad input: Google


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("token:invalid_grant=Invalid JWT Signature.*", 5, "key"),
        ("token:invalid_grant=Invalid grant: account not found*", 5, "account"),
        ("spreadsheet:403*", 5, "Viewer"),
        ("spreadsheet:disabled*", 5, "api"),
        ("spreadsheet:scope*", 5, "scope"),
        ("spreadsheet:404*", 5, "id"),
        ("spreadsheet:unsupported*", 5, "Save as Google Sheets"),
        ("values:429;retry-after=0*", 6, "quota"),
        ("values:503;retry-after=0*", 6, "tried 5 times"),
        ("token:500;retry-after=0*", 6, "tried 5 times"),
        ("spreadsheet:html*", 6, "not google"),
        ("values:html*", 6, "not google"),
        ("connect:407*", 6, "proxy"),
    ],
)
def test_what_google_refuses_leaves_the_former_csv(former: World, fault: str, code: int, words: str) -> None:
    """Each row of Google's table: one clear line, a hint, its exit code, and nothing lost."""
    former.google.fault(parse_fault(fault))
    _refused(former, code, words)
    assert former.history()[0]["exit_code"] == code


def test_a_clock_that_is_off_is_told_with_the_skew(former: World) -> None:
    """Google refuses a sign-in from the wrong hour; the error says by how much."""
    former.google.fault(parse_fault("token:skew=7200*"))
    _refused(former, 5, "clock", "set the clock")


def test_a_sheet_that_is_not_shared_names_the_address_to_share_it_with(former: World) -> None:
    """The hint holds the service account's address."""
    former.google.share(former.spreadsheet, shared=False)
    _refused(former, 5, former.google.client_email, "Viewer")


def test_an_unknown_spreadsheet_or_tab_is_refused(former: World) -> None:
    """A wrong id, title or gid: exit code 5, with the tabs that there are."""
    former.configure(spreadsheet="1nobodyhasthisid_1234567890abcdefghijklmnopq")
    _refused(former, 5, "id")
    former.configure(worksheet="dta")
    _refused(former, 5, 'did you mean "data"?')
    former.configure(spreadsheet=former.google.url(former.spreadsheet) + "#gid=99")
    _refused(former, 5, "gid 99", '"data" (gid 7)')


def test_a_dead_proxy_is_told_without_its_password(former: World) -> None:
    """A network that is not there is exit code 6, and the proxy's password is not in the message."""
    former.google_settings |= {"proxy": "http://someone:proxy-geheim@127.0.0.1:9", "deadline": 0.5}
    former.configure()
    done = _refused(former, 6, "proxy")
    assert "proxy-geheim" not in done.err + json.dumps(former.history())


# Bad input: the key file and the keys


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("{", "not JSON"),
        ('{"type": "authorized_user", "refresh_token": "1//geheim"}', "a person's login"),
        ('{"installed": {"client_secret": "geheim"}}', "OAuth client"),
        ('{"type": "service_account", "client_email": "a@b"}', "private_key"),
    ],
)
def test_a_key_file_of_another_kind_is_refused(former: World, content: str, words: str) -> None:
    """Each names what the file is, exit code 5, and nothing of what is in it."""
    key_file = former.folder / "other.json"
    key_file.write_text(content)
    former.google_settings["credentials"] = str(key_file)
    former.configure()
    done = _refused(former, 5, words, str(key_file))
    assert "geheim" not in done.err
    assert former.google.requests == []


def test_a_key_file_with_literal_line_breaks_is_refused(former: World) -> None:
    """The field and the cure are named; the key is not shown."""
    content = json.loads(former.google.key_file.read_text())
    lines = content["private_key"].splitlines()
    content["private_key"] = "\\n".join(lines)
    former.google.key_file.write_text(json.dumps(content))
    done = _refused(former, 5, "private_key", "\\n")
    assert lines[1] not in done.err


def test_a_key_file_that_is_a_folder_is_refused(former: World) -> None:
    """A folder is told as one, exit code 5."""
    former.google_settings["credentials"] = str(former.folder)
    former.configure()
    _refused(former, 5, "it is a folder")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("private_keys", "not a key at all!", "private key"),
        ("legacy_secrets", "señal-secreta-01", "17 bytes"),
        ("private_keys", "", "is empty"),
    ],
)
def test_a_secret_that_can_be_no_key_is_refused(former: World, name: str, text: str, words: str) -> None:
    """It is exit code 4 before Google is asked, and what the file held is not shown."""
    former.keep(name, text)
    done = _refused(former, 4, words)
    assert not text or text not in done.err
    assert former.google.requests == []


# Bad input: the sheet


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ([], "header"),
        (["", "", ""], "header"),
        (["id", "nam", "phone", "address", "free"], 'did you mean "nam"?'),
        (["id", "name", "name", "phone", "address"], "appears twice in the header"),
        (["id", "", "phone", "address", "free"], '"name" not found in row 1, which has 5 columns'),
    ],
)
def test_a_header_that_does_not_fit_is_refused(former: World, header: list[str], words: str) -> None:
    """No header, or a configured column that is not there exactly once: exit code 9."""
    former.google.replace_rows(former.spreadsheet, "data", [list(header), *former.survey.sheet[1:]] if header else [])
    _refused(former, 9, words)


def test_blank_and_duplicate_names_of_other_columns_are_written_as_they_are(world: World) -> None:
    """Only the configured columns must be there exactly once."""
    world.configure(columns=["name"])
    header = ["", "name", "x", "x", "", "end"]
    rows = [[row[0], row[1], "", "", row[4]] for row in world.survey.sheet[1:]]
    world.google.replace_rows(world.spreadsheet, "data", [header, *rows])
    assert world.pull().code == 0
    assert world.csv() == csv_of([header, *([row[0], row[1], "", "", row[4], ""] for row in world.survey.answers)])


def test_cells_that_sheets_turned_into_errors_are_named(world: World) -> None:
    """A token that somebody retyped became #ERROR!; its row is named, and the rest is written."""
    world.survey.sheet[4][2] = "#ERROR!"
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    done = world.pull()
    assert done.code == 3
    assert 'row 5, column "phone": the cell was retyped' in done.err
    world.survey.answers[3][2] = "#ERROR!"
    assert world.csv() == world.whole()


def test_ragged_shifted_and_retyped_rows_are_told(world: World) -> None:
    """Short rows are filled, what lies beside the header is named, and numbers keep every digit."""
    sheet = world.survey.sheet
    sheet[1][2] = 573005550001  # a number where a token belongs
    sheet[2] = [*sheet[2], "beyond", sheet[3][1]]
    sheet[3] = sheet[3][:2]
    sheet[4][4] = True
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    done = world.pull()
    assert done.code == 3
    assert 'column "phone": 1 cell is readable in the sheet' in done.err
    assert 'column "phone": row 2 came as a number' in done.err
    assert "row 3: data to the right of the header is left out" in done.err
    answers = world.survey.answers
    answers[0][2], answers[2][2:], answers[3][4] = "573005550001", ["", "", ""], "TRUE"
    assert world.csv() == world.whole()


def test_values_come_out_as_they_went_in(world: World) -> None:
    """Nothing is numericised, and only what a spreadsheet would run is guarded, and counted."""
    free = ["007", "1e5", "nan", "=1+1", "+44 7700 900000", "No Data"]
    for row, text in zip(world.survey.sheet[1:], free, strict=True):
        row[4] = text
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    [record] = world.pull("--json").records()
    assert record["guarded_cells"] == 1
    for answer, text in zip(world.survey.answers, free, strict=True):
        answer[4] = "'" + text if text.startswith("=") else text
    assert world.csv() == world.whole()


def test_a_sheet_without_rows_is_a_header_and_a_warning(world: World) -> None:
    """A survey that nobody has answered yet is no error."""
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER)])
    done = world.pull()
    assert done.code == 0
    assert "warning: baseline: the sheet has a header and no rows" in done.err
    assert world.csv() == csv_of([HEADER])
