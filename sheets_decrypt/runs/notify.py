"""Report how a run went: a heartbeat in the Healthchecks convention, and messages through apprise.

A service that is down, slow or misconfigured never changes a run's result: every function here returns warnings and
raises nothing. A warning names a service by its scheme, and by its host where that is not secret; the rest of such an
address often is.

Source of the convention: Healthchecks' pinging API (`URL/start`, `URL`, `URL/<exit code>`).
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests

from sheets_decrypt.runs.news import Event, News, body, title

_HOST_IS_PUBLIC: Final = frozenset(
    {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
)
_NO_APPRISE: Final = """messages to [notify] urls need apprise: in the project's folder run pip install ".[notify]\""""


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is notified of a job, and when.

    Args:
        healthchecks: The check's ping URL, or None.
        urls: Addresses as apprise writes them.
        on: The events that `urls` are notified of; the heartbeat hears of every run.
        locked_after: How many runs in a row may find the vault locked, or another run under way, before that is a
            failure.
    """

    healthchecks: str | None = None
    urls: tuple[str, ...] = ()
    on: frozenset[str] = frozenset({Event.FAILURE, Event.RECOVERY})
    locked_after: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try.

    Args:
        seconds: The timeout of a connection, and of an answer.
        tries: How many times a heartbeat is sent at most.
        pause: Seconds between two tries.
        deadline: Seconds after which a service is abandoned, whatever it does.
    """

    seconds: float = 5.0
    tries: int = 3
    pause: float = 1.0
    deadline: float = 20.0


LIMITS: Final = Limits()


def announce_start(recipients: Recipients, job: str, limits: Limits = LIMITS) -> list[str]:
    """Send the heartbeat that a run begins.

    Returns:
        Warnings.
    """
    return _ping(recipients, "start", f"job: {job}\n", limits)


def announce(recipients: Recipients, news: News, limits: Limits = LIMITS) -> list[str]:
    """Send the heartbeat, and the messages that are due.

    Returns:
        Warnings.
    """
    warnings = []
    if news.beat:
        warnings += _ping(recipients, str(news.code) if news.code else "", body(news), limits)
    # A person who did not ask for recoveries but for successes hears of this one as of any other.
    event = Event.SUCCESS if news.event is Event.RECOVERY and Event.RECOVERY not in recipients.on else news.event
    if event is not None and event in recipients.on and recipients.urls:
        warnings += _send(recipients.urls, replace(news, event=event), limits)
    return warnings


def _ping(recipients: Recipients, suffix: str, body: str, limits: Limits) -> list[str]:
    if recipients.healthchecks is None:
        return []
    url = recipients.healthchecks
    problem = _guarded(lambda: _post(_below(url, suffix), body, limits), limits)
    return [f"the heartbeat to {_where(url)} failed: {problem}"] if problem else []


def _below(url: str, suffix: str) -> str:
    """Append a step to a URL's path, before its query."""
    parts = urlsplit(url)
    path = "/".join([parts.path.rstrip("/"), suffix]) if suffix else parts.path
    return urlunsplit(parts._replace(path=path))


def _post(url: str, body: str, limits: Limits) -> str | None:
    """Send a heartbeat, up to `limits.tries` times; return why none arrived, or None."""
    content = body.encode()
    problem = None
    for left in reversed(range(limits.tries)):
        try:
            code = _post_once(url, content, limits)
        except requests.RequestException as error:
            problem = type(error).__name__  # its text has the URL
        else:
            problem = None if code < requests.codes.multiple_choices else f"it answered {code}"
            if code < requests.codes.server_error and code != requests.codes.too_many_requests:
                return problem
        if left:
            time.sleep(limits.pause)
    return problem


def _post_once(url: str, content: bytes, limits: Limits) -> int:
    """Post once, and return the status code. No redirect is followed: it leads to an address that is not configured.

    The request is prepared without the session, which would add a login from ~/.netrc. The environment's proxies and
    certificates are used.
    """
    request = requests.Request("POST", url, headers={"User-Agent": "sheets-decrypt"}, data=content).prepare()
    with requests.Session() as session:
        way = session.merge_environment_settings(request.url, {}, True, None, None)
        with session.send(request, timeout=limits.seconds, allow_redirects=False, **way) as reply:
            return reply.status_code


def _send(urls: tuple[str, ...], news: News, limits: Limits) -> list[str]:
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        return [_NO_APPRISE]
    logging.getLogger("apprise").disabled = True  # it logs addresses with their secrets
    problems = (
        (number, url, _guarded(partial(_send_one, apprise, url, news, limits), limits))
        for number, url in enumerate(urls, 1)
    )
    return [
        f"the message to [notify] urls, number {number} ({_where(url)}), failed: {problem}"
        for number, url, problem in problems
        if problem
    ]


def _send_one(apprise: Any, url: str, news: News, limits: Limits) -> str | None:
    service = apprise.Apprise.instantiate(url)
    if service is None:
        return "apprise does not support this address"
    service.socket_connect_timeout = service.socket_read_timeout = limits.seconds
    sender = apprise.Apprise()  # it, and not the service, turns plain text into the service's format
    sender.add(service)
    kind = "failure" if news.event is Event.FAILURE else "success"
    sent = sender.notify(title=title(news), body=body(news), body_format="text", notify_type=kind)
    return None if sent else "it was not delivered"


def _guarded(call: Callable[[], str | None], limits: Limits) -> str | None:
    """Run `call`, and return its result, the name of the exception that it raised, or that it took too long.

    It runs in a thread that is abandoned at the deadline: a name server that does not answer, and a service that sends
    a byte now and then, cannot be bounded by a timeout.
    """
    results: list[str | None] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (whatever a service does, it never changes a run's result)
            results.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limits.deadline)
    return results[0] if results else f"no answer within {limits.deadline:g} seconds"


def _where(url: str) -> str:
    """Return a service's address without its secrets."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "an address without a scheme"
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://…"
    # an @ after the host means that a password has one of / ? # in it, and that what looks like the host belongs to it
    public = scheme.lower() in _HOST_IS_PUBLIC and "@" not in rest.removeprefix(parts.netloc)
    return f"{scheme}://{parts.hostname}" if public and parts.hostname else f"{scheme}://…"
