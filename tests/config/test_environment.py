"""Secrets in environment variables can be read, but no program or process that we start inherits them."""

import os
import re
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from sheets_decrypt.config import Config, SecretSource, parse
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.schedule import steps
from sheets_decrypt.secret_sources import from_environment, resolve, system_environment, withheld
from tests import require, systems
from tests.long import LONG
from tests.survey import PROGRAM, VAULT_PASSPHRASE, World

FIXED = ("SHEETS_DECRYPT_PRIVATE_KEY", "SHEETS_DECRYPT_LEGACY_SECRET", "SHEETS_DECRYPT_PASSPHRASE")
NAMES = ("SURVEY_KEY", "SURVEY_WORD", "VAULT_WORD", "PING", "SHEETS_DECRYPT_PRIVATE_KEY", "SHEETS_DECRYPT_PASSPHRASE")


def _config() -> Config:
    """Return a configuration that names a secret in each of its sections."""
    vault = {"cryptomator": "v", "passphrase": {"env": "VAULT_WORD"}}
    job = {"spreadsheet": "12345abcde", "columns": ["name"], "output": "a.csv"}
    jobs = {
        "one": job,
        "two": {**job, "output": "b.csv", "vault": vault, "keys": {"passphrases": {"env": "SURVEY_WORD"}}},
    }
    notify = {"healthchecks": {"env": "PING"}}
    return parse({"keys": {"private_keys": {"env": "SURVEY_KEY"}}, "notify": notify, "jobs": jobs}, folder=Path("/b"))


@pytest.fixture
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, f"geheim-{name}")


@pytest.mark.usefixtures("_variables")
def test_a_withheld_secret_can_be_read_and_is_restored() -> None:
    """Every secret that a configuration names in any place, and those under the fixed names, are withheld."""
    with withheld(_config()):
        assert not set(NAMES) & set(os.environ)
        for name in NAMES:
            assert resolve(SecretSource(env=name)).reveal() == f"geheim-{name}"
        with withheld(_config()):
            assert resolve(SecretSource(env="PING")).reveal() == "geheim-PING"
        assert resolve(SecretSource(env="PING")).reveal() == "geheim-PING"
    assert all(os.environ[name] == f"geheim-{name}" for name in NAMES)
    assert from_environment().private_keys == (SecretSource(env="SHEETS_DECRYPT_PRIVATE_KEY"),)


def test_an_unset_variable_is_missing_even_if_it_was_set_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """No value is kept between blocks."""
    monkeypatch.setenv("SURVEY_KEY", "geheim")
    with withheld(_config()):
        pass
    monkeypatch.delenv("SURVEY_KEY")
    with withheld(_config()), pytest.raises(KeyMissing, match="SURVEY_KEY is not set"):
        resolve(SecretSource(env="SURVEY_KEY"))


@pytest.mark.usefixtures("_variables")
def test_a_worker_process_inherits_no_secret() -> None:
    """A multiprocessing worker gets a copy of the environment without secrets."""
    systems.only_on("linux", "only Linux has /proc")
    with withheld(_config()), get_context("spawn").Pool(1) as pool:
        inherited = pool.apply(_inherited)
    assert any(entry.startswith("PATH=") for entry in inherited)
    assert not [entry for entry in inherited if "geheim" in entry]


def _inherited() -> list[str]:
    return Path("/proc/self/environ").read_text(encoding="utf-8").split("\0")


@pytest.mark.usefixtures("_variables")
def test_a_system_program_gets_only_the_variables_it_needs() -> None:
    """Not even a secret of a configuration that was never read is passed on."""
    assert not set(NAMES) & set(system_environment())
    assert {"PATH", "HOME"} & set(os.environ) <= set(system_environment())


# Child processes of the commands


def _children(world: World, secrets: dict[str, str], *arguments: object) -> list[str]:
    """Run a command under strace; return how each of its children was started, with its environment."""
    trace = world.folder / "trace"
    strace = [require.program("strace"), "-f", "-v", "-s", "9999", "-e", "trace=execve"]
    done = subprocess.run(
        [*strace, "-o", str(trace), *PROGRAM, *map(str, arguments)],
        env=world.environment(secrets), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *children = re.findall(r"execve\(.*", trace.read_text(encoding="utf-8", errors="replace"))
    assert all(secret in first for secret in secrets.values())
    return children


def test_no_child_of_a_pull_inherits_a_secret(world: World) -> None:
    """The environments and arguments of workers and of a secret's command contain no secret."""
    require.patience("a survey that is large enough for workers is pulled under strace")
    (world.folder / "large").mkdir()
    survey = World.make(world.folder / "large", world.google, rows=7_200)
    secrets = {
        "SURVEY_KEY": survey.survey.private_key.reveal(), "SURVEY_WORD": survey.survey.passphrase.reveal(),
        "VAULT_WORD": VAULT_PASSPHRASE, "PING": "http://127.0.0.1:9/a-secret-address",
        "SHEETS_DECRYPT_LEGACY_SECRET": survey.survey.legacy_secret.reveal(),
    }  # fmt: skip
    survey.keys = {
        "private_keys": [{"env": "SURVEY_KEY"}],
        "passphrases": [{"env": "SURVEY_WORD"}],
        "legacy_secrets": [{"command": ["cat", str(survey.folder / "keys/legacy_secrets")]}],
    }
    survey.settings["vault"] = {"cryptomator": "vault", "passphrase": {"env": "VAULT_WORD"}}
    survey.configure(notify={"healthchecks": {"env": "PING"}})
    children = _children(survey, secrets, "pull", "--config", survey.path)
    started = [child for child in children if "= 0" in child]
    assert len([child for child in started if "multiprocessing" in child]) >= 2
    assert len([child for child in started if "keys/legacy_secrets" in child]) == 1
    assert not [child for child in children for secret in secrets.values() if secret in child]


COMMANDS = [("status",), ("check",), *([("schedule", "status"), ("history",), ("vault", "ls")] if LONG else [])]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_child_of_another_command_inherits_a_secret(world: World, command: tuple[str, ...]) -> None:
    """No child gets a secret, whether or not the command reads the configuration."""
    secrets = {"SURVEY_KEY": world.survey.private_key.reveal(), "SHEETS_DECRYPT_PASSPHRASE": "geheim-7713"}
    world.keys["private_keys"] = [{"env": "SURVEY_KEY"}]
    world.configure()
    named = [] if command == ("schedule", "status") else ["--config", world.path]
    children = _children(world, secrets, *command, *named)
    assert not [child for child in children for secret in secrets.values() if secret in child]
    if "status" in command:
        assert children


# Programs started for a secret or for a scheduler


SAYS_NAMES = "import os; print(' '.join(sorted(os.environ)))"


def test_a_secrets_command_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three variables with secrets are dropped; everything else, including names of files, is passed on."""
    for name in FIXED:
        monkeypatch.setenv(name, "geheim-5521")
    monkeypatch.setenv("SHEETS_DECRYPT_PASSPHRASE_FILE", "kept")
    names = resolve(SecretSource(command=(sys.executable, "-c", SAYS_NAMES))).reveal().split()
    assert not set(FIXED) & set(names)
    assert {"PATH", "SHEETS_DECRYPT_PASSPHRASE_FILE"} <= set(names)


def test_a_program_of_the_scheduler_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """`crontab` starts an editor and `systemctl` an agent, and neither needs the keys."""
    for name in FIXED:
        monkeypatch.setenv(name, "geheim-5521")
    names = steps.reply((sys.executable, "-c", SAYS_NAMES)).stdout.decode().split()
    assert not set(FIXED) & set(names)
    assert {"PATH", "LC_ALL"} <= set(names)
