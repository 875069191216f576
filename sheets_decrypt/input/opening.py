"""Open a table that lies on this computer: its first bytes say which reader it needs."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, reason_of
from sheets_decrypt.system.regular_file import open_regular

_START: Final = 1 << 16  # bytes
_PAGE_ROWS: Final = 5000
_PAGE_CELLS: Final = 1_000_000


def opened(path: Path) -> tuple[BinaryIO, bytes]:
    """Return an open file and its first bytes, which stay unread; the caller closes it.

    Raises:
        ConfigurationError: It cannot be read, or is not a regular file.
    """
    try:
        content = io.BufferedReader(io.FileIO(open_regular(path)), _START)
        try:
            return content, content.peek()[:_START]
        except BaseException:
            content.close()
            raise
    except OSError as error:
        refused = ConfigurationError(f"{path} cannot be read: {reason_of(error)}", hint="check the path of the file")
    raise refused


def rows_per_page(width: int) -> int:
    """Return how many rows a page has: fewer where rows are wide, so that padding short rows cannot fill the memory."""
    return max(1, min(_PAGE_ROWS, _PAGE_CELLS // width))


def require_names(path: Path, names: Iterable[str]) -> None:
    """Raise an error for a header without any name.

    Raises:
        SheetEmpty: All names are blank.
    """
    if not any(name.strip() for name in names):
        raise SheetEmpty(f"{path} has no header", hint="put the column names into its first row")
