"""The server: an HTTPS proxy that terminates TLS, and a TLS port. HTTP/1.1, keep-alive, a thread per connection.

A connection to the proxy begins with `CONNECT host:443` (RFC 9110, 9.3.6). One to the TLS port begins with TLS, and
the Host header names the host; that is for programs that cannot use a proxy.
"""

import contextlib
import email.utils
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, TCPServer, ThreadingMixIn
from typing import Any, Final

from sheets_decrypt.sandbox.methods import Asked
from sheets_decrypt.sandbox.replies import Reply

_PIECES: Final = 16
_RESET: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # SO_LINGER: on, 0 seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer and how it is delivered.

    Args:
        reply: The answer; None to break the connection instead.
        skew: How many seconds the Date header is ahead.
        stall: Silence before the answer, in seconds.
        drip: Silence between its pieces, in seconds.
        truncate: Whether the connection ends in the middle of the body.
    """

    reply: Reply | None
    skew: float = 0.0
    stall: float = 0.0
    drip: float = 0.0
    truncate: bool = False


class Listener(ThreadingMixIn, TCPServer):
    """A port, served in the background.

    Args:
        address: Host and port; port 0 takes any that is free.
        tls: The server's side of TLS.
        answer: Request → answer.
        tunnel: Host and port of a CONNECT → the answer instead of a tunnel, or None.
        direct: Whether connections begin with TLS, without CONNECT.
        compress: Whether answers are compressed for clients that accept gzip.
    """

    allow_reuse_address = os.name == "posix"  # on Windows this would let another program take the port
    daemon_threads = False
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        tls: ssl.SSLContext,
        answer: Callable[[Asked], Delivery],
        tunnel: Callable[[str, str], Delivery | None],
        *,
        direct: bool,
        compress: bool,
    ) -> None:
        self.tls: Final = tls
        self.answer: Final = answer
        self.tunnel: Final = tunnel
        self.direct: Final = direct
        self.compress: Final = compress
        self.closing: Final = threading.Event()
        self.open: Final[set[socket.socket]] = set()
        super().__init__(address, _Connection)
        self._thread: Final = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"port {self.port}")
        self._thread.start()

    @property
    def port(self) -> int:
        """The port."""
        return int(self.server_address[1])

    def stop(self) -> None:
        """Close the port and every connection, and wait for their threads."""
        self.closing.set()
        self.shutdown()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            if os.name == "nt":  # on Windows a waiting thread does not wake until the socket is closed
                with contextlib.suppress(OSError):
                    socket.close(socket.socket.detach(connection))
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that disconnects is not an error here."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def __init__(self, request: socket.socket, client_address: Any, server: BaseServer) -> None:
        self._host = ""
        self._raw = request
        super().__init__(request, client_address, server)

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client disconnected, or the sandbox is closing
            self._go_on_while_open()
            if self.server.direct:
                self._begin_tls()
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        self.server.open.discard(self.connection)
        self.connection.close()

    def do_CONNECT(self) -> None:
        """Act as the host, or refuse."""
        host, _, port = self.path.rpartition(":")
        if delivery := self.server.tunnel(host, port):
            self._deliver(delivery)
            self.close_connection = True
            return
        self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._host = host
        self._begin_tls()
        self.close_connection = False  # even after a CONNECT in HTTP/1.0

    def do_GET(self) -> None:
        """Answer a request."""
        body = self._body()
        host = self._host or self.headers.get("Host", "").partition(":")[0]
        path, _, query = self.path.partition("?")
        authorization = self.headers.get("Authorization")
        self._deliver(self.server.answer(Asked(self.command, host, path, query, authorization, body)))

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815  (the names are http.server's)

    def _body(self) -> bytes:
        """Read the request's body, whole or in chunks (RFC 9112, 7.1)."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _deliver(self, delivery: Delivery) -> None:
        self.server.closing.wait(delivery.stall)
        if delivery.reply is None:
            self._break()
        else:
            self._send(delivery.reply, delivery)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is http.server's)
        """Log nothing."""

    def _begin_tls(self) -> None:
        self.server.open.discard(self.connection)
        self.rfile.close()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.server.open.add(self.connection)
        self._go_on_while_open()
        self.connection.do_handshake()
        self.rfile = self.connection.makefile("rb")

    def _go_on_while_open(self) -> None:
        """Stop if the sandbox is closing: it may have listed the open connections before this one was added."""
        if self.server.closing.is_set():
            raise ConnectionAbortedError

    def _send(self, reply: Reply, delivery: Delivery) -> None:
        body, headers = reply.body, list(reply.headers)
        if self.server.compress and reply.status == HTTPStatus.OK and self._accepts_gzip():
            body = reply.compressed
            headers.append(("Content-Encoding", "gzip"))
        date = email.utils.formatdate(time.time() + delivery.skew, usegmt=True)
        headers += [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(body))),
            ("Date", date),
            ("Server", "sheets-decrypt sandbox"),
            ("Vary", "Origin, X-Origin, Referer"),
        ]
        head = f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self.connection.sendall(head.encode("latin-1"))
        if delivery.truncate:
            self.connection.sendall(body[: len(body) // 2])
            self.close_connection = True
        elif delivery.drip:
            self._drip(body, delivery.drip)
        else:
            self.connection.sendall(body)

    def _accepts_gzip(self) -> bool:
        return "gzip" in self.headers.get("Accept-Encoding", "")

    def _drip(self, body: bytes, pause: float) -> None:
        size = max(1, len(body) // _PIECES)
        for start in range(0, len(body), size):
            if self.server.closing.wait(pause):
                break
            self.connection.sendall(body[start : start + size])

    def _break(self) -> None:
        """Reset the connection; data in transit is lost."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True
