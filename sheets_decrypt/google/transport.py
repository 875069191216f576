"""Connections whose every socket operation ends at the deadline.

A time limit per operation, which is what requests and urllib3 offer, never ends a reply of which a byte arrives now and
then. Here each operation gets what is left of the whole request's time: connecting, the proxy's answer to CONNECT, the
TLS handshake, each line and each piece of a reply.
"""

import ssl
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_ import create_urllib3_context

from sheets_decrypt.google.deadline import Deadline, in_background


class TimedAdapter(HTTPAdapter):
    """requests' adapter, with sockets that keep to the deadline.

    Args:
        deadline: The deadline.
        verify: The trusted certificates, as `NetworkSettings` has them.
    """

    def __init__(self, deadline: Deadline, verify: str | bool) -> None:
        self._deadline = deadline
        self._plain = type("TimedSocket", (_TimedSocket,), {"deadline": deadline})
        self._tls = create_urllib3_context()
        self._tls.sslsocket_class = type("TimedTls", (_TimedTls,), {"deadline": deadline})
        self._verify = verify
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the connections that need no proxy."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = self._timed(self.poolmanager.pool_classes_by_scheme)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the connections through a proxy; each proxy has one set."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options, ssl_context=self._tls, proxy_ssl_context=self._tls)
        if not known:
            manager.pool_classes_by_scheme = self._timed(manager.pool_classes_by_scheme)
            if proxy.lower().startswith("https:"):
                self._trust()
        return manager

    def _trust(self) -> None:
        """Load the certificates for a proxy that is reached over TLS; for Google's hosts urllib3 does it."""
        place = Path(self._verify if isinstance(self._verify, str) else requests.utils.DEFAULT_CA_BUNDLE_PATH)
        if place.is_dir():
            self._tls.load_verify_locations(capath=place)
        else:
            self._tls.load_verify_locations(cafile=place)

    def _timed(self, pools: Mapping[str, Any]) -> dict[str, Any]:
        """Derive pools from urllib3's, for any kind of proxy, whose connections open timed sockets."""
        members = {"deadline": self._deadline, "timed_socket": self._plain}
        return {
            scheme: type(
                pool.__name__,
                (pool,),
                {"ConnectionCls": type(pool.ConnectionCls.__name__, (_TimedConnection, pool.ConnectionCls), members)},
            )
            for scheme, pool in pools.items()
        }


if TYPE_CHECKING:
    _Connection = HTTPConnection
    _Socket = socket
else:
    _Connection = _Socket = object


class _TimedConnection(_Connection):
    """A mixin for urllib3's connections."""

    deadline: Deadline
    timed_socket: type[socket]

    def _new_conn(self) -> socket:
        """Resolve the name and connect; a host may have many addresses, and the system's resolver no time limit."""
        attempt = in_background(super()._new_conn)
        try:
            opened = self.deadline.wait_for(attempt)
        except TimeoutError:
            attempt.add_done_callback(_close)
            raise urllib3.exceptions.ConnectTimeoutError(self, "the deadline is over") from None
        limit = opened.gettimeout()
        timed = self.timed_socket(fileno=opened.detach())
        timed.settimeout(limit)
        return timed


def _close(attempt: "Future[socket]") -> None:
    if attempt.exception() is None:
        attempt.result().close()


class _Timed(_Socket):
    """A mixin for sockets: urllib3 sets the limit for silence, and the deadline shortens it."""

    deadline: Deadline

    def gettimeout(self) -> float:
        """Return the limit of the next operation; `ssl` asks for it too, and measures a handshake as one operation."""
        return min(super().gettimeout() or float("inf"), self.deadline.remaining())

    def recv(self, *arguments: Any) -> bytes:
        self.settimeout(self.gettimeout())
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(self.gettimeout())
        return super().recv_into(*arguments, **named)

    def send(self, *arguments: Any) -> int:
        self.settimeout(self.gettimeout())
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.gettimeout())
        super().sendall(*arguments)


class _TimedSocket(_Timed, socket):
    pass


class _TimedTls(_Timed, ssl.SSLSocket):
    pass
