"""Shared fixtures, an environment that is the same on every machine, and totals at the end."""

import functools
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, settings

from sheets_decrypt.sandbox.google import Sandbox
from tests.long import scaled
from tests.survey import World

pytest_plugins: Final = ["tests.systems"]
_COUNT: Final = "count "
_COLLECT_SECONDS: Final = 60  # how long the other processes wait for the first one
_NO_CRONTAB: Final = "no-crontab"
# Variables that may be set on a developer's machine: hidden from the tests and from the programs they start.
_NOT_OURS: Final = (
    "CLOUDSDK_", "COLUMNS", "CURL_CA", "DBUS_", "DISPLAY", "EDITOR", "FORCE_COLOR", "GOOGLE_", "LINES", "NO_COLOR",
    "PYTHON", "REQUESTS_", "SHEETS_DECRYPT_", "SSL_CERT", "VISUAL", "WAYLAND_", "XDG_",
)  # fmt: skip
_OURS: Final = ("SHEETS_DECRYPT_LONG", "SHEETS_DECRYPT_REQUIRE")


# Tests run in parallel, so a slow one has not failed. The short form tries ten examples, the long one 200.
settings.register_profile(
    "house", deadline=None, max_examples=scaled(10, 200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def pytest_configure() -> None:
    """Clear the environment of this machine's settings.

    A shell's background job ignores SIGINT, and so would every program that a test starts and interrupts.
    """
    for name in list(os.environ):
        if name.startswith(_NOT_OURS) and name not in _OURS:
            del os.environ[name]
    os.environ |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "NO_GCE_CHECK": "true"}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _collected(controller: int) -> Path:
    """Return the file that shows that the first of several processes has collected the tests.

    Args:
        controller: The process that started the workers.
    """
    return Path(tempfile.gettempdir()) / f"sheets-decrypt-tests-{controller}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass this process's id to each worker that pytest-xdist starts."""
    node.workerinput["controller"] = os.getpid()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let one process collect the tests first, because in a fresh checkout all of them would compile the same files."""
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None:
        return (yield)
    collected, deadline = _collected(worker["controller"]), time.monotonic() + _COLLECT_SECONDS
    while worker["workerid"] != "gw0" and not collected.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        return (yield)
    finally:  # even if a test cannot be imported
        collected.touch()


def pytest_unconfigure() -> None:
    """Remove that file in the controller."""
    _collected(os.getpid()).unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """Keep every test away from the developer's own configuration, state, keyring and credentials.

    Each test process has its own home.
    """
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "CLOUDSDK_CONFIG")
    with tempfile.TemporaryDirectory(prefix="sheets-decrypt-home-") as home, pytest.MonkeyPatch.context() as patch:
        for place in places:
            folder = Path(home) / place.lower()
            folder.mkdir()
            patch.setenv(place, str(folder))
        _without_crontab(Path(home) / _NO_CRONTAB, patch)
        yield


def _without_crontab(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put a crontab program without a crontab first on PATH, because another test may be using the user's own."""
    folder.mkdir()
    program = folder / "crontab"
    program.write_text('#!/bin/sh\necho "no crontab for tests" >&2\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


class _CachedScrypt:
    """Scrypt with a cache: each pull derives names for its secrets, which is slow on purpose."""

    def __init__(self, *, salt: bytes, length: int, n: int, r: int, p: int) -> None:
        self._parameters: Final = (salt, length, n, r, p)

    def derive(self, secret: bytes) -> bytes:
        """Return the derived bytes, computed only once per secret."""
        return _derived(*self._parameters, secret)


@functools.cache
def _derived(salt: bytes, length: int, n: int, r: int, p: int, secret: bytes) -> bytes:
    return Scrypt(salt=salt, length=length, n=n, r=r, p=p).derive(secret)


@pytest.fixture(scope="session", autouse=True)
def _quick_secrets() -> Iterator[None]:
    """Avoid what is slow in almost every pull and is not the point of a test: an RSA key, its check, and scrypt."""
    key = rsa.generate_private_key(65537, 1024)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sheets_decrypt.sandbox.sign_in.new_key", lambda: key)
        patch.setattr("sheets_decrypt.google.credentials.load_pem_private_key", functools.cache(load_pem_private_key))
        patch.setattr("sheets_decrypt.decryption.ciphers.trial.Scrypt", _CachedScrypt)
        yield


@pytest.fixture
def real_crontab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test use the user's own crontab, which no other test may use at the same time."""
    path = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(folder for folder in path if Path(folder).name != _NO_CRONTAB))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yield a Google with a survey, a vault, and a configuration that connects them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))  # for the locks of runs in this process
    with Sandbox(tmp_path / "google") as google:
        yield World.make(tmp_path, google)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Move this process to an unlikely time zone, 5:45 hours from UTC."""
    from tests import systems  # a plugin that pytest loads after this file

    systems.only_on("posix", "Windows reads no TZ")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the waits of this process, and return the list of their seconds."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Return a function that adds to a total printed at the end of the run: `count("kills", 240)`."""
    return lambda what, number: record_property(_COUNT + what, number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the totals over all tests and processes."""
    totals: dict[str, int] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "teardown":
                continue
            for name, number in report.user_properties:
                if name.startswith(_COUNT):
                    totals[name.removeprefix(_COUNT)] = totals.get(name.removeprefix(_COUNT), 0) + number
    if totals:
        terminalreporter.section("counted")
    for name, total in sorted(totals.items()):
        terminalreporter.line(f"{name}: {total:,}")
