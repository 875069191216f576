"""One HTTP request: which way it takes, how long it may last, and what is learnt of it. No repetition here."""

import contextlib
import io
import json
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from sheets_decrypt import config
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.google import connection, errors

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 100.0
LARGEST_REPLY: Final = 256 << 20  # bytes after decompression; a block of rows is far smaller
_CHUNK: Final = 1 << 16
_ENVIRONMENT: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Route:
    """The way to Google: the configuration's, else the environment's.

    requests lets REQUESTS_CA_BUNDLE and HTTPS_PROXY win over what a session says, so its own look at the environment
    is switched off, and the environment is read here.

    Args:
        proxy: An HTTP proxy's URL; it may hold a password, so it is never shown. None: the environment decides.
        verify: A file or folder of trusted certificates, or True for those that requests brings.
    """

    proxy: str | None
    verify: str | bool

    def __repr__(self) -> str:
        return f"Route(proxy={'…' if self.proxy else None}, verify={self.verify!r})"

    def proxies(self, url: str) -> dict[str, str]:
        """Give requests' table of proxies for `url`; NO_PROXY counts only where the environment decides."""
        return {"https": self.proxy} if self.proxy else requests.utils.get_environ_proxies(url)


def route(settings: config.Google) -> Route:
    """Find the way to Google.

    Raises:
        ConfigurationError: The file of trusted certificates is not there or holds none.
    """
    named = {"google.ca_bundle": settings.ca_bundle} | {name: os.environ.get(name) for name in _ENVIRONMENT}
    name, place = next(((name, place) for name, place in named.items() if place), ("", None))
    if place is None:
        return Route(proxy=settings.proxy, verify=True)
    if not (Path(place).is_dir() or _holds_certificates(Path(place))):
        raise ConfigurationError(
            f"{name} names {place}, which is not a file of trusted certificates (PEM)",
            hint="ask for the certificates of the proxy that opens TLS, or leave the setting out",
        )
    return Route(proxy=settings.proxy, verify=str(place))


def _holds_certificates(place: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(place)
    except OSError:  # ssl.SSLError is one
        return False
    return True


@dataclass(slots=True)
class Meter:
    """What the requests of one session share.

    Args:
        ends: The time on the monotonic clock at which the request under way must be over.
        requests: HTTP requests sent, every try counted.
        clock_skew: Seconds that this machine's clock is ahead of the last reply's `Date`, or None.
    """

    ends: float = float("inf")
    requests: int = 0
    clock_skew: float | None = None

    def restart(self, deadline: float) -> None:
        """Begin a request that has `deadline` seconds, repetitions included."""
        self.ends = time.monotonic() + deadline

    def remaining(self, host: str) -> float:
        """Give the seconds that are left.

        Raises:
            Transient: None is left.
        """
        seconds = self.ends - time.monotonic()
        if seconds <= 0:
            raise errors.out_of_time(host)
        return seconds


class Wire(requests.Session):
    """A requests session that keeps to the route and the deadline, and follows no redirect.

    `send` raises `Transient` or `NetworkUnreachable` in place of requests' own errors, whose objects hold the request
    and with it the token.

    Args:
        route: The way to Google.
        meter: What it shares with the others.
    """

    def __init__(self, route: Route, meter: Meter) -> None:
        super().__init__()
        self.trust_env = False  # see Route; ~/.netrc is not read either
        self.headers["User-Agent"] = "sheets-decrypt (gzip)"  # Google compresses only where the name says gzip
        self._route = route
        self._meter = meter

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request and read the whole reply.

        Raises:
            NotGoogle: The reply is larger than any of Google's.
        """
        host = urlsplit(request.url or "").hostname or ""
        left = self._meter.remaining(host)
        self._meter.requests += 1
        try:
            response = super().send(request, **(kwargs | self._limits(request.url or "", left)))
            with contextlib.closing(response.raw) as raw:
                response.raw = self._body(raw, host)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            failure = connection.explain(error, host=host)
        else:
            self._note_the_time(response)
            return response
        raise failure

    def _limits(self, url: str, left: float) -> dict[str, Any]:
        return {
            "timeout": (min(CONNECT_SECONDS, left), min(READ_SECONDS, left)),
            "proxies": self._route.proxies(url),
            "verify": self._route.verify,
            "allow_redirects": False,
            "stream": True,
        }

    def _body(self, raw: Any, host: str) -> io.BytesIO:
        """Read the body as it arrives: a server that sends a byte now and then does not outlast the deadline.

        Nor does one that sends a small file which unpacks to a huge one fill the memory.
        """
        body = io.BytesIO()  # no local holds what was read, so that no traceback could show it
        while body.write(raw.read1(_CHUNK, decode_content=True)):
            self._meter.remaining(host)
            if body.tell() > LARGEST_REPLY:
                raise errors.too_large(host, LARGEST_REPLY)
        body.seek(0)
        return body

    def _note_the_time(self, response: requests.Response) -> None:
        date = errors.date_of(response.headers)
        if date is not None:
            self._meter.clock_skew = (datetime.now(UTC) - date).total_seconds()


def reply_of(response: requests.Response) -> errors.Reply:
    """Give what matters of a response; its request, which holds the token, is left behind."""
    return errors.Reply(
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
        number: What makes a value of a number's text; None: as Python does.

    Raises:
        Transient: It starts like JSON and breaks off.
        NotGoogle: It is something else.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_int=number, parse_float=number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        failure = errors.from_text(body, host=host)
    raise failure


def _refuse(constant: str) -> None:
    raise ValueError(constant)
