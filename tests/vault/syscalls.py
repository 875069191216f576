"""Run an action in its own process and interfere with one of its system calls, using strace.

The process is forked from the test, waits until strace is attached, and then runs only the action, so every counted
call belongs to the action.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sheets_decrypt.errors import VaultError
from tests import require, systems

DONE, REFUSED, BUG = 0, 7, 1


@dataclass(frozen=True)
class Run:
    """The outcome of the action.

    Args:
        code: `DONE`, `REFUSED` (a vault error), `BUG` (any other error), or the negative number of a signal.
        calls: The system calls that strace saw, one per line.
    """

    code: int
    calls: list[str]


def run(action: Callable[[], object], log: Path, inject: str = "", *, stopped: Callable[[], object] = bool) -> Run:
    """Run the action in its own process.

    Args:
        action: The action.
        log: A file for strace's output.
        inject: What strace does to which call, as in `-e inject=…`; blank for nothing.
        stopped: Called when an injected SIGSTOP has stopped the process, before it continues.
    """
    systems.only_on("linux", "strace is for Linux")
    strace = require.program("strace")
    reading, writing = os.pipe()
    is_ready, ready = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  (coverage ends with the process)
        _act(action, reading, ready)
    os.close(ready)
    os.read(is_ready, 1)  # the child waits from here until it is traced
    os.close(is_ready)
    os.close(reading)
    options = ["-e", f"inject={inject}"] if inject else []
    with subprocess.Popen(
        [strace, "-qq", "-s", "0", "-o", log, *options, "-p", str(child)], stderr=subprocess.PIPE
    ) as tracer:
        try:
            while not _is_traced(child):
                if tracer.poll() is not None:  # strace exits with the process if that was killed at once
                    require.that(tracer.returncode == 0, "strace may not trace here")
                    break
                time.sleep(0.001)
            with contextlib.suppress(BrokenPipeError):  # the process was already killed
                os.write(writing, b"x")
            code = _wait(child, stopped)
        finally:
            os.close(writing)
    return Run(code, log.read_text(errors="replace").splitlines())


def _act(action: Callable[[], object], reading: int, ready: int) -> NoReturn:  # pragma: no cover
    code = BUG
    try:
        os.write(ready, b"x")
        os.read(reading, 1)
        action()
        code = DONE
    except VaultError:
        code = REFUSED
    except BaseException as error:  # noqa: BLE001 (the test reports it)
        print(repr(error), file=sys.__stderr__, flush=True)
    finally:
        os._exit(code)


def _is_traced(process: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{process}/status").read_text(encoding="ascii")


def _wait(child: int, stopped: Callable[[], object]) -> int:
    """Wait for the process to end, continuing it after each stop; one stop may be reported more than once."""
    is_first = True
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        try:
            if is_first:
                is_first = False
                stopped()
        finally:
            os.kill(child, signal.SIGCONT)
