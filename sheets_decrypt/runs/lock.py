"""One run of a job at a time. The system holds the lock and drops it with the process, so that none is ever stale."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import filelock
import platformdirs

from sheets_decrypt.errors import ConfigurationError, RunUnderWay


@contextmanager
def one_run(identity: str, *, told: str = "", wait: float = 0) -> Iterator[None]:
    """Hold the lock for one file.

    The lock is an empty file in the user's state folder, named after a hash of the identity: two configurations that
    write the same CSV exclude each other as well.

    Args:
        identity: A text that is the same for every way to reach the file.
        told: Where the file is, in words; default: `identity`.
        wait: Seconds to wait for another run to end.

    Raises:
        RunUnderWay: Another run holds the lock.
        ConfigurationError: The state folder cannot be written.
    """
    folder = platformdirs.user_state_path("sheets-decrypt") / "locks"
    name = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
    lock = filelock.FileLock(folder / f"{name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=wait)
    except filelock.Timeout:
        raise RunUnderWay(
            f"another run that writes {told or identity} is under way",
            hint="wait for it to end, or give --wait SECONDS",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder}, which holds the locks, cannot be used: {(error.strerror or 'unknown').lower()}",
            hint="give this user a home folder that it may write; on Linux XDG_STATE_HOME names another place",
        ) from None
    try:
        yield
    finally:
        lock.release()
