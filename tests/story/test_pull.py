"""`pull-and-decrypt` as a user runs it: what a good run says, and what lies in the vault afterwards."""

import subprocess
import sys
from pathlib import Path

from tests import survey, systems
from tests.survey import CSV, ENCRYPTED, HEADER, RECORD_KEYS, Done, World, assert_nothing_leaked, csv_of


def test_a_pull_puts_the_whole_survey_into_the_vault(world: World) -> None:
    """A first run writes the CSV that the design describes, reports it in one line, and remembers it."""
    done = world.process("pull", "--config", world.path)
    where = f"{CSV} in the Cryptomator vault {world.vault_folder}"
    assert done.code == 0
    assert done.out.splitlines() == [f"baseline: wrote 6 rows to {where} (18 cells decrypted in 3 columns)"]
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["note"]
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
    """On failure `error` replaces `output`, in the JSON and in the history alike."""
    world.configure(columns=["nobody"])
    done = world.pull("--json")
    [record] = done.records()
    assert tuple(record) == (*RECORD_KEYS, "error")
    assert (record["status"], record["exit_code"], record["error"]["code"]) == ("failed", 9, 9)
    assert set(record["error"]) == {"code", "message", "hint"}
    assert (record["rows_written"], record["requests"]) == (0, 3)
    assert world.history() == [record]


def test_nothing_changed_leaves_the_csv_alone(world: World) -> None:
    """A second run rewrites no encrypted file but the history's and the report's: a synced vault uploads no more."""
    world.pull()
    before = world.encrypted_files()
    done = world.pull()
    assert done.code == 0
    assert done.out.startswith("baseline: nothing changed, 6 rows in ")
    after = world.encrypted_files()
    assert len([name for name in before if after[name] != before[name]]) == 2
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


def test_a_dry_run_says_what_would_berefused(former: World) -> None:
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
    assert done.err.splitlines()[-1] == "2 of 4 jobs need attention: nocolumn (exit code 9), notab (exit code 5)"
    assert "attention" not in world.pull("--job", "notab", "--quiet").err
    assert world.pull("--job", "good", "--job", "late", "--quiet").err == ""


def test_one_job_of_several_can_be_named(world: World) -> None:
    """`--job` runs that job alone, and an unknown one is a usage error that lists the known ones."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv"}})
    assert [record["job"] for record in world.pull("--json", "--job", "two").records()] == ["two"]
    assert world.csv("one.csv") is None
    done = world.pull("--job", "three")
    assert done.code == 2
    assert "one, two" in done.err
    assert 'hint: did you mean "one"? the configuration has ' in world.pull("--job", "onne").err


def test_columns_auto_finds_what_decrypts(world: World) -> None:
    """`columns = "auto"` decrypts every column that holds tokens, and leaves the others as they are."""
    world.configure(columns="auto")
    [record] = world.pull("--json").records()
    assert set(record["columns"]) == set(ENCRYPTED)
    assert world.csv() == world.whole()


def test_a_run_without_standard_streams_does_its_job(world: World) -> None:
    """A scheduler that closes output and error, as pythonw does, gets the CSV and the exit code all the same."""
    command: list[str] | str = [*survey.PROGRAM, "pull", "--config", str(world.path)]
    if systems.WINDOWS:
        command = [str(Path(sys.executable).with_name("pythonw.exe")), *command[1:]]
    else:
        command = f"exec {subprocess.list2cmdline(command)} >&- 2>&-"
    done = subprocess.run(command, shell=not systems.WINDOWS, env=world.environment(), check=False)
    assert done.returncode == 0
    assert world.csv() == world.whole()
