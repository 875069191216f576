"""The sandbox's replies: JSON in Google's style, or a page for people."""

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Final

JSON: Final = "application/json; charset=UTF-8"
HTML: Final = "text/html; charset=UTF-8"


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
        """The body in gzip, compressed once."""
        return gzip.compress(self.body, compresslevel=1, mtime=0)


def document(value: object, *, pretty: bool = True) -> bytes:
    """Return JSON in Google's style: indented by two unless `prettyPrint=false`, and not limited to ASCII."""
    if pretty:
        return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def page(status: int) -> Reply:
    """Return a page for people, such as a front end, a proxy or a captive portal sends instead of JSON."""
    text = "Sign in to this network" if status < HTTPStatus.BAD_REQUEST else f"Error {status} (Server Error)!!1"
    return Reply(status, f"<!DOCTYPE html>\n<html lang=en>\n<title>{text}</title>\n<p>{text}\n".encode(), HTML)
