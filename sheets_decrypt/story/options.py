"""How one run does its job, where its job is the same as ever."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How one run does its job.

    Args:
        allow_shrink: Accept any loss of rows and of decrypted cells.
        dry_run: Do everything but write.
        wait: Seconds to wait for another run of the same job.
        progress: Called after each page with the rows done and the rows to expect.
    """

    allow_shrink: bool = False
    dry_run: bool = False
    wait: float = 0
    progress: Progress = lambda done, total: None  # noqa: ARG005  (no one watches)
