"""What the stand-in answers with: JSON as Google writes it, or a page for people."""

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

JSON: Final = "application/json; charset=UTF-8"
HTML: Final = "text/html; charset=UTF-8"

_string: Final = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Reply:
    """An answer.

    Args:
        status: The HTTP status.
        body: The body.
        content_type: The body's type.
        headers: Further headers, names and values.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    @cached_property
    def compressed(self) -> bytes:
        """The body in gzip, made once."""
        return gzip.compress(self.body, compresslevel=1, mtime=0)


def document(value: object, *, pretty: bool = True) -> bytes:
    """Write JSON as Google does: indented by two unless `prettyPrint=false`, and not limited to ASCII."""
    if pretty:
        return (_indented(value, "\n") + "\n").encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _indented(value: object, line: str) -> str:
    """Write indented JSON; json.dumps is ten times slower at that."""
    deeper = line + "  "
    if isinstance(value, list) and value:
        items = (
            map(_string, value) if type(value[0]) is str and _is_text(value) else (_indented(v, deeper) for v in value)
        )
        return f"[{deeper}{f',{deeper}'.join(items)}{line}]"
    if isinstance(value, dict) and value:
        members = (f"{_string(name)}: {_indented(member, deeper)}" for name, member in value.items())
        return f"{{{deeper}{f',{deeper}'.join(members)}{line}}}"
    return _string(value)


def _is_text(values: list[Any]) -> bool:
    return set(map(type, values)) == {str}


def page(status: int) -> Reply:
    """A page for people: what a front end, a proxy or a captive portal sends instead of JSON."""
    text = "Sign in to this network" if status < 400 else f"Error {status} (Server Error)!!1"  # noqa: PLR2004  (HTTP)
    return Reply(status, f"<!DOCTYPE html>\n<html lang=en>\n<title>{text}</title>\n<p>{text}\n".encode(), HTML)
