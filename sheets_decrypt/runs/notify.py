"""Report how a run went: a heartbeat in the Healthchecks convention, and messages through apprise.

A service that is down, slow or misconfigured never changes a run's result: every function here returns warnings and
raises nothing. A warning names a service by its scheme, and by its host if that is not secret; the rest of an address
often is.
"""

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from sheets_decrypt.runs.heartbeat import LIMITS, NO_URL, Limits, guarded, is_web_address, ping
from sheets_decrypt.runs.news import Event, News, body, title

_HOST_IS_PUBLIC: Final = frozenset(
    {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
)
_NO_SERVICE: Final = "apprise does not support this address"
_NO_APPRISE: Final = """messages to [notify] urls need apprise: in the project's folder run pip install ".[notify]\""""


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is notified of a job, and when.

    Args:
        healthchecks: The check's ping URL, or None.
        urls: Addresses in apprise's syntax; blank if one could not be read.
        on: The events that `urls` are notified of; a heartbeat is sent for every run.
        locked_after: How many runs in a row may find the vault locked, or another run under way, before that is a
            failure.
    """

    healthchecks: str | None = None
    urls: tuple[str, ...] = ()
    on: frozenset[str] = frozenset({Event.FAILURE, Event.RECOVERY})
    locked_after: int = 3


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt to notify an address.

    Args:
        where: The address without its secrets.
        problem: Why nothing arrived, or cannot arrive; None if it did or can.
    """

    where: str
    problem: str | None


def announce_start(recipients: Recipients, job: str, limits: Limits = LIMITS) -> list[str]:
    """Send the heartbeat for the start of a run.

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
    # People who asked for successes but not for recoveries are notified of a recovery as of any other success.
    event = Event.SUCCESS if news.event is Event.RECOVERY and Event.RECOVERY not in recipients.on else news.event
    if event is not None and event in recipients.on and recipients.urls:
        attempts = _send(recipients.urls, replace(news, event=event), limits)
        failed = {attempt.where: attempt.problem for attempt in attempts if attempt.problem}
        if _NO_APPRISE in failed.values():
            return [*warnings, _NO_APPRISE]
        warnings += [f"the message to [notify] {where}, failed: {problem}" for where, problem in failed.items()]
    return warnings


def try_out(recipients: Recipients, job: str, limits: Limits = LIMITS) -> list[Attempt]:
    """Send one test message to every address, whatever events it is configured for, and return the results.

    The heartbeat gets an entry in its log (`URL/log`), which is neither a success nor a failure.
    """
    news = News(job, 0, "this is a test message", None, next_step="none")
    url = recipients.healthchecks
    pinged = [] if url is None else [Attempt(_heartbeat(url), ping(url, "log", body(news), limits))]
    return [*pinged, *_send(recipients.urls, news, limits)]


def look_at(recipients: Recipients) -> list[Attempt]:
    """Check whether a message could be sent to each address, without sending anything."""
    url = recipients.healthchecks
    heartbeat = [] if url is None else [Attempt(_heartbeat(url), None if is_web_address(url) else NO_URL)]
    return [*heartbeat, *_each(recipients.urls, _unsupported, LIMITS)]


def _heartbeat(url: str) -> str:
    return f"healthchecks ({_where(url)})"


def _ping(recipients: Recipients, suffix: str, body: str, limits: Limits) -> list[str]:
    if recipients.healthchecks is None:
        return []
    url = recipients.healthchecks
    problem = ping(url, suffix, body, limits)
    return [f"the heartbeat to {_where(url)} failed: {problem}"] if problem else []


def _send(urls: tuple[str, ...], news: News, limits: Limits) -> list[Attempt]:
    return _each(urls, partial(_send_one, news=news, limits=limits), limits)


def _each(urls: tuple[str, ...], function: Callable[[Any, str], str | None], limits: Limits) -> list[Attempt]:
    """Call a function with the library and each address, within limits, and return the results."""
    apprise = _apprise() if urls else None
    return [
        Attempt(
            f"urls, number {number} ({_where(url)})",
            _NO_APPRISE if apprise is None else guarded(partial(function, apprise, url), limits),
        )
        for number, url in enumerate(urls, 1)
        if url
    ]


def _unsupported(apprise: Any, url: str) -> str | None:
    return None if apprise.Apprise.instantiate(url) else _NO_SERVICE


def _apprise() -> Any:
    """Return the library that sends messages, or None if it is not installed, or broken."""
    try:
        apprise = importlib.import_module("apprise")
    except Exception:  # noqa: BLE001  (a broken installation never changes a run's result)
        return None
    logging.getLogger("apprise").disabled = True  # it logs addresses with their secrets
    return apprise


def _send_one(apprise: Any, url: str, news: News, limits: Limits) -> str | None:
    service = apprise.Apprise.instantiate(url)
    if service is None:
        return _NO_SERVICE
    service.socket_connect_timeout = service.socket_read_timeout = limits.seconds
    sender = apprise.Apprise()  # this, not the service, converts plain text to the service's format
    sender.add(service)
    kind = "failure" if news.event is Event.FAILURE else "success"
    sent = sender.notify(title=title(news), body=body(news), body_format="text", notify_type=kind)
    return None if sent else "it was not delivered"


def _where(url: str) -> str:
    """Return a service's address without its secrets."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "an address without a scheme"
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://…"
    # an @ after the host means that a password contains / ? or #, and that the apparent host is part of the password
    public = scheme.lower() in _HOST_IS_PUBLIC and "@" not in rest.removeprefix(parts.netloc)
    return f"{scheme}://{parts.hostname}" if public and parts.hostname else f"{scheme}://…"
