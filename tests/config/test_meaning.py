"""The meaning of a configuration, and the commands and examples that show it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt import config
from sheets_decrypt.config import parse, template
from sheets_decrypt.config import writing as setup
from tests.survey import World

ROOT = Path(__file__).parents[2]
JOB: dict[str, Any] = {"spreadsheet": "1AbCdEfGh", "columns": ["name"], "output": "out/a.csv"}
GEHEIM = "geheim-5521"


@pytest.mark.parametrize(
    ("text", "spreadsheet_id", "gid"),
    [
        ("1AbC-d_E", "1AbC-d_E", None),
        ("https://docs.google.com/spreadsheets/d/1AbC-d_E/edit#gid=0", "1AbC-d_E", 0),
        ("https://docs.google.com/spreadsheets/d/1AbC-d_E/edit?gid=12#gid=12", "1AbC-d_E", 12),
        ("https://docs.google.com/spreadsheets/d/1AbC-d_E/edit?usp=sharing", "1AbC-d_E", None),
        ("https://docs.google.com/spreadsheets/u/1/d/1AbC-d_E/edit?usp=sharing&gid=5", "1AbC-d_E", 5),
        ("https://docs.google.com/a/example.org/spreadsheets/d/1AbC-d_E", "1AbC-d_E", None),
    ],
)
def test_a_spreadsheet_is_named_by_its_url_or_id(text: str, spreadsheet_id: str, gid: int | None) -> None:
    """The address in a browser can be pasted unchanged."""
    job = parse({"jobs": {"a": JOB | {"spreadsheet": text}}}, folder=Path("/base")).jobs["a"]
    assert (job.spreadsheet_id, job.gid) == (spreadsheet_id, gid)


def test_relative_paths_are_relative_to_the_file() -> None:
    """Output, key files and vaults are found beside the configuration; absolute paths and `~` keep their meaning."""
    content = {
        "google": {"credentials": "c.json", "ca_bundle": "~/ca.pem"},
        "keys": {"private_keys": {"file": "keys/a"}, "passphrases": {"file": "/abs/b"}},
        "vaults": {"v": {"cryptomator": "vault", "passphrase": {"prompt": True}}},
        "jobs": {"a": JOB, "b": JOB | {"vault": "v"}},
    }
    found = parse(content, folder=Path("/base"))
    assert found.google.credentials == Path("/base/c.json")
    assert found.google.ca_bundle == Path.home() / "ca.pem"
    assert found.keys.private_keys[0].file == Path("/base/keys/a")
    assert found.keys.passphrases[0].file == Path("/abs/b")
    assert found.vaults["v"].cryptomator == Path("/base/vault")
    assert found.jobs["a"].output == Path("/base/out/a.csv")
    assert found.jobs["b"].output == Path("out/a.csv")


def test_a_job_may_have_its_own_keys_vault_and_notifications() -> None:
    """A job's own settings win over the shared ones."""
    own = {"keys": {"passphrases": {"env": "OWN"}}, "vault": {"cryptomator": "w", "passphrase": {"env": "P"}},
           "notify": {"on": ["success"]}}  # fmt: skip
    shared = {
        "keys": {"passphrases": {"env": "ALL"}},
        "vaults": {"v": {"cryptomator": "v", "passphrase": {"env": "P"}}},
    }
    found = parse(shared | {"jobs": {"a": JOB | own, "b": JOB | {"vault": "v"}, "c": JOB}}, folder=Path("/base"))
    jobs = found.jobs
    assert [found.keys_of(jobs[name]).passphrases[0].env for name in "abc"] == ["OWN", "ALL", "ALL"]
    vaults = [found.vault_of(jobs[name]) for name in "abc"]
    assert [vault and vault.cryptomator for vault in vaults] == [Path("/base/w"), Path("/base/v"), None]
    assert [found.notify_of(jobs[name]).on for name in "ab"] == [("success",), ("failure", "recovery")]


@pytest.mark.parametrize(
    ("source", "kind", "label"),
    [
        ({"env": "X"}, "env", "env X"),
        ({"file": "/k"}, "file", f"file {Path('/k')}"),
        ({"command": ["op", "read", GEHEIM]}, "command", "command op"),
        ({"keyring": "a/b"}, "keyring", "keyring a/b"),
        ({"credential": "c"}, "credential", "credential c"),
        ({"prompt": True}, "prompt", "prompt"),
    ],
)
def test_a_source_has_a_label_without_its_arguments(source: dict[str, Any], kind: str, label: str) -> None:
    """A command's arguments may contain a secret, so they are not shown."""
    found = parse({"keys": {"passphrases": source}, "jobs": {"a": JOB}}, folder=Path("/base")).keys.passphrases[0]
    assert (found.kind, found.label) == (kind, label)


def test_a_byte_order_mark_is_not_part_of_the_configuration(tmp_path: Path) -> None:
    """Notepad on Windows writes one."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + setup.example().encode())
    assert list(config.load(path).jobs) == ["baseline"]


# Commands and examples


def test_validate_contacts_no_one_and_reads_no_secret(world: World) -> None:
    """`config validate` reads only the configuration file."""
    for path in (world.folder / "keys").iterdir():
        path.unlink()
    done = world.run("config", "validate", world.path)
    assert (done.code, done.out) == (0, f"{world.path} is valid; jobs: baseline\n")
    assert world.run("config", "validate", "--config", world.path).code == 0
    assert world.google.requests == []
    world.path.write_text("[jobs.a]\ncolums = 1")
    assert world.run("config", "validate", world.path).code == 2


def test_the_example_is_a_valid_configuration(world: World) -> None:
    """`config validate` accepts the output of `config example`."""
    done = world.run("config", "example")
    assert done.code == 0
    path = world.folder / "example.toml"
    path.write_text(done.out)
    assert world.run("config", "validate", path).code == 0


def test_every_commented_setting_of_the_example_is_valid() -> None:
    """Each setting that the example shows behind # is valid without changes when enabled on its own."""
    lines = setup.example().splitlines()
    for number, line in enumerate(lines):
        name, equals, _ = line.removeprefix("# ").partition(" = ")
        if line.startswith("# ") and equals and name.isidentifier():
            text = "\n".join([*lines[:number], line.removeprefix("# "), *lines[number + 1 :]])
            content = tomllib.loads(text)
            if name == "vault":
                content["jobs"]["baseline"]["output"] = "surveys/a.csv"
            content["keys"].pop("public_key", None)  # the example's value is a sentence
            parse(content, folder=Path("/base"))


def test_every_key_is_explained(world: World) -> None:
    """`config keys` lists every key of every section with its default."""
    done = world.run("config", "keys")
    assert done.code == 0
    for key in ("[google] deadline", "[keys] private_keys", "[vaults.NAME] cryptomator", "[jobs.NAME] max_shrink"):
        assert key in done.out
    assert "must be given" in done.out


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.toml")), ids=lambda path: path.name)
def test_every_example_in_the_repository_is_valid(path: Path) -> None:
    """Each file in config/ loads unchanged."""
    assert config.load(path).jobs


def test_the_repository_has_examples() -> None:
    """Without an example, the test above would test nothing."""
    assert list((ROOT / "config").glob("*.toml"))


# The template


@given(st.text())
def test_any_text_survives_the_template(text: str) -> None:
    """Any text that a user enters is read back from TOML unchanged."""
    assert tomllib.loads(f"a = {template.toml(text)}") == {"a": text}


@given(st.dictionaries(st.sampled_from(["file", "env", "a_b"]), st.lists(st.text() | st.integers() | st.booleans())))
def test_any_table_survives_the_template(table: dict[str, list[Any]]) -> None:
    """Tables, lists, numbers and booleans survive as well."""
    assert tomllib.loads(f"a = {template.toml(table)}") == {"a": table}


@pytest.mark.parametrize("job", ["baseline", "wave.2", "línea_1", "1-a"])
def test_any_job_name_survives_the_template(job: str) -> None:
    """A name with dots or accents is one job, not several tables."""
    text = template.render(job, JOB, google={}, keys={"passphrases": [{"env": "X"}]})
    assert list(parse(tomllib.loads(text), folder=Path("/base")).jobs) == [job]


def test_paths_are_written_with_slashes() -> None:
    """TOML would read a backslash as an escape."""
    assert template.toml(Path("a") / "b") == '"a/b"'
