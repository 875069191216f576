"""A test's requirements of the machine: it skips if one is missing, or fails under `SHEETS_DECRYPT_REQUIRE=all`."""

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

from tests.long import LONG


def that(condition: object, reason: str) -> None:
    """Continue only if `condition` holds; otherwise skip the test, or fail if everything is required."""
    if not condition:
        missing(reason)


def missing(reason: str) -> NoReturn:
    """Skip the test with the reason, or fail if everything is required."""
    if os.environ.get("SHEETS_DECRYPT_REQUIRE") == "all":
        pytest.fail(f"required here, and missing: {reason}")
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of a program that the test needs."""
    path = shutil.which(name)
    if path is None and os.name == "nt":
        pytest.skip(f"belongs to posix: the tests use the program {name} only there")
    if path is None:
        missing(f"the program {name} is not installed")
    return path


def patience(reason: str) -> None:
    """Continue only in the long form: without such tests, the README's test line takes two minutes."""
    if not LONG:
        pytest.skip(f"takes long: {reason}; set SHEETS_DECRYPT_LONG=1")


def module(name: str) -> None:
    """Continue only if a library that the test needs is installed."""
    that(importlib.util.find_spec(name), f"{name} is not installed")


def fuse() -> None:
    """Continue only if FUSE mounts work."""
    that(os.path.exists("/dev/fuse") and shutil.which("fusermount3"), "FUSE is not available")  # noqa: PTH110
