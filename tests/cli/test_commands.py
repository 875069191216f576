"""The command line itself: options, help, secrets where options belong, `decrypt-file` and `history`."""

import json
import subprocess
import sys
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import EXIT_CODES
from tests import mounts, survey, systems
from tests.survey import ENCRYPTED, HEADER, Done, World, csv_of

GEHEIM = "Hunter2-geheim-5521"


def _usage_error(done: Done, *words: str) -> None:
    assert (done.code, done.out) == (2, "")
    error, hint = done.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert GEHEIM not in done.err
    for word in words:
        assert word in done.err


# Help


def test_every_command_has_help(world: World) -> None:
    """`--help` lists every command with a line, and each explains itself."""
    done = world.run("--help")
    assert done.code == 0
    listed = done.out.partition("Commands:")[2].split("\n")
    names = [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]
    assert {"pull", "init", "check", "keygen", "demo", "decrypt-file", "history", "config", "sandbox"} <= set(names)
    for name in names:
        one = world.run(name, "--help")
        assert one.code == 0
        assert one.out.startswith(f"Usage: sheets-decrypt {name} ")


def test_the_help_of_a_pull_lists_the_exit_codes(world: World) -> None:
    """A person who writes a script finds what each code means, and no option that takes a secret."""
    done = world.run("pull", "--help")
    for code, meaning in EXIT_CODES.items():
        assert f"{code} " in done.out
        assert meaning in done.out
    assert "--secret" not in done.out


def test_without_a_command_the_help_is_shown(world: World) -> None:
    """Nothing to do is not an error."""
    done = world.process()
    assert (done.code, done.err) == (0, "")
    assert "Commands:" in done.out


def test_the_version_is_told(world: World) -> None:
    """Both commands say the same."""
    assert world.run("--version").out.split()[-1] == world.run("pull", "--version").out.split()[-1]


def test_a_shell_completes_commands_and_public_options(world: World) -> None:
    """The names come up at the tab key, those that only explain themselves do not."""

    def complete(*words: str) -> list[str]:
        given = {"_SHEETS_DECRYPT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["sheets-decrypt", *words])}
        done = world.run(environment=given | {"COMP_CWORD": str(len(words))})
        return [line.partition(",")[2] for line in done.out.splitlines()]

    assert complete("key") == ["keygen"]
    assert "--spreadsheet" in complete("pull", "--s")
    assert "--secret-key" not in complete("pull", "--s")


# Secrets where options belong


@pytest.mark.parametrize("command", ["pull", "decrypt-file", "check"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--secret-key", GEHEIM],
        ["--secret_key", GEHEIM],
        [f"--secret_key={GEHEIM}"],
        ["--private-key", GEHEIM],
        ["--passphrase", GEHEIM],
        ["--secret-key"],
        ["--secretkey", GEHEIM],
        [f"--secret-key{GEHEIM}"],
        ["--privat-key", GEHEIM],
        ["--pass-phrase", GEHEIM],
    ],
)
def test_a_secret_is_no_option(world: World, command: str, arguments: list[str]) -> None:
    """Whoever gives a secret on the command line is shown why not, in any spelling, and it is not shown."""
    done = world.run(command, *arguments)
    assert (done.code, done.out) == (2, "")
    assert GEHEIM not in done.err
    assert "hint: " in done.err
    if "pass-phrase" not in arguments[0]:
        assert "cannot be an option: every program on this computer can see a command line" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["pull", GEHEIM],
        ["pull", f"--{GEHEIM}"],
        ["pull", f"-{GEHEIM}"],
        ["pull", f"-k{GEHEIM}"],
        ["pull", "--quiet", "--", f"--{GEHEIM}"],
        [GEHEIM],
        [f"--{GEHEIM}"],
        ["config", GEHEIM],
        ["keygen", GEHEIM],
    ],
)
def test_a_secret_that_stands_anywhere_is_not_shown(world: World, arguments: list[str]) -> None:
    """As an argument, an option or a command, what no one expects is not repeated."""
    _usage_error(world.run(*arguments))


def test_an_option_that_is_misspelt_is_told_with_the_closest(world: World) -> None:
    """A public option is guessed, and what looks like an option is named."""
    _usage_error(world.run("pull", "--dryrun"), "did you mean --dry-run?", "sheets-decrypt pull --help")
    _usage_error(world.run("pull", "--frobnicate"), "unknown option --frobnicate")
    _usage_error(world.run("pull", "--wait", "soon"), "--wait")
    _usage_error(world.run("pull", "--config"), "--config")


# One-off runs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--columns", "a"], "--columns is only for a one-off run"),
        (["--credentials", "k.json"], "--credentials is only for a one-off run"),
        (["--missing-value", "x"], "--missing-value is only for a one-off run"),
        (["--spreadsheet", "1AbCdE", "--output", "a.csv"], "needs --columns"),
        (["--spreadsheet", "1AbCdE", "--columns", "a"], "needs --output"),
        (["--spreadsheet", "1AbCdE", "--columns", "a", "--output", "a.csv", "--job", "x"], "exclude each other"),
        (["--spreadsheet", "1AbCdE", "--columns", ",", "--output", "a.csv"], "at least one column"),
        (["--spreadsheet", "? ?", "--columns", "a", "--output", "a.csv"], "spreadsheet"),
    ],
)
def test_a_one_off_run_needs_its_options(world: World, options: list[str], words: str) -> None:
    """What is missing or does not belong together is named."""
    _usage_error(world.run("pull", *options), words)


def test_a_one_off_run_takes_keys_and_google_from_a_configuration(world: World, tmp_path: Path) -> None:
    """With --config, what the options do not say is in the file; a key that the environment holds is not asked."""
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "one.csv"
        done = world.run(
            "pull", "--config", world.path, "--spreadsheet", world.spreadsheet, "--worksheet", "data",
            "--columns", ",".join(ENCRYPTED), "--output", output, "--credentials", world.google.key_file,
            "--encoding", "utf-8", "--missing-value", "none", "--keep", 1, "--max-shrink", 0, "--json",
            environment={"SHEETS_DECRYPT_LEGACY_SECRET": "of another survey"},
        )  # fmt: skip
        assert done.code == 0
        assert done.records()[0]["job"] == "one"
        assert output.read_bytes() == csv_of([HEADER, *world.survey.answers], mark=False)


# decrypt-file


@pytest.fixture
def downloaded(world: World) -> Path:
    """Return the sheet as a person downloads it, in a folder of its own."""
    path = world.folder / "download/survey.csv"
    path.parent.mkdir()
    path.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet], mark=False))
    return path


def _decrypt(world: World, *arguments: object, **more: str) -> Done:
    names = ",".join(ENCRYPTED)
    return world.run("decrypt-file", "--columns", names, *arguments, environment=world.survey.environment() | more)


def test_a_downloaded_csv_is_decrypted_beside_itself(world: World, downloaded: Path, tmp_path: Path) -> None:
    """The default name is the old one, the keys come from the environment, and no one is asked."""
    with mounts.gocryptfs(tmp_path) as drive:
        there = drive.point / "survey.csv"
        there.write_bytes(downloaded.read_bytes())
        done = _decrypt(world, there)
        assert done.code == 0
        assert done.out.startswith(f"survey.csv: wrote 6 rows to {drive.point / 'survey_decrypted.csv'}")
        assert (drive.point / "survey_decrypted.csv").read_bytes() == world.whole()
        there_is = ["survey.csv", "survey_decrypted.csv", "survey_decrypted.report.txt"]
        assert sorted(path.name for path in drive.point.iterdir()) == there_is
        assert _decrypt(world, there).out.startswith("survey.csv: nothing changed")
        output = drive.point / "a folder/b.csv"
        again = _decrypt(world, downloaded, "--output", output, "--json", "--encoding", "utf-8")
        assert again.code == 0
        assert again.records()[0]["output"]["path"] == str(output)
        assert _decrypt(world, downloaded, "--output", output, "--quiet") == Done(0, "", "")
    assert world.google.requests == []


def test_a_downloaded_csv_is_not_decrypted_onto_a_plain_disk(world: World, downloaded: Path) -> None:
    """The default output is beside the input; where that is not a vault, nothing is written and no secret is read."""
    done = _decrypt(world, downloaded, SHEETS_DECRYPT_PASSPHRASE_COMMAND="touch asked", SHEETS_DECRYPT_PASSPHRASE="")
    assert done.code == 7
    assert ("encrypted" if systems.WINDOWS else "not encrypted") in done.err  # whether C: is, BitLocker knows
    assert list(downloaded.parent.iterdir()) == [downloaded]
    assert not (world.folder / "asked").exists()


@pytest.mark.parametrize("arguments", [["a.csv", "--output", "X:a_decrypted.csv"], ["X:a.csv"]])
def test_an_output_that_depends_on_a_drives_current_folder_is_refused(world: World, arguments: list[str]) -> None:
    r"""`X:a.csv` is another file for each program that is run; the whole path is shown."""
    done = _decrypt(world, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "hint: write the path from the drive's root, such as X:\\a_decrypted.csv" in done.err


def test_a_csv_is_never_replaced_by_its_own_decryption(world: World, downloaded: Path, tmp_path: Path) -> None:
    """The tokens would be lost."""
    with mounts.gocryptfs(tmp_path) as drive:
        there = drive.point / "survey.csv"
        there.write_bytes(downloaded.read_bytes())
        done = _decrypt(world, there, "--output", there)
        assert done.code == 2
        assert "is the file that is to be decrypted" in done.err
        assert there.read_bytes() == downloaded.read_bytes()


def test_a_csv_is_decrypted_with_the_keys_of_a_configuration(world: World, downloaded: Path, tmp_path: Path) -> None:
    """Without keys in the environment, those of the configuration are used, or of the job that is named."""
    with mounts.gocryptfs(tmp_path) as drive:
        for options in ([], ["--job", "baseline"]):
            output = drive.point / f"{len(options)}.csv"
            done = world.run(
                "decrypt-file", downloaded, "--columns", "auto", "--output", output, "--config", world.path, *options
            )
            assert done.code == 0
            assert output.read_bytes() == world.whole()
    done = world.run("decrypt-file", downloaded, "--columns", "auto", environment={"SHEETS_DECRYPT_CONFIG": "none"})
    assert (done.code, "the configuration none cannot be read" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 9, "has no header"),
        (b",,\r\n1,2,3\r\n", 9, "has no header"),
        (b"id,name,phone,address\r\n1,\xff,3,4\r\n", 9, "is not UTF-8 text"),
        (b'id,name,phone,address\r\n1,"torn', 9, "is not a CSV"),
        (b'"torn', 9, "is not a CSV"),
        (b"id,name,phone\r\n", 9, '"address" not found in row 1'),
        (None, 2, "no such file"),
    ],
)
def test_a_bad_csv_is_refused(
    world: World, downloaded: Path, tmp_path: Path, content: bytes | None, code: int, words: str
) -> None:
    """Each is one clear line with a hint, and the former output is as it was."""
    if content is None:
        downloaded.unlink()
    else:
        downloaded.write_bytes(content)
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        output.write_bytes(b"former")
        done = _decrypt(world, downloaded, "--output", output)
        assert done.code == code
        *_, error, hint = done.err.splitlines()
        assert words in error
        assert hint.startswith("hint: ")
        assert output.read_bytes() == b"former"
        assert {path.name for path in drive.point.iterdir()} - {"a.report.txt"} == {"a.csv"}


def test_what_excel_saves_as_csv_or_text_is_decrypted_as_it_is(world: World, downloaded: Path, tmp_path: Path) -> None:
    """Semicolons, or tabs in UTF-16; the run says what the file was taken for, for people and in its record."""
    rows = [[str(cell) for cell in row] for row in world.survey.sheet]
    tabs, semicolons = ("\r\n".join(separator.join(row) for row in rows) + "\r\n" for separator in "\t;")
    files = {
        "CSV separated by semicolons, UTF-8": semicolons.encode("utf-8-sig"),
        "CSV separated by tabs, UTF-16": tabs.encode("utf-16"),
    }
    with mounts.gocryptfs(tmp_path) as drive:
        for kind, content in files.items():
            downloaded.write_bytes(content)
            output = drive.point / f"{len(content)}.csv"
            done = _decrypt(world, downloaded, "--output", output)
            assert (done.code, output.read_bytes()) == (0, world.whole())
            assert f"note: survey.csv: read as {kind}\n" in done.err
            assert f"read as {kind}" in _decrypt(world, downloaded, "--output", output, "--json").records()[0]["notes"]


def test_an_excel_workbook_is_decrypted_as_it_is(world: World, downloaded: Path, tmp_path: Path) -> None:
    """By its content, whatever it is called; the run says which worksheet was read, and so does its record."""
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["not this one"])
    sheet = workbook.create_sheet("Answers")
    for row in world.survey.sheet:
        sheet.append(row)
    workbook.save(downloaded)
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        done = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answers")
        assert (done.code, output.read_bytes()) == (0, world.whole())
        assert 'note: survey.csv: read as Excel workbook, worksheet "Answers" (of 2)\n' in done.err
        again = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answers", "--json").records()[0]
        assert (again["worksheet"], again["status"]) == ("Answers", "unchanged")
        assert 'read as Excel workbook, worksheet "Answers" (of 2)' in again["notes"]
        missing = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answer")
        assert (missing.code, 'did you mean "Answers"?' in missing.err) == (2, True)


def test_a_code_page_is_used_only_where_it_is_asked_for(world: World, downloaded: Path, tmp_path: Path) -> None:
    """A guess that is wrong would damage names in silence; the error names the option."""
    downloaded.write_bytes(downloaded.read_bytes().replace(b",ok\r\n", ",Zoë\r\n".encode("cp1252")))
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        refused = _decrypt(world, downloaded, "--output", output)
        assert (refused.code, "add --input-encoding cp1252" in refused.err) == (9, True)
        done = _decrypt(world, downloaded, "--output", output, "--input-encoding", "cp1252")
        assert (done.code, output.read_bytes()) == (0, world.whole().replace(b",ok\r\n", ",Zoë\r\n".encode()))


def test_the_file_is_looked_at_before_the_vault(world: World) -> None:
    """A name that was mistyped is the first error, also where the output is not on a vault."""
    done = _decrypt(world, world.folder / "nothing.csv")
    assert (done.code, "nothing.csv cannot be read: no such file" in done.err) == (2, True)


def test_a_path_with_spaces_needs_quotes(world: World, downloaded: Path) -> None:
    """The rest of it arrives as a second file."""
    done = _decrypt(world, downloaded.parent / "survey", "of May.csv")
    assert done.code == 2
    assert "error: unexpected argument" in done.err
    assert "hint: put paths with spaces in quotes" in done.err


def test_columns_that_are_none_are_a_usage_error(world: World, downloaded: Path) -> None:
    """At least one column must be named."""
    _usage_error(world.run("decrypt-file", downloaded, "--columns", ","), "columns: name at least one column")


def test_what_is_no_file_is_refused(world: World) -> None:
    """A folder is not decrypted."""
    for path in (".", Path.cwd().anchor):
        done = _decrypt(world, path)
        assert (done.code, "is not a file" in done.err) == (2, True)


# history


def test_the_history_is_a_table(world: World) -> None:
    """Each run is a row: when, which job, how it went, and why it failed."""
    world.pull()
    world.configure(columns=["nobody"])
    world.pull()
    done = world.run("history", "--config", world.path)
    assert done.code == 0
    title, first, second = done.out.splitlines()
    assert title.split() == ["time", "job", "result"]
    assert first.split()[3:] == ["baseline", "wrote", "6", "rows,", "18", "cells", "decrypted"]
    assert second.split()[3:5] == ["baseline", "failed"]
    assert '"nobody" not found in row 1' in second
    lines = world.run("history", "--config", world.path, "--json", "--last", "1").records()
    assert lines == world.history()[-1:]


def test_a_job_without_runs_has_no_history(world: World) -> None:
    """It is reported, and is not an error."""
    done = world.run("history", "--config", world.path)
    assert done == Done(0, "", "there are no runs yet\n")


def test_a_torn_line_of_the_history_is_passed_over(world: World) -> None:
    """It hides no other run, and the run that it belonged to is still known to this computer."""
    world.pull()
    name = survey.CSV + ".runs.jsonl"
    with world.vault.replace(name) as file:
        file.write((json.dumps({"job": "early"}) + '\n{"job": "torn').encode())
    world.pull()
    runs = world.run("history", "--config", world.path, "--json").records()
    assert runs[0] == {"job": "early"}
    assert {run["status"] for run in runs[1:]} == {"done", "unchanged"}
    assert world.run("history", "--config", world.path).code == 0


def test_every_vault_that_is_locked_is_told(world: World) -> None:
    """One job's locked vault hides neither the other jobs' runs nor their errors."""
    bad = {"cryptomator": "nowhere", "passphrase": {"file": "keys/vault"}}
    jobs: dict[str, dict[str, object]] = {"one": {"vault": bad}, "two": {}, "three": {"vault": bad}}
    world.configure({name: settings | {"output": f"{name}.csv"} for name, settings in jobs.items()})
    world.run("pull", "--config", world.path, "--job", "two")
    done = world.run("history", "--config", world.path, "--json")
    assert done.code == 7
    assert [run["job"] for run in done.records()] == ["two"]
    [error, hint] = done.err.splitlines()  # one vault is one error, however many jobs write into it
    assert error.startswith("error: one, three: the history in the vault cannot be read")
    assert hint.startswith("hint: ")


# The terminal


def test_the_progress_bar_is_for_terminals_only(world: World) -> None:
    """On a terminal a bar is drawn and taken away; the output's last line is the result."""
    from tests.pseudo_terminal import on_a_terminal

    shown, code = on_a_terminal(world, "pull", "--config", world.path, answers=[])
    assert code == 0
    assert "rows" in shown
    assert "wrote 6 rows to" in shown
    survey.assert_nothing_leaked(shown, world.survey)


def test_output_is_utf_8_everywhere(world: World) -> None:
    """Names in other scripts are printed where the locale knows none of them."""
    world.configure({"línea": {}})
    environment = world.environment({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    done = subprocess.run(
        [*survey.PROGRAM, "config", "validate", str(world.path)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.decode().rstrip().endswith("jobs: línea")


def test_no_core_dump_is_left(world: World) -> None:
    """A crash writes no memory with plaintext to the disk."""
    systems.only_on("posix", "Windows writes no core dumps")
    code = "import resource; from sheets_decrypt.cli import terminal; terminal._prepare_process(); \
print(resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout == "(0, 0)\n"


@pytest.mark.system("windows", "shells put the home folder in elsewhere")
def test_what_is_typed_on_windows_arrives_as_it_is(world: World) -> None:
    """Columns and paths keep `%NAME%`, `$NAME` and `*`; a path that begins with `~` is in the user's home."""
    (world.folder / "a.toml").touch()
    home = world.folder / "profile"
    home.mkdir()
    columns = "%PATH%,$PATH,*.toml"
    options = ("--spreadsheet", world.spreadsheet, "--columns", columns, "--output", "X:/a.csv", "--credentials", "c")
    environment = {"USERPROFILE": str(home)}
    done = world.run("init", "--config", "~\\new.toml", *options, environment=environment)
    assert (done.code, done.err) == (0, "")
    assert config.load(home / "new.toml").jobs["baseline"].columns == ("%PATH%", "$PATH", "*.toml")
