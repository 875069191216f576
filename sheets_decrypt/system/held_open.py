"""Wait while another program holds a file open, which blocks a rename on Windows."""

import time
from collections.abc import Callable, Sequence
from typing import Final

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds; a virus scanner or a sync client is done by then

_CODES: Final = {5, 32, 33}  # Windows: access denied, sharing violation, lock violation


def is_held_open(error: OSError) -> bool:
    """Return whether this error means that another program holds the file open on Windows."""
    return getattr(error, "winerror", None) in _CODES


def retry(
    rename: Callable[[], object], *, pauses: Sequence[float] = PAUSES, sleep: Callable[[float], None] | None = None
) -> None:
    """Rename a file; while another program holds it open, try again after each pause.

    Args:
        rename: Renames the file.
        pauses: Seconds between two attempts.
        sleep: Waits for that long; default: `time.sleep`.

    Raises:
        OSError: The rename failed for another reason, or after the last pause.
    """
    for pause in pauses:
        try:
            rename()
        except OSError as error:
            if not is_held_open(error):
                raise
            (sleep or time.sleep)(pause)
        else:
            return
    rename()
