"""Fixtures for the tests of `google`: a local Google, and a clock that waits advance."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sheets_decrypt.sandbox.google import Sandbox
from tests.google.scripted_server import Scripted


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Open a local Google and point the environment at it."""
    with Sandbox(tmp_path / "google") as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@dataclass
class Clock:
    """A clock that a wait advances at once; the program and the sandbox share it."""

    ahead: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.waits.append(seconds)
        self.ahead += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let waits take no time, while the clock still advances."""
    made, monotonic, now = Clock(), time.monotonic, time.time
    monkeypatch.setattr("time.monotonic", lambda: monotonic() + made.ahead)
    monkeypatch.setattr("time.time", lambda: now() + made.ahead)
    monkeypatch.setattr("time.sleep", made.sleep)
    return made


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    """Return a function that makes servers with scripted replies."""
    sandbox = Sandbox(tmp_path / "google")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)

    def make(*replies: bytes, connect: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Scripted:
        return Scripted(sandbox.key_file.parent, connect, list(replies))

    return make
