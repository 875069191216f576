"""Whether a stream is a terminal, where a person can read and type."""

import sys
from typing import IO


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal.

    Args:
        stream: A standard stream; None under pythonw.exe, which has none.
    """
    try:
        return stream is not None and stream.isatty() and _is_console(stream.fileno())
    except (OSError, ValueError):  # it has no file descriptor, or it is closed
        return False


if sys.platform == "win32":  # pragma: no cover  (only Windows can answer)
    import ctypes
    import msvcrt

    def _is_console(descriptor: int) -> bool:
        """Return whether a device is the console: `isatty` is also true for `NUL`, where no one types."""
        handle, mode = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor)), ctypes.c_ulong()
        return bool(ctypes.WinDLL("kernel32").GetConsoleMode(handle, ctypes.byref(mode)))

else:

    def _is_console(descriptor: int) -> bool:  # noqa: ARG001  (the signature on Windows)
        """Return True: on POSIX, `isatty` is true only for terminals."""
        return True
