"""Fixtures that several test files share: a local Google, and a world in which a user runs the commands."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
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


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Return a function that notes how often something was tried; the sums are printed at the end of the run."""
    return lambda what, number: record_property(f"counted: {what}", number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums of what the tests have counted."""
    sums = Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, number in report.user_properties:
                    if name.startswith("counted: "):
                        sums[name.removeprefix("counted: ")] += number
    if sums:
        terminalreporter.section("counted")
        for name, number in sorted(sums.items()):
            terminalreporter.write_line(f"{number:6} {name}")
