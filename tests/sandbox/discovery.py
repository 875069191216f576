"""Google's own description of its API, which the sandbox is held against: google-api-python-client's documents."""

import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own

_TYPES = {"integer", "number", "string", "boolean", "object"}


@functools.cache
def document(name: str = "sheets.v4") -> dict[str, Any]:
    """Return a discovery document."""
    folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return content


def methods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every method of the Sheets API with the name that the sandbox uses for it."""
    spreadsheets = document()["resources"]["spreadsheets"]
    for name, method in spreadsheets["methods"].items():
        yield f"spreadsheets.{name}", method
    for name, method in spreadsheets["resources"]["values"]["methods"].items():
        yield f"spreadsheets.values.{name}", method


def check(schema: str, reply: object) -> None:
    """Fail unless a reply has the shape of `schema` in the discovery document, and no other member."""
    _validator(schema).validate(reply)


@functools.cache
def _validator(schema: str) -> jsonschema.Draft7Validator:
    """Make a validator once; `jsonschema.validate` would look through the whole document for each reply."""
    definitions = {name: _converted(each) for name, each in document()["schemas"].items()}
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{schema}", "definitions": definitions})


def _converted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a schema of the discovery format to JSON Schema."""
    if "$ref" in schema:
        return {"$ref": f"#/definitions/{schema['$ref']}"}
    match schema.get("type"):
        case "any":
            return {}
        case "array":
            return {"type": "array", "items": _converted(schema["items"])}
        case "object":
            members = {name: _converted(each) for name, each in schema.get("properties", {}).items()}
            others = _converted(schema["additionalProperties"]) if "additionalProperties" in schema else False
            return {"type": "object", "properties": members, "additionalProperties": others}
        case str(plain) if plain in _TYPES:
            return {"type": plain} | ({"enum": schema["enum"]} if "enum" in schema else {})
        case other:
            raise ValueError(f"unknown type {other}")
