"""The log of `--log`: every line for the terminal is also written here, with the time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.system.printable import printable

if TYPE_CHECKING:
    from sheets_decrypt.cli.log_file import LogFile

_file: "LogFile | None" = None


def open_log(path: Path, outputs: Sequence[IO[str] | None], report: Callable[[str], None]) -> None:
    """Write a log to this file from now on; see `LogFile`.

    Raises:
        ConfigurationError: It cannot be written.
    """
    # logging.handlers imports sockets and pickle, a sixth of the time that `--help` takes
    from sheets_decrypt.cli.log_file import LogFile  # noqa: PLC0415  (see above)

    global _file  # noqa: PLW0603  (one process has one log)
    close_log()
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        _file = LogFile(path, outputs, report)
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(f"the log {path} cannot be written: {reason}", hint="name another --log") from None


def close_log() -> None:
    """Close the log, if there is one."""
    global _file  # noqa: PLW0603  (see `open_log`)
    if _file is not None:
        _file.close()
        _file = None


def add(text: str) -> None:
    """Write a line to the log, if there is one."""
    if _file is not None:
        _file.add(printable(text))


def receives(stream: IO[str] | None) -> bool:
    """Return whether a scheduler has redirected a stream into the log."""
    return _file is not None and stream in _file.streams
