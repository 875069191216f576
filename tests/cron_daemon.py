"""Debian's cron for real: `running_cron` gives its crontab to a test and the user's own back afterwards.

A test module asks for it with `from tests.cron_daemon import running_cron` (with `# noqa: F401`, and the name once more
as the test's parameter).
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from filelock import FileLock

from tests import require

PATIENCE: Final = 130
"""Seconds: cron looks at crontabs once a minute, so that a task for every minute has run after two."""


def crontab() -> bytes | None:
    """Give the user's crontab, or None where there is none; by way of an editor, since Debian's list is not exact."""
    if subprocess.run(["crontab", "-l"], capture_output=True, check=False).returncode:
        return None
    editor = {**os.environ, "VISUAL": "/bin/cat", "EDITOR": "/bin/cat"}
    return subprocess.run(["crontab", "-e"], capture_output=True, check=True, env=editor).stdout


def put_crontab(content: bytes | None) -> None:
    """Make `content` the user's crontab; None takes it away."""
    if content is None:
        subprocess.run(["crontab", "-r"], capture_output=True, check=False)
    else:
        subprocess.run(["crontab", "-"], input=content, check=True)


@pytest.fixture
def own_crontab() -> Iterator[None]:
    """Let the test have the user's crontab, empty at first; the user's own is put back."""
    require.program("crontab")
    with FileLock(Path(tempfile.gettempdir()) / "sheets-decrypt-tests-crontab.lock"):  # tests run side by side
        before = crontab()
        put_crontab(None)
        try:
            yield
        finally:
            put_crontab(before)
            assert crontab() == before


@pytest.fixture
def running_cron(own_crontab: None) -> Iterator[Callable[[Path], bytes]]:
    """Start cron, unless it runs already, and give a function that waits until a file is there and reads it."""
    cron = require.program("cron")
    require.that(os.geteuid() == 0, "only root can start cron")
    daemon = subprocess.Popen([cron, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)  # a crontab of the same second as cron's first look at the folder is not noticed
    try:
        yield wait_for
    finally:
        daemon.terminate()
        daemon.wait()


def wait_for(path: Path) -> bytes:
    """Wait until `path` holds something, at most `PATIENCE` seconds, and give it."""
    for _ in range(PATIENCE * 2):
        if path.exists() and path.stat().st_size:
            return path.read_bytes()
        time.sleep(0.5)
    pytest.fail(f"cron has not written {path} within {PATIENCE} seconds")
