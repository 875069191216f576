"""One clock bounds a whole request: whatever drips, and wherever, the call ends at the deadline with our error."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.compute_engine import _metadata

from sheets_decrypt import config
from sheets_decrypt.errors import GoogleUnavailable
from sheets_decrypt.google.session import open_session
from sheets_decrypt.google.sheet import open_sheet
from sheets_decrypt.sandbox.google import Sandbox
from tests import systems
from tests.google.slow_server import BELOW_HTTP, REPLIES, SlowServer
from tests.long import scaled

DEADLINE = 0.6  # seconds
GIVEN_UP = 5  # time for the server to notice
EVERY_PLACE = [*REPLIES, *BELOW_HTTP]
SOME_PLACES = ["status line", "body", "chunk size", "proxy's headers", "TLS handshake"]
PLACES = [("values", place) for place in EVERY_PLACE] + [("token", place) for place in scaled(SOME_PLACES, EVERY_PLACE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the certificates and the key file."""
    return Sandbox(tmp_path_factory.mktemp("google")).key_file.parent


def _pull(settings: config.Google) -> None:
    with open_session(settings) as session:
        sheet = open_sheet(session, spreadsheet_id="id", worksheet=None, gid=None, values="stored")
        list(sheet.pages())


def _assert_given_up(server: SlowServer, settings: config.Google) -> None:
    """Pull, and assert that the deadline ended the pull, with exit code 6 and before the server had finished."""
    with pytest.raises(GoogleUnavailable) as caught:
        _pull(settings)
    assert server.reached.is_set()
    assert server.client_left.wait(GIVEN_UP)
    assert caught.value.exit_code == 6


def test_the_server_of_these_tests_answers_when_it_does_not_drip(folder: Path) -> None:
    """Without a drip, the same server completes a pull, so any failure below is due to the drip."""
    with SlowServer(folder) as server:
        _pull(server.settings(deadline=30))
    assert not server.reached.is_set()


@pytest.mark.parametrize(("request_", "place"), PLACES)
def test_a_reply_that_drips_ends_at_the_deadline(folder: Path, request_: str, place: str) -> None:
    """The deadline holds at every point of a reply from the token endpoint, the API and the proxy."""
    if request_ == "values" and ("proxy" in place or "handshake" in place):
        request_ = "spreadsheet"  # the API's first request opens the tunnel
    with SlowServer(folder, place, request_) as server:
        _assert_given_up(server, server.settings(DEADLINE))


def test_a_proxy_over_tls_that_drips_ends_at_the_deadline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS within TLS obeys the same clock."""
    real = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda _host, *more, **named: real("127.0.0.1", *more, **named))
    with SlowServer(folder, tls=True) as server:
        settings = server.settings(DEADLINE)
        proxy = f"https://sheets.googleapis.com:{server.port}"  # a name in the certificate
        _assert_given_up(server, settings.model_copy(update={"proxy": proxy}))


@pytest.fixture
def name_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let no name resolve until the event is set, as if the name servers were silent."""
    answered = threading.Event()

    def unanswered(*_arguments: object, **_named: object) -> None:
        answered.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", unanswered)
    yield answered
    answered.set()


def test_a_name_that_is_not_resolved_ends_at_the_deadline(folder: Path, name_service: threading.Event) -> None:
    """A silent name server delays a run no longer than the deadline."""
    settings = config.Google(
        credentials=folder / "credentials.json", proxy="http://proxy.example:3128", deadline=DEADLINE
    )
    with pytest.raises(GoogleUnavailable, match=r"proxy could not be reached in time"):
        _pull(settings)
    assert not name_service.is_set()


# Application Default Credentials


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove this machine's own credentials, and wait for threads in which google-auth still looks for some.

    A leftover thread draws from the global random numbers, which Hypothesis forbids during its own tests.
    """
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no gcloud"))
    before = set(threading.enumerate())
    yield
    for left_behind in set(threading.enumerate()) - before:
        left_behind.join(timeout=60)


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize("place", scaled(["silence"], ["silence", "status line", "header", "body", "trailers"]))
def test_a_metadata_server_that_drips_ends_at_the_deadline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The search for a machine's own account obeys the deadline, although google-auth does it on its own."""
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False, raising=False)  # google-auth reads it once, on import
    with SlowServer(folder, place) as server:
        monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{server.port}")
        # older releases of google-auth read the variable once, on import
        monkeypatch.setattr(_metadata, "_METADATA_IP_ROOT", f"http://127.0.0.1:{server.port}", raising=False)
        _assert_given_up(server, config.Google(deadline=DEADLINE))


@pytest.fixture
def hanging_gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a `gcloud` that hangs on the path; the file with its process ID shows that it was started."""
    systems.only_on("posix", "the program is a shell script")
    programs, pid = tmp_path / "bin", tmp_path / "pid"
    programs.mkdir()
    (programs / "gcloud").write_text(f"#!/bin/sh\necho $$ > '{pid}'\nexec sleep 60\n")
    (programs / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    settings = tmp_path / "no gcloud"
    settings.mkdir()
    (settings / "application_default_credentials.json").write_text(
        '{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}'
    )
    yield pid
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.usefixtures("no_credentials")
def test_a_gcloud_that_hangs_ends_at_the_deadline(hanging_gcloud: Path) -> None:
    """google-auth runs gcloud to get a project name, which is not needed, and waits for it."""
    with pytest.raises(GoogleUnavailable, match=r"longer than google\.deadline allows"):
        _pull(config.Google(deadline=DEADLINE))
    os.kill(int(hanging_gcloud.read_text()), 0)  # it is still running
