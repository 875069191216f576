"""Replies that Google never sends, from a server with scripted replies, become helpful errors."""

import gzip
import json
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from sheets_decrypt.errors import (
    CredentialsRefused,
    GoogleDown,
    NetworkUnreachable,
    NotGoogle,
)
from sheets_decrypt.google.session import open_session
from tests.google.pulling import pull
from tests.google.scripted_server import CELL, PROPERTIES, TOKEN, Scripted, http, json_reply, meet

ROWS = [["name"], ["Ana"]]


@pytest.fixture(autouse=True)
def _no_waiting(waits: list[float]) -> None:
    """Let waits take no time."""


def test_a_compressed_reply_in_chunks_is_read(scripted: Callable[..., Scripted]) -> None:
    """Gzip in chunks, as Google usually sends, gives the rows."""
    body = gzip.compress(json.dumps({"range": "data!A1:B9", "values": [["name"], ["é" * 5000]]}).encode())
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with scripted(TOKEN, PROPERTIES, head + chunks) as server, open_session(server.settings) as session:
        assert pull(session, "id") == [["é" * 5000]]


@pytest.mark.parametrize("encoded", [False, True])
def test_a_reply_in_chunks_that_breaks_off_is_tried_again(scripted: Callable[..., Scripted], encoded: bool) -> None:
    """Chunks that end in the middle are an incomplete body, compressed or not."""
    whole = json.dumps({"range": "data!A1:B9", "values": [["name"], ["Ana"]]}).encode()
    body = gzip.compress(whole) if encoded else whole
    more = b"Content-Encoding: gzip\r\n" if encoded else b""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" + more + b"\r\n"
    cut = head + b"%x\r\n%s" % (len(body), body[:-9])
    with scripted(TOKEN, PROPERTIES, cut, cut, http(whole)) as server, open_session(server.settings) as session:
        assert pull(session, "id") == [["Ana"]]
        assert session.requests == 5


def test_a_damaged_compression_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A body that cannot be decompressed is requested again, and then reported as cut off."""
    bad = http(b"this is not gzip", headers="Content-Encoding: gzip\r\n")
    error = meet(scripted(TOKEN, PROPERTIES, *[bad] * 5))
    assert type(error) is GoogleDown


def test_json_that_ends_in_the_middle_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A body without a length that breaks off is detected by its JSON, also for the token."""
    half = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b'{"access_token": "ya29.hal'
    error = meet(scripted(*[half] * 5))
    assert type(error) is GoogleDown
    assert "oauth2.googleapis.com was cut off; tried 5 times" in error.message


def test_a_small_reply_that_decompresses_to_a_huge_one_is_refused(scripted: Callable[..., Scripted]) -> None:
    """The memory is not filled, the request is not repeated, and the content is not shown."""
    body = gzip.compress(CELL.encode() + bytes(257 << 20), compresslevel=1)
    server = scripted(TOKEN, PROPERTIES, http(body, headers="Content-Encoding: gzip\r\n"))
    error = meet(server)
    assert type(error) is NotGoogle
    assert "the reply is larger than 256 MiB" in error.message
    assert "answers in its place" in error.hint
    assert server.replies == []


def test_constants_that_json_does_not_know_are_refused(scripted: Callable[..., Scripted]) -> None:
    """Google sends no NaN."""
    body = http(b'{"range": "x", "values": [[NaN]]}')
    assert type(meet(scripted(TOKEN, PROPERTIES, *[body] * 5))) is GoogleDown


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"\xff\xfe", b"OK", b"[" * 100_000])
def test_a_200_that_is_not_json_is_not_google(scripted: Callable[..., Scripted], body: bytes) -> None:
    """Any such body is reported as not coming from Google."""
    assert type(meet(scripted(TOKEN, PROPERTIES, http(body)))) is NotGoogle


def test_json_of_another_kind_is_not_google(scripted: Callable[..., Scripted]) -> None:
    """A proxy's own JSON is not an empty spreadsheet."""
    assert type(meet(scripted(TOKEN, json_reply({"status": "please log in"})))) is NotGoogle


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(scripted: Callable[..., Scripted], status: int) -> None:
    """The token is sent nowhere else, not even to another address on the same host."""
    for where in ("https://evil.example/", "https://sheets.googleapis.com/other"):
        moved = http(b"", status=status, headers=f"Location: {where}\r\n")
        server = scripted(TOKEN, moved, PROPERTIES)
        assert type(meet(server)) is NotGoogle
        assert len(server.replies) == 1
        server = scripted(moved, TOKEN)
        assert type(meet(server)) is NotGoogle
        assert len(server.replies) == 1


def test_the_token_is_sent_only_to_the_sheets_api(scripted: Callable[..., Scripted]) -> None:
    """CONNECT and the token request carry no token; the API requests do."""
    server = scripted(TOKEN, PROPERTIES, json_reply({"range": "x", "values": [["name"]]}))
    with server, open_session(server.settings) as session:
        pull(session, "id")
    carrying = [head.splitlines()[0] for head in server.heads if "the-token-of-this-test" in head]
    assert len(server.heads) == 6
    assert [line.partition("?")[0] for line in carrying] == [
        "GET /v4/spreadsheets/id",
        "GET /v4/spreadsheets/id/values/%27data%27",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"token": "x"},
        {"access_token": "ya29.the-token-of-this-test", "expires_in": "soon"},
        ["ya29.the-token-of-this-test"],
    ],
)
def test_a_malformed_token_reply_is_refused(scripted: Callable[..., Scripted], answer: object) -> None:
    """A reply without a usable token is refused."""
    error = meet(scripted(json_reply(answer)))
    assert type(error) is CredentialsRefused


def test_a_token_that_is_not_a_valid_header_value_is_not_shown(scripted: Callable[..., Scripted]) -> None:
    """A token with a line break cannot be sent, and the resulting error does not quote it."""
    error = meet(scripted(json_reply({"access_token": "ya29.the-token-of-this-test\r\nX: y", "expires_in": 3600})))
    assert type(error) is NotGoogle


def test_a_proxy_that_requires_a_login_is_named(scripted: Callable[..., Scripted]) -> None:
    """A 407 is reported after one attempt, with where to write the login."""
    server = scripted(connect=b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    error = meet(server)
    assert type(error) is NetworkUnreachable
    assert "407" in error.message
    assert "HTTPS_PROXY=http://user:password@host:port" in error.hint
    assert len(server.heads) == 1


def test_a_proxy_that_blocks_the_host_is_named(scripted: Callable[..., Scripted]) -> None:
    """A proxy's 403 to CONNECT means that the hosts must be allowed, and is not retried."""
    server = scripted(connect=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    error = meet(server)
    assert type(error) is NetworkUnreachable
    assert "does not connect to oauth2.googleapis.com (403)" in error.message
    assert "oauth2.googleapis.com and sheets.googleapis.com" in error.hint
    assert len(server.heads) == 1


def test_a_proxy_in_trouble_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A proxy's 502 to CONNECT may be temporary."""
    server = scripted(connect=b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    error = meet(server)
    assert type(error) is NetworkUnreachable
    assert "(502); tried 5 times" in error.message
    assert len(server.heads) == 5


def test_the_skew_counts_from_the_reply_itself(scripted: Callable[..., Scripted]) -> None:
    """A reply without a Date, or with an invalid one, says nothing about the clock."""
    body = b'{"error":"invalid_grant","error_description":"... in a reasonable timeframe. ..."}'
    date = f"Date: {formatdate(time.time() - 7200, usegmt=True)}\r\n"
    assert "2 hours ahead" in str(meet(scripted(http(body, status=400, headers=date))))
    assert "too far off" in str(meet(scripted(http(body, status=400))))
    assert "too far off" in str(meet(scripted(http(body, status=400, headers="Date: today\r\n"))))
    for zone in ("+99999", "+" + "9" * 30):
        strange = f"Date: Mon, 01 Jan 2024 00:00:00 {zone}\r\n"
        assert "too far off" in str(meet(scripted(http(body, status=400, headers=strange))))
