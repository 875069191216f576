"""The processes that a test started, as /proc has them."""

import dataclasses
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests import systems


@dataclasses.dataclass(frozen=True)
class Process:
    """A process as /proc has it."""

    pid: int
    parent: int
    state: str
    command: bytes


def _processes() -> list[Process]:
    systems.only_on("linux", "only Linux has /proc")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[:2]
            found.append(Process(int(folder.name), int(parent), state, (folder / "cmdline").read_bytes()))
        except OSError:  # it ended
            continue
    return found


def workers_of(parent: int) -> list[int]:
    """Return the processes that `multiprocessing` started for decrypting."""
    return [each.pid for each in _processes() if each.parent == parent and b"spawn_main" in each.command]


def are_gone(pids: list[int]) -> bool:
    """Return whether all of them have ended."""
    return not [each.pid for each in _processes() if each.pid in pids and each.state != "Z"]


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what must come; the end of the test's patience is a failure."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def signal_is(pid: int, kind: str) -> bool:
    """Read in /proc whether SIGINT is among a process's signals of a kind, such as `SigIgn`."""
    systems.only_on("linux", "only Linux has /proc")
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    [mask] = [line.split()[1] for line in status.splitlines() if line.startswith(f"{kind}:")]
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)
