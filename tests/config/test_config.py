"""Finding the configuration, and reporting its mistakes."""

from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt import config
from sheets_decrypt.config import parse
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.system.private_file import write_private_text
from tests import mounts, systems
from tests.survey import World

JOB: dict[str, Any] = {"spreadsheet": "1AbCdEfGh", "columns": ["name"], "output": "out/a.csv"}
GEHEIM = "geheim-5521"


def _error(content: dict[str, Any]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse(content, folder=Path("/base"))
    return caught.value


# Finding the file


def test_the_configuration_is_found_in_four_places(world: World) -> None:
    """`--config`, the environment, `config/` here, and the user's folder: each is enough, in this order."""
    text = world.path.read_text()
    home, here = world.folder / "home/.config/sheets-decrypt/sheets-decrypt.toml", world.folder / "work"
    places = {"user": home, "here": here / "config/sheets-decrypt.toml", "named": world.folder / "named.toml",
              "option": world.folder / "option.toml"}  # fmt: skip
    here.mkdir()
    named = {"SHEETS_DECRYPT_CONFIG": str(places["named"])}
    assert world.run("pull", folder=here).code == 2
    for name, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace('jobs."baseline"', f"jobs.{name}"))
        options = ["--config", path] if name == "option" else []
        environment = named if name in {"named", "option"} else {}
        done = world.run("config", "validate", *options, folder=here, environment=environment)
        assert (done.code, done.out.split()[-1]) == (0, name)


def test_without_a_configuration_the_places_are_named(world: World) -> None:
    """A user without a configuration learns which places were searched and how to create one."""
    done = world.run("pull", folder=world.folder / "keys")
    assert done.code == 2
    assert f"looked for {Path('config/sheets-decrypt.toml')} and " in done.err
    assert "hint: run `sheets-decrypt init`" in done.err


def test_a_named_but_missing_configuration_is_reported(world: World) -> None:
    """No other place is tried instead."""
    for done in (
        world.run("pull", "--config", "nowhere.toml"),
        world.run("pull", environment={"SHEETS_DECRYPT_CONFIG": "nowhere.toml"}),
    ):
        assert done.code == 2
        assert "the configuration nowhere.toml cannot be read: no such file" in done.err


def test_a_folder_that_cannot_be_entered_is_skipped(world: World) -> None:
    """A place that cannot be searched contains no configuration, and is not a bug."""
    hidden = world.folder / "home/.config/sheets-decrypt"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("a file where a folder belongs")
    done = world.run("pull", folder=world.folder / "keys")
    assert done.code == 2


def test_a_folder_of_another_user_holds_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be searched is skipped, and a key that cannot be stored there is reported."""
    systems.root("posix", "only root can become another user")
    with mounts.open_to_all() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0o700)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
        with mounts.as_nobody():
            with pytest.raises(ConfigurationError, match="no configuration file found"):
                config.find(None, {})
            with pytest.raises(ConfigurationError, match="cannot be written: permission denied"):
                write_private_text(closed / "key", GEHEIM + "\n", force=False)


# Malformed files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[jobs.a", "is not TOML"),
        ('[jobs.a]\noutput = "X:\\surveys"', "is not TOML"),
        ("a = " + "9" * 5000, "too long or too deep"),
        ("a = " + "[" * 5000, "too long or too deep"),
        ("", "jobs is missing"),
        ("jobs = {}", "jobs: "),
        ("[jobs.a]", "jobs.a.columns is missing"),
        ('[jobs."a b"]', "jobs.a b: "),
        ("[job.a]", "unknown key job"),
        ("[google]\nproxi = 1", "unknown key google.proxi"),
    ],
)
def test_a_malformed_configuration_is_one_clear_line(world: World, text: str, words: str) -> None:
    """The mistake is named with its place and a hint, with exit code 2, and Google is not contacted."""
    world.path.write_text(text)
    done = world.pull()
    assert (done.code, done.out) == (2, "")
    error, hint = done.err.splitlines()
    assert error.startswith("error: ")
    assert words in error
    assert hint.startswith("hint: ")
    assert world.google.requests == []


def test_a_configuration_that_is_not_text_is_reported(world: World) -> None:
    """Bytes that are not UTF-8 and a folder each have their own message."""
    world.path.write_bytes(b"[jobs.a]\n\xff\xfe")
    assert "it is not UTF-8" in world.pull().err
    assert "is a directory" in world.run("pull", "--config", world.folder).err


@pytest.mark.parametrize(
    ("content", "name", "meant"),
    [
        ({"gogle": {}}, "gogle", "google"),
        ({"google": {"credential": "x"}}, "google.credential", "credentials"),
        ({"keys": {"private_key": []}}, "keys.private_key", "private_keys"),
        ({"keys": {"private_keys": [{"enviro": "X"}]}}, "keys.private_keys.0.enviro", "env"),
        ({"vaults": {"v": {"cryptomater": "x"}}}, "vaults.v.cryptomater", "cryptomator"),
        ({"vaults": {"v": {"cryptomator": "x", "passphrase": {"fil": "x"}}}}, "vaults.v.passphrase.fil", "file"),
        ({"jobs": {"a": {"spreadsheeet": "1AbCdEf"}}}, "jobs.a.spreadsheeet", "spreadsheet"),
        ({"jobs": {"a": JOB | {"colums": []}}}, "jobs.a.colums", "columns"),
        ({"jobs": {"a": JOB | {"keys": {"passphrase": []}}}}, "jobs.a.keys.passphrase", "passphrases"),
        ({"jobs": {"a": JOB | {"vault": {"cryptomatr": "x"}}}}, "jobs.a.vault.cryptomatr", "cryptomator"),
        ({"notify": {"url": []}}, "notify.url", "urls"),
        ({"jobs": {"a": JOB | {"deidentified": {"outptu": "x"}}}}, "jobs.a.deidentified.outptu", "output"),
    ],
)
def test_an_unknown_key_is_reported_with_the_closest(content: dict[str, Any], name: str, meant: str) -> None:
    """An unknown key in any place is an error that suggests the right one, and comes before missing keys."""
    error = _error(content)
    assert error.message == f"unknown key {name}"
    assert error.hint == f'did you mean "{meant}"?'


def test_all_problems_are_reported_at_once() -> None:
    """No one has to run a command five times to find five mistakes; the hint belongs to the first."""
    content = {"gogle": {}, "jobs": {"a": JOB | {"columns": [], "colums": [], "spreadsheet": "? ?"}}}
    error = _error(content)
    problems = error.message.split("; ")
    assert set(problems[:2]) == {"unknown key gogle", "unknown key jobs.a.colums"}
    assert {problem.partition(": ")[0] for problem in problems[2:]} == {"jobs.a.spreadsheet", "jobs.a.columns"}
    assert error.hint.startswith("did you mean ")


def test_many_problems_are_counted() -> None:
    """The first six are listed."""
    error = _error({f"key{number}": 1 for number in range(10)})
    assert error.message.count("unknown key") == 6
    assert error.message.endswith("; and 4 more")


def test_an_unknown_key_without_a_similar_one_has_another_hint() -> None:
    """If nothing is similar, nothing is suggested."""
    error = _error({"jobs": {"a": JOB | {"zzz": 1}}})
    assert "did you mean" not in error.hint
    assert error.hint


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"keys": {"private_keys": [GEHEIM]}}, "keys.private_keys.0"),
        ({"keys": {"private_keys": GEHEIM}}, "keys.private_keys.0"),
        ({"keys": {"passphrases": [{"keyring": GEHEIM}]}}, "keys.passphrases.0"),
        ({"keys": {"passphrases": [{"file": GEHEIM, "env": GEHEIM}]}}, "keys.passphrases.0"),
        ({"keys": {"passphrases": [{}]}}, "keys.passphrases.0"),
        ({"keys": {"legacy_secrets": [{"command": []}]}}, "keys.legacy_secrets.0.command"),
        ({"google": {"deadline": GEHEIM}}, "google.deadline"),
        ({"google": {"deadline": 0}}, "google.deadline"),
        ({"jobs": {"a": JOB | {"spreadsheet": GEHEIM + " /"}}}, "jobs.a.spreadsheet"),
        ({"jobs": {"a": JOB | {"spreadsheet": f"https://evil.example/spreadsheets/d/{GEHEIM}"}}}, "jobs.a.spreadsheet"),
        ({"jobs": {"a": JOB | {"columns": []}}}, "jobs.a.columns"),
        ({"jobs": {"a": JOB | {"columns": [1, GEHEIM]}}}, "jobs.a.columns"),
        ({"jobs": {"a": JOB | {"columns": [GEHEIM, GEHEIM]}}}, "jobs.a.columns"),
        ({"jobs": {"a": JOB | {"encoding": GEHEIM}}}, "jobs.a.encoding"),
        ({"jobs": {"a": JOB | {"keep": -1}}}, "jobs.a.keep"),
        ({"jobs": {"a": JOB | {"max_shrink": 1.1}}}, "jobs.a.max_shrink"),
        ({"jobs": {"a": JOB | {"accept": ["not encrypted"]}}}, "jobs.a.accept.0"),
        ({"jobs": {"a": JOB | {"output": ""}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": ".."}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "X:/surveys/"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "X:\\surveys\\"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "a\0b.csv"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "~nobody-of-this-name/a.csv"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "/abs/a.csv", "vault": "v"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"output": "../a.csv", "vault": "v"}}}, "jobs.a"),
        ({"jobs": {"a": JOB | {"vault": "v"}}}, "jobs.a.vault"),
        ({"jobs": {"a": JOB | {"vault": 7}}}, "jobs.a.vault"),
    ],
)
def test_a_broken_rule_names_its_place_and_no_value(content: dict[str, Any], name: str) -> None:
    """The message says where, the hint what to do, and neither quotes the value, which could be a secret."""
    error = _error(content if "jobs" in content else content | {"jobs": {"a": JOB}})
    assert error.message.startswith(name)
    assert error.hint
    assert GEHEIM not in error.message + error.hint


def test_an_invalid_list_of_columns_has_its_own_message() -> None:
    """A column that is not text is not mistaken for a wrong spelling of "auto"."""
    assert "auto" not in _error({"jobs": {"a": JOB | {"columns": [1]}}}).message


def test_a_deidentified_csv_has_no_decrypted_columns() -> None:
    """The columns that `deidentified` keeps and drops are checked before anything runs."""
    second = {"output": "/elsewhere/b.csv"}
    assert (
        "name the columns to keep" in _error({"jobs": {"a": JOB | {"columns": "auto", "deidentified": second}}}).message
    )
    assert "is decrypted" in _error({"jobs": {"a": JOB | {"deidentified": second | {"keep": ["name"]}}}}).message
    both = second | {"keep": ["id"], "drop": ["id"]}
    assert "kept and dropped" in _error({"jobs": {"a": JOB | {"deidentified": both}}}).message
    assert (
        "deidentified.output: name another file"
        in _error({"jobs": {"a": JOB | {"deidentified": {"output": "out/a.csv"}}}}).message
    )


def test_a_file_that_two_jobs_would_write_is_named_with_the_other_job() -> None:
    """A user who copied a job's lines learns which job already writes the file."""
    wrong = _error({"jobs": {"a": JOB, "b": JOB | {"output": "out/b.csv"}, "c": JOB}}).message
    assert wrong.endswith("jobs.c.output: name another file; jobs.a.output already writes this one")


@pytest.mark.parametrize("place", ["output", "deidentified", "file", "credentials"])
def test_a_path_that_depends_on_a_drives_current_folder_is_refused(place: str) -> None:
    r"""`X:baseline.csv` is a different file for each program that starts us; the hint shows a correct path."""
    path = "X:baseline.csv"
    job: dict[str, object] = JOB | ({"output": path} if place == "output" else {})
    job |= {"deidentified": {"output": path}} if place == "deidentified" else {}
    content: dict[str, object] = {"jobs": {"a": job}}
    content |= {"keys": {"private_keys": [{"file": path}]}} if place == "file" else {}
    content |= {"google": {"credentials": path}} if place == "credentials" else {}
    with pytest.raises(ConfigurationError, match=r"such as X:\\baseline.csv"):
        parse(content, folder=Path.cwd())
