"""What somebody else may have had a hand in: configurations that lie about, names in a sheet, what children inherit."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt import secret_sources as secrets
from sheets_decrypt.cli import job_table as status
from sheets_decrypt.cli.words import printable
from sheets_decrypt.config import SecretSource, jobs, parse
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.runs import state
from sheets_decrypt.runs.history import HISTORY_SUFFIX
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.sandbox.google import Tab
from sheets_decrypt.schedule import steps
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import require
from tests.survey import VAULT_PASSPHRASE, World
from tests.unattended_parts import configuration

JOB: dict[str, Any] = {"spreadsheet": "1AbCdEfGh", "columns": ["name"], "output": "out/a.csv"}
ESCAPE = "\x1b]0;owned\x07\x9b2J\u202egnp\u2066\x7f"
ESCAPED = r"\u001b]0;owned\u0007\u009b2J\u202egnp\u2066\u007f"
OTHERS_SECRETS = ("SHEETS_DECRYPT_PRIVATE_KEY", "SHEETS_DECRYPT_LEGACY_SECRET", "SHEETS_DECRYPT_PASSPHRASE")


# A configuration that lies in the current folder


def _lying_about(world: World) -> Path:
    """Put the configuration where it is found without being named; its command leaves a trace."""
    place = world.folder / "work/config/sheets-decrypt.toml"
    place.parent.mkdir(parents=True)
    trace = world.folder / "trace"
    world.keys = {"private_keys": [{"command": ["touch", str(trace)]}]}
    world.settings["vault"] = {
        "cryptomator": str(world.vault_folder),
        "passphrase": {"file": str(world.keep("v", "x"))},
    }
    place.write_bytes(world.configure().read_bytes())
    return place


def _assert_refused(world: World, place: Path, words: str) -> None:
    done = world.run("pull", folder=place.parent.parent)
    assert (done.code, done.out) == (2, "")
    assert str(place) in done.err
    assert words in done.err
    assert "--config" in done.err.splitlines()[1]
    assert not (world.folder / "trace").exists()


@pytest.mark.parametrize("part", ["file", "folder", "current folder"])
@pytest.mark.parametrize("sticky", [0, 0o1000])
def test_a_configuration_here_that_everybody_can_write_is_refused(world: World, part: str, sticky: int) -> None:
    """What anybody can put there would run anybody's commands; it can be named by who trusts it."""
    require.that(os.name == "posix", "mode bits mean nothing here")
    place = _lying_about(world)
    shared = {"file": place, "folder": place.parent, "current folder": place.parent.parent}[part]
    shared.chmod(0o666 if part == "file" else 0o777 | sticky)
    _assert_refused(world, place, f"{shared} can be written by everybody")
    for named in ({}, {"SHEETS_DECRYPT_CONFIG": str(place)}):
        options = [] if named else ["--config", "config/sheets-decrypt.toml"]
        done = world.run("config", "validate", *options, folder=place.parent.parent, environment=named)
        assert done.code == 0


@pytest.mark.parametrize("part", ["file", "folder", "current folder"])
def test_a_configuration_here_of_another_user_is_refused(world: World, part: str) -> None:
    """A colleague's folder does not decide what this user runs."""
    require.that(os.name == "posix" and os.getuid() == 0, "only root can give a file away")
    place = _lying_about(world)
    theirs = {"file": place, "folder": place.parent, "current folder": place.parent.parent}[part]
    os.chown(theirs, 12345, -1)
    _assert_refused(world, place, f"{theirs} belongs to another user")


def test_a_configuration_here_of_ones_own_is_used(world: World) -> None:
    """In a folder that only its owner can write, and one that a group can, nothing needs to be named."""
    place = _lying_about(world)
    place.parent.chmod(0o775)
    assert world.run("config", "validate", folder=place.parent.parent).code == 0


# What a terminal would obey


@given(st.text())
def test_printable_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    """No control character and no override of the writing's direction is left, and the rest is as it was."""
    shown = printable(text)
    obeyed = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e"}
    obeyed |= set("\u2066\u2067\u2068\u2069")
    assert not obeyed & set(shown)
    assert shown == "".join(f"\\u{ord(letter):04x}" if letter in obeyed else letter for letter in text)


@given(st.text())
def test_printable_json_says_the_same(text: str) -> None:
    """The escapes are JSON's own."""
    assert json.loads(printable(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_printable_text_may_keep_its_lines() -> None:
    """Where a text has lines, they stay; nothing else does."""
    assert printable("a\n\tb\r\x1b", keep="\n\t") == "a\n\tb\\u000d\\u001b"


def _nothing_obeyed(text: str) -> None:
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x7f"} & set(text)


def _named(world: World, name: str) -> None:
    """Let the survey lie in a spreadsheet, a tab and a column whose names end so."""
    sheet = [list(row) for row in world.survey.sheet]
    sheet[0][4] = f"free{name}"
    spreadsheet = world.google.add(f"Survey{name}", [Tab(f"data{name}", sheet)])
    world.settings |= {"spreadsheet": spreadsheet, "worksheet": f"data{name}"}
    world.configure()


def test_names_in_a_sheet_do_not_reach_the_terminal_as_they_are(world: World) -> None:
    """A spreadsheet's title, a tab's and a column's name are shown with their escape sequences spelt out."""
    _named(world, ESCAPE)
    for more in ([], ["--json"]):
        done = world.run("check", "--config", world.path, *more)
        assert done.code == 0
        assert f"Survey{ESCAPED}" in done.out
        assert f"data{ESCAPED}" in done.out
        _nothing_obeyed(done.out + done.err)
    world.configure(columns=["name", f"free{ESCAPE}"])
    log = world.folder / "pull.log"
    done = world.pull("--log", log)
    assert done.code == 0
    assert f"free{ESCAPED}" in done.err
    assert f"free{ESCAPED}" in log.read_text(encoding="utf-8")
    _nothing_obeyed(done.out + done.err + log.read_text(encoding="utf-8"))


def test_a_tab_title_cannot_forge_a_check(world: World) -> None:
    """A line break in it stays on its line."""
    _named(world, "\nok      baseline: key fits")
    done = world.run("check", "--config", world.path)
    assert r"data\u000aok      baseline: key fits" in done.out
    assert '\nok      baseline: key fits"' not in done.out


def test_a_json_line_with_escapes_is_json(world: World) -> None:
    """What a program reads comes back as it was."""
    world.configure(worksheet=f"no{ESCAPE}")
    done = world.pull("--json")
    assert done.code == 5
    _nothing_obeyed(done.out)
    assert f"no{ESCAPE}" in done.records()[0]["error"]["message"]


def test_tables_show_escapes_spelt_out(world: World) -> None:
    """The history and the status say what a run said of a sheet; neither does the page for a browser turn it round."""
    world.configure(worksheet=f"no{ESCAPE}")
    assert world.pull().code == 5
    page = world.folder / "page.html"
    shown = world.run("status", "--config", world.path).out
    as_json = world.run("status", "--config", world.path, "--html", page, "--json").out
    assert r"\u001b]0;owned" in shown
    assert r"\u001b]0;owned" in page.read_text(encoding="utf-8")
    _nothing_obeyed(shown + page.read_text(encoding="utf-8") + as_json)
    assert f"no{ESCAPE}" in json.loads(as_json)["message"]


def test_the_history_shows_escapes_spelt_out(world: World) -> None:
    """Whoever can write into the vault does not write on the terminal of who reads the history."""
    line = json.dumps({"job": f"base{ESCAPE}", "status": "written", "error": {"message": ESCAPE}})
    with world.vault.replace("surveys/baseline.csv.runs.jsonl") as sink:
        sink.write(line.encode() + b"\n")
    table = world.run("history", "--config", world.path)
    assert table.code == 0
    assert r"base\u001b]0;owned" in table.out
    as_json = world.run("history", "--config", world.path, "--json")
    _nothing_obeyed(table.out + as_json.out)
    assert as_json.records()[0]["job"] == f"base{ESCAPE}"


def test_a_status_of_another_host_shows_escapes_spelt_out(tmp_path: Path) -> None:
    """Every column of the table is text of somebody's."""
    config = configuration(tmp_path)
    found = status.survey(config, ["baseline"], [], datetime.now(UTC))
    shown = status.page([_with(found[0], ESCAPE)], datetime.now(UTC))
    _nothing_obeyed(shown)
    assert shown.count(r"\u001b]0;owned") == 3


def _with(one: status.JobStatus, text: str) -> status.JobStatus:
    return status.JobStatus("j" + text, JobState(), None, text, text)


def test_names_in_a_vault_are_listed_spelt_out_and_files_printed_as_they_are(world: World) -> None:
    """`vault ls` is for the terminal; `vault cat` gives the bytes."""
    with CryptomatorVault(world.vault_folder, Secret(VAULT_PASSPHRASE)).replace("a\n\tb\u202e.txt") as sink:
        sink.write(ESCAPE.encode())
    listed = world.run("vault", "ls", "--config", world.path).out.splitlines()
    assert r"a\u000a\u0009b\u202e.txt" in listed
    assert world.run("vault", "cat", "--config", world.path, "a\n\tb\u202e.txt").out == ESCAPE


def test_texts_of_several_lines_keep_them(world: World) -> None:
    """The commented example is a file, and prints as one."""
    done = world.run("config", "example")
    assert "\n[google]\n" in done.out
    assert "\\u000a" not in done.out


# What a child inherits

SAYS_NAMES = "import os; print(' '.join(sorted(os.environ)))"


def test_a_secrets_command_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three variables that hold secrets are dropped; everything else, also what names a file, is handed on."""
    for name in OTHERS_SECRETS:
        monkeypatch.setenv(name, "geheim-5521")
    monkeypatch.setenv("SHEETS_DECRYPT_PASSPHRASE_FILE", "kept")
    names = secrets.resolve(SecretSource(command=(sys.executable, "-c", SAYS_NAMES))).reveal().split()
    assert not set(OTHERS_SECRETS) & set(names)
    assert {"PATH", "SHEETS_DECRYPT_PASSPHRASE_FILE"} <= set(names)


def test_a_schedulers_program_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """`crontab` starts an editor's and `systemctl` an agent's programs; none of them needs the keys."""
    for name in OTHERS_SECRETS:
        monkeypatch.setenv(name, "geheim-5521")
    names = steps.reply((sys.executable, "-c", SAYS_NAMES)).stdout.decode().split()
    assert not set(OTHERS_SECRETS) & set(names)
    assert {"PATH", "LC_ALL"} <= set(names)


# Outputs that are one file


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"output": "out/a.csv"}, {"output": "out/A.CSV"}),
        ({"output": "out/straße.csv"}, {"output": "out/STRASSE.csv"}),
        ({"output": "out/a.csv"}, {"output": "out/a.csv.runs.jsonl"}),
        ({"output": "out/A.csv.RUNS.jsonl"}, {"output": "out/a.csv"}),
        ({"output": "a.csv", "vault": "v"}, {"output": "A.csv", "vault": "V"}),
        ({"output": "a.csv", "vault": "v"}, {"output": "A.csv.runs.jsonl", "vault": "v"}),
        ({"output": "a.csv"}, {"output": "b.csv", "deidentified": {"output": "A.csv.runs.jsonl"}}),
        ({"output": "a.csv", "deidentified": {"output": "A.CSV"}}, {"output": "b.csv"}),
        ({"output": "a.csv", "deidentified": {"output": "a.csv.runs.jsonl"}}, {"output": "b.csv"}),
        ({"output": "zo\u00eb.csv"}, {"output": "zoe\u0308.csv"}),
    ],
)
def test_two_outputs_that_a_drive_takes_for_one_are_refused(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Windows, macOS and vaults know one file by several spellings, and each run writes a history beside its CSV."""
    folder = {"cryptomator": "vault", "passphrase": {"prompt": True}}
    content = {"vaults": {"v": folder, "V": folder}, "jobs": {"a": JOB | one, "b": JOB | other}}
    with pytest.raises(ConfigurationError, match="name another file"):
        parse(content, folder=Path("/base"))


def test_a_historys_name_is_what_the_configuration_takes_it_for() -> None:
    """The record and the check of the outputs mean the same file."""
    assert jobs._HISTORY == HISTORY_SUFFIX


def test_outputs_of_different_names_are_accepted() -> None:
    """The same name in another vault, and a history's name without its CSV, are nobody else's."""
    folder = {"passphrase": {"prompt": True}}
    vaults = {name: folder | {"cryptomator": name} for name in ("v", "w")}
    jobs = {
        "a": JOB | {"output": "a.csv", "vault": "v"},
        "b": JOB | {"output": "a.csv", "vault": "w"},
        "c": JOB | {"output": "a.csv", "deidentified": {"output": "a.csv.runs"}},
        "d": JOB | {"output": "d.csv.runs.jsonl"},
    }
    assert list(parse({"vaults": vaults, "jobs": jobs}, folder=Path("/base")).jobs) == list("abcd")


# A path that is not UTF-8


def test_a_job_whose_path_is_not_utf_8_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CSV is written by then: what the machine remembers of it must not fail."""
    require.that(os.name == "posix", "paths are text here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = configuration(Path(os.fsdecode(b"/vault/caf\xe9")))
    state.change(config, "baseline", lambda _: JobState(last_run="2026-03-06T06:30:10Z", exit_code=7))
    assert state.load(config, "baseline").exit_code == 7


def test_a_path_that_is_no_text_at_all_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pair of surrogates, as Windows allows them, is no reason to fail either."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = configuration(Path("/vault/\ud800"))
    state.change(config, "baseline", lambda _: JobState(exit_code=7))
    assert state.load(config, "baseline") == JobState()


# A secret that stands in place of its source's name

PASTED = ("hunter2-§ geheim", "a passphrase that nobody guesses", "x" * 101, "pass\x1b[2J",
          "q2VtYm9ncmFwaGljLWtleS1tYXRlcmlhbC0xMjM0NTY")  # fmt: skip


@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.parametrize("kind", ["env", "keyring", "credential"])
def test_a_secret_in_place_of_a_name_is_not_shown(monkeypatch: pytest.MonkeyPatch, kind: str, pasted: str) -> None:
    """Who pastes the secret itself is told that it was not found, and does not find it in a log."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    value = f"service/{pasted}" if kind == "keyring" else pasted
    source = SecretSource.model_validate({kind: value})
    assert source.label == f"{kind} …"
    for folder in ("", "/nowhere"):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", folder)
        with pytest.raises(KeyMissing) as caught:
            secrets.resolve(source)
        assert pasted not in caught.value.message + caught.value.hint
        assert "…" in caught.value.message


@pytest.mark.parametrize("source", [{"env": "SURVEY_KEY"}, {"keyring": "survey/key-1"}, {"credential": "survey.key"}])
def test_a_name_is_shown(source: dict[str, str]) -> None:
    """A name that looks like one is what the user needs to see."""
    kind, name = next(iter(source.items()))
    found = SecretSource.model_validate(source)
    assert found.label == f"{kind} {name}"


# A key file that others can read


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
@pytest.mark.parametrize("named", [True, False])
def test_a_key_file_that_others_can_read_is_a_warning(world: World, mode: int, named: bool) -> None:
    """`check` says what to run, and goes on with the key all the same."""
    require.that(os.name == "posix", "mode bits mean nothing here")
    environment = {} if named else {"GOOGLE_APPLICATION_CREDENTIALS": str(world.google.key_file)}
    if not named:
        del world.google_settings["credentials"]
        world.configure()
    world.google.key_file.chmod(mode)
    done = world.run("check", "--config", world.path, "--json", environment=environment)
    checks = {line["name"]: line for line in done.records()}
    assert checks["key file"]["outcome"] == "warning"
    assert "can be read by others" in checks["key file"]["message"]
    assert checks["key file"]["hint"] == f"chmod 600 {world.google.key_file}"
    assert (done.code, checks["token"]["outcome"]) == (0, "ok")
    world.google.key_file.chmod(0o600)
    again = world.run("check", "--config", world.path, "--json", environment=environment)
    assert {line["name"]: line["outcome"] for line in again.records()}["key file"] == "ok"
