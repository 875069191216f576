"""Programs that we start keep their time limit, whatever they leave behind, and get the environment we choose."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sheets_decrypt.config import SecretSource
from sheets_decrypt.schedule import steps
from sheets_decrypt.schedule.interface import Run
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system import programs
from sheets_decrypt.vault import macos, windows_calls


@pytest.mark.system("windows", "other systems find any program on PATH")
def test_a_tool_that_npm_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`command = ["bw", …]`: npm's tools are `.cmd` files, which a shell finds by their name without extension."""
    (tmp_path / "tool.cmd").write_text("@echo secret of %1\n", encoding="utf-8")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert resolve(SecretSource(command=("tool", "baseline"))).reveal() == "secret of baseline"


PLENTY = 300.0
"""Seconds: a limit that only an unexpected wait would reach."""

PARENT = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
print(sys.argv[2], flush=True)
if sys.argv[3] == "hang":
    child.wait()
"""


@pytest.fixture
def leaves_a_child(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """Return a function that builds a command whose child keeps its output open; the child ends with the test."""
    note = tmp_path / "pid"

    def command(*, says: str = "said", hang: bool = False) -> list[str]:
        return [sys.executable, "-c", PARENT, str(note), says, "hang" if hang else "end"]

    yield command
    if note.exists():
        os.kill(int(note.read_text()), signal.SIGTERM)


def test_only_the_program_itself_is_waited_for(leaves_a_child: Callable[..., list[str]]) -> None:
    """A child that it left behind with an open pipe is not waited for."""
    done = programs.run(leaves_a_child(), seconds=PLENTY, env=os.environ)
    assert (done.code, done.stdout.split(), done.stderr) == (0, [b"said"], b"")


def test_the_limit_holds_while_another_process_holds_the_pipe(leaves_a_child: Callable[..., list[str]]) -> None:
    """A program that hangs is stopped, and its child does not keep us waiting."""
    with pytest.raises(subprocess.TimeoutExpired):
        programs.run(leaves_a_child(hang=True), seconds=2, env=os.environ)


def test_every_byte_is_passed_in_and_returned() -> None:
    """Input and output larger than a pipe's buffer do not block each other."""
    content = bytes(range(256)) * 4096
    echo = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.stderr.buffer.write(data)"
    done = programs.run([sys.executable, "-c", echo], seconds=PLENTY, env=os.environ, stdin=content)
    assert (done.code, done.stdout, done.stderr) == (0, content, content)


def test_a_program_need_not_read_its_input() -> None:
    """A program that ends without reading is not an error of ours, and its exit code is returned."""
    done = programs.run([sys.executable, "-c", "exit(7)"], seconds=PLENTY, env=os.environ, stdin=b"x" * 1_000_000)
    assert done.code == 7


def test_without_input_a_program_gets_an_empty_one() -> None:
    """It never waits for our own terminal."""
    done = programs.run([sys.executable, "-c", "print(len(input() or ''))"], seconds=PLENTY, env=os.environ)
    assert done.code == 1
    assert b"EOFError" in done.stderr


def test_a_program_that_is_not_installed_is_an_error() -> None:
    """The system's own error is raised."""
    with pytest.raises(OSError):  # noqa: PT011  (any of them: each system raises its own)
        programs.run(["no-such-program-anywhere"], seconds=PLENTY, env=os.environ)


def test_only_the_callers_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program inherits only the variables that the caller names."""
    monkeypatch.setenv("SURVEY_KEY", "canary")
    named = {name: value for name, value in os.environ.items() if name != "SURVEY_KEY"}
    show = "import os; print('SURVEY_KEY' in os.environ, os.environ['SURVEY_COLOUR'])"
    done = programs.run([sys.executable, "-c", show], seconds=PLENTY, env={**named, "SURVEY_COLOUR": "red"})
    assert done.stdout.split() == [b"False", b"red"]


def test_an_interrupt_stops_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends our wait also stops the program."""
    note = tmp_path / "pid"
    waits = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
    started: list[subprocess.Popen[bytes]] = []
    wait = subprocess.Popen.wait

    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if started:
            return wait(process, timeout)
        started.append(process)
        while not note.exists() or not note.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        programs.run([sys.executable, "-c", waits, str(note)], seconds=PLENTY, env=os.environ)
    assert started[0].returncode not in {None, 0}


# The callers that start programs


def test_a_secret_is_read_from_a_command_that_leaves_an_agent_behind(
    leaves_a_child: Callable[..., list[str]],
) -> None:
    """A password manager may start its agent when it answers."""
    assert resolve(SecretSource(command=tuple(leaves_a_child(says="s3cret")))).reveal() == "s3cret"


def test_a_scheduler_that_leaves_a_process_behind_is_not_waited_for(leaves_a_child: Callable[..., list[str]]) -> None:
    """Its answer counts as soon as it has ended, even without a limit."""
    assert steps.carry_out([Run(tuple(leaves_a_child()), seconds=None)]) == 0


@pytest.mark.parametrize("ask", [windows_calls.run, macos.run])
def test_a_volume_query_does_not_wait_for_other_processes(
    ask: Callable[[list[str]], str], leaves_a_child: Callable[..., list[str]]
) -> None:
    """PowerShell and `diskutil` are called in the same way."""
    assert ask(leaves_a_child()).split() == ["said"]
