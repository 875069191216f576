"""Scripted faults of the sandbox, each over the wire."""

import email.utils
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox.google import Fault, Kind, Sandbox, Tab, parse_fault
from tests.sandbox.client import READING, TIMEOUT, Client


@pytest.fixture
def client(google: Sandbox) -> Iterator[Client]:
    """A client that signed in before anything goes wrong."""
    google.clear_faults()
    with Client(google) as signed_in:
        signed_in.sign_in()
        yield signed_in


@pytest.fixture
def sheet(google: Sandbox) -> str:
    """A spreadsheet with one tab."""
    return google.add("Survey", [Tab("data", [["name"], ["Ana"]])])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("values:429*2", Fault("values", "status", times=2, status=429)),
        ("any:503;retry-after=7", Fault("any", "status", status=503, retry_after="7")),
        ("values:page=502*", Fault("values", "page", times=None, status=502)),
        ("values:status=500", Fault("values", "status", status=500)),
        ("values:page", Fault("values", "page")),
        ("spreadsheet:html", Fault("spreadsheet", "html")),
        ("values:reset@1", Fault("values", "reset", after=1)),
        ("values:stall=30*3@2", Fault("values", "stall", times=3, after=2, seconds=30)),
        ("values:drip=0.5", Fault("values", "drip", seconds=0.5)),
        ("append:lost", Fault("append", "lost")),
        ("token:invalid_grant", Fault("token", "invalid_grant")),
        (
            "token:invalid_grant=Invalid grant: account not found",
            Fault("token", "invalid_grant", description="Invalid grant: account not found"),
        ),
        ("token:skew=-7200*", Fault("token", "skew", times=None, seconds=-7200)),
        ("connect:407", Fault("connect", "status", status=407)),
    ],
)
def test_a_fault_is_read_from_text(text: str, fault: Fault) -> None:
    """The form that the command line takes says everything that a fault needs."""
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text", ["", "values", "values:nope", "nope:429", "values:stall", "values:stall=x", "values:call", "values:page=x"]
)
def test_a_fault_that_cannot_be_read_is_an_error(text: str) -> None:
    """The error shows how it is written."""
    with pytest.raises(ConfigurationError) as caught:
        parse_fault(text)
    assert "values:429*2" in caught.value.hint


@pytest.mark.parametrize(
    ("what", "status", "code", "reason"),
    [
        ("400", 400, "INVALID_ARGUMENT", None),
        ("401", 401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("403", 403, "PERMISSION_DENIED", None),
        ("404", 404, "NOT_FOUND", None),
        ("408", 408, "DEADLINE_EXCEEDED", None),
        ("429", 429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"),
        ("500", 500, "INTERNAL", None),
        ("503", 503, "UNAVAILABLE", None),
        ("504", 504, "DEADLINE_EXCEEDED", None),
        ("disabled", 403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
        ("scope", 403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        ("unsupported", 400, "FAILED_PRECONDITION", None),
    ],
)
def test_a_fault_answers_in_google_s_words(
    google: Sandbox, client: Client, sheet: str, what: str, status: int, code: str, reason: str | None
) -> None:
    """Once, with Google's body; then all is well again."""
    google.fault(parse_fault(f"spreadsheet:{what};retry-after=1"))
    reply = client.get(sheet)
    error: dict[str, Any] = reply.json()["error"]
    reasons = [detail["reason"] for detail in error.get("details", []) if "reason" in detail]
    assert (reply.status_code, error["code"], error["status"]) == (status, status, code)
    assert reasons == ([reason] if reason else [])
    assert reply.headers["Retry-After"] == "1"
    assert "Retry-After" not in client.get(sheet).headers
    assert [request.status for request in google.requests[-2:]] == [status, 200]


@pytest.mark.parametrize(("what", "status"), [("page=503", 503), ("502", 502), ("html", 200)])
def test_a_page_for_people_is_not_json(google: Sandbox, client: Client, sheet: str, what: str, status: int) -> None:
    """A front end's error page, and a captive portal's page with 200, are HTML."""
    google.fault(parse_fault(f"values:{what}"))
    reply = client.get(f"{sheet}/values/data")
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html; charset=UTF-8")
    assert reply.text.startswith("<!DOCTYPE html>")


def test_a_fault_hits_as_many_requests_as_it_says(google: Sandbox, client: Client, sheet: str) -> None:
    """After the first, twice; and faults that follow wait for their turn."""
    google.fault(parse_fault("values:500*2@1"), parse_fault("values:404"))
    statuses = [client.get(f"{sheet}/values/data").status_code for _ in range(5)]
    assert statuses == [404, 500, 500, 200, 200]
    assert client.get(sheet).status_code == 200
    google.fault(parse_fault("any:500*"))
    assert [client.get(sheet).status_code for _ in range(4)] == [500] * 4


def test_a_reset_connection_does_nothing(google: Sandbox, client: Client, sheet: str) -> None:
    """The connection breaks, and no row is appended; nothing is answered, which the list of requests shows."""
    google.fault(parse_fault("append:reset"))
    with pytest.raises(requests.ConnectionError):
        append(client, sheet)
    assert google.rows(sheet, "data") == [["name"], ["Ana"]]
    assert google.requests[-1].status == 0


def test_a_lost_answer_leaves_the_row(google: Sandbox, client: Client, sheet: str) -> None:
    """The row is appended, and the client cannot know it."""
    google.fault(parse_fault("append:lost"))
    with pytest.raises(requests.ConnectionError):
        append(client, sheet)
    assert google.rows(sheet, "data") == [["name"], ["Ana"], ["Bo"]]


def test_a_stalled_answer_does_not_come(google: Sandbox, client: Client, sheet: str) -> None:
    """A client with a time-out gives up."""
    google.fault(parse_fault("values:stall=600"))
    with pytest.raises(requests.ReadTimeout):
        client.session.get(url(sheet), headers=client.headers, timeout=0.5)


def test_a_dripping_answer_begins_and_does_not_end(google: Sandbox, client: Client, sheet: str) -> None:
    """The status comes at once, the body a little at a time."""
    google.fault(parse_fault("values:drip=600"))
    with client.session.get(url(sheet), headers=client.headers, timeout=0.5, stream=True) as reply:
        assert reply.status_code == 200
        with pytest.raises(requests.ConnectionError):
            _ = reply.content


def test_a_dripping_answer_is_whole_in_the_end(google: Sandbox, client: Client, sheet: str) -> None:
    """Who waits gets everything."""
    google.fault(parse_fault("values:drip=0.001"))
    assert client.get(f"{sheet}/values/data").json()["values"] == [["name"], ["Ana"]]


def test_a_truncated_answer_is_noticed(google: Sandbox, client: Client, sheet: str) -> None:
    """The body is shorter than it was said to be."""
    google.fault(parse_fault("values:truncate"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(f"{sheet}/values/data")


def test_the_sheet_may_change_between_two_reads(google: Sandbox, client: Client, sheet: str) -> None:
    """What a fault does just before the second read is seen by that read."""
    google.fault(Fault("values", "call", after=1, then=lambda: google.replace_rows(sheet, "data", [["moved"]])))
    reads = [client.get(f"{sheet}/values/data").json()["values"] for _ in range(3)]
    assert reads == [[["name"], ["Ana"]], [["moved"]], [["moved"]]]


@pytest.mark.parametrize("description", ["Invalid JWT Signature.", "Invalid grant: account not found"])
def test_a_sign_in_may_be_refused(google: Sandbox, client: Client, description: str) -> None:
    """google-auth reports Google's words."""
    google.fault(parse_fault(f"token:invalid_grant={description}"))
    with pytest.raises(RefreshError, match=description):
        client.sign_in()
    client.sign_in()


@pytest.mark.parametrize(("status", "error"), [(503, "internal_failure"), (429, "rate_limit_exceeded"), (400, "inv")])
def test_the_token_endpoint_may_fail(google: Sandbox, client: Client, status: int, error: str) -> None:
    """With the shape of RFC 6749, not that of the Sheets API."""
    google.fault(Fault("token", status=status))
    reply = client.session.post("https://oauth2.googleapis.com/token", timeout=TIMEOUT)
    assert reply.status_code == status
    assert reply.json()["error"].startswith(error)


def test_google_s_clock_may_be_ahead(google: Sandbox, client: Client) -> None:
    """The assertion is refused as too old, and the reply's Date shows how far the clocks differ."""
    google.fault(parse_fault("token:skew=7200*"))
    with pytest.raises(RefreshError, match="reasonable timeframe"):
        client.sign_in()
    reply = client.session.post("https://oauth2.googleapis.com/token", timeout=TIMEOUT)
    ahead = email.utils.parsedate_to_datetime(reply.headers["Date"]).timestamp() - time.time()
    assert 7000 < ahead < 7400


def test_the_proxy_may_refuse(google: Sandbox) -> None:
    """A proxy that asks for a password, or resets, is met before Google is."""
    google.clear_faults()
    google.fault(parse_fault("connect:407"), parse_fault("connect:reset"))
    with Client(google, [READING]) as client:
        for _ in range(2):
            with pytest.raises((requests.exceptions.ProxyError, requests.ConnectionError)):
                client.session.get(url("x"), timeout=TIMEOUT)
    refused = [request.status for request in google.requests if request.kind is Kind.CONNECT]
    assert refused == [407, 0]


def test_a_fault_must_have_known_words() -> None:
    """A slip of the pen is noticed when the fault is made."""
    with pytest.raises(ValueError, match="nope"):
        Fault("nope")
    with pytest.raises(ValueError, match="nope"):
        Fault("any", "nope")


def url(sheet: str) -> str:
    """Return the address of a tab's values."""
    return f"https://sheets.googleapis.com/v4/spreadsheets/{sheet}/values/data"


def append(client: Client, sheet: str) -> requests.Response:
    """Append a row."""
    return client.ask("POST", f"{url(sheet)}:append?valueInputOption=RAW", json={"values": [["Bo"]]})
