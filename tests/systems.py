"""Tests for one system only, and tests that cannot pass under wine; loaded by `conftest`.

- `@pytest.mark.system("posix", "why")` marks a test that is meaningful on one system only: `posix`, `linux` or
  `windows`. The other systems skip and count it, even with `SHEETS_DECRYPT_REQUIRE=all`.
- `@pytest.mark.wine_cannot("what")` marks a test that passes on Windows but not under wine.

At the end, all skipped tests are counted by reason.
"""

import ctypes
import importlib
import os
import re
import sys
from collections import Counter
from typing import Any, Final

import pytest

from tests import require
from tests.windows import drives

WINDOWS: Final = os.name == "nt"
WINE: Final = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
_HERE: Final = {"posix": not WINDOWS, "linux": sys.platform == "linux", "windows": WINDOWS}
_PREFIX: Final = re.compile(r"^Skipped: ")


def only_on(system: str, reason: str) -> None:
    """Continue only on the system for which the rest of a test is meant."""
    if not _HERE[system]:
        pytest.skip(_belongs(system, reason))


def root(system: str, reason: str) -> None:
    """Continue only on that system, which must be a POSIX one, and only as root."""
    only_on(system, reason)
    require.that(sys.platform == "win32" or os.geteuid() == 0, reason)


def library(name: str) -> Any:
    """Return a library that needs numpy, which crashes a process under wine 8."""
    not_under_wine("load numpy: its C library lacks functions for complex numbers")
    return importlib.import_module(name)


def not_under_wine(what: str) -> None:
    """Continue unless this Windows is wine, which cannot do what the rest of a test needs."""
    if WINE:
        pytest.skip(f"wine cannot: {what}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the two marks."""
    if WINDOWS:
        drives.announce()
    config.addinivalue_line("markers", "system(name, reason): belongs to one system: posix, linux or windows")
    config.addinivalue_line("markers", "wine_cannot(what): passes on Windows, and not under wine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests for other systems, and tests that wine cannot pass."""
    for mark in item.iter_markers("system"):
        only_on(*mark.args)
    for mark in item.iter_markers("wine_cannot"):
        not_under_wine(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skipped tests by reason."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[_PREFIX.sub("", text)] += 1
    if reasons:
        terminalreporter.section("skipped, by reason")
    for reason, number in sorted(reasons.items()):
        terminalreporter.line(f"{number:5} {reason}")


def _belongs(system: str, reason: str) -> str:
    return f"belongs to {system}: {reason}"
