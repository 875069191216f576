"""Temporary failures are retried, within limits; refusals by Google are not."""

import os
import signal
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import (
    GoogleDown,
    QuotaExhausted,
    SheetsDecryptError,
)
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.replies import Reply
from sheets_decrypt.google.retry import retry
from sheets_decrypt.google.session import open_session
from sheets_decrypt.sandbox.google import Fault, Sandbox
from tests import systems
from tests.google.pulling import kinds, read


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_failures_are_tried_again(google: Sandbox, waits: list[float], kind: str, status: int) -> None:
    """Each of the three requests is retried up to four times, and then the rows arrive."""
    google.fault(Fault(kind=kind, status=status, times=4))
    assert read(google) == [["Ana"]]
    assert kinds(google).count(kind) == 5
    assert len(google.requests) == 7


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize("what", ["reset", "lost", "truncate"])
def test_a_broken_connection_is_tried_again(google: Sandbox, waits: list[float], kind: str, what: str) -> None:
    """Connections that break before, during or after the reply are retried."""
    google.fault(Fault(kind=kind, what=what, times=2))
    assert read(google) == [["Ana"]]
    assert kinds(google).count(kind) == 3


@pytest.mark.parametrize("kind", ["token", "values"])
def test_an_html_page_with_a_5xx_is_tried_again(google: Sandbox, waits: list[float], kind: str) -> None:
    """A 502 that is not JSON is retried like one that is."""
    google.fault(Fault(kind=kind, what="page", status=502, times=2))
    assert read(google) == [["Ana"]]


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(429, QuotaExhausted, "quota"), (503, GoogleDown, "503"), (408, GoogleDown, "408")],
)
def test_a_request_is_given_up_after_five_tries(
    google: Sandbox, waits: list[float], kind: str, status: int, error: type[SheetsDecryptError], message: str
) -> None:
    """After five tries and four waits, the error says how many tries there were; google-auth adds none of its own."""
    google.fault(Fault(kind=kind, status=status, times=None))
    with pytest.raises(error, match=f"{message}.*; tried 5 times") as caught:
        read(google)
    assert kinds(google).count(kind) == 5
    assert len(waits) == 4
    assert caught.value.exit_code == 6
    assert "previous CSV is unchanged" in caught.value.hint


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again(google: Sandbox, waits: list[float], status: int) -> None:
    """A refusal by Google is final: one request, no wait."""
    google.fault(Fault(kind="spreadsheet", status=status, times=None))
    with pytest.raises(SheetsDecryptError) as caught:
        read(google)
    assert caught.value.exit_code == 5
    assert kinds(google) == ["token", "spreadsheet"]
    assert waits == []


def test_the_tries_of_the_token_and_of_the_api_do_not_multiply(google: Sandbox, waits: list[float]) -> None:
    """A token that fails four times and a request that fails four times make ten requests, not more."""
    google.fault(Fault(kind="token", status=503, times=4), Fault(kind="spreadsheet", status=503, times=4))
    read(google)
    assert kinds(google) == ["token"] * 5 + ["spreadsheet"] * 5 + ["values"]


def test_waits_grow_with_jitter(google: Sandbox, waits: list[float]) -> None:
    """After a 5xx the waits double from one second, each with a little random extra time."""
    google.fault(Fault(kind="values", status=500, times=None))
    with pytest.raises(GoogleDown):
        read(google)
    assert all(low <= wait <= 1.25 * low for wait, low in zip(waits, [1, 2, 4, 8], strict=True))
    assert len({wait / low for wait, low in zip(waits, [1, 2, 4, 8], strict=True)}) > 1


def test_waits_for_a_quota_outlast_its_minute(google: Sandbox, waits: list[float]) -> None:
    """The wait after a 429 without Retry-After is longer than the minute that the quota counts."""
    google.fault(Fault(kind="values", status=429, times=4))
    read(google)
    assert 60 < sum(waits) < 100


def test_retry_after_in_seconds_is_honoured(google: Sandbox, waits: list[float]) -> None:
    """Where the server says how long to wait, the wait is that long."""
    google.fault(Fault(kind="values", status=429, retry_after="17"), Fault(kind="values", status=503, retry_after="0"))
    read(google)
    assert waits == [17, 0]


def test_retry_after_as_a_date_is_honoured(google: Sandbox, waits: list[float]) -> None:
    """A date is waited for, counted from the server's clock."""
    date = format_datetime(datetime.fromtimestamp(time.time() + 40, UTC), usegmt=True)
    google.fault(Fault(kind="values", status=503, retry_after=date))
    read(google)
    assert waits == [pytest.approx(40, abs=5)]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:30 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, 30),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:00 -0000", "Date": "Mon, 01 Jan 2024 00:00:30 GMT"}, 0),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and dates are understood; a date counts from the reply's own Date, and anything else is ignored."""
    assert Reply("sheets.googleapis.com", 503, headers, b"").retry_after == seconds


def test_a_wait_beyond_the_deadline_is_not_started(google: Sandbox, waits: list[float]) -> None:
    """Near the deadline the request is given up at once, and the message says how often it was tried."""
    google.fault(Fault(kind="values", status=429, retry_after="60", times=None))
    with pytest.raises(QuotaExhausted, match="; tried once"):
        read(google, config.Google(deadline=30))
    assert waits == []
    assert kinds(google).count("values") == 1


def test_waits_end_before_the_deadline(google: Sandbox, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """All waits together stay within the deadline, however many tries are left."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr("time.monotonic", lambda: real() + ahead[0])

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        ahead[0] += seconds

    monkeypatch.setattr("time.sleep", sleep)
    google.fault(Fault(kind="values", status=429, times=None))
    with pytest.raises(QuotaExhausted, match="tried 3 times"):
        read(google, config.Google(deadline=30))
    assert sum(waits) < 30


@pytest.mark.parametrize("what", ["stall", "drip"])
def test_a_server_that_makes_no_progress_is_given_up(google: Sandbox, what: str) -> None:
    """Both silence and an occasional byte end at the deadline; a timeout is Google's failure."""
    google.fault(Fault(kind="values", what=what, seconds=0.4 if what == "drip" else 30, times=None))
    with pytest.raises(GoogleDown, match="; tried"):
        read(google, config.Google(deadline=1))


def test_no_time_left_is_an_error_before_anything_is_sent(google: Sandbox) -> None:
    """A try is not sent when its time is over."""
    with open_session(config.Google()) as session:
        session._deadline._ends = time.monotonic() - 1
        with pytest.raises(Transient, match=r"longer than google\.deadline"):
            session._refresh()
        assert session.requests == 0


def test_ctrl_c_ends_a_wait(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGINT interrupts a long wait, and nothing is sent after it."""
    systems.only_on("posix", "only POSIX sends SIGINT to a process itself")
    google.fault(Fault(kind="values", status=429, retry_after="200"))
    real = time.sleep

    def interrupted(seconds: float) -> None:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        real(seconds)

    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(google)
    assert kinds(google).count("values") == 1


def test_only_temporary_failures_are_tried_again() -> None:
    """An error other than `Transient` is raised at once."""
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  (it has no text)
        retry(attempt, deadline=60)
    assert calls == [1]
