"""A commented configuration, generated from the models' descriptions, so that it cannot drift from the code."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sheets_decrypt.config import Config, Google, Job, Keys

_TITLE: Final = (
    "# The configuration of sheets-decrypt. A line that begins with # is a remark, or a setting with its default or an",
    "# example: remove the # to set it. Relative paths are relative to this file. On Windows write paths with /.",
)
_KEYS_OF_A_JOB: Final = frozenset({"keys", "notify"})  # sections, explained under [keys] and [notify]
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")  # others need quotes (TOML, "Keys")
_FIRST: Final = ("spreadsheet", "worksheet", "columns", "output")  # what every job is about


def render(
    job: str, settings: Mapping[str, object], *, google: Mapping[str, object], keys: Mapping[str, object]
) -> str:
    """Return a commented configuration with one job.

    Args:
        job: The job's name.
        settings: The job's settings, by their names in the configuration.
        google: Settings under [google].
        keys: Settings under [keys].
    """
    sections: list[tuple[str, type[BaseModel], Mapping[str, object]]] = [
        ("google", Google, google),
        ("keys", Keys, keys),
        (_path(job), Job, settings),
    ]
    workers = Config.model_fields["workers"]
    lines = [*_TITLE, "", f"# {workers.description}", f"# workers = {toml(workers.default)}"]
    for name, model, given in sections:
        lines += ["", f"[{name}]", *_section(model, given)]
    return "\n".join(lines) + "\n"


def render_job(job: str, settings: Mapping[str, object]) -> str:
    """Return the section of one more job, with only these settings."""
    lines = ["# added by `sheets-decrypt init`; `sheets-decrypt config keys` lists every setting", f"[{_path(job)}]"]
    return "\n".join([*lines, *(f"{name} = {toml(value)}" for name, value in settings.items())]) + "\n"


def _path(job: str) -> str:
    return f"jobs.{job if _BARE_KEY.fullmatch(job) else toml(job)}"


def _section(model: type[BaseModel], given: Mapping[str, object]) -> Iterator[str]:
    """Return the settings of a section, the most important first."""
    for name, info in _ordered(model):
        if name in _KEYS_OF_A_JOB:
            continue
        yield f"# {info.description}"
        if name in given:
            yield f"{name} = {toml(given[name])}"
        else:
            yield f"# {name} = {toml(_shown(info))}"


def _ordered(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    fields = model.model_fields
    yield from ((name, fields[name]) for name in _FIRST if name in fields)
    yield from ((name, info) for name, info in fields.items() if name not in _FIRST)


def _shown(info: FieldInfo) -> object:
    return info.examples[0] if info.examples else info.default


def toml(value: object) -> str:
    """Write a value as TOML; a table is written in one line."""
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case PurePath():
            return toml(value.as_posix())
        case list() | tuple():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # raw in JSON, not in TOML


def describe(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Return the name, default and meaning of every setting of a section."""
    for name, info in _ordered(model):
        default = "must be given" if info.is_required() else "" if info.default is None else toml(_plain(info.default))
        yield name, default, str(info.description)


def _plain(value: Any) -> object:
    return list(value) if isinstance(value, tuple) else value
