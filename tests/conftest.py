"""Fixtures that several test files share: a local Google, and a world in which a user runs the commands."""

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from sheets_decrypt.sandbox.google import Sandbox
from tests.survey import World

# A machine that does other work beside the tests fails none of them.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Let Ctrl-C interrupt the tests and what they start, also where a shell's `&` had SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a Google with a survey, a vault, and a configuration that leads from one to the other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))  # for the lock of runs in this process
    with Sandbox(tmp_path / "google") as google:
        yield World.make(tmp_path, google)
