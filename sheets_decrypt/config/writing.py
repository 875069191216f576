"""What `init` and `config` do: a configuration from answers, an example, and the list of all keys. Writes no file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from sheets_decrypt.config import (
    Config,
    Deidentified,
    Google,
    Job,
    Keys,
    Notify,
    SecretSource,
    VaultFolder,
    parse,
    template,
)
from sheets_decrypt.errors import ConfigurationError

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
    """What `init` was answered.

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
class Draft:
    """A valid configuration that is not written yet.

    Args:
        text: The commented file.
        config: What it says.
    """

    text: str
    config: Config


def draft(path: Path, answers: Answers) -> Draft:
    """Return a commented configuration made of the answers.

    Args:
        path: Where it will be written; relative paths are relative to its folder.
        answers: What `init` was answered.

    Raises:
        ConfigurationError: An answer breaks a rule.
    """
    settings = {name: _setting(name, getattr(answers, name)) for name in _EXAMPLE}
    settings |= {"worksheet": answers.worksheet} if answers.worksheet else {}
    settings |= {"mark": answers.mark} if answers.mark else {}
    google = {"credentials": _portable(answers.credentials)}
    keys = {name: [_source(text)] for name, text in answers.sources.items()}
    config = parse({"google": google, "keys": keys, "jobs": {answers.job: settings}}, folder=path.absolute().parent)
    return Draft(template.render(answers.job, settings, google=google, keys=keys), config)


def refuse(name: str, answer: str) -> None:
    """Refuse an answer as soon as it is given, if no configuration could hold it.

    Args:
        name: A key of a job, or `private_keys`.
        answer: What `init` was answered.

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
    """Return a commented configuration with every key and made-up values."""
    keys = {"private_keys": [{"keyring": "sheets-decrypt/private-key"}]}
    return template.render("baseline", _EXAMPLE, google={"credentials": "credentials.json"}, keys=keys)


def all_keys() -> Iterator[tuple[str, str, str]]:
    """Return the name, default and meaning of every key of the configuration."""
    sections = {section.partition(".")[0] for section in _SECTIONS}
    yield from (key for key in template.describe(Config) if key[0] not in sections)
    for section, model in _SECTIONS.items():
        for name, default, meaning in template.describe(model):
            yield f"[{section}] {name}", default, meaning


def _names(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()]


def _portable(path: str) -> str:
    """Return a path on a drive of Windows with slashes, and any relative path made absolute."""
    if path[1:2] == ":":
        return path.replace("\\", "/")
    return Path(path).expanduser().absolute().as_posix()


def _source(text: str) -> dict[str, object]:
    """Read `keyring:service/name`, `file:PATH`, `env:NAME`, `credential:NAME` or `prompt`."""
    kind, _, value = text.partition(":")
    if kind == "prompt" and not value:
        return {"prompt": True}
    if kind not in {"keyring", "file", "env", "credential"} or not value:
        raise ConfigurationError(
            "this is not a valid location for a secret; the secret itself is never given here",
            hint="write keyring:SERVICE/NAME, file:PATH, env:NAME, credential:NAME or prompt",
        )
    return {kind: _portable(value) if kind == "file" else value}
