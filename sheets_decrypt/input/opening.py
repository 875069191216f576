"""Open a table in a local file; its first bytes show which reader it needs."""

import difflib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, reason_of
from sheets_decrypt.system.regular_file import open_regular

_START: Final = 1 << 16  # bytes
_PAGE_ROWS: Final = 5000
PAGE_CELLS: Final = 1_000_000


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
        refused = ConfigurationError(f"{path} cannot be read: {reason_of(error)}", hint=_nearest(path))
    raise refused


def _nearest(path: Path) -> str:
    """Return a hint at the file that was probably meant, since file managers hide the ending of a name."""
    try:
        names = sorted(each.name for each in path.parent.iterdir() if not each.name.startswith((".", "~$")))
    except OSError:
        return "check the path: its folder cannot be read"
    same = [name for name in names if name.partition(".")[0].casefold() == path.name.casefold()]
    if close := same or difflib.get_close_matches(path.name, names, n=1):
        return f'did you mean "{path.with_name(close[0])}"?'
    return "check the path of the file"


def rows_per_page(width: int) -> int:
    """Return how many rows a page has: fewer if rows are wide, so that padding short rows cannot fill the memory."""
    return max(1, min(_PAGE_ROWS, PAGE_CELLS // width))


def require_names(path: Path, names: Iterable[str]) -> None:
    """Raise an error if all names in a header are blank.

    Raises:
        SheetEmpty: All names are blank.
    """
    if not any(name.strip() for name in names):
        raise SheetEmpty(f"{path} has no header", hint="put the column names into its first row")
