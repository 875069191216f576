"""Fixtures that several test files share, an environment that is the same on every machine, and counts at the end."""

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
_COLLECT_SECONDS: Final = 60  # the longest that the other processes wait for the first one
_NO_CRONTAB: Final = "no-crontab"
# What a developer's machine may have set and another has not: neither a test nor a program that it starts sees it.
_NOT_OURS: Final = (
    "CLOUDSDK_", "COLUMNS", "CURL_CA", "DBUS_", "DISPLAY", "EDITOR", "FORCE_COLOR", "GOOGLE_", "LINES", "NO_COLOR",
    "PYTHON", "REQUESTS_", "SHEETS_DECRYPT_", "SSL_CERT", "VISUAL", "WAYLAND_", "XDG_",
)  # fmt: skip
_OURS: Final = ("SHEETS_DECRYPT_LONG", "SHEETS_DECRYPT_REQUIRE")


# A test that is slow because others run has not failed. In its short form it tries an eighth of the examples.
settings.register_profile(
    "house", deadline=None, max_examples=scaled(25, 200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def pytest_configure() -> None:
    """Make the environment that of a machine on which nothing is set, with a home of its own.

    A job that a shell starts with `&` ignores SIGINT, and so would every program that a test starts and interrupts.
    """
    for name in list(os.environ):
        if name.startswith(_NOT_OURS) and name not in _OURS:
            del os.environ[name]
    os.environ |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "NO_GCE_CHECK": "true"}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _collected(controller: int) -> Path:
    """Return the file that says that the first of several processes has collected the tests.

    Args:
        controller: The process that started them.
    """
    return Path(tempfile.gettempdir()) / f"sheets-decrypt-tests-{controller}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process that pytest-xdist starts who started it."""
    node.workerinput["controller"] = os.getpid()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let one process collect the tests first: in a fresh checkout it compiles them, which all would do at once."""
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None:
        return (yield)
    collected, deadline = _collected(worker["controller"]), time.monotonic() + _COLLECT_SECONDS
    while worker["workerid"] != "gw0" and not collected.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        return (yield)
    finally:  # also where a test cannot be imported
        collected.touch()


def pytest_unconfigure() -> None:
    """Remove that file, in the process that started the others."""
    _collected(os.getpid()).unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """Keep every test out of the developer's own configuration, state, keyring and credentials.

    Each process that runs tests has a home of its own.
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
    """Put a crontab first on PATH that is empty and stays so: another test may have the user's own."""
    folder.mkdir()
    program = folder / "crontab"
    program.write_text('#!/bin/sh\necho "no crontab for tests" >&2\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


class _RememberedScrypt:
    """Scrypt that derives the same name only once: a pull asks for its secrets' names, and they are slow on purpose."""

    def __init__(self, *, salt: bytes, length: int, n: int, r: int, p: int) -> None:
        self._parameters: Final = (salt, length, n, r, p)

    def derive(self, secret: bytes) -> bytes:
        """Return what scrypt makes of a secret."""
        return _derived(*self._parameters, secret)


@functools.cache
def _derived(salt: bytes, length: int, n: int, r: int, p: int, secret: bytes) -> bytes:
    return Scrypt(salt=salt, length=length, n=n, r=r, p=p).derive(secret)


@pytest.fixture(scope="session", autouse=True)
def _quick_secrets() -> Iterator[None]:
    """Spare what is slow in almost every pull and the point of none: a new RSA key, its check, and scrypt."""
    key = rsa.generate_private_key(65537, 1024)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sheets_decrypt.sandbox.sign_in.new_key", lambda: key)
        patch.setattr("sheets_decrypt.google.credentials.load_pem_private_key", functools.cache(load_pem_private_key))
        patch.setattr("sheets_decrypt.decryption.ciphers.trial.Scrypt", _RememberedScrypt)
        yield


@pytest.fixture
def real_crontab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test reach the user's own crontab, which it must have for itself."""
    path = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(folder for folder in path if Path(folder).name != _NO_CRONTAB))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yield a Google with a survey, a vault, and a configuration that leads from one to the other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))  # for the lock of runs in this process
    with Sandbox(tmp_path / "google") as google:
        yield World.make(tmp_path, google)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this process into a time zone that no machine has by chance, 05:45 from UTC."""
    from tests import systems  # a plugin, which pytest loads after this file

    systems.only_on("posix", "Windows reads no TZ")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let waits of this process pass in no time, and list them, in seconds."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Return a function that adds to a number which is printed at the end of the run: `count("kills", 240)`."""
    return lambda what, number: record_property(_COUNT + what, number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the suites counted, summed up over all tests and processes."""
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
