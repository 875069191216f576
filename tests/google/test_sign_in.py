"""Credentials other than a key file, google-auth itself, and failures without a reply."""

import json
import ssl
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.auth.exceptions import RefreshError

from sheets_decrypt import config
from sheets_decrypt.errors import (
    CredentialsRefused,
    NetworkUnreachable,
    NotGoogle,
)
from sheets_decrypt.google import failures, no_reply
from sheets_decrypt.google.deadline import Deadline
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.network import network_settings
from sheets_decrypt.google.session import open_session
from sheets_decrypt.google.sign_in import SignInRequest
from sheets_decrypt.google.timed_session import TimedSession, Traffic
from sheets_decrypt.sandbox.google import Sandbox
from tests.google.scripted_server import TOKEN, Scripted, http

ROWS = [["name"], ["Ana"]]


@pytest.fixture(autouse=True)
def _no_waiting(waits: list[float]) -> None:
    """Let waits take no time."""


def test_a_persons_login_signs_in(
    scripted: Callable[..., Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Application Default Credentials of a person use the same connection; an expired login is reported."""
    login = tmp_path / "login.json"
    content = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    login.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(login))
    expired = b'{"error":"invalid_grant","error_description":"Token has been expired or revoked."}'
    with scripted(TOKEN, http(expired, status=400)) as server:
        settings = server.settings.model_copy(update={"credentials": None})
        with open_session(settings) as session:
            session.sign_in()
            assert session.account.email == ""
        with open_session(settings) as session, pytest.raises(CredentialsRefused, match=r"login .* expired"):
            session.sign_in()


class _Metadata(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


def test_a_machines_metadata_server_may_answer_in_text(scripted: Callable[..., Scripted]) -> None:
    """Credentials that need several addresses get other hosts' replies unchanged, and Google's only as JSON."""
    with HTTPServer(("127.0.0.1", 0), _Metadata) as metadata, scripted(http(b"text")) as server:
        threading.Thread(target=metadata.handle_request).start()
        traffic = Traffic()
        with TimedSession(network_settings(server.settings), Deadline(60), traffic) as session:
            endpoint = SignInRequest(session, traffic)
            assert endpoint(f"http://127.0.0.1:{metadata.server_port}/").data == b"text"
            with pytest.raises(NotGoogle):
                endpoint("https://sheets.googleapis.com/x")


def test_no_address_but_the_token_uri_is_requested(google: Sandbox) -> None:
    """A session with a key file sends none of google-auth's other requests."""
    with open_session(config.Google()) as session:
        with pytest.raises(CredentialsRefused, match="not the key file's token_uri"):
            session._request("https://iamcredentials.googleapis.com/v1/allowedLocations")
        assert session.requests == 0


def _refresh_error(*arguments: object) -> Exception:
    made: Exception = RefreshError(*arguments)  # type: ignore[no-untyped-call]
    return made


def test_a_failure_that_only_google_auth_explains_is_reported(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth's own words are shown, but not the data attached to them."""
    for raised, words in (
        (_refresh_error("no luck", {"access_token": "ya29.x"}), "no luck"),
        (_refresh_error(), "no reason given"),
        (KeyError("ya29.x"), "not that of a sign-in"),
    ):

        def refresh(_request: object, raised: Exception = raised) -> None:
            raise raised

        with open_session(config.Google()) as session:
            monkeypatch.setattr(session._credentials, "refresh", refresh)
            with pytest.raises(CredentialsRefused, match=words) as caught:
                session.sign_in()
        assert "ya29" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "refused"), "refused the connection"),
        (ssl.SSLError(1, "handshake"), "broke off the TLS handshake"),
        (OSError("?"), "the connection to sheets.googleapis.com broke"),
    ],
)
def test_other_failures_of_the_network_are_told_apart(error: OSError, words: str) -> None:
    """The system's error determines the message; its own text is not shown."""
    failure = no_reply.explain(error, host="sheets.googleapis.com")
    assert isinstance(failure, Transient)
    assert words in str(failure)
    assert failure.hint == failures.NETWORK


@pytest.mark.parametrize(("code", "clock"), [(9, True), (10, True), (20, False)])
def test_a_certificate_outside_its_validity_points_to_the_clock(code: int, clock: bool) -> None:
    """A certificate that is not yet valid, or has expired, often means that the clock is wrong."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    failure = no_reply.explain(error, host="sheets.googleapis.com")
    assert isinstance(failure, NetworkUnreachable)
    assert ("clock" in failure.hint) is clock
