"""What `init`, `config` and `keygen` do: write a configuration, make and keep a key."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from sheets_decrypt import template
from sheets_decrypt.ciphers import sealed_box, sealing
from sheets_decrypt.config import Deidentified, Google, Job, Keys, Notify, SecretSource, VaultFolder, parse
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.private_file import write_private
from sheets_decrypt.secrets import store
from sheets_decrypt.table import Secret
from sheets_decrypt.vault import open_drive
from sheets_decrypt.vault.mark import write_mark

_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "google": Google,
    "keys": Keys,
    "vaults.NAME": VaultFolder,
    "jobs.NAME": Job,
    "notify": Notify,
    "jobs.NAME.deidentified": Deidentified,
    "a secret's source": SecretSource,
}

_EXAMPLE: Final[Mapping[str, object]] = {
    "spreadsheet": "https://docs.google.com/spreadsheets/d/1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg/edit#gid=0",
    "columns": ["name", "phone"],
    "output": "X:/surveys/baseline.csv",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told.

    Args:
        sources: Key of [keys] → a source such as `keyring:service/name`.
    """

    job: str
    spreadsheet: str
    worksheet: str | None
    columns: str
    output: str
    credentials: str
    mark: str | None
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key pair; the public key in urlsafe base64."""

    private_key: Secret
    public_key: str
    fingerprint: str


def write(path: Path, answers: Answers) -> None:
    """Write a commented configuration, only where it is valid.

    Raises:
        ConfigurationError: An answer breaks a rule, or the file cannot be written.
        VaultError: A mark is wanted, and the output is not on an unlocked vault.
    """
    settings = {name: _setting(name, getattr(answers, name)) for name in _EXAMPLE}
    settings |= {"worksheet": answers.worksheet} if answers.worksheet else {}
    settings |= {"mark": answers.mark} if answers.mark else {}
    google = {"credentials": _portable(answers.credentials)}
    keys = {name: [_source(text)] for name, text in answers.sources.items()}
    config = parse({"google": google, "keys": keys, "jobs": {answers.job: settings}}, folder=path.absolute().parent)
    if answers.mark:
        folder = config.jobs[answers.job].output.parent
        open_drive(folder).check()  # a mark belongs on a vault and nowhere else
        write_mark(folder, answers.mark)
    text = template.render(answers.job, settings, google=google, keys=keys)
    _write_private(path, text)


def refuse(name: str, answer: str) -> None:
    """Refuse an answer as soon as it is given, where no configuration could hold it.

    Args:
        name: A key of a job, or `private_keys`.
        answer: What `init` was told.

    Raises:
        ConfigurationError: It breaks a rule.
    """
    if name == "private_keys":
        _source(answer)
    if name in _EXAMPLE:
        try:
            parse({"jobs": {"job": {**_EXAMPLE, name: _setting(name, answer)}}}, folder=Path())
        except ConfigurationError as error:
            raise ConfigurationError(error.message.removeprefix("jobs.job."), hint=error.hint) from None


def _setting(name: str, answer: str) -> object:
    if name == "columns":
        return answer if answer == "auto" else _names(answer)
    return _portable(answer) if name == "output" else answer


def example() -> str:
    """Give a commented configuration with every key, none of it real."""
    keys = {"private_keys": [{"keyring": "sheets-decrypt/private-key"}]}
    return template.render("baseline", _EXAMPLE, google={"credentials": "credentials.json"}, keys=keys)


def all_keys() -> Iterator[tuple[str, str, str]]:
    """Give name, default and meaning of every key of the configuration."""
    for section, model in _SECTIONS.items():
        for name, default, meaning in template.describe(model):
            yield f"[{section}] {name}", default, meaning


def new_key_pair() -> KeyPair:
    """Make an X25519 key pair."""
    private_key, public_key = sealing.generate()
    return KeyPair(private_key, sealed_box.encode_key(public_key), sealed_box.fingerprint(public_key))


def keep_in_file(secret: Secret, path: Path, *, force: bool) -> None:
    """Write a secret to a file that only its owner can read.

    Raises:
        ConfigurationError: The file is there already, or cannot be written.
    """
    if os.path.lexists(path) and not force:  # says no where it may not look, and writing fails
        raise _taken(path)
    _write_private(path, secret.reveal() + "\n", force=force)


def keep_in_keyring(secret: Secret, entry: str, *, force: bool) -> None:
    """Store a secret in the system's keyring as `service/name`.

    Raises:
        ConfigurationError: There is such an entry already.
        KeyMissing: The keyring cannot be used here.
    """
    store(entry, secret, replace=force)


def _names(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()]


def _portable(path: str) -> str:
    """Write a Windows path with slashes, and any relative path from where the user stands."""
    if path[1:3] in {":\\", ":/"}:
        return path.replace("\\", "/")
    return Path(path).expanduser().absolute().as_posix()


def _source(text: str) -> dict[str, object]:
    """Read `keyring:service/name`, `file:PATH`, `env:NAME`, `credential:NAME` or `prompt`."""
    kind, _, value = text.partition(":")
    if kind == "prompt" and not value:
        return {"prompt": True}
    if kind not in {"keyring", "file", "env", "credential"} or not value:
        raise ConfigurationError(
            "a secret's source is not as it should be; the secret itself is never given here",
            hint="write keyring:SERVICE/NAME, file:PATH, env:NAME, credential:NAME or prompt",
        )
    return {kind: _portable(value) if kind == "file" else value}


def _write_private(path: Path, text: str, *, force: bool = True) -> None:
    """Write a file that only its owner can read; without `force` it never replaces one."""
    try:
        write_private(path, text.encode(), replace=force)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {(error.strerror or 'unknown').lower()}", hint="choose another place"
        ) from None


def _taken(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is there already", hint="keep that key; name another file, or give --force")
