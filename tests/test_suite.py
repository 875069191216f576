"""The test suite itself: the same environment on every machine, a time limit for every test, and totals at the end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import systems
from tests.long import scaled

ROOT = Path(__file__).parents[1]
SAME_EVERYWHERE = """
import os, signal, subprocess, sys

def test_the_environment(count):
    assert not {"PYTHONUNBUFFERED", "SHEETS_DECRYPT_PRIVATE_KEY"} & set(os.environ)
    assert os.environ["HOME"] != "/home/somebody"
    assert subprocess.run(["crontab", "-l"], capture_output=True).returncode == 1
    count("apples", 3)

def test_the_signals(count):
    code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    count("apples", 4)
"""


def _pytest(folder: Path, content: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a test file as a shell's background job, with variables that a developer's machine may have."""
    file = folder / "test_it.py"
    file.write_text(content, encoding="utf-8")
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "SHEETS_DECRYPT_PRIVATE_KEY": "x", "HOME": "/home/somebody"}
    settings = ("-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *settings, *options, str(file)]
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
    finally:
        signal.signal(signal.SIGINT, former)


def test_every_machine_is_the_same_and_counts_are_added_up(tmp_path: Path) -> None:
    """The machine's settings are hidden, Ctrl-C works in a background job, and the processes' counts are added up."""
    systems.only_on("posix", "Windows has no crontab")
    done = _pytest(tmp_path, SAME_EVERYWHERE, "-p", "tests.conftest", f"--numprocesses={scaled(0, 2)}")
    assert done.returncode == 0, done.stdout
    assert "\napples: 7\n" in done.stdout


def test_a_test_that_hangs_is_ended_and_fails(tmp_path: Path) -> None:
    """Whatever it waits for, it fails and shows where.

    The suite's fixtures are left out, because their setup can take the whole second that this test may take.
    """
    hanging = "import threading\n\ndef test_hangs():\n    threading.Event().wait()\n"
    done = _pytest(tmp_path, hanging, "--numprocesses=0", "-o", "faulthandler_timeout=1")
    assert done.returncode != 0
    assert "in test_hangs" in done.stdout + done.stderr
