"""A second CSV without any decrypted column. It may be outside the vault.

It is made from the pages that Google sent, in which no encrypted answer is readable, and never from decrypted pages or
from a file that was read back, so decrypted text never gets near this file.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from sheets_decrypt.config import Deidentified, Job, kind_of
from sheets_decrypt.errors import ColumnNotFound, ConfigurationError, SheetRefused, VaultError, VaultUnusable
from sheets_decrypt.output.delivery import Delivered, Delivery, delivery
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.output.writers import Writer, writer_of
from sheets_decrypt.table import Header, Page
from sheets_decrypt.vault import open_folder

_HINT: Final = "name a file in a folder that exists and that you can write"


def kept(header: Header, choice: Deidentified, decrypted: Collection[str]) -> list[int]:
    """Choose the columns.

    Args:
        header: The sheet's header.
        choice: The configuration's choice of columns.
        decrypted: Names of the decrypted columns.

    Returns:
        Indices of the columns to keep.

    Raises:
        ConfigurationError: A column to keep is decrypted.
        ColumnNotFound: The name of a column does not appear exactly once in the header.
    """
    dropped = {_index_of(header, name, "drop") for name in choice.drop}
    if choice.keep is None:
        places = range(len(header.names))
        return [place for place in places if place not in dropped and header.names[place] not in decrypted]
    for name in choice.keep:
        if name in decrypted:
            raise ConfigurationError(
                f'deidentified.keep: column "{name}" holds tokens and is decrypted, so it cannot be kept there',
                hint="remove it from keep",
            )
    return sorted(_index_of(header, name, "keep") for name in choice.keep)


def _index_of(header: Header, name: str, key: str) -> int:
    try:
        return header.index_of(name)
    except ColumnNotFound as error:
        raise ColumnNotFound(f"deidentified.{key}: {error.message}", hint=error.hint) from None


def check(choice: Deidentified) -> None:
    """Check, before anything is read or written, that the second CSV can be written to its configured place.

    Raises:
        VaultUnusable: It cannot, or its folder is the encrypted storage of a locked vault.
    """
    try:
        open_folder(choice.output.parent).check()
    except VaultError as error:  # not VaultLocked, which would be reported as the vault's state, without an alarm
        raise VaultUnusable(f"deidentified.output: {error.message}", hint=_HINT) from None


class SecondCsv:
    """The de-identified CSV of one run.

    Its folder is checked on construction, before anything is read or written. If it cannot be used, the vault's CSV is
    still written: this one is not, and `OpenSecondCsv.commit` raises the error.

    Args:
        job: A job with a de-identified CSV.
        choice: The configuration of that CSV.
    """

    def __init__(self, job: Job, choice: Deidentified) -> None:
        self._failure: VaultError | None = None
        try:
            check(choice)
        except VaultError as error:
            self._failure = error
        self._choice: Final = choice
        self._job: Final = job

    @contextmanager
    def open(self, header: Header, *, dry_run: bool) -> Iterator["OpenSecondCsv"]:
        """Open it for the rows of a sheet; without a commit, none of them are left behind.

        Args:
            header: The sheet's header.
            dry_run: Do everything except write.

        Raises:
            ConfigurationError: A column to keep is decrypted.
            ColumnNotFound: The name of a column does not appear exactly once in the header.
        """
        named = () if self._job.columns == "auto" else self._job.columns
        places = kept(header, self._choice, named)
        text = writer_of(kind_of(self._choice.output), self._job.encoding, self._job.formula_guard)
        policy = ReplacePolicy(max_shrink=None, dry_run=dry_run)
        with ExitStack() as stack:
            opened = OpenSecondCsv(self._begin(stack, policy), text, places, header, self._choice)
            opened.begin()
            yield opened

    def _begin(self, stack: ExitStack, policy: ReplacePolicy) -> Delivery | VaultError:
        """Return a delivery, which ends with the stack, or the error that prevents one."""
        if self._failure is not None:
            return self._failure
        try:
            return stack.enter_context(
                delivery(open_folder(self._choice.output.parent), self._choice.output.name, policy)
            )
        except VaultError as error:
            return error


class OpenSecondCsv:
    """Takes the rows of the second CSV. If its disk is full, the vault's CSV must still be written."""

    def __init__(
        self,
        csv: Delivery | VaultError | SheetRefused,
        text: Writer,
        places: Sequence[int],
        header: Header,
        choice: Deidentified,
    ) -> None:
        self._csv = csv
        self._text: Final = text
        self._places: Final = places
        self._header: Final = header
        self._choice: Final = choice

    def begin(self) -> None:
        """Write the header."""
        self._attempt(lambda: self._text.header([self._header.names[place] for place in self._places]))

    def write(self, page: Page) -> None:
        """Write the rows of one page as they are in the sheet.

        Args:
            page: A page from Google, never a decrypted one.
        """
        if page.columns:
            self._attempt(lambda: self._text.columns([page.columns[place] for place in self._places]))

    def refuse_decrypted(self, decrypted: Collection[str]) -> None:
        """Refuse, before anything is committed, encrypted columns that `columns = "auto"` found too late.

        Until the commit the file has no name, and an error removes it.

        Args:
            decrypted: Names of the decrypted columns.

        Raises:
            ConfigurationError: A column to keep holds tokens.
        """
        kept(self._header, self._choice, decrypted)

    def commit(self) -> Delivered:
        """Put the CSV in place, or leave the existing one alone if they are equal.

        Raises:
            VaultUnusable: It could not be written; the existing one is unchanged.
        """
        self._attempt(lambda: b"".join(self._text.end()))
        if isinstance(self._csv, Delivery):
            try:
                return self._csv.commit(rows=0)
            except VaultError as error:
                self._csv = error
        raise VaultUnusable(f"the de-identified csv was not written: {self._csv.message}", hint=self._csv.hint)

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self._places)

    @property
    def path(self) -> str:
        """The path of the CSV."""
        return str(self._choice.output)

    def _attempt(self, make: Callable[[], bytes]) -> None:
        """Write the result of `make`, unless something failed earlier; keep an error for the commit."""
        if isinstance(self._csv, Delivery):
            try:
                self._csv.write(make())
            except (
                VaultError,
                SheetRefused,
            ) as error:  # the disk is full, or the rows do not fit into an Excel workbook
                self._csv = error
