"""Tell somebody how a run went: a heartbeat in the Healthchecks convention, and messages through apprise.

What leaves this machine is a job's name, its state, counts, codes and hints; never a value of a cell, a token or a
secret. A notifier that is down, slow or wrong changes nothing about the run: everything here returns warnings and
raises nothing. A warning names a service by its scheme, and by its host where that is no secret; the rest of such an
address often is one.

Source of the convention: Healthchecks' pinging API (`URL/start`, `URL`, `URL/<exit code>`, body up to 100 kB).
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests

_LARGEST_BODY: Final = 100_000
_HOST_IS_NO_SECRET: Final = frozenset(
    {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
)
_NO_APPRISE: Final = """messages to [notify] urls need apprise: in the project's folder run pip install ".[notify]\""""


class Event(StrEnum):
    """What a message can be about; also the words of the configuration key `on`."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Notify:
    """Whom to tell, and of what.

    Args:
        healthchecks: The check's ping URL, or None.
        urls: Addresses that apprise understands.
        on: The events that `urls` are told of; the heartbeat is told of every run.
        locked_after: How many runs in a row may find the vault locked before that counts as a failure.
    """

    healthchecks: str | None = None
    urls: tuple[str, ...] = ()
    on: frozenset[str] = frozenset({Event.FAILURE, Event.RECOVERY})
    locked_after: int = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a job went.

    Args:
        job: The job's name.
        exit_code: The run's.
        status: `written`, `unchanged`, `partial` or `failed`.
        rows_written: Rows in the CSV.
        failure_count: Cells that could not be decrypted.
        hint: The next step for a person; may be empty.
        recovered: Whether the run before this one had failed.
        vault_locked_runs: How many runs in a row, this one included, found the vault locked; 0: it was not.
    """

    job: str
    exit_code: int
    status: str
    rows_written: int = 0
    failure_count: int = 0
    hint: str = ""
    recovered: bool = False
    vault_locked_runs: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try.

    Args:
        seconds: For a connection and for an answer, each time.
        tries: How often a heartbeat is sent before it is given up.
        pause: Seconds between two tries.
        deadline: Seconds after which a service is given up, whatever it does.
    """

    seconds: float = 5.0
    tries: int = 3
    pause: float = 1.0
    deadline: float = 20.0


LIMITS: Final = Limits()


def announce_start(settings: Notify, job: str, limits: Limits = LIMITS) -> list[str]:
    """Tell the heartbeat that a run begins.

    Returns:
        Warnings; nothing is raised.
    """
    return _ping(settings, "start", f"job: {job}\n", limits)


def announce(settings: Notify, outcome: Outcome, limits: Limits = LIMITS) -> list[str]:
    """Tell the heartbeat and the messages how a run ended.

    A locked vault is no failure before it was found so `locked_after` times in a row: until then the heartbeat is
    told that all is well, with a body that says "skipped", or its service would raise the alarm over a run that began
    and did not end. The accepted risk is that a vault that stays locked is told of that many runs late.

    Returns:
        Warnings; nothing is raised.
    """
    code = 0 if _is_tolerated(settings, outcome) else outcome.exit_code
    warnings = _ping(settings, str(code) if code else "", _body(settings, outcome), limits)
    event = _event(settings, outcome)
    if event is not None and event in settings.on:
        warnings += _send(
            settings, f"sheets-decrypt: {_title(outcome, event)}", _body(settings, outcome), event, limits
        )
    return warnings


def _is_tolerated(settings: Notify, outcome: Outcome) -> bool:
    return 0 < outcome.vault_locked_runs < settings.locked_after


def _event(settings: Notify, outcome: Outcome) -> Event | None:
    """Give what to tell; a vault that stays locked is told again only after as many runs more."""
    if outcome.vault_locked_runs:
        return Event.FAILURE if outcome.vault_locked_runs % max(settings.locked_after, 1) == 0 else None
    if outcome.exit_code:
        return Event.FAILURE
    return Event.RECOVERY if outcome.recovered and Event.RECOVERY in settings.on else Event.SUCCESS


def _title(outcome: Outcome, event: Event) -> str:
    if event is Event.FAILURE:
        return f"{outcome.job}: {'the vault is locked' if outcome.vault_locked_runs else outcome.status}"
    return f"{outcome.job} works again" if event is Event.RECOVERY else f"{outcome.job}: {outcome.status}"


def _body(settings: Notify, outcome: Outcome) -> str:
    skipped = f"skipped, vault locked, run {outcome.vault_locked_runs} (told from {settings.locked_after} on)"
    lines = [
        f"job: {outcome.job}",
        f"status: {skipped if _is_tolerated(settings, outcome) else outcome.status}",
        f"exit code: {outcome.exit_code}",
        f"rows written: {outcome.rows_written}",
        f"cells not decrypted: {outcome.failure_count}",
        *([f"runs with a locked vault: {outcome.vault_locked_runs}"] if outcome.vault_locked_runs else []),
        *([f"next step: {outcome.hint}"] if outcome.hint else []),
    ]
    return "\n".join(lines) + "\n"


def _ping(settings: Notify, suffix: str, body: str, limits: Limits) -> list[str]:
    if settings.healthchecks is None:
        return []
    url = settings.healthchecks
    problem = _guarded(lambda: _post(_below(url, suffix), body, limits), limits)
    return [f"the heartbeat to {_where(url)} failed: {problem}"] if problem else []


def _below(url: str, suffix: str) -> str:
    """Put a step behind a URL's path, before its query."""
    parts = urlsplit(url)
    path = "/".join([parts.path.rstrip("/"), suffix]) if suffix else parts.path
    return urlunsplit(parts._replace(path=path))


def _post(url: str, body: str, limits: Limits) -> str | None:
    """Send a heartbeat, a bounded number of times; give the reason where none arrived."""
    content = body.encode()[:_LARGEST_BODY]
    problem = None
    for left in reversed(range(limits.tries)):
        try:
            code = _status(url, content, limits)
        except requests.RequestException as error:
            problem = type(error).__name__  # its text holds the URL
        else:
            problem = None if code < requests.codes.multiple_choices else f"it answered {code}"
            if code < requests.codes.server_error and code != requests.codes.too_many_requests:
                return problem
        if left:
            time.sleep(limits.pause)
    return problem


def _status(url: str, content: bytes, limits: Limits) -> int:
    """Post once, to this address alone: no redirect is followed, as it leads to where nobody configured.

    The request is made without the session, which would put a login of ~/.netrc into it. The environment's proxies
    and certificates count all the same.
    """
    request = requests.Request("POST", url, headers={"User-Agent": "sheets-decrypt"}, data=content).prepare()
    with requests.Session() as session:
        way = session.merge_environment_settings(request.url, {}, True, None, None)
        with session.send(request, timeout=limits.seconds, allow_redirects=False, **way) as reply:
            return reply.status_code


def _send(settings: Notify, title: str, body: str, event: Event, limits: Limits) -> list[str]:
    if not settings.urls:
        return []
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        return [_NO_APPRISE]
    _silence()
    kind = "failure" if event is Event.FAILURE else "success"
    return list(_send_each(apprise, settings.urls, {"title": title, "body": body, "notify_type": kind}, limits))


def _send_each(apprise: Any, urls: tuple[str, ...], message: dict[str, str], limits: Limits) -> Iterator[str]:
    for number, url in enumerate(urls, 1):

        def send(url: str = url) -> str | None:
            service = apprise.Apprise.instantiate(url)
            if service is None:
                return "apprise does not understand it"
            service.socket_connect_timeout = service.socket_read_timeout = limits.seconds
            return None if service.notify(**message) else "it was not delivered"

        problem = _guarded(send, limits)
        if problem:
            yield f"the message to [notify] urls, number {number} ({_where(url)}), failed: {problem}"


def _silence() -> None:
    """Keep apprise from writing to the terminal or the log: what it says may hold an address with its secrets."""
    logging.getLogger("apprise").disabled = True


def _guarded(call: Callable[[], str | None], limits: Limits) -> str | None:
    """Run `call` and give what it says, the name of what it raised, or that it took too long.

    It runs in a thread that is left behind at the deadline: a name server that does not answer, and a service that
    sends a byte now and then, know no time-out.
    """
    said: list[str | None] = []

    def run() -> None:
        try:
            said.append(call())
        except Exception as error:  # noqa: BLE001  (a notifier, whatever it does, never changes the result of a run)
            said.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limits.deadline)
    return said[0] if said else f"no answer within {limits.deadline:g} seconds"


def _where(url: str) -> str:
    """Name a service without its secrets."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "an address without a scheme"
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://…"
    # an @ behind the host means that a password holds one of / ? # and that what looks like the host is a part of it
    known = scheme.lower() in _HOST_IS_NO_SECRET and "@" not in rest.removeprefix(parts.netloc)
    return f"{scheme}://{parts.hostname}" if known and parts.hostname else f"{scheme}://…"
