"""Tests that belong to one system, and what wine cannot do; loaded by `conftest`.

- `@pytest.mark.system("posix", "why")` marks a test that has a meaning on one system only: `posix`, `linux` or
  `windows`. It is skipped on the others, is counted there, and is not asked for by `SHEETS_DECRYPT_REQUIRE=all`.
- `@pytest.mark.wine_cannot("what")` marks a test of Windows that passes on Windows and not under wine.

At the end, everything that was skipped is listed by its reason.
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
    """Go on only on the system that the rest of a test belongs to."""
    if not _HERE[system]:
        pytest.skip(_belongs(system, reason))


def root(system: str, reason: str) -> None:
    """Go on only on that system, a POSIX one, and only as its root."""
    only_on(system, reason)
    require.that(sys.platform == "win32" or os.geteuid() == 0, reason)


def library(name: str) -> Any:
    """Return a library that needs numpy; wine 8 ends a process that loads that."""
    not_under_wine("load numpy: its C library lacks functions of complex numbers")
    return importlib.import_module(name)


def not_under_wine(what: str) -> None:
    """Go on only where Windows is not wine, which cannot do what the rest of a test needs."""
    if WINE:
        pytest.skip(f"wine cannot: {what}")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the two marks."""
    if WINDOWS:
        drives.announce()
    config.addinivalue_line("markers", "system(name, reason): belongs to one system: posix, linux or windows")
    config.addinivalue_line("markers", "wine_cannot(what): passes on Windows, and not under wine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what belongs to another system, and what wine cannot do."""
    for mark in item.iter_markers("system"):
        only_on(*mark.args)
    for mark in item.iter_markers("wine_cannot"):
        not_under_wine(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped, by reason."""
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
