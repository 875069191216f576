"""One run of a job at a time. The operating system drops the lock with the process, so no lock is ever stale."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from sheets_decrypt.errors import ConfigurationError, RunUnderWay, reason_of
from sheets_decrypt.system import user_folders


@contextmanager
def one_run(identity: str, *, name: str = "", wait: float = 0) -> Iterator[None]:
    """Hold the lock for one file.

    The lock is an empty file in the user's state folder, named after a hash of the identity: two configurations that
    write the same CSV exclude each other as well.

    Args:
        identity: A text that is the same for every path to the file.
        name: The file's path for messages; default: `identity`.
        wait: Seconds to wait for another run to end.

    Raises:
        RunUnderWay: Another run holds the lock.
        ConfigurationError: The state folder cannot be written.
    """
    folder = user_folders.state() / "locks"
    digest = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
    lock = filelock.FileLock(folder / f"{digest}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=wait)
    except filelock.Timeout:
        raise RunUnderWay(
            f"another run that writes {name or identity} is under way",
            hint="wait for it to end, or use --wait SECONDS; `sheets-decrypt status` says since when it runs",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder}, which holds the locks, cannot be used: {reason_of(error)}",
            hint="let this user write to its home folder, or name another place in XDG_STATE_HOME",
        ) from None
    try:
        yield
    finally:
        lock.release()
