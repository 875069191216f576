"""Standard output and error that accept every write, even if the disk is full or the reader has gone away.

A failed write would otherwise raise wherever the text happens to be flushed: between two jobs, or at the interpreter's
exit, which then replaces the exit code with 120.
"""

import io
import os
from collections.abc import Callable
from typing import Any, Final, TextIO

from sheets_decrypt.errors import reason_of


class _Forgiving(io.RawIOBase):
    """A raw stream whose writes never raise. The first failure is kept and reported.

    Args:
        raw: The stream underneath; it stays open.
        report: Called with the reason of the first failure.
    """

    def __init__(self, raw: Any, report: Callable[[str], None]) -> None:
        super().__init__()
        self._raw: Final = raw
        self._report: Final = report
        self.failure = ""

    def write(self, data: Any, /) -> int | None:
        """Write, or count the bytes as written if that fails."""
        try:
            return self._raw.write(data)  # type: ignore[no-any-return]  # a number, or None where it would block
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            if not self.failure:
                self.failure = reason_of(error) if isinstance(error, OSError) else "it is closed"
                self._report(self.failure)
            return len(data)

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream underneath is a terminal."""
        return bool(self._raw.isatty())

    def fileno(self) -> int:
        """Return the descriptor of the stream underneath."""
        return int(self._raw.fileno())


def forgiving(stream: TextIO | None, report: Callable[[str], None]) -> TextIO | None:
    """Return a text stream that writes to the same place and never raises.

    It is UTF-8, also where the system's own choice would be a code page that has few letters, such as cp437 in a
    Windows console; PYTHONIOENCODING selects another. A character that the encoding lacks becomes a question mark.

    Args:
        stream: A standard stream; None, as under pythonw.exe, stays None.
        report: Called with the reason when a write fails for the first time.
    """
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        return stream
    encoding = stream.encoding if stream and os.environ.get("PYTHONIOENCODING") else "utf-8"
    raw = _Forgiving(getattr(buffer, "raw", buffer), report)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors="replace", line_buffering=True)


def failure_of(stream: TextIO | None) -> str:
    """Return why a stream could not be written; blank if every write went well."""
    if stream is None:
        return "it is closed"
    return str(getattr(getattr(getattr(stream, "buffer", None), "raw", None), "failure", ""))
