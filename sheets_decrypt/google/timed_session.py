"""One HTTP request, without retries: sent by the network settings, read whole, and over at the deadline."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from sheets_decrypt.google import no_reply, replies
from sheets_decrypt.google.deadline import Deadline
from sheets_decrypt.google.failures import Failure, out_of_time, strange_json, too_large
from sheets_decrypt.google.network import NetworkSettings
from sheets_decrypt.google.replies import Reply
from sheets_decrypt.google.transport import TimedAdapter

CONNECT_SECONDS: Final = 10.0  # for each address of a host
IDLE_SECONDS: Final = 100.0
LARGEST_REPLY: Final = 256 << 20  # bytes after decompression; a block of rows is far smaller
_CHUNK: Final = 1 << 16
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")  # so that only a body with an escaped one is searched


class ReplyTooLarge(OSError):
    """A reply is larger than `LARGEST_REPLY`."""


@dataclass(slots=True)
class Traffic:
    """What the requests of one session have revealed.

    Args:
        requests: HTTP requests sent, every try counted.
        clock_skew: Seconds that this machine's clock is ahead of the last reply's `Date`, or None.
    """

    requests: int = 0
    clock_skew: float | None = None


class TimedSession(requests.Session):
    """A requests session that keeps to the network settings and the deadline, and follows no redirect.

    `send` raises `Transient` or one of our errors in place of requests' own, whose objects hold the request and
    with it the token.

    Args:
        network: The proxy and the certificates.
        deadline: When a request must be over.
        traffic: Counts the requests.
    """

    def __init__(self, network: NetworkSettings, deadline: Deadline, traffic: Traffic) -> None:
        super().__init__()
        self.trust_env = False  # see `network`; ~/.netrc is not read either
        self.headers["User-Agent"] = "sheets-decrypt (gzip)"  # Google compresses only if the name says gzip
        adapter = TimedAdapter(deadline, network.verify)
        self.mount("https://", adapter)
        self.mount("http://", adapter)  # a machine's metadata server
        self._network = network
        self._deadline = deadline
        self._traffic = traffic

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request and read the whole reply.

        Raises:
            Transient: No reply, or only a part of one, came in time.
            NotGoogle: The reply is larger than any of Google's.
            NetworkUnreachable: The network settings do not allow sending it.
        """
        host = urlsplit(request.url or "").hostname or ""
        if self._deadline.is_over:
            raise out_of_time(host)
        self._traffic.requests += 1
        try:
            response = super().send(request, **(kwargs | self._options(request.url or "", kwargs.get("timeout"))))
            with contextlib.closing(response.raw) as raw:
                response.raw = _body(raw)
        except ReplyTooLarge:
            failure: Failure = too_large(host, LARGEST_REPLY)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            failure = no_reply.explain(error, host=host)
        else:
            self._note_the_time(response)
            return response
        raise failure

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: a redirect is never followed, and requests does not read its body, which would have no limit."""
        del resp
        return None

    def _options(self, url: str, timeout: float | None) -> dict[str, Any]:
        return {
            "timeout": (timeout or CONNECT_SECONDS, timeout or IDLE_SECONDS),
            "proxies": self._network.proxies(url),
            "verify": self._network.verify,
            "allow_redirects": False,
            "stream": True,
        }

    def _note_the_time(self, response: requests.Response) -> None:
        date = replies.date_of(response.headers)
        if date is not None:
            self._traffic.clock_skew = (datetime.now(UTC) - date).total_seconds()


def _body(raw: Any) -> io.BytesIO:
    """Read the body piece by piece, so that a small one that decompresses to a huge one does not fill the memory.

    Raises:
        ReplyTooLarge: It has more than `LARGEST_REPLY` bytes after decompression.
    """
    body = io.BytesIO()  # no local variable holds what was read, so no traceback could show it
    while body.write(raw.read1(_CHUNK, decode_content=True)):
        if body.tell() > LARGEST_REPLY:
            raise ReplyTooLarge
    body.seek(0)
    return body


def reply_of(response: requests.Response) -> Reply:
    """Return the parts of a response that matter, without its request, which holds the token."""
    return Reply(
        host=urlsplit(response.url).hostname or "",
        status=response.status_code,
        headers=response.headers,
        body=response.content,
    )


def parsed(body: bytes, *, host: str, number: Callable[[str], object] | None = None) -> Any:
    """Parse the body of a 200.

    Args:
        body: JSON in UTF-8.
        host: Who sent it.
        number: Makes a value from a number's text; None: as Python does.

    Raises:
        Transient: It starts like JSON and breaks off.
        NotGoogle: It is something else, or a text in it is not Unicode.
    """
    try:
        content = json.loads(body.decode("utf-8"), parse_int=number, parse_float=number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        failure: Failure = replies.from_text(body, host=host)
    else:
        if not (_SURROGATE.search(body) and _holds_half_a_character(content)):
            return content
        failure = strange_json(host)
    raise failure


def _holds_half_a_character(content: object) -> bool:
    """Return whether a text in parsed JSON holds a lone surrogate, which UTF-8 cannot encode."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except (UnicodeError, RecursionError):
        return True
    return False


def _refuse(constant: str) -> None:
    raise ValueError(constant)
