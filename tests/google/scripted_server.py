"""A proxy that terminates TLS and sends scripted replies."""

import contextlib
import json
import socket
import ssl
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.google.session import open_session
from tests.google.pulling import pull

CELL = "a-cell-that-nobody-may-see"


@dataclass
class Scripted:
    """A proxy that terminates TLS with the sandbox's certificate and sends the given replies, each once.

    Args:
        folder: The sandbox's folder.
        connect: The reply to CONNECT.
        replies: Complete HTTP replies.
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
        with contextlib.suppress(OSError):  # Windows: closing is enough to wake the accepting thread
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    @property
    def proxy(self) -> str:
        """Its address, without a login."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def settings(self) -> config.Google:
        """Settings that point to it."""
        return config.Google(
            proxy=self.proxy.replace("//", "//me:proxy-password@"),
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
        """Read a request; return whether one came."""
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


def http(body: bytes, *, status: int = 200, headers: str = "") -> bytes:
    """Return a complete HTTP reply."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


def json_reply(content: Any) -> bytes:
    """Return a 200 reply with JSON."""
    return http(json.dumps(content).encode(), headers="Content-Type: application/json\r\n")


TOKEN = json_reply({"access_token": "ya29.the-token-of-this-test-000000", "expires_in": 3600, "token_type": "Bearer"})
PROPERTIES = json_reply(
    {
        "properties": {"title": "Survey"},
        "sheets": [{"properties": {"title": "data", "gridProperties": {"rowCount": 9, "columnCount": 2}}}],
    }
)


def meet(server: Scripted) -> SheetsDecryptError:
    """Pull from a server, and return the error after checking that it holds no secret."""
    with server, open_session(server.settings) as session, pytest.raises(SheetsDecryptError) as caught:
        pull(session, "id")
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    for secret in ("the-token-of-this-test", "proxy-password", "eyJ", CELL):
        assert secret not in text
        assert secret not in caught.value.hint
    return caught.value
