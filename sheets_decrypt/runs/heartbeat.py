"""Send the heartbeat of one check, within limits: a service that is down or slow cannot block a run.

Source of the convention: Healthchecks' pinging API (`URL/start`, `URL`, `URL/<exit code>`, `URL/log`).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import requests

NO_URL: Final = "this is not an http or https address"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try.

    Args:
        seconds: The timeout for connecting, and for an answer.
        tries: How many times a heartbeat is sent at most.
        pause: Seconds between two tries.
        deadline: Seconds after which the attempt is abandoned, whatever the service does.
    """

    seconds: float = 5.0
    tries: int = 3
    pause: float = 1.0
    deadline: float = 20.0


LIMITS: Final = Limits()


def is_web_address(url: str) -> bool:
    """Return whether a heartbeat can be sent to an address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        return False


def ping(url: str, suffix: str, body: str, limits: Limits) -> str | None:
    """Post to a check's URL, or below it; return why nothing arrived, or None on success."""
    if not is_web_address(url):
        return NO_URL
    return guarded(lambda: _post(_below(url, suffix), body, limits), limits)


def _below(url: str, suffix: str) -> str:
    """Append a step to a URL's path, before its query."""
    parts = urlsplit(url)
    path = "/".join([parts.path.rstrip("/"), suffix]) if suffix else parts.path
    return urlunsplit(parts._replace(path=path))


def _post(url: str, body: str, limits: Limits) -> str | None:
    """Send a heartbeat, up to `limits.tries` times; return why none arrived, or None on success."""
    content = body.encode()
    problem = None
    for left in reversed(range(limits.tries)):
        try:
            code = _post_once(url, content, limits)
        except requests.RequestException as error:
            problem = type(error).__name__  # its text contains the URL
        else:
            problem = None if code < requests.codes.multiple_choices else f"it answered {code}"
            if code < requests.codes.server_error and code != requests.codes.too_many_requests:
                return problem
        if left:
            time.sleep(limits.pause)
    return problem


def _post_once(url: str, content: bytes, limits: Limits) -> int:
    """Post once, and return the status code. No redirect is followed: its target is not a configured address.

    The request is prepared without the session, which would add a login from ~/.netrc. The environment's proxies and
    certificates are used.
    """
    request = requests.Request("POST", url, headers={"User-Agent": "sheets-decrypt"}, data=content).prepare()
    with requests.Session() as session:
        way = session.merge_environment_settings(request.url, {}, True, None, None)
        with session.send(request, timeout=limits.seconds, allow_redirects=False, **way) as reply:
            return reply.status_code


def guarded(call: Callable[[], str | None], limits: Limits) -> str | None:
    """Run `call`, and return its result, the name of the exception it raised, or a message that it took too long.

    It runs in a thread that is abandoned at the deadline: a name server that does not answer, and a service that sends
    a byte now and then, cannot be bounded by a timeout.
    """
    results: list[str | None] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (nothing that a service does may change a run's result)
            results.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limits.deadline)
    return results[0] if results else f"no answer within {limits.deadline:g} seconds"
