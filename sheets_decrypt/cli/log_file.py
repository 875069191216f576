"""The file behind `--log`: it is split into parts of a megabyte, and the newest six are kept."""

import errno
import logging
import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Final

from sheets_decrypt.errors import reason_of
from sheets_decrypt.system.access import is_own
from sheets_decrypt.system.regular_file import open_regular

_BYTES: Final = 1_000_000
_OLD_PARTS: Final = 5
_OWNER_ALONE: Final = 0o600


class LogFile(RotatingFileHandler):
    """A log file. If it cannot be written, one warning says so, and the command continues.

    Args:
        path: The file. A pipe or a device is refused: it could block the run.
        outputs: The standard streams, which a scheduler may have redirected into the same file.
        report: Called once, with the warning, when a line cannot be written.

    Raises:
        OSError: It cannot be written, or belongs to another user.
    """

    def __init__(self, path: Path, outputs: Sequence[IO[str] | None], report: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=_BYTES, backupCount=_OLD_PARTS, encoding="utf-8", errors="replace")
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        # Checked once: after rotation the stream still writes to the old file.
        self.streams = [stream for stream in outputs if _are_one_file(stream, self.stream)]
        self._report = report
        self._warned = False

    def add(self, text: str) -> None:
        """Write a line with the time."""
        self.handle(logging.makeLogRecord({"msg": "%s", "args": (text,)}))

    def _open(self) -> TextIOWrapper:
        descriptor = open_regular(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ALONE)
        try:
            _keep_private(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return open(descriptor, "a", encoding=self.encoding, errors=self.errors)  # noqa: PTH123  (a descriptor)

    def close(self) -> None:
        """Close the file; lines that did not fit on a full disk are lost, as already reported."""
        with suppress(OSError):
            super().close()

    def doRollover(self) -> None:  # noqa: N802  (logging's name)
        """Start a new part, or leave it for later if another process holds the file open (Windows)."""
        with suppress(OSError):
            super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Warn once that lines are lost."""
        del record
        if not self._warned:
            self._warned = True
            error = sys.exc_info()[1]
            reason = reason_of(error) if isinstance(error, OSError) else type(error).__name__
            self._report(f"warning: the log {self.baseFilename} cannot be written: {reason}")


def _keep_private(descriptor: int) -> None:
    """Keep other users from reading the log, which says how many cells failed.

    A shell started by cron creates the file of its `>>log` with read access for everyone.

    Raises:
        PermissionError: It belongs to another user.
    """
    status = os.fstat(descriptor)
    if not is_own(status):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    if os.name != "nt" and status.st_mode & stat.S_IRWXO:  # modes have no effect there
        with suppress(OSError):  # a file system without permissions
            os.fchmod(descriptor, _OWNER_ALONE)


def _are_one_file(one: IO[str] | None, other: IO[str] | None) -> bool:
    try:
        return one is not None and other is not None and os.path.sameopenfile(one.fileno(), other.fileno())
    except OSError:  # not backed by a file
        return False
