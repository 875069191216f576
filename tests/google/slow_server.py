"""A proxy with Google behind it that drips: at one point of one reply it sends small pieces, endlessly."""

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from sheets_decrypt import config

PAUSE: Final = 0.05  # seconds between two pieces
PIECES: Final = 200  # after this many, the server has outlasted its client
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Drip:
    """The part that is sent at once, and the piece that is repeated; an empty piece means silence."""

    start: bytes
    piece: bytes


REPLIES: Final[Mapping[str, Drip]] = {
    "silence": Drip(b"", b""),
    "status line": Drip(b"HTTP/1.1 200 ", b"O"),
    "header": Drip(_OK + b"X-Filler: ", b"x"),
    "interim replies": Drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": Drip(_OK + b"Content-Length: 100000\r\n\r\n{", b" "),
    "body without a length": Drip(_OK + b"Connection: close\r\n\r\n{", b" "),
    "compressed body": Drip(
        _OK + b"Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n" + gzip.compress(b"")[:10],
        b"\x00\x00\x00\xff\xff",  # an empty block (RFC 1951, 3.2.4)
    ),
    "body of a refusal": Drip(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n{", b" "),
    "body of a redirect": Drip(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 100000\r\n\r\n", b" "),
    "chunk size": Drip(_CHUNKED + b"5;", b"x"),
    "chunk": Drip(_CHUNKED + b"fffff\r\n{", b" "),
    "chunks": Drip(_CHUNKED, b"1\r\n \r\n"),
    "trailers": Drip(_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    "trailer": Drip(_CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"y"),
}
BELOW_HTTP: Final[Mapping[str, Drip]] = {
    "silence of the proxy": Drip(b"", b""),
    "proxy's status line": Drip(b"HTTP/1.1 200 ", b"O"),
    "proxy's headers": Drip(_OK + b"X-Filler: ", b"x"),
    "silence in the TLS handshake": Drip(b"", b""),
    "TLS handshake": Drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00"),
    "TLS record": Drip(b"\x17\x03\x03\x40\x00", b"\x00"),
}
_NORMAL: Final[Mapping[str, object]] = {
    "token": {"access_token": "ya29.token", "expires_in": 3600, "token_type": "Bearer"},
    "spreadsheet": {
        "properties": {"title": "Survey"},
        "sheets": [{"properties": {"title": "data", "gridProperties": {"rowCount": 9, "columnCount": 2}}}],
    },
    "values": {"range": "data!A1:B9", "values": [["name"], ["Ana"]]},
}


@dataclass
class SlowServer:
    """A proxy that answers as Google does, except that it drips at one point.

    Args:
        folder: A sandbox's folder, whose certificate and key file are used.
        place: A key of `REPLIES` or `BELOW_HTTP`.
        request: The request whose reply drips: `token`, `spreadsheet` or `values`.
        tls: Whether the client connects to the proxy itself over TLS.
        pause: Seconds between two pieces.
    """

    folder: Path
    place: str = ""
    request: str = "token"
    tls: bool = False
    pause: float = PAUSE
    reached: threading.Event = field(default_factory=threading.Event)
    client_left: threading.Event = field(default_factory=threading.Event)
    _closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.folder / "server.pem")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):  # Windows: closing is enough to wake the accepting thread
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    @property
    def port(self) -> int:
        """The proxy's port."""
        return int(self._socket.getsockname()[1])

    def settings(self, deadline: float) -> config.Google:
        """Settings that point to it."""
        return config.Google(
            proxy=f"http://127.0.0.1:{self.port}",
            ca_bundle=self.folder / "ca.pem",
            credentials=self.folder / "credentials.json",
            deadline=deadline,
        )

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]  # a method of this class
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(10)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self.tls:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._drip(secure, secure, REPLIES["status line"])
            head = _head(connection)
            if head.startswith("CONNECT"):
                self._tunnel(connection, head)
            elif head:
                self._drip(connection, connection, REPLIES[self.place])

    def _tunnel(self, connection: socket.socket, head: str) -> None:
        mine = self.place in BELOW_HTTP and ("oauth2" in head) == (self.request == "token")
        if mine and "proxy" in self.place:
            return self._drip(connection, connection, BELOW_HTTP[self.place])
        connection.sendall(_OK + b"\r\n")
        if mine and "handshake" in self.place:
            return self._drip(connection, connection, BELOW_HTTP[self.place])
        with self._context.wrap_socket(connection, server_side=True) as secure:
            while head := _head(secure):
                self._reply(secure, head)
        return None

    def _reply(self, secure: ssl.SSLSocket, head: str) -> None:
        request = "token" if head.startswith("POST") else "values" if "/values/" in head else "spreadsheet"
        if request == self.request and self.place in REPLIES:
            self._drip(secure, secure, REPLIES[self.place])
        elif request == self.request and self.place == "TLS record":
            self._drip(secure, socket.socket(fileno=socket.dup(secure.fileno())), BELOW_HTTP[self.place])
        else:
            body = json.dumps(_NORMAL[request]).encode()
            secure.sendall(_OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _drip(self, connection: socket.socket, wire: socket.socket, drip: Drip) -> None:
        """Drip until the client is gone, and record which of the two gave up."""
        self.reached.set()
        try:
            wire.sendall(drip.start)
            for _ in range(PIECES):
                if self._closing.wait(self.pause):
                    break
                if drip.piece:
                    wire.sendall(drip.piece)
                elif _has_left(connection):
                    raise ConnectionResetError
        except OSError:
            self.client_left.set()
        finally:
            if wire is not connection:
                wire.close()


def _head(connection: socket.socket) -> str:
    """Read a request and return its head, or an empty string if the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode("latin-1")


def _has_left(connection: socket.socket) -> bool:
    """Return whether a client that sends nothing more has closed its side; data that it sent before is skipped."""
    raw = socket.socket(fileno=socket.dup(connection.fileno()))
    with raw:
        raw.setblocking(False)
        try:
            return not raw.recv(65536)
        except BlockingIOError:
            return False
