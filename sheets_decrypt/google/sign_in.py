"""The transport that google-auth uses to fetch a token: one try per call, over our own session and clock.

Neither google-auth's own session nor its `before_request` is used: both send the token to a third host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import google.auth.exceptions
import google.auth.transport
import requests

from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.google import replies
from sheets_decrypt.google.failures import Transient, may_pass
from sheets_decrypt.google.replies import Reply
from sheets_decrypt.google.timed_session import TimedSession, Traffic, parsed, reply_of

_OK: Final = requests.codes.ok


@dataclass(frozen=True, slots=True)
class _Reply(google.auth.transport.Response):
    """A reply in the shape that google-auth expects."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class SignInRequest(google.auth.transport.Request):
    """google-auth's way to send a request. It raises our errors, so that google-auth's own retries never start.

    Args:
        session: Sends it.
        traffic: Records the clock skew.
        addresses: The only addresses that requests may go to; None: any, for credentials that need several.
    """

    def __init__(self, session: TimedSession, traffic: Traffic, addresses: frozenset[str] | None = None) -> None:
        self._session = session
        self._traffic = traffic
        self._addresses = addresses

    def __call__(  # the names are google-auth's
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> google.auth.transport.Response:
        """Send one request, as google-auth documents it.

        Raises:
            SheetsDecryptError: The sign-in was refused, or what answered is not Google.
            Transient: A later try may succeed.
        """
        del kwargs
        if self._addresses is not None and url not in self._addresses:
            raise replies.refused_sign_in("google-auth asked an address that is not the key file's token_uri")
        response = self._session.request(method, url, data=body, headers=headers, timeout=timeout)
        reply = reply_of(response)
        if self._addresses is not None or reply.host.endswith(".googleapis.com"):
            self._expect_json(reply)
        elif may_pass(reply.status) or reply.status == requests.codes.too_many_requests:
            raise replies.from_sign_in(reply, skew=None)
        return _Reply(reply.status, reply.headers, reply.body)

    def _expect_json(self, reply: Reply) -> None:
        """Refuse any reply but a 200 with JSON. This applies to Google's endpoints, not to a machine's metadata server.

        Raises:
            SheetsDecryptError: The sign-in was refused.
            Transient: A later try may succeed.
        """
        if reply.status != _OK:
            raise replies.from_sign_in(reply, skew=self._traffic.clock_skew)
        parsed(reply.body, host=reply.host)


class DetectionRequest(google.auth.transport.Request):
    """The same for finding a machine's own account; after google-auth's own errors that search continues elsewhere."""

    def __init__(self, request: SignInRequest) -> None:
        self._request = request

    def __call__(self, *arguments: Any, **named: Any) -> google.auth.transport.Response:
        """Send one request, as google-auth documents it.

        Raises:
            TransportError: No usable answer came.
        """
        try:
            return self._request(*arguments, **named)
        except (Transient, SheetsDecryptError):
            failed = google.auth.exceptions.TransportError("no usable answer")  # type: ignore[no-untyped-call]
        raise failed
