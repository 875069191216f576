"""Reading secrets from their sources, and keeping them from going anywhere else."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from sheets_decrypt import secret_sources as secrets
from sheets_decrypt.config import SecretSource
from sheets_decrypt.errors import ConfigurationError, KeyMissing
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.table import Secret
from tests import survey, systems
from tests.pseudo_terminal import on_a_terminal
from tests.survey import ENCRYPTED, World

GEHEIM = "geheim ñ 91"
PRINT = "import sys; sys.stdout.reconfigure(encoding='utf-8'); print('{}')"


def _refused(source: SecretSource) -> KeyMissing:
    with pytest.raises(KeyMissing) as caught:
        secrets.resolve(source)
    error = caught.value
    assert GEHEIM not in error.message + error.hint
    assert error.hint
    return error


def _file(folder: Path, content: bytes, mode: int = 0o600) -> SecretSource:
    path = folder / "secret"
    write_private(path, content)
    path.chmod(mode)
    return SecretSource(file=path)


def test_a_secret_does_not_reveal_itself() -> None:
    """Neither print, format, repr nor pickle reveals it."""
    secret = Secret(GEHEIM)
    assert f"{secret} {secret!r} {[secret]}" == "Secret(…) Secret(…) [Secret(…)]"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert secret == Secret(GEHEIM)
    assert len({secret, Secret(GEHEIM)}) == 1
    assert secret != Secret("another")


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        ("geheim", "geheim"),
        ("geheim\n", "geheim"),
        ("geheim\r\n", "geheim"),
        ("\ufeffgeheim\n", "geheim"),
        (" geheim \n\n", " geheim \n"),
    ],
)
def test_one_line_break_at_the_end_is_not_part_of_a_secret(tmp_path: Path, content: str, secret: str) -> None:
    """Only what an editor adds is removed."""
    assert secrets.resolve(_file(tmp_path, content.encode())).reveal() == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_secret_is_missing(tmp_path: Path, content: bytes) -> None:
    """A file without content is reported as empty."""
    assert _refused(_file(tmp_path, content)).message.endswith("is empty")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """On a system with permissions only the owner may read the file; the hint is the command that ensures this."""
    systems.only_on("posix", "access is not controlled by mode bits here")
    error = _refused(_file(tmp_path, GEHEIM.encode(), 0o640))
    assert "can be read by others" in error.message
    assert error.hint.startswith("chmod 600 ")


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    """It may be missing, a folder, or not text."""
    assert "no such file" in _refused(SecretSource(file=tmp_path / "nothing")).message
    assert "is a directory" in _refused(SecretSource(file=tmp_path)).message
    assert "not text in UTF-8" in _refused(_file(tmp_path, b"\xff\xfe" + GEHEIM.encode("utf-16"))).message


def test_a_secret_given_instead_of_its_file_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SHEETS_DECRYPT_LEGACY_SECRET_FILE=the-secret` names no existing file, and an error could quote the secret."""
    monkeypatch.chdir(tmp_path)
    for path in (Path(GEHEIM), tmp_path / GEHEIM):
        error = _refused(SecretSource(file=path))
        assert GEHEIM not in error.message + error.hint
        assert "whole path" in error.hint


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_a_secret_is_read_only_from_a_small_regular_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A named pipe would block a nightly run forever; a device or a large file would fill the memory."""
    place = tmp_path / "survey"
    if kind == "pipe":
        systems.only_on("posix", "only POSIX has named pipes in folders")
        os.mkfifo(place, 0o600)
    elif kind == "device":
        systems.only_on("posix", "only POSIX has device files in folders")
        place.symlink_to("/dev/zero")
    else:
        place.touch(0o600)
        os.truncate(place, 1 << 40)  # sparse
    assert _refused(SecretSource(file=place)).exit_code == 4
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "cannot be read" in _refused(SecretSource(credential="survey")).message


def test_an_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set is read, and one that is not is named."""
    monkeypatch.setenv("SURVEY_SECRET", GEHEIM)
    assert secrets.resolve(SecretSource(env="SURVEY_SECRET")).reveal() == GEHEIM
    monkeypatch.delenv("SURVEY_SECRET")
    assert "SURVEY_SECRET is not set" in _refused(SecretSource(env="SURVEY_SECRET")).message


def test_a_command_is_run_without_a_shell() -> None:
    """Its output is the secret; its errors and its arguments are not shown."""
    assert secrets.resolve(SecretSource(command=(sys.executable, "-c", PRINT.format(GEHEIM)))).reveal() == GEHEIM
    failing = SecretSource(command=(sys.executable, "-c", f"import sys; sys.exit('{GEHEIM}')"))
    assert _refused(failing).message == f"the command {sys.executable} gave no secret: it ended with code 1"
    missing = "file not found" if systems.WINDOWS else "no such file"
    assert missing in _refused(SecretSource(command=("no-such-program", GEHEIM))).message


def test_a_command_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that waits for a person must not block a nightly run forever."""
    monkeypatch.setattr(secrets, "_COMMAND_SECONDS", 0.2)
    error = _refused(SecretSource(command=(sys.executable, "-c", "import time; time.sleep(600)")))
    assert "no answer within 0.2 seconds" in error.message


def test_a_systemd_credential_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read from the folder that systemd names, and only by its name there."""
    source = SecretSource(credential="survey")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "CREDENTIALS_DIRECTORY is not set" in _refused(source).message
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "LoadCredential=survey:/path" in _refused(source).hint
    (tmp_path / "survey").write_text(GEHEIM + "\n", encoding="utf-8")
    assert secrets.resolve(source).reveal() == GEHEIM
    assert secrets.resolve(SecretSource(credential="../elsewhere/survey")).reveal() == GEHEIM


def test_a_prompt_needs_a_terminal() -> None:
    """A run without a terminal does not wait for an answer."""
    assert "this run has no terminal" in _refused(SecretSource(prompt=True)).message


def test_a_secret_is_asked_for_on_a_terminal(world: World) -> None:
    """The typed secret is not echoed, the question stays readable, and the pull continues with the secret."""
    world.keys["legacy_secrets"] = [{"prompt": True}]
    world.configure()
    shown, code = on_a_terminal(world, "pull", "--config", world.path, answers=[world.survey.legacy_secret.reveal()])
    assert code == 0
    assert "\x1b" not in shown.partition("secret key: ")[0]  # no progress bar that would overwrite the question
    survey.assert_nothing_leaked(shown, world.survey)
    assert world.csv() == world.whole()


def test_no_answer_at_the_prompt_is_a_missing_key(world: World) -> None:
    """Ctrl-D at the prompt is not a bug: the secret is missing, and nothing is written."""
    world.keys["legacy_secrets"] = [{"prompt": True}]
    world.configure()
    shown, code = on_a_terminal(world, "pull", "--config", world.path, answers=["\x04"])
    assert code == 4
    assert "bug" not in shown
    assert world.csv() is None


# A one-off run


def _one_off(world: World, environment: dict[str, str], *more: object) -> survey.Done:
    drive = {"GOOGLE_APPLICATION_CREDENTIALS": str(world.google.key_file)}
    proxy = {name: value for name, value in world.google.environment().items() if "GOOGLE" not in name}
    return world.run(
        "pull", "--spreadsheet", world.spreadsheet, "--worksheet", "data", "--columns", ",".join(ENCRYPTED), *more,
        environment=proxy | drive | environment,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["", "_FILE", "_COMMAND"])
def test_each_form_of_environment_variable_works_in_a_one_off_run(world: World, tmp_path: Path, form: str) -> None:
    """NAME, NAME_FILE and NAME_COMMAND provide the keys of a run without a configuration."""
    from tests import mounts

    given = {
        "PRIVATE_KEY": world.survey.private_key, "LEGACY_SECRET": world.survey.legacy_secret,
        "PASSPHRASE": world.survey.passphrase,
    }  # fmt: skip
    files = {name: world.keep(name, secret.reveal()) for name, secret in given.items()}
    forms = {
        "": {name: secret.reveal() for name, secret in given.items()},
        "_FILE": {name: str(path) for name, path in files.items()},
        "_COMMAND": {name: f'{"cmd /c type" if systems.WINDOWS else "cat"} "{path}"' for name, path in files.items()},
    }
    environment = {f"SHEETS_DECRYPT_{name}{form}": value for name, value in forms[form].items()}
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "base line (1).csv"
        done = _one_off(world, environment, "--output", output)
        assert done.code == 0
        assert output.read_bytes() == world.whole()


@pytest.mark.parametrize("text", ["op read 'x", "   ", '"'])
def test_an_invalid_command_in_the_environment_is_reported(world: World, text: str) -> None:
    """An unclosed quote, or nothing at all, is a configuration error, not a bug."""
    done = _one_off(world, {"SHEETS_DECRYPT_PRIVATE_KEY_COMMAND": text}, "--output", "a.csv")
    assert done.code == 2
    assert "SHEETS_DECRYPT_PRIVATE_KEY_COMMAND" in done.err
    assert "hint: " in done.err


def test_a_command_in_the_environment_is_split_by_the_systems_rules() -> None:
    """On Windows, backslashes belong to paths and quotes keep a path together; elsewhere the shell's rules apply."""
    windows = secrets.split_command(r'"C:\Program Files\op.exe" read "op://a b/c"', windows=True)
    assert windows == (r"C:\Program Files\op.exe", "read", "op://a b/c")
    assert secrets.split_command(r"op read 'a b' c\ d", windows=False) == ("op", "read", "a b", "c d")


def test_an_unknown_home_is_reported(world: World) -> None:
    """A file in an unknown user's home, named by the environment, is a configuration error, not a bug."""
    done = _one_off(world, {"SHEETS_DECRYPT_PASSPHRASE_FILE": "~no-such-user/x"}, "--output", "a.csv")
    assert done.code == 2
    assert "SHEETS_DECRYPT_PASSPHRASE_FILE" in done.err


def test_a_secret_in_the_environment_that_is_not_text_is_reported(world: World) -> None:
    """Bytes that are not UTF-8 cannot be a key, so the exit code is 4."""
    world.keys["passphrases"] = [{"env": "SURVEY_PASSPHRASE"}]
    world.configure()
    done = world.pull(environment={"SURVEY_PASSPHRASE": "geheim\udcff"})
    assert done.code == 4
    assert "geheim" not in done.err


# The keyring


KEYRING = '''
import json, pathlib
from keyring.backend import KeyringBackend

class FileKeyring(KeyringBackend):
    """Keeps entries in a file beside this one."""
    priority = 1
    path = pathlib.Path(__file__).with_name("entries.json")

    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps(self._all() | {f"{service} {username}": password}))
'''


@pytest.fixture
def keyring(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return an environment whose keyring is a file of the test."""
    folder = world.folder / "backend"
    folder.mkdir()
    (folder / "file_keyring.py").write_text(KEYRING)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "file_keyring", raising=False)
    return {"PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring"}


def test_a_key_in_the_keyring_decrypts(world: World, keyring: dict[str, str]) -> None:
    """`keygen` stores the private key there, `secret` and a pull read it, and none of them shows it."""
    made = world.run("keygen", environment=keyring)
    assert made.code == 0
    assert "the private key is in the keyring as sheets-decrypt/private-key" in made.out
    entries = (world.folder / "backend/entries.json").read_text()
    again = world.run("keygen", environment=keyring)
    assert again.code == 2
    assert "already" in again.err
    assert (world.folder / "backend/entries.json").read_text() == entries
    stored = world.run(
        "secret", "set", "survey/key", environment=keyring, stdin=world.survey.private_key.reveal() + "\n"
    )
    assert stored.code == 0
    world.keys["private_keys"] = [{"keyring": "survey/key"}, {"keyring": "sheets-decrypt/private-key"}]
    world.configure()
    assert world.pull(environment=keyring).code == 0
    assert world.csv() == world.whole()


def test_a_missing_keyring_entry_or_session_is_reported(world: World, keyring: dict[str, str]) -> None:
    """Both are exit code 4, with the next step."""
    world.keys["private_keys"] = [{"keyring": "survey/key"}]
    world.configure()
    missing = world.pull(environment=keyring)
    assert missing.code == 4
    assert "hint: sheets-decrypt secret set survey/key" in missing.err
    none = world.pull()
    assert none.code == 4
    assert "the keyring cannot be used here: NoKeyringError" in none.err


def test_a_keyring_entry_has_a_service_and_a_name() -> None:
    """Anything else is refused before the keyring is opened."""
    with pytest.raises(ConfigurationError, match="service/name"):
        secrets.store("only", Secret(GEHEIM), replace=False)


# A secret pasted in place of a name


PASTED = ("hunter2-§ geheim", "a passphrase that nobody guesses", "x" * 101, "pass\x1b[2J",
          "q2VtYm9ncmFwaGljLWtleS1tYXRlcmlhbC0xMjM0NTY")  # fmt: skip


@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.parametrize("kind", ["env", "keyring", "credential"])
def test_a_secret_in_place_of_a_name_is_not_shown(monkeypatch: pytest.MonkeyPatch, kind: str, pasted: str) -> None:
    """A user who pastes the secret itself learns that it was not found, and it appears in no log."""
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
def test_a_plausible_name_is_shown(source: dict[str, str]) -> None:
    """A plausible name is shown, because the user needs to see it."""
    kind, name = next(iter(source.items()))
    found = SecretSource.model_validate(source)
    assert found.label == f"{kind} {name}"
