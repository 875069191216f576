"""Fixtures of the command line's tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.glance import read_time_zone


@pytest.fixture
def no_schedules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the memory below the test's own folder, the clock at UTC, and this machine's schedules out of sight."""
    programs = tmp_path / "no-schedulers"
    programs.mkdir()
    for name in ("crontab", "systemctl"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    monkeypatch.setenv("TZ", "UTC")
    read_time_zone()
    yield
    monkeypatch.undo()
    read_time_zone()
