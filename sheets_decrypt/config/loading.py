"""Find and read the configuration, and explain its errors."""

import difflib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sheets_decrypt.config.jobs import Config, Conversion, Job
from sheets_decrypt.config.sections import Deidentified, Google, Keys, Notify, SecretSource, Section, VaultFolder
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.system import user_folders
from sheets_decrypt.system.regular_file import read_small

ENVIRONMENT: Final = "SHEETS_DECRYPT_CONFIG"
FILE_NAME: Final = "sheets-decrypt.toml"
_LARGEST: Final = 1 << 20  # bytes
_MORE_PROBLEMS: Final = 5  # shown after the first
HERE: Final = Path("config") / FILE_NAME


def places(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Yield the paths to search for the file, in order, if `--config` is not given."""
    if environment.get(ENVIRONMENT):
        yield Path(environment[ENVIRONMENT])
        return
    yield HERE
    yield user_file()


def user_file() -> Path:
    """Return the path of the configuration file in the user's configuration folder."""
    return user_folders.configuration() / FILE_NAME


def find(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the configuration file to use.

    Raises:
        ConfigurationError: None exists, or it is in the current folder and others may have written it.
    """
    if path is not None:
        return path
    looked = list(places(environment))
    for place in looked:
        if environment.get(ENVIRONMENT) or os.path.isfile(place):  # noqa: PTH113  (False where it may not be looked at)
            if place == HERE and not environment.get(ENVIRONMENT):
                _refuse_anothers(place)
            return place
    raise ConfigurationError(
        f"no configuration file found; looked for {' and '.join(map(str, looked))}",
        hint="run `sheets-decrypt init` to write one, or name one with --config",
    )


def _refuse_anothers(path: Path) -> None:
    """Refuse a configuration that the user did not name and another user may have put there, because it names programs.

    The current folder counts as well: anyone who can write there can put another `config` in its place.
    A group may write: teams share folders, and that risk is accepted. On Windows, mode bits mean nothing.
    """
    if os.name != "posix":
        return
    for part in (path, path.parent, path.parent.parent):
        status = part.stat()
        if status.st_uid not in {0, os.getuid()}:
            problem = f"{part.absolute()} belongs to another user"
        elif status.st_mode & stat.S_IWOTH:  # even if it is sticky, like /tmp: others can put files there
            problem = f"{part.absolute()} can be written by everybody"
        else:
            continue
        raise ConfigurationError(
            f"the configuration {path.absolute()} is not used: {problem}",
            hint=f"if you trust it, name it: --config {path}",
        )


def load(path: Path) -> Config:
    """Read and validate a configuration file.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML, or breaks a rule.
    """
    try:
        text = read_small(path, limit=_LARGEST).decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"the configuration {path} cannot be read: {_reason(error)}",
            hint="check the path and that it is a text file in UTF-8",
        ) from None
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        known = isinstance(error, tomllib.TOMLDecodeError)  # the others: a number of 5,000 digits, 1,000 open brackets
        reason = str(error).lower() if known else "a value is too long or too deep"
        raise ConfigurationError(
            f"the configuration {path} is not TOML: {reason}",
            hint="put strings in quotes; on Windows write paths with / or in '…'",
        ) from None
    try:
        return parse(content, folder=path.absolute().parent)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.message}", hint=error.hint) from None


def parse(content: Mapping[str, object], *, folder: Path) -> Config:
    """Validate a configuration's content.

    Args:
        content: The parsed content of a TOML file.
        folder: The folder that relative paths start from.

    Raises:
        ConfigurationError: It breaks a rule; the first one broken is named.
    """
    try:
        return Config.model_validate(dict(content), context={"folder": folder})
    except ValidationError as error:
        raise _explain(error) from None


def parse_conversion(content: Mapping[str, object]) -> Conversion:
    """Validate how cells are decrypted and written, for a run without a job.

    Raises:
        ConfigurationError: It breaks a rule.
    """
    try:
        return Conversion.model_validate(dict(content))
    except ValidationError as error:
        raise _explain(error) from None


def _reason(error: OSError | UnicodeError) -> str:
    return reason_of(error) if isinstance(error, OSError) else "it is not UTF-8"


def _explain(error: ValidationError) -> ConfigurationError:
    """Turn the broken rules into one line; the value is never shown, because it could be a secret.

    Unknown keys come first, and hide missing ones, because an unknown key is usually a missing one, misspelt.
    """
    problems = error.errors(include_url=False, include_input=False)
    unknown = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    rest = [problem for problem in problems if problem["type"] not in {"extra_forbidden", "missing" if unknown else ""}]
    named: dict[str, ErrorDetails] = {}
    for problem in [*unknown, *rest]:
        name = ".".join(_where(problem))
        # A value that no branch of a union accepts breaks a rule of each branch; the innermost one is enough.
        if not any(other == name or other.startswith(f"{name}.") for other in named):
            named[name] = problem
    first, *others = map(_explain_one, named.values())
    if not others:
        return first
    more = "; ".join(other.message for other in others[:_MORE_PROBLEMS])
    left = f"; and {len(others) - _MORE_PROBLEMS} more" if len(others) > _MORE_PROBLEMS else ""
    return ConfigurationError(f"{first.message}; {more}{left}", hint=first.hint)


def _where(problem: ErrorDetails) -> list[str]:
    return [str(step) for step in problem["loc"] if not _is_a_branch(str(step))]


def _explain_one(problem: ErrorDetails) -> ConfigurationError:
    where = _where(problem)
    name = ".".join(where)
    match problem["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(where[-1], _keys_beside(where[:-1]), n=1)
            hint = f'did you mean "{close[0]}"?' if close else "remove it, or run `sheets-decrypt config keys`"
            return ConfigurationError(f"unknown key {name}", hint=hint)
        case "missing":
            return ConfigurationError(f"{name} is missing", hint="add it; `sheets-decrypt config keys` lists every key")
        case "model_type" | "dataclass_type" if "keys" in where:
            return ConfigurationError(
                f"{name} is not a source; a secret is never written into the configuration",
                hint='say where it is, such as { file = "X:/keys/private" } or { keyring = "service/name" }',
            )
        case "string_pattern_mismatch" if where[-1:] == ["public_key"]:
            return ConfigurationError(
                f"{name} is not a public key", hint="paste the line of 43 characters that keygen printed"
            )
        case _:
            message = str(problem["msg"]).removeprefix("Value error, ")
            text = message[:1].lower() + message[1:]
            return ConfigurationError(f"{name}: {text}" if name else text, hint="run `sheets-decrypt config keys`")


def _is_a_branch(step: str) -> bool:
    """Return whether a step is pydantic's name for a branch of a union, not one of the user's keys."""
    return step in {"VaultFolder", "SecretSource", "str", "tuple[str, ...]", "[key]"} or step.startswith(
        ("literal[", "function-")
    )


_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "google": Google,
    "keys": Keys,
    "vault": VaultFolder,
    "notify": Notify,
    "deidentified": Deidentified,
}


def _keys_beside(path: list[str]) -> list[str]:
    """List the valid keys of the section at `path`."""
    model: Any = Config
    for step in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = {"jobs": Job, "vaults": VaultFolder}.get(path[0], SecretSource) if model is dict else SecretSource
            continue
        model = dict if step in {"jobs", "vaults"} else _SECTIONS.get(step, SecretSource)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
