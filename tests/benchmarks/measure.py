"""Runs pieces of work in processes of their own, in turn, and compares them round by round."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks.work import high_water

ROOT: Final = Path(__file__).parents[2]
_PAUSE: Final = 0.05  # seconds between two looks at a run's children


@dataclass(frozen=True, slots=True)
class Run:
    """What one piece of work took.

    Args:
        wall: Seconds on the clock.
        cpu: Seconds of processor time, children included.
        peak: The most memory in bytes: the marks of the process and of each child added up, as if all were reached
            at once and nothing were shared.
    """

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """What one side took, round by round."""

    runs: Sequence[Run]

    @property
    def wall(self) -> float:
        """The median of the seconds on the clock."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of the seconds of processor time."""
        return median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """The median of the bytes."""
        return median(run.peak for run in self.runs)

    def as_json(self) -> list[dict[str, Any]]:
        """Return every run, for the JSON."""
        return [asdict(run) for run in self.runs]


def ratio(ours: Rounds, reference: Rounds, of: Callable[[Run], float]) -> float:
    """Return how many times as much the reference takes: the median over the rounds, whose two sides ran one by one."""
    return median(of(theirs) / of(mine) for mine, theirs in zip(ours.runs, reference.runs, strict=True))


def in_turn(sides: Mapping[str, Callable[[], Run]], repeat: int) -> dict[str, Rounds]:
    """Run every side once in each round, every other round in reverse, so that no side is always the first."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for number in range(repeat):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            runs[name].append(sides[name]())
    return {name: Rounds(found) for name, found in runs.items()}


def work(environment: Mapping[str, str], **task: object) -> Run:
    """Do a task of `tests.benchmarks.work` in a process of its own."""
    text = json.dumps({name: str(value) for name, value in task.items()})
    command = [sys.executable, "-m", "tests.benchmarks.work", text]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, text=True)
    children: dict[int, int] = {}
    while process.poll() is None:
        for child in _descendants(process.pid):
            children[child] = max(children.get(child, 0), _high_water(child))
        time.sleep(_PAUSE)
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the task {task['task']} failed")
    taken = json.loads(out)
    return Run(taken["wall"], taken["cpu"], taken["peak"] + sum(children.values()))


def program(environment: Mapping[str, str], *command: str) -> Run:
    """Run a whole program, from its start to its end."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=dict(environment), stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, used, 0)


def _descendants(process: int) -> list[int]:
    """Return the children of a process and theirs; none where the system does not say."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return []
    children = [int(number) for number in text.split()]
    return children + [each for child in children for each in _descendants(child)]


def _high_water(process: int) -> int:
    try:
        return high_water(Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return 0
