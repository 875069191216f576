"""Run another program with a time limit that works on every system.

`subprocess.run` waits until every holder of the program's output pipe has closed it. A process that the program left
behind (an agent, a daemon) inherits that pipe: the limit then ends a wait for an answer that had already arrived, and
on Windows it does not even end the wait. Here threads read the pipes, and only the program itself is waited for.
"""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

_DRAIN_SECONDS: Final = 1.0  # the output of an ended program is already in its pipe: reading it takes milliseconds
_CHUNK: Final = 65_536
_NO_WINDOW: Final[int] = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows: do not flash a console at each run


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended.

    Args:
        code: Its exit code; on POSIX, the negative number of the signal that ended it.
        stdout: Its standard output.
        stderr: Its standard error.
    """

    code: int
    stdout: bytes
    stderr: bytes


def run(argv: Sequence[str], *, seconds: float | None, env: Mapping[str, str], stdin: bytes | None = None) -> Finished:
    """Run a program, without a shell, and return its output.

    The program stays in our process group, so that it can ask for a passphrase on the terminal and Ctrl-C reaches it.
    So a process that the program started is not stopped with it.

    Args:
        argv: The program and its arguments.
        seconds: How long it may run before it is stopped; None means no limit.
        env: Its whole environment. It has no default, so that no secret is inherited by oversight.
        stdin: Its standard input; None means empty.

    Raises:
        OSError: The program cannot be started.
        subprocess.TimeoutExpired: It did not end in time, and was stopped.
    """
    process = subprocess.Popen(  # noqa: S603  (the caller names the program; no shell is involved)
        [_found(argv[0], env), *argv[1:]],
        bufsize=0,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        creationflags=_NO_WINDOW,
    )
    if process.stdin is not None:
        threading.Thread(target=_write, args=(process.stdin, stdin), daemon=True).start()
    stdout, stderr = _Reader(process.stdout), _Reader(process.stderr)
    try:
        code = process.wait(seconds)
    except BaseException:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process stuck in a system call cannot be stopped
            process.wait(_DRAIN_SECONDS)
        raise
    until = time.monotonic() + _DRAIN_SECONDS
    return Finished(code, stdout.result(until), stderr.result(until))


def _found(program: str, env: Mapping[str, str]) -> str:
    """Return the program's path on Windows, where a shell also finds `tool.cmd` (npm's) but the system call does not.

    Elsewhere the system call searches PATH itself.
    """
    return (shutil.which(program, path=env.get("PATH")) or program) if os.name == "nt" else program


class _Reader:
    """Read a pipe in a daemon thread, and close it at its end.

    If another process holds the pipe open, the thread stays until that process ends; our own exit does not wait for it.
    """

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._chunks: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError), pipe:
            while chunk := pipe.read(_CHUNK):
                self._chunks.append(chunk)

    def result(self, until: float) -> bytes:
        """Return what has been read by `until`, a time of the monotonic clock."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return b"".join(self._chunks)


def _write(pipe: IO[bytes], content: bytes) -> None:
    with contextlib.suppress(OSError), pipe:  # a program may end without reading its input
        rest = memoryview(content)
        while rest:
            rest = rest[pipe.write(rest) :]
