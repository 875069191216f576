"""Credentials → a session with Google: least scope, a deadline, bounded retries.

gspread builds the requests, google-auth fetches the token, `timed_session` sends, `retry` retries, `replies` and
`no_reply` explain.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import gspread
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account
from gspread.urls import SPREADSHEET_URL, SPREADSHEET_VALUES_URL
from requests import PreparedRequest, Response, codes

from sheets_decrypt import config
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.google import credentials, replies
from sheets_decrypt.google.credentials import Found, KeyFileWarning
from sheets_decrypt.google.deadline import Deadline, in_background
from sheets_decrypt.google.failures import Transient, out_of_time
from sheets_decrypt.google.network import NetworkSettings, network_settings
from sheets_decrypt.google.retry import retry
from sheets_decrypt.google.sign_in import DetectionRequest, SignInRequest
from sheets_decrypt.google.timed_session import TimedSession, Traffic, parsed, reply_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in.

    Args:
        email: The address that a spreadsheet must be shared with; empty if not known.
    """

    email: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the Sheets API.

    Args:
        content: The parsed JSON.
        size: The body's length in bytes.
    """

    content: Any
    size: int


def open_session(settings: config.Google) -> "Session":
    """Find the credentials and the route to Google. Nothing is sent yet, except to find the credentials.

    Raises:
        CredentialsRefused: There are no credentials, or the key file cannot be used.
        ConfigurationError: The file of trusted certificates cannot be used.
        GoogleDown: This machine's own account was not found before the deadline.
    """
    network, deadline, traffic = network_settings(settings), Deadline(settings.deadline), Traffic()
    with TimedSession(network, deadline, traffic) as session:
        request = DetectionRequest(SignInRequest(session, traffic))
        found = credentials.find(settings.credentials, request, deadline)
    return Session(found, network, deadline)


class Session:
    """A session with the Sheets API; `with` closes its connections.

    Args:
        found: Who signs in.
        network: The route to Google.
        deadline: When to give up a request and its retries.
    """

    def __init__(self, found: Found, network: NetworkSettings, deadline: Deadline) -> None:
        self.warnings: tuple[KeyFileWarning, ...] = found.warnings
        self._credentials = found.credentials
        self._deadline, self._traffic = deadline, Traffic()
        self._sign_in_session = TimedSession(network, self._deadline, self._traffic)
        self._request = SignInRequest(self._sign_in_session, self._traffic, _addresses(found.credentials))
        self._api = _ApiSession(
            network, self._deadline, self._traffic, self._authorize, account=lambda: self.account.email
        )
        self._client = gspread.Client(auth=None, session=self._api)  # type: ignore[arg-type]  # documented: auth=None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._sign_in_session.close()

    @property
    def account(self) -> Account:
        """Who signs in; a machine's own account has no address before the sign-in."""
        return Account(credentials.email_of(self._credentials))

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent, including those for the token and every retry."""
        return self._traffic.requests

    @property
    def clock_skew(self) -> float | None:
        """Seconds that this machine's clock is ahead of Google's, from the last reply; None before the first."""
        return self._traffic.clock_skew

    def sign_in(self) -> None:
        """Fetch the token, unless the last one is still valid.

        Raises:
            GoogleRefused: Google does not accept the credentials.
            GoogleUnavailable: Google could not be reached.
        """
        if not self._credentials.valid:
            self._retry(self._refresh)

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
            number: Makes a cell from a number's text, digit for digit.

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
        return self._retry(attempt)

    def _retry(self, attempt: Callable[[], T]) -> T:
        self._deadline.restart()
        return retry(attempt, deadline=self._deadline.seconds)

    def _authorize(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token into a request; if it expired between two tries, fetch a new one as part of the try."""
        if not self._credentials.valid:
            self._refresh()
        self._credentials.apply(request.headers)  # type: ignore[no-untyped-call]
        return request

    def _refresh(self) -> None:
        """Try once to fetch a token. Raise outside `except`: google-auth's traceback contains the signed assertion."""
        failure: Exception
        try:
            self._fetch_token()
        except (Transient, SheetsDecryptError) as error:
            failure = error.with_traceback(None)
            failure.__cause__ = failure.__context__ = None
        except TimeoutError:
            failure = out_of_time("the sign-in")
        except GoogleAuthError as error:
            failure = replies.refused_sign_in(str(error.args[0]) if error.args else "")
        except Exception:  # noqa: BLE001  (google-auth lets through whatever an odd reply brings about)
            failure = replies.refused_sign_in("its answer is not that of a sign-in")
        else:
            return
        raise failure

    def _fetch_token(self) -> None:
        """Let google-auth fetch a token; on a background thread if it may run a program or sleep between requests."""
        if isinstance(self._credentials, service_account.Credentials):
            self._credentials.refresh(self._request)  # type: ignore[no-untyped-call]
            return
        fetching = in_background(lambda: self._credentials.refresh(self._request))  # type: ignore[no-untyped-call]
        self._deadline.wait_for(fetching)


class _ApiSession(TimedSession):
    """The session with the Sheets API: requests carry the token, and replies other than 200 raise our errors."""

    def __init__(
        self,
        network: NetworkSettings,
        deadline: Deadline,
        traffic: Traffic,
        authorize: Callable[[PreparedRequest], PreparedRequest],
        *,
        account: Callable[[], str],
    ) -> None:
        super().__init__(network, deadline, traffic)
        self.auth = authorize
        self._account = account

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        response = super().send(request, **kwargs)
        if response.status_code != codes.ok:
            raise replies.from_api(reply_of(response), account=self._account())
        return response


def _addresses(found: Credentials) -> frozenset[str] | None:
    """Return the addresses that may be asked: a service account's key needs only its token_uri."""
    if not isinstance(found, service_account.Credentials):
        return None
    return frozenset({str(found._token_uri)})  # noqa: SLF001  (google-auth has no public name for it)
