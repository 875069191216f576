"""One piece of work in a process of its own: a task as JSON comes in, what it took goes out.

    python -m tests.benchmarks.work '{"task": "…", …}'

Imports are not part of what is timed; a program's start is a row of its own.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from tests.benchmarks.sheets import Kind

_HIGH_WATER: Final = "VmHWM:"


def main() -> None:
    """Do the task of the first argument."""
    task = json.loads(sys.argv[1])
    action = _TASKS[task["task"]](task)
    wall, cpu = time.perf_counter(), _cpu()
    action()
    taken = {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu, "peak": _peak()}
    print(json.dumps(taken))


def _cpu() -> float:
    """Return the seconds of processor time of this process and of its children that ended."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _peak() -> int:
    """Return the most memory that this process held, in bytes.

    On Linux ru_maxrss of a fresh program begins with what its parent held, so the kernel's own mark is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return high_water(status.read_text(encoding="ascii", errors="replace"))
    unit = 1 if sys.platform == "darwin" else 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def high_water(status: str) -> int:
    """Read the most memory that a process held, in bytes, from its `/proc/<pid>/status`; a dead one has none."""
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(_HIGH_WATER)), 0)


Task = Mapping[str, str]
Action = Callable[[], object]


def _decrypt_ours(task: Task) -> Action:
    from tests.benchmarks import ours

    ours.import_late_modules(google=False)
    kind, file, output, key_file = _common(task)
    return lambda: ours.decrypt_file(kind, file, output, key_file)


def _decrypt_reference(task: Task) -> Action:
    reference = _reference()
    kind, file, output, key_file = _common(task)
    secret = key_file.read_text(encoding="utf-8")
    return lambda: reference.decrypt_file(kind, file, output, secret)


def _step(task: Task) -> Action:
    from tests.benchmarks import ours

    kind, file, _, key_file = _common(task)
    return ours.decryption_step(kind, file, key_file)


def _pull_ours(task: Task) -> Action:
    from tests.benchmarks import ours

    ours.import_late_modules(google=True)
    kind, _, output, key_file = _common(task)
    return lambda: ours.pull(kind, task["spreadsheet"], output, key_file)


def _pull_reference(task: Task) -> Action:
    reference = _reference()
    import_module("gspread")
    kind, _, output, key_file = _common(task)
    secret, credentials = key_file.read_text(encoding="utf-8"), Path(task["credentials"])
    return lambda: reference.pull(kind, credentials, task["spreadsheet"], output, secret)


def _reference() -> ModuleType:
    from tests.benchmarks import reference

    for name in reference.LIBRARIES:
        import_module(name)
    return reference


def _common(task: Task) -> tuple[Kind, Path, Path, Path]:
    return Kind(task["kind"]), Path(task.get("file", "")), Path(task.get("output", "")), Path(task["key_file"])


_TASKS: Final[Mapping[str, Callable[[Task], Action]]] = {
    "decrypt ours": _decrypt_ours,
    "decrypt reference": _decrypt_reference,
    "decryption step": _step,
    "pull ours": _pull_ours,
    "pull reference": _pull_reference,
}


if __name__ == "__main__":
    main()
