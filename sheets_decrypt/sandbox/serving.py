"""The sandbox for a person: CSV files become the tabs of a spreadsheet, and lines to paste point programs to it."""

import contextlib
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.sandbox.faults import Fault
from sheets_decrypt.sandbox.google import Sandbox
from sheets_decrypt.sandbox.grid import Tab
from sheets_decrypt.sandbox.quota import Quota
from sheets_decrypt.sandbox.workbook import LONGEST_CELL

_POWERSHELL_QUOTES: Final = re.compile("['\u2018\u2019\u201a\u201b]")  # PowerShell ends a string at any of them


@dataclass(frozen=True, slots=True)
class Served:
    """A sandbox that serves one spreadsheet.

    Args:
        sandbox: The sandbox.
        spreadsheet_id: The spreadsheet's id.
    """

    sandbox: Sandbox
    spreadsheet_id: str

    def lines(self, *, powershell: bool = False) -> list[str]:
        """Return lines to run in a shell: the variables to set, and comments that name the spreadsheet and the account.

        Args:
            powershell: Whether the lines are for PowerShell or a POSIX shell.
        """
        variables = self.sandbox.environment().items()
        return [
            f"# spreadsheet: {self.sandbox.url(self.spreadsheet_id)}",
            f"# id: {self.spreadsheet_id}",
            f"# shared with: {self.sandbox.client_email}",
            *(_powershell(*item) if powershell else _posix(*item) for item in variables),
        ]


@contextlib.contextmanager
def serve_csv(
    files: Sequence[Path],
    folder: Path,
    *,
    port: int = 0,
    faults: Sequence[Fault] = (),
    quota: Quota | None = None,
) -> Iterator[Served]:
    """Serve CSV files (UTF-8) as one spreadsheet, until the block ends. Every cell is text.

    Args:
        files: One tab each; a tab's title is its file's name without the ending.
        folder: Where to write the throw-away certificates and the key file.
        port: The proxy's port; 0 takes any free one.
        faults: Scripted faults.
        quota: Requests per minute; None for no limit.

    Raises:
        ConfigurationError: A file cannot be read, two have the same name, or the port is taken.
    """
    tabs = [Tab(path.stem, _rows(path)) for path in files]
    titles = [tab.title for tab in tabs]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigurationError(f"two files would become the tab {title}", hint="rename one of them")
    if not tabs:
        raise ConfigurationError("no file to serve", hint="name one with --workbook FILE.csv")
    with contextlib.ExitStack() as stack:
        try:
            sandbox = stack.enter_context(Sandbox(folder, port=port, quota=quota))
        except OSError as error:
            reason = reason_of(error)
            raise ConfigurationError(
                f"the sandbox cannot use port {port} and the folder {folder}: {reason}", hint="choose another --port"
            ) from None
        sandbox.fault(*faults)
        yield Served(sandbox, sandbox.add(titles[0], tabs))


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "not a CSV in UTF-8"
        raise ConfigurationError(
            f"the file {path} cannot be served: {reason}", hint="save it as a CSV in UTF-8"
        ) from None
    if any(len(cell) > LONGEST_CELL for row in rows for cell in row):
        raise ConfigurationError(
            f"the file {path} cannot be served: a cell has more than {LONGEST_CELL} characters",
            hint="this is the limit of a Google Sheet",
        )
    return rows


def _posix(name: str, value: str) -> str:
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}'"


def _powershell(name: str, value: str) -> str:
    doubled = _POWERSHELL_QUOTES.sub(r"\g<0>\g<0>", value)
    return f"$env:{name} = '{doubled}'"
