"""Options of a single run, which do not belong to the job."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a single run.

    Args:
        allow_shrink: Accept any loss of rows and of decrypted cells.
        dry_run: Do everything except write.
        wait: Seconds to wait for another run of the same job.
        progress: Called after each page with the number of rows done and of rows expected.
    """

    allow_shrink: bool = False
    dry_run: bool = False
    wait: float = 0
    progress: Progress = lambda done, total: None  # noqa: ARG005  (no one watches)
