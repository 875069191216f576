"""What fails in a thread, or while an object is freed, is one line without the error's text."""

import subprocess
import sys

import pytest

FAILS = """
import threading, click
from sheets_decrypt.cli import terminal

class Freed:
    def __del__(self):
        raise ValueError("geheim-4711")

@click.command()
def command():
    if {in_a_thread}:
        thread = threading.Thread(target=lambda: int("geheim-4711"))
        thread.start()
        thread.join()
    else:
        Freed()

terminal.run(command, "command")
"""


@pytest.mark.parametrize(("in_a_thread", "place"), [(True, "ValueError in <lambda>"), (False, "ValueError in __del__")])
def test_an_error_in_the_background_is_one_line(in_a_thread: bool, place: str) -> None:
    """Its type and place are named, and nothing that its text could hold."""
    done = subprocess.run(
        [sys.executable, "-c", FAILS.format(in_a_thread=in_a_thread)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith(f"warning: unexpected error in the background: {place}, line ")
