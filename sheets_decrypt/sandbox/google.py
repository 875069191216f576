"""A local stand-in for Google: the sign-in, and reading and writing values through the Sheets API.

The product needs no hook for it: `HTTPS_PROXY`, `REQUESTS_CA_BUNDLE` and `GOOGLE_APPLICATION_CREDENTIALS` lead to it,
as they would behind a corporate proxy.

    with Sandbox(folder) as google:
        spreadsheet_id = google.add("Survey", [Tab("data", [["name", "phone"], ["Ana", "+44"]])])
        run(environment=google.environment())

Each module cites the source of its behaviour: recorded replies first, then Google's reference.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs

from sheets_decrypt.sandbox import certificates
from sheets_decrypt.sandbox.cells import Cell, Formula
from sheets_decrypt.sandbox.faults import Fault, Kind, Script, What, parse_fault
from sheets_decrypt.sandbox.grid import GeneratedRows, Row, Tab
from sheets_decrypt.sandbox.methods import HOSTS, Api, Asked, kind_of
from sheets_decrypt.sandbox.proxy import Delivery, Listener
from sheets_decrypt.sandbox.quota import Quota, RequestCounter
from sheets_decrypt.sandbox.sign_in import ServiceAccount
from sheets_decrypt.sandbox.workbook import Workbook, new_id

__all__ = [
    "HOSTS",
    "Cell",
    "Fault",
    "Formula",
    "GeneratedRows",
    "Kind",
    "Quota",
    "Request",
    "Sandbox",
    "Tab",
    "What",
    "parse_fault",
]


_TLS_PORT: Final = "443"
_NOT_GOOGLE: Final = Fault(Kind.CONNECT, What.PAGE, status=403)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was received.

    Args:
        method: The HTTP method; `CONNECT` for a refused tunnel; granted ones are not listed.
        host: The host that it was addressed to.
        path: The path, still percent-encoded.
        query: The query, still percent-encoded.
        status: The answer's status; 0 if the connection broke.
        kind: Its kind.
    """

    method: str
    host: str
    path: str
    query: str
    status: int
    kind: Kind

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The query, decoded."""
        return parse_qs(self.query, keep_blank_values=True)


class Sandbox:
    """A local Google. Its ports are open inside a `with` block.

    Args:
        folder: Where to write `ca.pem`, `server.pem` and `credentials.json`, which are useless anywhere else.
        port: The proxy's port; 0 takes any free one.
        host: The address to listen on.
        quota: Requests a minute; None for no limit.
        compress: Whether answers are compressed, as Google's are, for a client that accepts gzip.
        clock: Google's time, in seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        quota: Quota | None = None,
        compress: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_bundle: Final = folder / "ca.pem"
        self.key_file: Final = folder / "credentials.json"
        _, self._tls = certificates.make(folder, HOSTS)
        self._account: Final = ServiceAccount(self.key_file)
        self.client_email: Final = self._account.email
        self.requests: Final[list[Request]] = []
        self._address: Final = (host, port)
        self._compress: Final = compress
        self._clock: Final = clock
        self._script: Final = Script()
        self._workbooks: Final[dict[str, Workbook]] = {}
        self._api: Final = Api(self._account, self._workbooks, RequestCounter(quota))
        self._listeners: list[Listener] = []

    def __enter__(self) -> Self:
        host, port = self._address
        for direct in (False, True):
            address = (host, 0 if direct else port)
            try:
                listener = Listener(
                    address, self._tls, self._answer, self._tunnel, direct=direct, compress=self._compress
                )
            except OSError:
                self.__exit__(None, None, None)
                raise
            self._listeners.append(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._listeners:
            self._listeners.pop().stop()

    @property
    def proxy(self) -> str:
        """The proxy's address."""
        return f"http://{self._address[0]}:{self._listeners[0].port}"

    @property
    def direct_port(self) -> int:
        """The TLS port that needs no CONNECT; the Host header names the host."""
        return self._listeners[1].port

    def environment(self) -> dict[str, str]:
        """Return the environment variables that direct a program here."""
        bundle = os.path.abspath(self.ca_bundle)  # noqa: PTH100  (resolving links would change what the user reads)
        return {
            "HTTPS_PROXY": self.proxy,
            "https_proxy": self.proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
            "NODE_EXTRA_CA_CERTS": bundle,
            "GOOGLE_APPLICATION_CREDENTIALS": os.path.abspath(self.key_file),  # noqa: PTH100  (as above)
        }

    def add(
        self,
        title: str,
        tabs: Sequence[Tab],
        *,
        spreadsheet_id: str | None = None,
        shared: bool = True,
        editable: bool = True,
    ) -> str:
        """Add a spreadsheet.

        Args:
            title: Its title.
            tabs: Its tabs, in order.
            spreadsheet_id: Its id; default: a random one.
            shared: Whether the account may read it.
            editable: Whether the account may also write to it.

        Returns:
            The id.
        """
        workbook = Workbook(spreadsheet_id or new_id(), title, tabs, shared=shared, editable=editable)
        self._workbooks[workbook.id] = workbook
        return workbook.id

    def share(self, spreadsheet_id: str, *, shared: bool = True, editable: bool = True) -> None:
        """Set the account's access to a spreadsheet."""
        workbook = self._workbooks[spreadsheet_id]
        workbook.shared, workbook.editable = shared, editable

    def url(self, spreadsheet_id: str, title: str | None = None) -> str:
        """Return a spreadsheet's address in a browser, with a tab's gid if its title is given."""
        workbook = self._workbooks[spreadsheet_id]
        return workbook.url if title is None else f"{workbook.url}#gid={workbook.grid(title).gid}"

    def replace_rows(self, spreadsheet_id: str, title: str, rows: Sequence[Row]) -> None:
        """Replace the rows of a tab."""
        workbook = self._workbooks[spreadsheet_id]
        with workbook.changing():
            workbook.grid(title).replace(rows)

    def rows(self, spreadsheet_id: str, title: str) -> list[list[Cell]]:
        """Return a copy of a tab's current rows."""
        workbook = self._workbooks[spreadsheet_id]
        with workbook.lock:
            return workbook.grid(title).rows()

    def fault(self, *faults: Fault) -> None:
        """Add faults; to each request, the first one applies that matches it and is not used up."""
        self._script.add(*faults)

    def clear_faults(self) -> None:
        """Drop all faults."""
        self._script.clear()

    def revoke_tokens(self) -> None:
        """Revoke every token."""
        self._account.revoke()

    def _tunnel(self, host: str, port: str) -> Delivery | None:
        """Refuse a tunnel to any host but Google's, or if a fault says so."""
        fault = self._script.next(Kind.CONNECT) if host in HOSTS and port == _TLS_PORT else _NOT_GOOGLE
        if fault is None:
            return None
        reply = fault.reply(Kind.CONNECT)
        self.requests.append(Request("CONNECT", host, "", "", reply.status if reply else 0, Kind.CONNECT))
        return Delivery(reply, stall=fault.seconds)

    def _answer(self, asked: Asked) -> Delivery:
        kind = kind_of(asked)
        fault = self._script.next(kind) or Fault(what=What.CALL)
        seconds = {What(fault.what): fault.seconds}
        skew = seconds.get(What.SKEW, 0.0)
        if fault.then is not None:
            fault.then()
        reply = None
        if fault.what != What.RESET:
            reply = fault.reply(kind) or self._api.answer(replace(asked, now=self._clock() + skew))
        if fault.what == What.LOST:
            reply = None
        status = reply.status if reply else 0
        self.requests.append(Request(asked.method, asked.host, asked.path, asked.query, status, kind))
        return Delivery(
            reply,
            skew=skew,
            stall=seconds.get(What.STALL, 0.0),
            drip=seconds.get(What.DRIP, 0.0),
            truncate=fault.what == What.TRUNCATE,
        )
