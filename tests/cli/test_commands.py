"""The command line itself: options, help, secrets where options belong, and `history`."""

import json
import subprocess
import sys
from pathlib import Path

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
