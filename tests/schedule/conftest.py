"""Fixtures for the scheduling tests: a PATH with stand-in programs, and the user's crontab with Debian's cron."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests import require, systems
from tests.schedule.cron_daemon import crontab, put_crontab, wait_for


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that comes first on PATH; the test also gets a new home."""
    folder = tmp_path / "bin"
    folder.mkdir()
    system = os.environ["PATH"] if os.name == "nt" else "/usr/bin:/bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{system}")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def own_crontab(real_crontab: None) -> Iterator[None]:
    """Give the test the user's crontab, if it is empty, and empty it afterwards."""
    require.program("crontab")
    with FileLock(Path(tempfile.gettempdir()) / "sheets-decrypt-tests-crontab.lock"):  # tests run in parallel
        before = crontab()
        require.that(before is None, "this user has a crontab, and a killed test could lose it")
        try:
            yield
        finally:
            put_crontab(None)
            assert crontab() is None


@pytest.fixture
def running_cron(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], bytes]]:
    """Start cron, unless it already runs; return a function that waits for a file and reads it."""
    require.patience("cron looks at its crontabs once a minute")
    cron = require.program("cron")
    request.getfixturevalue("own_crontab")
    systems.root("posix", "only root can start cron")
    daemon = subprocess.Popen([cron, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    while not 2 < time.time() % 60 < 40:  # cron misses a crontab written in the same second as its check
        time.sleep(0.5)
    try:
        yield wait_for
    finally:
        daemon.terminate()
        daemon.wait()
