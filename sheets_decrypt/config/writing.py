"""Behind `init` and `config`: a configuration from answers, an example, and a list of all keys. Writes no file."""

import tomllib
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


SAME: Final = "same"
_SHORTEST_ID: Final = 20  # characters; Google's have 44


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers given to `init`.

    Args:
        credentials: The key file; None if the configuration that the job is added to names it.
        sources: Key of [keys] → a source such as `keyring:service/name`; `SAME` means the sources under [keys].
    """

    job: str
    spreadsheet: str
    worksheet: str | None
    columns: str
    output: str
    credentials: str | None
    mark: str | None
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A valid configuration that has not been written yet.

    Args:
        text: The commented file.
        config: Its parsed content.
    """

    text: str
    config: Config


def draft(path: Path, answers: Answers) -> Draft:
    """Return a commented configuration made from the answers.

    Args:
        path: Where it will be written; relative paths are relative to its folder.
        answers: What `init` was answered.

    Raises:
        ConfigurationError: An answer breaks a rule.
    """
    settings = _settings(answers)
    google = {"credentials": _portable(answers.credentials)} if answers.credentials else {}
    keys = {name: [_source(text)] for name, text in answers.sources.items()}
    config = parse({"google": google, "keys": keys, "jobs": {answers.job: settings}}, folder=path.absolute().parent)
    return Draft(template.render(answers.job, settings, google=google, keys=keys), config)


def extended(path: Path, text: str, answers: Answers) -> Draft:
    """Return a configuration with one more job; its other content is unchanged, comments included.

    Args:
        path: The configuration's file.
        text: Its content, which is valid.
        answers: What `init` was answered.

    Raises:
        ConfigurationError: An answer breaks a rule, or the file defines its jobs in a form that cannot be added to.
    """
    content = tomllib.loads(text)
    if answers.job in content["jobs"]:
        raise ConfigurationError(f"{path} already has the job {answers.job}", hint="choose another name with --job")
    settings = _settings(answers)
    if any(source != SAME for source in answers.sources.values()):
        former = content.get("keys", {})
        settings["keys"] = {
            name: former[name] if source == SAME else [_source(source)] for name, source in answers.sources.items()
        }
    added = template.render_job(answers.job, settings)
    whole = text.rstrip() + "\n\n" + added
    try:
        config = parse(tomllib.loads(whole), folder=path.absolute().parent)
    except tomllib.TOMLDecodeError:
        raise ConfigurationError(
            f"no job can be added to {path}: it does not write each job as a section [jobs.NAME]", hint="add it by hand"
        ) from None
    return Draft(whole, config)


def _settings(answers: Answers) -> dict[str, object]:
    """Return the settings of the job."""
    settings = {name: _setting(name, getattr(answers, name)) for name in _EXAMPLE}
    settings |= {"worksheet": answers.worksheet} if answers.worksheet else {}
    return settings | ({"mark": answers.mark} if answers.mark else {})


def refuse(name: str, answer: str) -> None:
    """Refuse an answer as soon as it is given, if it is not valid or clearly meant for something else.

    Args:
        name: A key of a job, or one of [keys].
        answer: What `init` was answered.

    Raises:
        ConfigurationError: It breaks a rule.
    """
    if name in Keys.model_fields and answer != SAME:
        source_of(answer)
    if name == "credentials":
        _refuse_mistaken(name, answer)
        parse({"google": {name: _portable(answer)}, "jobs": {"job": _EXAMPLE}}, folder=Path())
    if name == "job":
        parse({"jobs": {answer: _EXAMPLE}}, folder=Path())
    if name in _EXAMPLE:
        _refuse_mistaken(name, answer)
        try:
            parse({"jobs": {"job": {**_EXAMPLE, name: _setting(name, answer)}}}, folder=Path())
        except ConfigurationError as error:
            raise ConfigurationError(error.message.removeprefix("jobs.job."), hint=error.hint) from None


def _refuse_mistaken(name: str, answer: str) -> None:
    """Refuse an answer that would be valid but clearly belongs to another question."""
    is_address = "://" in answer
    is_sheet = "docs.google.com/spreadsheets/" in answer if is_address else len(answer) >= _SHORTEST_ID
    if name == "spreadsheet" and not is_sheet:
        raise ConfigurationError(
            "spreadsheet: this is neither the address of a Google Sheet nor its id",
            hint="copy the address from the browser: https://docs.google.com/spreadsheets/d/…",
        )
    if name == "columns" and is_address:
        raise ConfigurationError(
            "columns: this is an address, not the name of a column", hint="write names of row 1, such as name,phone"
        )
    if name == "credentials" and is_address:
        raise ConfigurationError(
            "credentials: this is an address, not a file on this computer", hint="such as X:/keys/credentials.json"
        )
    if name == "output" and is_address:
        raise ConfigurationError(
            "output: this is an address, not a file on the vault drive", hint="such as X:/surveys/baseline.csv"
        )


def _setting(name: str, answer: str) -> object:
    if name == "columns":
        return answer if answer == "auto" else names_in(answer)
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


def sheet_of(spreadsheet: str) -> tuple[str, int | None]:
    """Return the id of a spreadsheet, and the tab's gid if the URL has one; `refuse` has accepted the answer."""
    job = parse({"jobs": {"job": {**_EXAMPLE, "spreadsheet": spreadsheet}}}, folder=Path()).jobs["job"]
    return job.spreadsheet_id, job.gid


def google_of(credentials: str) -> Google:
    """Return the section [google] with a key file; `refuse` has accepted the answer."""
    content = {"google": {"credentials": _portable(credentials)}, "jobs": {"job": _EXAMPLE}}
    return parse(content, folder=Path()).google


def source_of(text: str) -> SecretSource:
    """Return the source of a secret that an answer names.

    Raises:
        ConfigurationError: It is not a valid source of a secret.
    """
    content = {"keys": {"private_keys": [_source(text)]}, "jobs": {"job": _EXAMPLE}}
    return parse(content, folder=Path()).keys.private_keys[0]


def names_in(columns: str) -> list[str]:
    """Return the names in an answer such as `name,phone`."""
    return [name.strip() for name in columns.split(",") if name.strip()]


def _portable(path: str) -> str:
    """Return a path with slashes, made absolute if relative; `~` is expanded when the configuration is read."""
    if path[1:2] == ":":
        return path.replace("\\", "/")
    return Path(path).as_posix() if path.startswith("~") else Path(path).absolute().as_posix()


def _source(text: str) -> dict[str, object]:
    """Parse `keyring:service/name`, `file:PATH`, `env:NAME`, `credential:NAME` or `prompt`."""
    kind, _, value = text.partition(":")
    if kind == "prompt" and not value:
        return {"prompt": True}
    if kind not in {"keyring", "file", "env", "credential"} or not value:
        raise ConfigurationError(
            "this is not a valid location for a secret; the secret itself is never given here",
            hint="write keyring:SERVICE/NAME, file:PATH, env:NAME, credential:NAME or prompt",
        )
    return {kind: _portable(value) if kind == "file" else value}
