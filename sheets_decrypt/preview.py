"""Look at a Sheet before a configuration exists: its tabs, its columns, and which columns hold tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sheets_decrypt.config import Conversion, Google
from sheets_decrypt.decryption.columns import sort
from sheets_decrypt.errors import SheetsDecryptError, WorksheetNotFound
from sheets_decrypt.google.session import open_session
from sheets_decrypt.google.sheet import Tab, list_tabs, open_sheet
from sheets_decrypt.table import Format, Header, Page

_ROWS: Final = 50
_SECONDS: Final = 10.0  # a person is waiting, and can try again
_NOT_ANSWERED: Final = frozenset(Conversion.model_fields["missing_values"].default)


@dataclass(frozen=True, slots=True)
class Look:
    """What could be seen of a spreadsheet.

    Args:
        account: The address that it must be shared with; blank if not known.
        title: Its title.
        tabs: Its tabs, in order; none if it could not be read.
        problem: Why it could not be read.
    """

    account: str = ""
    title: str = ""
    tabs: tuple[Tab, ...] = ()
    problem: SheetsDecryptError | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a tab.

    Args:
        header: Their names.
        tokens: The name of each column that holds tokens in its first rows → their format → their bodies.
    """

    header: Header
    tokens: Mapping[str, Mapping[Format, Sequence[bytes]]]


def look(settings: Google, spreadsheet_id: str) -> Look:
    """Sign in and return a spreadsheet's tabs, or why they could not be read."""
    account = ""
    try:
        with open_session(_brief(settings)) as session:
            account = session.account.email
            title, tabs = list_tabs(session, spreadsheet_id)
            if not tabs:
                raise WorksheetNotFound(
                    "the spreadsheet has no tab with cells", hint="check that this is the right one"
                )
    except SheetsDecryptError as problem:
        return Look(account, problem=problem)
    return Look(account, title, tuple(tabs))


def columns(settings: Google, spreadsheet_id: str, tab: Tab) -> Columns:
    """Read the header and the first rows of a tab.

    Raises:
        GoogleRefused, GoogleUnavailable: They could not be read.
        SheetEmpty: The tab has no header.
    """
    with open_session(_brief(settings)) as session:
        sheet = open_sheet(
            session, spreadsheet_id=spreadsheet_id, worksheet=None, gid=tab.gid, values="stored", page_rows=_ROWS
        )
        page = next(sheet.pages(), Page(2, []))
    cells = zip(sheet.header.names, page.columns, strict=False)  # a tab without rows has no cells
    found = {name: _tokens(column) for name, column in cells if name.strip()}
    return Columns(sheet.header, {name: tokens for name, tokens in found.items() if tokens})


def _tokens(cells: Sequence[str]) -> Mapping[Format, Sequence[bytes]]:
    """Return a column's tokens by format if at least half of its answers are tokens, since a word may look like one."""
    kinds = sort(cells, 0, _NOT_ANSWERED)
    number = sum(len(found.bodies) for found in kinds.tokens)
    return {found.format: found.bodies for found in kinds.tokens} if number >= kinds.not_encrypted else {}


def _brief(settings: Google) -> Google:
    return settings.model_copy(update={"deadline": min(settings.deadline, _SECONDS)})
