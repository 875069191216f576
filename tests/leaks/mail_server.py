"""A real mail server on this machine, which keeps what it is sent."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests import require


@dataclass
class Mails:
    """What arrived: each mail as it came, headers and all."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)


@contextmanager
def mail_server(password: str) -> Iterator[Mails]:
    """Run a mail server that lets in whoever has the password."""
    require.module("aiosmtpd")
    require.module("apprise")
    from aiosmtpd.smtp import AuthResult

    mails = Mails()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
            mails.received.append(envelope.content)
            return "250 OK"

    def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == password.encode())

    server = _started(Handler(), authenticator)
    mails.port = server.port
    try:
        yield mails
    finally:
        server.stop()


def _started(handler: object, authenticator: Callable[..., object]) -> Any:
    """Start the server on a free port; another test may take it first."""
    from aiosmtpd.controller import Controller

    options: dict[str, Any] = {"auth_require_tls": False, "authenticator": authenticator}
    for _ in range(5):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Controller(handler, hostname="127.0.0.1", port=port, **options)
        with contextlib.suppress(OSError):
            server.start()
            return server
    raise AssertionError("no port is free")
