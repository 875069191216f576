"""Notifications through real local servers, also down, slow and broken ones: never a secret and never an exception."""

import json
import logging
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from sheets_decrypt.runs.heartbeat import Limits
from sheets_decrypt.runs.news import Event, News
from sheets_decrypt.runs.notify import Recipients, announce, announce_start, look_at, try_out
from sheets_decrypt.sandbox import certificates
from tests import require

# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

QUICK: Final = Limits(seconds=20, tries=2, pause=0, deadline=60)
IMPATIENT: Final = replace(QUICK, seconds=0.2)  # for servers that never respond
DONE: Final = News("baseline", 0, "done", Event.SUCCESS, rows=120)
RECOVERED: Final = replace(DONE, event=Event.RECOVERY)
FAILED: Final = News("baseline", 6, "failed with exit code 6", Event.FAILURE, next_step="try again later")
SECRET: Final = "0f1e2d3c-secret"
EVERYTHING: Final = frozenset(Event)


@dataclass
class Received:
    """The requests to a server, each a path or an address and a body, and the server's next answers."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The requested paths, without the secret at their start."""
        return [path.removeprefix(f"/{SECRET}") for path, _ in self.requests]

    @property
    def url(self) -> str:
        """A check's URL."""
        return f"http://127.0.0.1:{self.port}/{SECRET}"


@pytest.fixture
def web() -> Iterator[Received]:
    """Run a web server that answers 200, or the next of `answers`."""
    with serving() as received:
        yield received


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Received]:
    """Run such a server; a redirect points to `/elsewhere`, and a 202 announces a body that never comes."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.requests.append((self.path, body))
            received.logins.append(self.headers["Authorization"])
            received.agents.append(self.headers["User-Agent"])
            status = received.answers.pop(0) if received.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            if status == 202:
                self.send_header("Content-Length", "9")  # but no body follows
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            del arguments

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.port = server.server_port
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield received
        server.shutdown()
        thread.join()


@contextmanager
def mail(answer: str = "250 OK") -> Iterator[Received]:
    """Run a mail server."""
    require_apprise()
    require.that(find_spec("aiosmtpd"), "aiosmtpd is not installed")
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    received = Received()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
            del server, session
            text = message_from_bytes(envelope.content)
            parts = [part.get_payload(decode=True) for part in text.walk() if not part.is_multipart()]
            body = "".join(part.decode() for part in parts if isinstance(part, bytes))
            pages = [part.get_payload(decode=True) for part in text.walk() if part.get_content_type() == "text/html"]
            received.html += [page.decode() for page in pages if isinstance(page, bytes)]
            received.requests.append((f"{envelope.rcpt_tos[0]} {text['Subject']}", body))
            return answer

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        received.port = free.getsockname()[1]
    server = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=received.port,
        auth_require_tls=False,
        authenticator=lambda *_: AuthResult(success=True),
    )
    server.start()
    try:
        yield received
    finally:
        server.stop()


@pytest.fixture
def silent() -> Iterator[int]:
    """Run a server that accepts connections and never answers; yield its port."""
    held = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            held.wait(30)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        held.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def unused_port() -> int:
    """Return a port on which no program listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def require_apprise() -> None:
    """Skip the test unless apprise is installed."""
    require.that(find_spec("apprise"), "apprise is not installed")


def mail_url(port: int) -> str:
    """Return apprise's address for a mail server, with a password in it."""
    return f"mailto://user:{SECRET}@127.0.0.1:{port}?from=job@example.org&to=me@example.org&mode=insecure"


def test_the_heartbeat_follows_the_convention(web: Received) -> None:
    """Start, success, and failure with the exit code are appended to the check's path, before its query."""
    settings = Recipients(healthchecks=f"{web.url}/?create=1")
    assert announce_start(settings, "baseline", QUICK) == []
    assert announce(settings, DONE, QUICK) == []
    assert announce(settings, FAILED, QUICK) == []
    assert web.paths == ["/start?create=1", "/?create=1", "/6?create=1"]
    assert set(web.agents) == {"sheets-decrypt"}
    bodies = [body for _, body in web.requests]
    assert bodies[0] == "job: baseline\n"
    assert bodies[1] == "job: baseline\nstatus: done\nrows: 120\n"
    assert bodies[2] == "job: baseline\nstatus: failed with exit code 6\nnext step: try again later\n"


def test_without_settings_nothing_is_sent() -> None:
    """Without an address, there is no message and no warning."""
    assert announce_start(Recipients(), "baseline") == []
    assert announce(Recipients(on=EVERYTHING), FAILED) == []


@pytest.mark.parametrize(
    ("answers", "asked", "problem"),
    [([500, 200], 2, ""), ([429], 2, ""), ([500, 503], 2, "it answered 503"), ([404], 1, "it answered 404")],
)
def test_a_failed_heartbeat_is_tried_again_and_reported(
    web: Received, answers: list[int], asked: int, problem: str
) -> None:
    """A server error is tried again, within limits; a refusal is not; neither fails the run."""
    web.answers += answers
    warnings = announce(Recipients(healthchecks=web.url), DONE, QUICK)
    assert len(web.requests) == asked
    assert warnings == ([f"the heartbeat to http://127.0.0.1 failed: {problem}"] if problem else [])


def test_the_body_of_an_answer_is_not_read(web: Received) -> None:
    """The status code is enough: a body that never ends or never comes does not hold up a run."""
    web.answers += [202]
    assert announce(Recipients(healthchecks=web.url), DONE, QUICK) == []
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_heartbeat_follows_no_redirect(web: Received, status: int) -> None:
    """A run's report goes only to the configured address, and a redirect is reported."""
    web.answers += [status]
    warnings = announce(Recipients(healthchecks=web.url), DONE, QUICK)
    assert web.paths == [""]
    assert warnings == [f"the heartbeat to http://127.0.0.1 failed: it answered {status}"]


def test_a_heartbeat_takes_no_login_from_netrc(web: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's password is not sent, but one in the address itself is."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login me password {SECRET}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert announce(Recipients(healthchecks=web.url), DONE, QUICK) == []
    assert announce(Recipients(healthchecks=web.url.replace("//127", "//user:word@127")), DONE, QUICK) == []
    assert web.logins == [None, "Basic dXNlcjp3b3Jk"]


def test_a_heartbeat_uses_the_environments_proxy_and_certificates(
    web: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It uses the environment's proxy and trusted certificates; a server with another certificate receives nothing."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{web.port}")
    assert announce(Recipients(healthchecks="http://check.invalid/x"), DONE, QUICK) == []
    assert web.paths == ["http://check.invalid/x"]
    bundle, tls = certificates.make(tmp_path, ["localhost"])
    with serving(tls) as secure:
        check = Recipients(healthchecks=f"https://localhost:{secure.port}/x")
        assert announce(check, DONE, QUICK) == ["the heartbeat to https://localhost failed: SSLError"]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        assert announce(check, DONE, QUICK) == []
    assert secure.paths == ["/x"]


def test_a_heartbeat_that_is_down_or_slow_is_a_warning(unused_port: int, silent: int) -> None:
    """If no server listens or answers, the warning does not contain the URL's secret."""
    for port, name in ((unused_port, "ConnectionError"), (silent, "ReadTimeout")):
        settings = Recipients(healthchecks=f"http://user:{SECRET}@127.0.0.1:{port}/{SECRET}")
        assert announce_start(settings, "baseline", IMPATIENT) == [f"the heartbeat to http://127.0.0.1 failed: {name}"]


def test_a_service_that_exceeds_every_timeout_is_abandoned(silent: int) -> None:
    """The deadline applies whatever a service does."""
    settings = Recipients(healthchecks=f"http://127.0.0.1:{silent}/x")
    warnings = announce(settings, DONE, replace(QUICK, seconds=10, deadline=0.1))
    assert warnings == ["the heartbeat to http://127.0.0.1 failed: no answer within 0.1 seconds"]


@pytest.mark.parametrize("url", ["not a url", "ftp://example.org/x", "http://[broken", "http:///x"])
def test_a_wrong_address_is_a_warning(url: str) -> None:
    """Whatever the configuration says, the run continues."""
    warnings = announce(Recipients(healthchecks=url), DONE, QUICK)
    assert len(warnings) == 1
    assert url not in warnings[0]


def test_a_mail_reports_a_failure() -> None:
    """Job, status, code and hint reach a real mail server."""
    with mail() as received:
        settings = Recipients(urls=(mail_url(received.port),))
        assert announce(settings, FAILED, QUICK) == []
    address, body = received.requests[0]
    assert address == "me@example.org sheets-decrypt: baseline: failed with exit code 6"
    for line in ("job: baseline", "status: failed with exit code 6", "next step: try again later"):
        assert line in body


def test_the_text_of_a_mail_contains_no_markup() -> None:
    """Whatever a text contains, the part that a mail program shows as HTML has no link and no picture."""
    link = '<a href="https://example.org/x">sign in</a><img src="https://example.org/y">'
    with mail() as received:
        urls = (mail_url(received.port), mail_url(received.port) + "&format=html")
        news = replace(FAILED, job=link, status=link, next_step=link)
        assert announce(Recipients(urls=urls), news, QUICK) == []
    assert len(received.requests) == 2
    assert "&lt;a" in received.html[-1]
    assert not [html for html in received.html if "<a " in html or "<img" in html]


def test_several_services_are_notified_and_each_failure_is_separate(web: Received, unused_port: int) -> None:
    """A service that is down does not keep the next one from being notified."""
    require_apprise()
    urls = (
        mail_url(unused_port),
        f"json://user:{SECRET}@127.0.0.1:{web.port}/{SECRET}",
        "nonsense",
        f"no-such://{SECRET}",
    )
    warnings = announce(Recipients(urls=urls), FAILED, QUICK)
    assert web.paths == [""]
    assert "sheets-decrypt: baseline: failed with exit code 6" in web.requests[0][1]
    assert len(warnings) == 3
    assert "number 1 (mailto://…), failed: it was not delivered" in warnings[0]
    assert "number 3 (an address without a scheme), failed: apprise does not support this address" in warnings[1]
    assert "number 4 (no-such://…)" in warnings[2]


def test_a_message_server_that_is_slow_or_broken_is_a_warning(web: Received, silent: int) -> None:
    """A stall beyond the timeout and a server error each cause a warning, by web and by mail."""
    require_apprise()
    web.answers += [500]
    hosts = (f"json://127.0.0.1:{silent}/", mail_url(silent), f"json://127.0.0.1:{web.port}/")
    with mail("554 no") as refusing:
        warnings = announce(Recipients(urls=hosts[:2]), FAILED, IMPATIENT)
        warnings += announce(Recipients(urls=(hosts[2], mail_url(refusing.port))), FAILED, QUICK)
        assert len(refusing.requests) == 1
    assert len(warnings) == 4
    assert all("failed: it was not delivered" in warning for warning in warnings)


def test_nothing_secret_is_printed_or_logged(
    unused_port: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Apprise logs its actions; addresses contain passwords and tokens, none of which may appear."""
    require_apprise()
    caplog.set_level(logging.INFO)
    urls = (
        mail_url(unused_port),
        f"json://user:{SECRET}@127.0.0.1:{unused_port}/{SECRET}",
        f"json://user:{SECRET}/x@127.0.0.1:{unused_port}/",
        f"ntfy://127.0.0.1:{unused_port}/{SECRET}",
        f"slack://{SECRET}",
        "json://[broken",
    )
    warnings = announce(Recipients(f"http://127.0.0.1:{unused_port}/{SECRET}", urls, EVERYTHING), FAILED, QUICK)
    said = " ".join([*warnings, *capfd.readouterr(), caplog.text])
    assert len(warnings) == 7
    assert SECRET not in said
    assert "user" not in said


def test_without_apprise_the_warning_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages need an optional package; the run continues without it."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    warnings = announce(Recipients(urls=("json://127.0.0.1/",)), FAILED, QUICK)
    assert warnings == ['messages to [notify] urls need apprise: in the project\'s folder run pip install ".[notify]"']


def test_a_broken_apprise_changes_no_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever its import raises, the warning says what to install, and nothing is raised."""
    (tmp_path / "apprise.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "apprise", raising=False)
    recipients = Recipients(urls=("json://127.0.0.1/",))
    [warning] = announce(recipients, FAILED, QUICK)
    assert "need apprise" in warning
    assert [attempt.problem for attempt in (*look_at(recipients), *try_out(recipients, "baseline"))] == [warning] * 2


@pytest.mark.parametrize(
    ("on", "news", "title"),
    [
        ({"failure", "recovery"}, DONE, None),
        ({"success"}, DONE, "baseline: done"),
        ({"failure"}, RECOVERED, None),
        ({"recovery"}, RECOVERED, "baseline works again"),
        ({"success", "recovery"}, RECOVERED, "baseline works again"),
        ({"success"}, RECOVERED, "baseline: done"),
        ({"failure"}, FAILED, "baseline: failed with exit code 6"),
        ({"success", "recovery"}, FAILED, None),
        ({"success", "recovery", "failure"}, replace(FAILED, event=None), None),
    ],
)
def test_messages_are_sent_on_the_chosen_events(web: Received, on: set[str], news: News, title: str | None) -> None:
    """Each event is sent if it was chosen, a recovery only once, and nothing if no message is due."""
    require_apprise()
    settings = Recipients(urls=(f"json://127.0.0.1:{web.port}/",), on=frozenset(on))
    assert announce(settings, news, QUICK) == []
    messages = [json.loads(body) for _, body in web.requests]
    kind = "failure" if news is FAILED else "success"
    expected = [] if title is None else [(kind, f"sheets-decrypt: {title}", f"status: {news.status}")]
    assert [(each["type"], each["title"], each["message"].splitlines()[1]) for each in messages] == expected


def test_a_heartbeat_can_be_withheld(web: Received) -> None:
    """A run that is neither a success nor a failure yet sends no heartbeat."""
    assert announce(Recipients(healthchecks=web.url), replace(FAILED, beat=False), QUICK) == []
    assert web.requests == []
