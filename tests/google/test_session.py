"""A session signs in with the least scope, keeps to its way and its deadline, and repeats within limits."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import (
    ConfigurationError,
    GoogleDown,
    NetworkUnreachable,
    NotGoogle,
    QuotaExhausted,
    SheetsDecryptError,
)
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.network import NetworkSettings, network_settings
from sheets_decrypt.google.replies import Reply
from sheets_decrypt.google.retry import retry
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import open_sheet
from sheets_decrypt.sandbox.google import Fault, Sandbox, Tab
from tests import require

ROWS = [["name"], ["Ana"]]


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Give a local Google that the environment leads to."""
    with Sandbox(tmp_path / "google") as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let waits pass in no time, and give a list of them."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def _pull(session: Session, spreadsheet_id: str) -> list[list[str]]:
    sheet = open_sheet(session, spreadsheet_id=spreadsheet_id, worksheet=None, gid=None, values="stored")
    return [row for page in sheet.pages() for row in page.rows]


def _read(google: Sandbox, settings: config.Google | None = None) -> list[list[str]]:
    """Pull one spreadsheet in a session of its own."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(settings or config.Google()) as session:
        return _pull(session, identity)


def _kinds(google: Sandbox) -> list[str]:
    return [request.kind.value for request in google.requests]


def test_opening_a_session_sends_nothing(google: Sandbox) -> None:
    """A session knows its account before anything is sent."""
    with open_session(config.Google()) as session:
        assert session.account.email == google.client_email
        assert session.requests == 0
        assert session.clock_skew is None
    assert google.requests == []


def test_signing_in_fetches_one_token(google: Sandbox) -> None:
    """`sign_in` asks once; what follows uses the same token."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google(credentials=google.key_file)) as session:
        session.sign_in()
        session.sign_in()
        assert _kinds(google) == ["token"]
        assert _pull(session, identity) == [["Ana"]]
        assert session.requests == 3


@pytest.mark.parametrize("ahead", [3600, -90])
def test_the_clocks_skew_is_known_after_a_reply(google: Sandbox, ahead: float) -> None:
    """The skew is this machine's clock against the reply's Date; positive where this clock is ahead."""
    google.fault(Fault(kind="spreadsheet", what="skew", seconds=-ahead))
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:
        session.sign_in()
        assert session.clock_skew == pytest.approx(0, abs=5)
        session.get_metadata(identity, fields="properties.title")
        assert session.clock_skew == pytest.approx(ahead, abs=5)


def test_a_token_that_runs_out_between_two_tries_is_fetched_anew(
    google: Sandbox, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repetition does not go out with a token that has expired meanwhile."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:

        def run_out(seconds: float) -> None:
            waits.append(seconds)
            session._credentials.expiry = datetime(2020, 1, 1)  # noqa: DTZ001  (google-auth's times have no zone)

        monkeypatch.setattr("time.sleep", run_out)
        google.fault(Fault(kind="spreadsheet", status=503))
        session.get_metadata(identity, fields="properties.title")
    assert _kinds(google) == ["token", "spreadsheet", "token", "spreadsheet"]


# Repetition


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(google: Sandbox, waits: list[float], kind: str, status: int) -> None:
    """Each of the three requests is repeated up to four times, and then the rows are there."""
    google.fault(Fault(kind=kind, status=status, times=4))
    assert _read(google) == [["Ana"]]
    assert _kinds(google).count(kind) == 5
    assert len(google.requests) == 7


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize("what", ["reset", "lost", "truncate"])
def test_a_broken_connection_is_tried_again(google: Sandbox, waits: list[float], kind: str, what: str) -> None:
    """Connections that break before, during or after the reply are repeated."""
    google.fault(Fault(kind=kind, what=what, times=2))
    assert _read(google) == [["Ana"]]
    assert _kinds(google).count(kind) == 3


@pytest.mark.parametrize("kind", ["token", "values"])
def test_a_page_for_people_with_a_5xx_is_tried_again(google: Sandbox, waits: list[float], kind: str) -> None:
    """A 502 that is not JSON is repeated like one that is."""
    google.fault(Fault(kind=kind, what="page", status=502, times=2))
    assert _read(google) == [["Ana"]]


@pytest.mark.parametrize("kind", ["token", "spreadsheet", "values"])
@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(429, QuotaExhausted, "quota"), (503, GoogleDown, "503"), (408, GoogleDown, "408")],
)
def test_after_five_tries_it_is_given_up(
    google: Sandbox, waits: list[float], kind: str, status: int, error: type[SheetsDecryptError], message: str
) -> None:
    """Five tries and four waits, then the error says how often it was tried; google-auth adds none of its own."""
    google.fault(Fault(kind=kind, status=status, times=None))
    with pytest.raises(error, match=f"{message}.*; tried 5 times") as caught:
        _read(google)
    assert _kinds(google).count(kind) == 5
    assert len(waits) == 4
    assert caught.value.exit_code == 6
    assert "previous CSV is unchanged" in caught.value.hint


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again(google: Sandbox, waits: list[float], status: int) -> None:
    """What Google refuses stays refused: one request, no wait."""
    google.fault(Fault(kind="spreadsheet", status=status, times=None))
    with pytest.raises(SheetsDecryptError) as caught:
        _read(google)
    assert caught.value.exit_code == 5
    assert _kinds(google) == ["token", "spreadsheet"]
    assert waits == []


def test_the_tries_of_the_token_and_of_the_api_do_not_multiply(google: Sandbox, waits: list[float]) -> None:
    """A token that fails four times and a request that fails four times are ten requests, not more."""
    google.fault(Fault(kind="token", status=503, times=4), Fault(kind="spreadsheet", status=503, times=4))
    _read(google)
    assert _kinds(google) == ["token"] * 5 + ["spreadsheet"] * 5 + ["values"]


def test_waits_grow_with_jitter(google: Sandbox, waits: list[float]) -> None:
    """After a 5xx the waits double from one second, each a little longer by chance."""
    google.fault(Fault(kind="values", status=500, times=None))
    with pytest.raises(GoogleDown):
        _read(google)
    assert all(low <= wait <= 1.25 * low for wait, low in zip(waits, [1, 2, 4, 8], strict=True))
    assert len({wait / low for wait, low in zip(waits, [1, 2, 4, 8], strict=True)}) > 1


def test_waits_for_a_quota_outlast_its_minute(google: Sandbox, waits: list[float]) -> None:
    """A 429 without Retry-After is waited for longer than the minute that its quota counts."""
    google.fault(Fault(kind="values", status=429, times=4))
    _read(google)
    assert 60 < sum(waits) < 100


def test_retry_after_in_seconds_is_honoured(google: Sandbox, waits: list[float]) -> None:
    """Where the server says how long, that is how long."""
    google.fault(Fault(kind="values", status=429, retry_after="17"), Fault(kind="values", status=503, retry_after="0"))
    _read(google)
    assert waits == [17, 0]


def test_retry_after_as_a_date_is_honoured(google: Sandbox, waits: list[float]) -> None:
    """A date is waited for, counted from the server's clock."""
    date = format_datetime(datetime.fromtimestamp(time.time() + 40, UTC), usegmt=True)
    google.fault(Fault(kind="values", status=503, retry_after=date))
    _read(google)
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
    """Seconds and dates are understood; a date counts from the reply's own, and anything else is as if it were not."""
    assert Reply("sheets.googleapis.com", 503, headers, b"").retry_after == seconds


def test_a_wait_that_would_pass_the_deadline_is_not_begun(google: Sandbox, waits: list[float]) -> None:
    """With the deadline in sight it is given up at once, and the message says how often it was tried."""
    google.fault(Fault(kind="values", status=429, retry_after="60", times=None))
    with pytest.raises(QuotaExhausted, match="; tried once"):
        _read(google, config.Google(deadline=30))
    assert waits == []
    assert _kinds(google).count("values") == 1


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
        _read(google, config.Google(deadline=30))
    assert sum(waits) < 30


@pytest.mark.parametrize("what", ["stall", "drip"])
def test_a_server_that_does_not_get_on_is_given_up(google: Sandbox, what: str) -> None:
    """Silence, and a byte now and then, both end with the deadline; a time-out is Google's failure."""
    google.fault(Fault(kind="values", what=what, seconds=0.4 if what == "drip" else 30, times=None))
    with pytest.raises(GoogleDown, match="; tried"):
        _read(google, config.Google(deadline=1))


def test_no_time_left_is_an_error_before_anything_is_sent(google: Sandbox) -> None:
    """A try whose time is over is not sent."""
    with open_session(config.Google()) as session:
        session._deadline._ends = time.monotonic() - 1
        with pytest.raises(Transient, match=r"longer than google\.deadline"):
            session._refresh()
        assert session.requests == 0


def test_ctrl_c_ends_a_wait(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long wait is interrupted by SIGINT, and nothing is sent after it."""
    require.that(os.name == "posix", "only POSIX sends SIGINT to a process itself")
    google.fault(Fault(kind="values", status=429, retry_after="200"))
    real = time.sleep

    def interrupted(seconds: float) -> None:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        real(seconds)

    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _read(google)
    assert _kinds(google).count("values") == 1


def test_only_what_may_pass_is_repeated() -> None:
    """An error that is no `Transient` goes through at once."""
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  (it has no text)
        retry(attempt, deadline=60)
    assert calls == [1]


# The way to Google


def test_the_configured_proxy_beats_the_environments(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """google.proxy is used for the token and the API, whatever HTTPS_PROXY and NO_PROXY say."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    assert _read(google, config.Google(proxy=google.proxy)) == [["Ana"]]
    assert len(google.requests) == 3


def test_the_configured_certificates_beat_the_environments(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """google.ca_bundle is trusted, whatever REQUESTS_CA_BUNDLE names, even a file that is not there."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/not/there.pem")
    assert _read(google, config.Google(ca_bundle=google.ca_bundle)) == [["Ana"]]


def test_the_environments_other_name_for_certificates_works(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """CURL_CA_BUNDLE counts where REQUESTS_CA_BUNDLE is not set, as everywhere with requests."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(google.ca_bundle))
    assert _read(google) == [["Ana"]]


def test_without_any_setting_the_usual_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bundle means those that requests brings, never none."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert network_settings(config.Google()).verify is True


def test_a_folder_of_certificates_is_accepted(tmp_path: Path) -> None:
    """A folder of hashed certificates is one of requests' two forms."""
    assert network_settings(config.Google(ca_bundle=tmp_path)).verify == str(tmp_path)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_certificates_that_are_none_are_refused(tmp_path: Path, content: str | None) -> None:
    """A bundle that is missing or holds no certificate is a mistake in the configuration, named at once."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigurationError, match=r"google\.ca_bundle names .*ca\.pem") as caught:
        network_settings(config.Google(ca_bundle=bundle))
    assert caught.value.exit_code == 2


def test_the_environments_bundle_is_named_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user learns which variable to correct."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE names"):
        network_settings(config.Google())


def test_an_untrusted_certificate_is_refused_at_once(
    google: Sandbox, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that opens TLS without its certificate being known is named, with what to set; nothing is repeated."""
    other = Sandbox(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca_bundle))
    with pytest.raises(
        NetworkUnreachable, match=r"certificate shown for oauth2.googleapis.com is not trusted"
    ) as caught:
        _read(google)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert google.requests == []
    assert waits == []


def test_no_proxy_goes_past_the_environments_proxy(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY is honoured where the environment decides."""
    monkeypatch.setenv("NO_PROXY", "googleapis.com")
    monkeypatch.setenv("no_proxy", "googleapis.com")
    way = network_settings(config.Google())
    assert way.proxies("https://sheets.googleapis.com/v4") == {}
    assert way.proxies("https://example.org/")["https"] == google.proxy


def test_a_proxys_password_is_not_shown() -> None:
    """The repr of a way tells that there is a proxy and not its URL."""
    assert "password" not in repr(NetworkSettings(proxy="http://me:password@proxy:3128", verify=True))


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "http://no-such-proxy.invalid:3128"])
def test_a_proxy_that_is_not_there_is_named(google: Sandbox, waits: list[float], proxy: str) -> None:
    """A proxy that cannot be reached is tried five times, then the settings and the hosts are named."""
    with pytest.raises(NetworkUnreachable, match=r"the proxy.*; tried 5 times") as caught:
        _read(google, config.Google(proxy=proxy))
    for word in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "oauth2.googleapis.com", "sheets.googleapis.com"):
        assert word in caught.value.hint
    assert caught.value.exit_code == 6
    assert len(waits) == 4


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "ftp://127.0.0.1:21", "http://[bad"])
def test_a_proxys_url_that_cannot_be_used_is_named(google: Sandbox, waits: list[float], proxy: str) -> None:
    """A URL of another kind is a mistake to correct, and not repeated."""
    with pytest.raises(NetworkUnreachable, match="the proxy's URL cannot be used"):
        _read(google, config.Google(proxy=proxy))
    assert waits == []


def test_netrc_is_not_read(google: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login in ~/.netrc for Google's hosts takes no part."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert _read(google) == [["Ana"]]


def test_a_captive_portal_is_not_google(google: Sandbox, waits: list[float]) -> None:
    """A page with 200 in place of JSON is named for what it is, at each of the requests, and not repeated."""
    for kind in ("token", "spreadsheet", "values"):
        google.fault(Fault(kind=kind, what="html"))
        with pytest.raises(NotGoogle, match="not google") as caught:
            _read(google)
        assert "captive portal" in caught.value.hint
        assert caught.value.exit_code == 6
    assert waits == []


def test_a_host_name_that_is_not_known_is_named(
    google: Sandbox, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a proxy and without DNS, the name that is not known is said."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name)

    def unknown(*_args: object, **_named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(NetworkUnreachable, match=r"the name of oauth2\.googleapis\.com is not known here \(DNS\)"):
        _read(google)
