"""Credentials → a session with Google: least scope, time-outs, bounded retry.

gspread builds the requests, google-auth fetches the token, `wire` sends, `retry` repeats, `errors` explains.
Neither google-auth's own session nor its `before_request` is used: both look up a third host with the token.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import google.auth.transport
import gspread
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account
from gspread.urls import SPREADSHEET_URL, SPREADSHEET_VALUES_URL
from requests import PreparedRequest, Response

from sheets_decrypt import config
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.google import credentials as who
from sheets_decrypt.google import errors
from sheets_decrypt.google.retry import patiently
from sheets_decrypt.google.wire import Meter, Route, Wire, parsed, reply_of, route

_OK: Final = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in.

    Args:
        email: The address that a spreadsheet must be shared with; empty where it is not known.
    """

    email: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What Google answered.

    Args:
        content: The parsed JSON.
        size: The body's length in bytes.
    """

    content: Any
    size: int


def open_session(settings: config.Google) -> "Session":
    """Find the credentials and the way to Google. Nothing is sent yet but what finding them needs.

    Raises:
        CredentialsRefused: There are no credentials, or the key file cannot be used.
        ConfigurationError: The file of trusted certificates cannot be used.
    """
    return Session(who.find(settings.credentials), route(settings), settings.deadline)


class Session:
    """A session with the Sheets API; `with` closes its connections.

    Args:
        credentials: Who signs in.
        way: The way to Google.
        deadline: Seconds after which a request and its repetitions are given up.
    """

    def __init__(self, credentials: Credentials, way: Route, deadline: float) -> None:
        self._credentials = credentials
        self._deadline = deadline
        self._meter = Meter()
        self._token_endpoint = _TokenEndpoint(Wire(way, self._meter), self._meter, _addresses(credentials))
        self._wire = _ApiWire(way, self._meter, self._authorize, lambda: self.account.email)
        self._client = gspread.Client(auth=None, session=self._wire)  # type: ignore[arg-type]  # documented: auth=None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        self._token_endpoint.close()

    @property
    def account(self) -> Account:
        """Who signs in, as far as it is known; a machine's own account is known after the sign-in."""
        return Account(who.email_of(self._credentials))

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent; the token's and every repetition count."""
        return self._meter.requests

    @property
    def clock_skew(self) -> float | None:
        """Seconds that this machine's clock is ahead of Google's, from the last reply; None before the first."""
        return self._meter.clock_skew

    def sign_in(self) -> None:
        """Fetch the token, if there is none that is still good.

        Raises:
            GoogleRefused: Google does not accept the credentials.
            GoogleUnavailable: It cannot be asked.
        """
        if not self._credentials.valid:
            self._patiently(self._refresh)

    def get_metadata(self, spreadsheet_id: str, *, fields: str) -> Answer:
        """Ask for a spreadsheet's properties (`spreadsheets.get`).

        Args:
            spreadsheet_id: The spreadsheet.
            fields: The field mask.

        Raises:
            GoogleRefused: It may not be read or does not exist.
            GoogleUnavailable: Google could not be reached or had no quota left.
        """
        return self._get(SPREADSHEET_URL % quote(spreadsheet_id, safe=""), {"fields": fields})

    def get_values(
        self, spreadsheet_id: str, cells: str, options: Mapping[str, str], *, number: Callable[[str], object]
    ) -> Answer:
        """Ask for the values of a range (`spreadsheets.values.get`).

        Args:
            spreadsheet_id: The spreadsheet.
            cells: The range in A1 notation, the tab's title quoted.
            options: The query's parameters.
            number: What makes a cell of a number's text, digit for digit.

        Raises:
            GoogleRefused: It may not be read or does not exist.
            SheetMoved: The range lies beyond the grid.
            GoogleUnavailable: Google could not be reached or had no quota left.
        """
        url = SPREADSHEET_VALUES_URL % (quote(spreadsheet_id, safe=""), quote(cells, safe=""))
        return self._get(url, dict(options), number)

    def _get(self, url: str, options: dict[str, Any], number: Callable[[str], object] | None = None) -> Answer:
        def attempt() -> Answer:
            response = self._client.http_client.request("get", url, params=options)
            body = response.content
            return Answer(parsed(body, host=urlsplit(url).hostname or "", number=number), len(body))

        self.sign_in()
        return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        self._meter.restart(self._deadline)
        return patiently(attempt, deadline=self._deadline)

    def _authorize(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token into a request; one that ran out during the repetitions is fetched anew, as a part of a try."""
        if not self._credentials.valid:
            self._refresh()
        self._credentials.apply(request.headers)  # type: ignore[no-untyped-call]
        return request

    def _refresh(self) -> None:
        """Try once to fetch a token. What is raised was made here: google-auth's frames hold the signed assertion."""
        failure: Exception
        try:
            self._credentials.refresh(self._token_endpoint)  # type: ignore[no-untyped-call]
        except (errors.Transient, SheetsDecryptError) as error:
            failure = error.with_traceback(None)
            failure.__cause__ = failure.__context__ = None
        except GoogleAuthError as error:
            failure = errors.refused_sign_in(str(error.args[0]) if error.args else "")
        except Exception:  # noqa: BLE001  (google-auth lets through whatever an odd reply brings about)
            failure = errors.refused_sign_in("its answer is not what a sign-in gives")
        else:
            return
        raise failure


class _ApiWire(Wire):
    """The wire to the Sheets API: every request carries the token, and every reply is a 200 or an error of ours."""

    def __init__(
        self,
        way: Route,
        meter: Meter,
        authorize: Callable[[PreparedRequest], PreparedRequest],
        account: Callable[[], str],
    ) -> None:
        super().__init__(way, meter)
        self.auth = authorize
        self._account = account

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        response = super().send(request, **kwargs)
        if response.status_code != _OK:
            raise errors.from_api(reply_of(response), account=self._account())
        return response


@dataclass(frozen=True, slots=True)
class _Reply(google.auth.transport.Response):
    """A reply in the shape that google-auth asks for."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _TokenEndpoint(google.auth.transport.Request):
    """What google-auth calls to fetch a token: one try per call, so that its own repetitions never begin.

    Args:
        wire: What sends.
        meter: What knows the clock's skew.
        addresses: The only addresses that may be asked; None: any, for credentials that need several.
    """

    def __init__(self, wire: Wire, meter: Meter, addresses: frozenset[str] | None) -> None:
        self._wire = wire
        self._meter = meter
        self._addresses = addresses

    def close(self) -> None:
        self._wire.close()

    def __call__(  # the names are google-auth's
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> google.auth.transport.Response:
        del timeout, kwargs  # the wire knows how long it may take
        if self._addresses is not None and url not in self._addresses:
            raise errors.refused_sign_in("google-auth asked an address that is not the key file's token_uri")
        response = self._wire.request(method, url, data=body, headers=headers)
        reply = reply_of(response)
        if self._addresses is not None or reply.host.endswith(".googleapis.com"):
            self._expect_json(reply)
        return _Reply(reply.status, reply.headers, reply.body)

    def _expect_json(self, reply: errors.Reply) -> None:
        """Google's endpoints answer in JSON; a machine's metadata server need not."""
        if reply.status != _OK:
            raise errors.from_sign_in(reply, skew=self._meter.clock_skew)
        parsed(reply.body, host=reply.host)


def _addresses(credentials: Credentials) -> frozenset[str] | None:
    """A service account's key needs its token_uri alone."""
    if not isinstance(credentials, service_account.Credentials):
        return None
    return frozenset({str(credentials._token_uri)})  # noqa: SLF001  (google-auth has no public name for it)
