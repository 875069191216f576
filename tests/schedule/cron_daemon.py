"""The user's crontab, and waiting for Debian's cron."""

import os
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

PATIENCE: Final = 130
"""Seconds: cron checks its crontabs once a minute, so a job for every minute has run within two."""


def crontab() -> bytes | None:
    """Return the user's crontab or None, using an editor, since Debian's `crontab -l` does not print every byte."""
    if subprocess.run(["crontab", "-l"], capture_output=True, check=False).returncode:
        return None
    editor = {**os.environ, "VISUAL": "/bin/cat", "EDITOR": "/bin/cat"}
    return subprocess.run(["crontab", "-e"], capture_output=True, check=True, env=editor).stdout


def put_crontab(content: bytes | None) -> None:
    """Replace the user's crontab with `content`, or remove it for None."""
    if content is None:
        subprocess.run(["crontab", "-r"], capture_output=True, check=False)
    else:
        subprocess.run(["crontab", "-"], input=content, check=True)


def wait_for(path: Path) -> bytes:
    """Wait until `path` has content, at most `PATIENCE` seconds, and return it."""
    for _ in range(PATIENCE * 2):
        if path.exists() and path.stat().st_size:
            return path.read_bytes()
        time.sleep(0.5)
    pytest.fail(f"cron has not written {path} within {PATIENCE} seconds")
