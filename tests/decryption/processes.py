"""The processes that a test started, as listed by /proc or Windows."""

import ctypes
import dataclasses
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests import systems


@dataclasses.dataclass(frozen=True)
class Process:
    """A process as the system lists it; on Windows it has no state, and its command is the program's name."""

    pid: int
    parent: int
    state: str
    command: bytes


def _processes() -> list[Process]:
    if sys.platform == "win32":
        return _processes_of_windows()
    systems.only_on("linux", "only Linux has /proc")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[:2]
            found.append(Process(int(folder.name), int(parent), state, (folder / "cmdline").read_bytes()))
        except OSError:  # it has ended
            continue
    return found


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W of Windows' tlhelp32.h."""

    _fields_ = (
        ("size", ctypes.c_ulong),
        ("usage", ctypes.c_ulong),
        ("pid", ctypes.c_ulong),
        ("heap", ctypes.c_void_p),
        ("module", ctypes.c_ulong),
        ("threads", ctypes.c_ulong),
        ("parent", ctypes.c_ulong),
        ("priority", ctypes.c_long),
        ("flags", ctypes.c_ulong),
        ("program", ctypes.c_wchar * 260),
    )


if sys.platform == "win32":

    def _processes_of_windows() -> list[Process]:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateToolhelp32Snapshot.restype = ctypes.c_void_p
        snapshot = ctypes.c_void_p(kernel.CreateToolhelp32Snapshot(0x2, 0))  # TH32CS_SNAPPROCESS
        entry, found = _Entry(size=ctypes.sizeof(_Entry)), []
        more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            found.append(Process(entry.pid, entry.parent, "", entry.program.encode()))
            more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
        kernel.CloseHandle(snapshot)
        return found


def workers_of(parent: int) -> list[int]:
    """Return the processes that `multiprocessing` started for decrypting."""
    command = b"python.exe" if sys.platform == "win32" else b"spawn_main"
    return [each.pid for each in _processes() if each.parent == parent and command in each.command]


def are_gone(pids: list[int]) -> bool:
    """Return whether all of them have ended."""
    return not [each.pid for each in _processes() if each.pid in pids and each.state != "Z"]


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds; fail when the test's patience ends."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def signal_is(pid: int, kind: str) -> bool:
    """Read from /proc whether SIGINT is among a process's signals of a kind, such as `SigIgn`."""
    systems.only_on("linux", "only Linux has /proc")
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    [mask] = [line.split()[1] for line in status.splitlines() if line.startswith(f"{kind}:")]
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)
