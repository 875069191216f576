"""Every answer of Google's, and of what stands in between, becomes the error that helps, over real sockets."""

import gzip
import json
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from google.auth.exceptions import RefreshError

from sheets_decrypt import config
from sheets_decrypt.errors import (
    ApiDisabled,
    ClockWrong,
    CredentialsRefused,
    GoogleDown,
    GoogleRefused,
    NetworkUnreachable,
    NotASpreadsheet,
    NotGoogle,
    NotShared,
    QuotaExhausted,
    ScopeInsufficient,
    SheetMoved,
    SheetsDecryptError,
    SpreadsheetNotFound,
    WorksheetNotFound,
)
from sheets_decrypt.google import failures, no_reply
from sheets_decrypt.google.deadline import Deadline
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.network import network_settings
from sheets_decrypt.google.replies import Reply, from_api, from_sign_in
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import open_sheet
from sheets_decrypt.google.sign_in import SignInRequest
from sheets_decrypt.google.timed_session import TimedSession, Traffic
from sheets_decrypt.sandbox.google import Fault, Sandbox, Tab

ROWS = [["name"], ["Ana"]]
CELL = "a-cell-that-nobody-may-see"


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Give a local Google that the environment leads to."""
    with Sandbox(tmp_path / "google") as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waits pass in no time."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def _pull(session: Session, spreadsheet_id: str) -> list[list[str]]:
    sheet = open_sheet(session, spreadsheet_id=spreadsheet_id, worksheet=None, gid=None, values="stored")
    return [row for page in sheet.pages() for row in page.rows]


def _failure(google: Sandbox, *faults: Fault, spreadsheet_id: str | None = None) -> SheetsDecryptError:
    """Pull with faults and give the error, after making sure that it tells nothing that it must not."""
    google.fault(*faults)
    identity = spreadsheet_id or google.add("Survey", [Tab("data", [["name"], [CELL]])])
    with open_session(config.Google()) as session, pytest.raises(SheetsDecryptError) as caught:
        _pull(session, identity)
    _tells_no_secret(caught.value, session, google)
    return caught.value


def _tells_no_secret(error: BaseException, session: Session, google: Sandbox) -> None:
    """Look for the token, the key and the signed assertion, even in the locals of every frame."""
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    text += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(session)
    key = json.loads(google.key_file.read_text())["private_key"]
    token = session._credentials.token
    assert token is None or (len(token) > 20 and token not in text)
    assert key.splitlines()[1] not in text
    assert "eyJ" not in text
    assert "assertion=" not in text
    assert CELL not in text


# The Sheets API


def test_a_spreadsheet_that_is_not_shared_names_the_account(google: Sandbox) -> None:
    """The hint holds the address to share with."""
    identity = google.add("Survey", [Tab("data", ROWS)], shared=False)
    error = _failure(google, spreadsheet_id=identity)
    assert type(error) is NotShared
    assert f"share the Sheet as Viewer with {google.client_email}" in error.hint
    assert error.exit_code == 5


def test_an_unknown_id_says_where_to_look(google: Sandbox) -> None:
    """A 404 means the id."""
    error = _failure(google, spreadsheet_id="1doesNotExist")
    assert type(error) is SpreadsheetNotFound
    assert "URL" in error.hint


def test_a_disabled_api_gives_the_page_that_enables_it(google: Sandbox) -> None:
    """The activation URL of Google's own reply is handed on."""
    error = _failure(google, Fault(kind="spreadsheet", what="disabled"))
    assert type(error) is ApiDisabled
    assert "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=" in error.hint
    assert "wait a few minutes" in error.hint


def test_a_login_without_the_scope_says_how_to_log_in(google: Sandbox) -> None:
    """The command holds the scope."""
    error = _failure(google, Fault(kind="spreadsheet", what="scope"))
    assert type(error) is ScopeInsufficient
    assert "log in again: gcloud auth application-default login --scopes=https://" in error.hint
    assert "spreadsheets.readonly" in error.hint


@pytest.mark.parametrize("kind", ["spreadsheet", "values"])
def test_an_excel_file_says_how_to_convert_it(google: Sandbox, kind: str) -> None:
    """An Office file in Drive is named for what it is."""
    error = _failure(google, Fault(kind=kind, what="unsupported"))
    assert type(error) is NotASpreadsheet
    assert "Save as Google Sheets" in error.hint


def test_a_quota_is_named(google: Sandbox) -> None:
    """Which quota it is, that others share it, and how often it was tried."""
    error = _failure(google, Fault(kind="values", status=429, times=None))
    assert type(error) is QuotaExhausted
    assert "ReadRequestsPerMinutePerUser (60)" in error.message
    assert "tried 5 times" in error.message
    assert "same account" in error.hint
    assert error.exit_code == 6


@pytest.mark.parametrize("status", [408, 500, 503])
def test_googles_own_trouble_is_named(google: Sandbox, status: int) -> None:
    """The status, the tries, and that nothing is lost."""
    error = _failure(google, Fault(kind="values", status=status, times=None))
    assert type(error) is GoogleDown
    assert str(status) in error.message
    assert "tried 5 times" in error.message
    assert "the previous CSV is unchanged" in error.hint


def test_a_token_that_the_api_does_not_accept_is_named(google: Sandbox) -> None:
    """A token that was revoked meanwhile is a matter of credentials."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:
        session.sign_in()
        google.revoke_tokens()
        with pytest.raises(CredentialsRefused) as caught:
            _pull(session, identity)
        _tells_no_secret(caught.value, session, google)


def test_a_page_for_people_is_not_google(google: Sandbox) -> None:
    """A proxy's 403 in HTML is no answer of Google's."""
    error = _failure(google, Fault(kind="values", what="page", status=403))
    assert type(error) is NotGoogle
    assert "captive portal" in error.hint


def test_an_answer_that_stays_cut_off_is_googles_trouble(google: Sandbox) -> None:
    """A body that ends in the middle, five times, is said to be cut off."""
    error = _failure(google, Fault(kind="values", what="truncate", times=None))
    assert type(error) is GoogleDown
    assert "cut off; tried 5 times" in error.message


def test_a_connection_that_stays_broken_is_the_networks(google: Sandbox) -> None:
    """Resets without an answer, five times, are a matter of the network."""
    error = _failure(google, Fault(kind="token", what="reset", times=None))
    assert type(error) is NetworkUnreachable
    assert "sheets.googleapis.com" in error.hint


# The sign-in


@pytest.mark.parametrize(("skew", "words"), [(7200, "2 hours behind google's"), (-259_200, "3 days ahead of google's")])
def test_a_wrong_clock_shows_the_skew(google: Sandbox, skew: float, words: str) -> None:
    """The time in the reply tells by how much, and in which direction."""
    error = _failure(google, Fault(kind="token", what="skew", seconds=skew, times=None))
    assert type(error) is ClockWrong
    assert words in error.message
    assert "set the clock" in error.hint
    assert error.exit_code == 5


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("Invalid JWT Signature.", "revoked"),
        ("Invalid grant: account not found", "deleted"),
        ("Invalid JWT: Failed audience check.", "Failed audience check"),
    ],
)
def test_a_key_that_google_does_not_accept_says_why(google: Sandbox, description: str, words: str) -> None:
    """A revoked key, a deleted account and anything else are told apart, with a new key as the next step."""
    error = _failure(google, Fault(kind="token", what="invalid_grant", description=description))
    assert type(error) is CredentialsRefused
    assert words in error.message
    assert "new JSON key" in error.hint


def test_a_key_of_another_account_is_refused_by_the_real_check(google: Sandbox, tmp_path: Path) -> None:
    """A key file whose e-mail Google does not know is refused over the wire, without a scripted fault."""
    content = json.loads(google.key_file.read_text())
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content | {"client_email": "other@project.iam.gserviceaccount.com"}))
    with open_session(config.Google(credentials=path)) as session, pytest.raises(CredentialsRefused, match="deleted"):
        session.sign_in()


# Replies that the sandbox does not make


def _api(status: int, error: object) -> Reply:
    return Reply("sheets.googleapis.com", status, {}, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (_api(400, {"message": "Unable to parse range: 'x'"}), WorksheetNotFound, "the tab was not found"),
        (_api(400, {"message": "Range ('x'!A9) exceeds grid limits."}), SheetMoved, "fewer rows"),
        (_api(400, {"message": "Request contains an invalid argument."}), GoogleRefused, "invalid argument"),
        (_api(400, {"status": "FAILED_PRECONDITION", "message": "?"}), NotASpreadsheet, "Excel"),
        (_api(403, {"message": "Request had insufficient authentication scopes."}), ScopeInsufficient, "login"),
        (_api(403, {"message": "Billing is off."}), NotShared, "Billing is off"),
        (_api(403, {"message": "x", "details": [{"reason": "CONSUMER_INVALID"}]}), NotShared, "x"),
        (_api(409, {"message": "Conflict with Bearer abcdef ya29.abc"}), GoogleRefused, "Conflict with … …"),
        (_api(403, "forbidden"), NotGoogle, "status 403"),
        (Reply("sheets.googleapis.com", 302, {}, b""), NotGoogle, "status 302"),
        (Reply("sheets.googleapis.com", 407, {}, b"<html>"), NetworkUnreachable, "407"),
        (Reply("sheets.googleapis.com", 404, {}, b"[" * 100_000), NotGoogle, "404"),
    ],
)
def test_other_replies_of_the_api_are_explained(reply: Reply, kind: type[Exception], words: str) -> None:
    """Each gets its class; what Google says is shown on one line, without anything that looks like a token."""
    error = from_api(reply, account="")
    assert type(error) is kind
    assert words in str(error)
    assert isinstance(error, SheetsDecryptError)
    assert error.hint


def test_an_older_reply_of_a_disabled_api_gives_the_page_too() -> None:
    """Before 2025 the page was among the links, and before that in the message alone."""
    url = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1"
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    links = {"links": [{"description": "Google developers console API activation", "url": url}]}
    for error in (
        {"message": "It is disabled.", "details": [links, info]},
        {"message": f"Enable it by visiting {url} then retry.", "details": [info]},
    ):
        failure = from_api(_api(403, error), account="")
        assert isinstance(failure, ApiDisabled)
        assert url in failure.hint
    bare = from_api(_api(403, {"message": "It is disabled.", "details": [info]}), account="")
    assert isinstance(bare, ApiDisabled)
    assert "Google Cloud console" in bare.hint


def test_an_account_without_a_known_address_is_described() -> None:
    """Where no e-mail is known, the hint says whom to look for."""
    failure = from_api(_api(403, {"message": "The caller does not have permission"}), account="")
    assert isinstance(failure, NotShared)
    assert "the account that this machine signs in with" in failure.hint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"slow down", "google's quota is used up"),
        (b'{"error":{"message":"limit \'Reads\' of"}}', "quota Reads is used"),
    ],
)
def test_a_quota_without_details_is_a_quota(body: bytes, words: str) -> None:
    """A 429 in whatever form is a quota."""
    failure = from_api(Reply("sheets.googleapis.com", 429, {"Retry-After": "9"}, body), account="")
    assert isinstance(failure, Transient)
    assert words in str(failure)
    assert (failure.quota, failure.retry_after) == (True, 9)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ({"error": "invalid_scope", "error_description": "x"}, ScopeInsufficient, "login"),
        (
            {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
            CredentialsRefused,
            "login",
        ),
        (
            {"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)"},
            CredentialsRefused,
            "login",
        ),
        (
            {"error": "disabled_client", "error_description": "The OAuth client was disabled."},
            CredentialsRefused,
            "off",
        ),
        ({"error": "unauthorized_client"}, CredentialsRefused, "unauthorized_client"),
        ({"error": {"message": "Permission 'iam' denied"}}, CredentialsRefused, "Permission 'iam' denied"),
        ({"error": {}}, CredentialsRefused, "no reason given"),
        ({"error": "temporarily_unavailable"}, Transient, "out of order (400)"),
        ({"nothing": 1}, NotGoogle, "status 400"),
        ([1], NotGoogle, "status 400"),
    ],
)
def test_other_replies_of_the_sign_in_are_explained(content: object, kind: type[Exception], words: str) -> None:
    """Each error that a token endpoint knows gets its class."""
    error = from_sign_in(Reply("oauth2.googleapis.com", 400, {}, json.dumps(content).encode()), skew=None)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("skew", "words"),
    [(None, "too far off"), (600.0, "10 minutes ahead"), (-90.0, "90 seconds behind"), (200_000.0, "2 days ahead")],
)
def test_the_skew_is_said_in_a_fitting_unit(skew: float | None, words: str) -> None:
    """Seconds to days; without a Date in the reply, without a number."""
    body = b'{"error":"invalid_grant","error_description":"Invalid JWT: ... in a reasonable timeframe."}'
    assert words in str(from_sign_in(Reply("oauth2.googleapis.com", 400, {}, body), skew=skew))


# A server whose replies are written out


@dataclass
class Scripted:
    """A proxy that ends TLS with the sandbox's certificate and answers what it is told to, each reply once.

    Args:
        folder: The sandbox's folder.
        connect: What it answers to CONNECT.
        replies: Whole HTTP replies.
    """

    folder: Path
    connect: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
    replies: list[bytes] = field(default_factory=list, repr=False)
    heads: list[str] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    @property
    def settings(self) -> config.Google:
        """What leads to it."""
        return config.Google(
            proxy=f"http://me:proxy-password@127.0.0.1:{self._socket.getsockname()[1]}",
            ca_bundle=self.folder / "ca.pem",
            credentials=self.folder / "credentials.json",
        )

    def _serve(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._read(connection)
                connection.sendall(self.connect)
                if b" 200 " in self.connect:
                    self._talk(context, connection)

    def _talk(self, context: ssl.SSLContext, connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                if self._read(secure):
                    secure.sendall(self.replies.pop(0))
        except OSError:
            return

    def _read(self, connection: socket.socket) -> bool:
        """Read a request; tell whether there was one."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        return True


def _http(body: bytes, *, status: int = 200, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


def _json(content: Any) -> bytes:
    return _http(json.dumps(content).encode(), headers="Content-Type: application/json\r\n")


TOKEN = _json({"access_token": "ya29.the-token-of-this-test-000000", "expires_in": 3600, "token_type": "Bearer"})
PROPERTIES = _json(
    {
        "properties": {"title": "Survey"},
        "sheets": [{"properties": {"title": "data", "gridProperties": {"rowCount": 9, "columnCount": 2}}}],
    }
)


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    """Give a maker of such servers."""
    sandbox = Sandbox(tmp_path / "google")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)

    def make(*replies: bytes, connect: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Scripted:
        return Scripted(sandbox.key_file.parent, connect, list(replies))

    return make


def _meet(server: Scripted) -> SheetsDecryptError:
    with server, open_session(server.settings) as session, pytest.raises(SheetsDecryptError) as caught:
        _pull(session, "id")
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    for secret in ("the-token-of-this-test", "proxy-password", "eyJ", CELL):
        assert secret not in text
        assert secret not in caught.value.hint
    return caught.value


def test_a_compressed_reply_in_chunks_is_read(scripted: Callable[..., Scripted]) -> None:
    """Google's usual way of sending, gzip in chunks, gives the rows."""
    body = gzip.compress(json.dumps({"range": "data!A1:B9", "values": [["name"], ["é" * 5000]]}).encode())
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with scripted(TOKEN, PROPERTIES, head + chunks) as server, open_session(server.settings) as session:
        assert _pull(session, "id") == [["é" * 5000]]


@pytest.mark.parametrize("encoded", [False, True])
def test_a_reply_in_chunks_that_breaks_off_is_tried_again(scripted: Callable[..., Scripted], encoded: bool) -> None:
    """Chunks that end in the middle are no complete body, compressed or not."""
    whole = json.dumps({"range": "data!A1:B9", "values": [["name"], ["Ana"]]}).encode()
    body = gzip.compress(whole) if encoded else whole
    more = b"Content-Encoding: gzip\r\n" if encoded else b""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" + more + b"\r\n"
    cut = head + b"%x\r\n%s" % (len(body), body[:-9])
    with scripted(TOKEN, PROPERTIES, cut, cut, _http(whole)) as server, open_session(server.settings) as session:
        assert _pull(session, "id") == [["Ana"]]
        assert session.requests == 5


def test_a_damaged_compression_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A body that cannot be decompressed is repeated, and then said to be cut off."""
    bad = _http(b"this is not gzip", headers="Content-Encoding: gzip\r\n")
    error = _meet(scripted(TOKEN, PROPERTIES, *[bad] * 5))
    assert type(error) is GoogleDown


def test_json_that_ends_in_the_middle_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A body without a length that breaks off is noticed by its JSON, for the token as well."""
    half = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b'{"access_token": "ya29.hal'
    error = _meet(scripted(*[half] * 5))
    assert type(error) is GoogleDown
    assert "oauth2.googleapis.com was cut off; tried 5 times" in error.message


def test_a_small_reply_that_unpacks_to_a_huge_one_is_refused(scripted: Callable[..., Scripted]) -> None:
    """The memory is not filled; it is asked once, and what was read is not shown."""
    body = gzip.compress(CELL.encode() + bytes(257 << 20), compresslevel=1)
    server = scripted(TOKEN, PROPERTIES, _http(body, headers="Content-Encoding: gzip\r\n"))
    error = _meet(server)
    assert type(error) is NotGoogle
    assert "the reply is larger than 256 MiB" in error.message
    assert "answers in its place" in error.hint
    assert server.replies == []


def test_constants_that_json_does_not_know_are_refused(scripted: Callable[..., Scripted]) -> None:
    """NaN is no cell of Google's."""
    body = _http(b'{"range": "x", "values": [[NaN]]}')
    assert type(_meet(scripted(TOKEN, PROPERTIES, *[body] * 5))) is GoogleDown


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"\xff\xfe", b"OK", b"[" * 100_000])
def test_a_200_that_is_not_json_is_not_google(scripted: Callable[..., Scripted], body: bytes) -> None:
    """Whatever it is, it is not Google."""
    assert type(_meet(scripted(TOKEN, PROPERTIES, _http(body)))) is NotGoogle


def test_json_of_another_kind_is_not_google(scripted: Callable[..., Scripted]) -> None:
    """A proxy's own JSON is not an empty spreadsheet."""
    assert type(_meet(scripted(TOKEN, _json({"status": "please log in"})))) is NotGoogle


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(scripted: Callable[..., Scripted], status: int) -> None:
    """The token goes nowhere else, not even to another address of the same host."""
    for where in ("https://evil.example/", "https://sheets.googleapis.com/other"):
        moved = _http(b"", status=status, headers=f"Location: {where}\r\n")
        server = scripted(TOKEN, moved, PROPERTIES)
        assert type(_meet(server)) is NotGoogle
        assert len(server.replies) == 1
        server = scripted(moved, TOKEN)
        assert type(_meet(server)) is NotGoogle
        assert len(server.replies) == 1


def test_the_token_goes_to_the_sheets_api_alone(scripted: Callable[..., Scripted]) -> None:
    """CONNECT and the token's own request carry no token; the API's requests do."""
    server = scripted(TOKEN, PROPERTIES, _json({"range": "x", "values": [["name"]]}))
    with server, open_session(server.settings) as session:
        _pull(session, "id")
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
def test_a_sign_in_of_another_shape_is_refused(scripted: Callable[..., Scripted], answer: object) -> None:
    """An answer that is no token is said to be none."""
    error = _meet(scripted(_json(answer)))
    assert type(error) is CredentialsRefused


def test_a_token_that_is_no_headers_value_is_not_shown(scripted: Callable[..., Scripted]) -> None:
    """A token with a line break cannot be sent, and the error that it causes does not quote it."""
    error = _meet(scripted(_json({"access_token": "ya29.the-token-of-this-test\r\nX: y", "expires_in": 3600})))
    assert type(error) is NotGoogle


def test_a_proxy_that_wants_a_login_is_named(scripted: Callable[..., Scripted]) -> None:
    """A 407 is said, once, with where to write the login."""
    server = scripted(connect=b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    error = _meet(server)
    assert type(error) is NetworkUnreachable
    assert "407" in error.message
    assert "HTTPS_PROXY=http://user:password@host:port" in error.hint
    assert len(server.heads) == 1


def test_a_proxy_that_blocks_the_host_is_named(scripted: Callable[..., Scripted]) -> None:
    """A proxy's 403 to CONNECT means that the hosts must be allowed, and is not repeated."""
    server = scripted(connect=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    error = _meet(server)
    assert type(error) is NetworkUnreachable
    assert "does not connect to oauth2.googleapis.com (403)" in error.message
    assert "oauth2.googleapis.com and sheets.googleapis.com" in error.hint
    assert len(server.heads) == 1


def test_a_proxy_in_trouble_is_tried_again(scripted: Callable[..., Scripted]) -> None:
    """A proxy's 502 to CONNECT may pass."""
    server = scripted(connect=b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    error = _meet(server)
    assert type(error) is NetworkUnreachable
    assert "(502); tried 5 times" in error.message
    assert len(server.heads) == 5


def test_the_skew_counts_from_the_reply_itself(scripted: Callable[..., Scripted]) -> None:
    """A reply without a Date, or with one that is none, tells nothing of the clock."""
    body = b'{"error":"invalid_grant","error_description":"... in a reasonable timeframe. ..."}'
    date = f"Date: {formatdate(time.time() - 7200, usegmt=True)}\r\n"
    assert "2 hours ahead" in str(_meet(scripted(_http(body, status=400, headers=date))))
    assert "too far off" in str(_meet(scripted(_http(body, status=400))))
    assert "too far off" in str(_meet(scripted(_http(body, status=400, headers="Date: today\r\n"))))
    for zone in ("+99999", "+" + "9" * 30):
        strange = f"Date: Mon, 01 Jan 2024 00:00:00 {zone}\r\n"
        assert "too far off" in str(_meet(scripted(_http(body, status=400, headers=strange))))


# Other credentials, and google-auth itself


def test_a_persons_login_signs_in(
    scripted: Callable[..., Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Application Default Credentials of a person work through the same wire; an expired login says so."""
    login = tmp_path / "login.json"
    content = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    login.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(login))
    expired = b'{"error":"invalid_grant","error_description":"Token has been expired or revoked."}'
    with scripted(TOKEN, _http(expired, status=400)) as server:
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
    """Credentials that need several addresses get other hosts' replies as they are, and Google's only as JSON."""
    with HTTPServer(("127.0.0.1", 0), _Metadata) as metadata, scripted(_http(b"text")) as server:
        threading.Thread(target=metadata.handle_request).start()
        traffic = Traffic()
        with TimedSession(network_settings(server.settings), Deadline(60), traffic) as session:
            endpoint = SignInRequest(session, traffic)
            assert endpoint(f"http://127.0.0.1:{metadata.server_port}/").data == b"text"
            with pytest.raises(NotGoogle):
                endpoint("https://sheets.googleapis.com/x")


def test_an_address_beyond_the_token_uri_is_never_asked(google: Sandbox) -> None:
    """Whatever google-auth would look up besides the token, a key file's session does not send it."""
    with open_session(config.Google()) as session:
        with pytest.raises(CredentialsRefused, match="not the key file's token_uri"):
            session._request("https://iamcredentials.googleapis.com/v1/allowedLocations")
        assert session.requests == 0


def _refresh_error(*arguments: object) -> Exception:
    made: Exception = RefreshError(*arguments)  # type: ignore[no-untyped-call]
    return made


def test_a_failure_that_only_google_auth_explains_is_handed_on(
    google: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are shown, and what came with them is not."""
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
    """What the system says decides on the words; its own text is not shown."""
    failure = no_reply.explain(error, host="sheets.googleapis.com")
    assert isinstance(failure, Transient)
    assert words in str(failure)
    assert failure.hint == failures.NETWORK


@pytest.mark.parametrize(("code", "clock"), [(9, True), (10, True), (20, False)])
def test_a_certificate_out_of_its_time_points_to_the_clock(code: int, clock: bool) -> None:
    """A certificate that is not yet, or no longer, valid often means that the clock is wrong."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    failure = no_reply.explain(error, host="sheets.googleapis.com")
    assert isinstance(failure, NetworkUnreachable)
    assert ("clock" in failure.hint) is clock
