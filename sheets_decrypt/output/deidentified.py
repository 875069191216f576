"""A second CSV without any decrypted column. It may lie outside the vault.

It is made from what Google sent, in which no encrypted answer is readable, and never from decrypted pages or from a
file that was read back: plaintext never enters the path to this file.
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
        choice: What the configuration says.
        decrypted: Names of the decrypted columns.

    Returns:
        Indices of the columns to keep.

    Raises:
        ConfigurationError: A column that is to be kept is decrypted.
        ColumnNotFound: A column that is named is not in the header exactly once.
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
    """Prove, before anything is read or written, that the second CSV can be put where the configuration says.

    Raises:
        VaultUnusable: It cannot, or its folder is the inside of a locked vault.
    """
    try:
        open_folder(choice.output.parent).check()
    except VaultError as error:  # never VaultLocked: that would be reported as the vault's state, and is not an alarm
        raise VaultUnusable(f"deidentified.output: {error.message}", hint=_HINT) from None


class SecondCsv:
    """The de-identified CSV of one run.

    Its folder is looked at now, before anything is read or written. If it cannot be used, the vault's CSV is not held
    back: nothing is written here, and `OpenSecondCsv.commit` raises the error.

    Args:
        job: The job, which has one.
        choice: What the configuration says of it.
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
        """Open it for the rows of a sheet; without a commit, nothing of them is left.

        Args:
            header: The sheet's header.
            dry_run: Do everything but write.

        Raises:
            ConfigurationError: A column that is to be kept is decrypted.
            ColumnNotFound: A column that is named is not in the header exactly once.
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
        """Return a delivery, which ends with the stack, or why there is none."""
        if self._failure is not None:
            return self._failure
        try:
            return stack.enter_context(
                delivery(open_folder(self._choice.output.parent), self._choice.output.name, policy)
            )
        except VaultError as error:
            return error


class OpenSecondCsv:
    """The rows of the second CSV pass through here. A disk that is full for it must not hold back the vault's CSV."""

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
        """Write the rows of one page as the sheet holds them.

        Args:
            page: What Google sent; never a page that was decrypted.
        """
        if page.columns:
            self._attempt(lambda: self._text.columns([page.columns[place] for place in self._places]))

    def refuse_decrypted(self, decrypted: Collection[str]) -> None:
        """Refuse, before anything is committed, what `columns = "auto"` found out too late.

        Until the commit the file has no name, and an error removes it.

        Args:
            decrypted: Names of the decrypted columns.

        Raises:
            ConfigurationError: A column that is to be kept holds tokens.
        """
        kept(self._header, self._choice, decrypted)

    def commit(self) -> Delivered:
        """Put the CSV under its name, or leave the former one where they are equal.

        Raises:
            VaultUnusable: It could not be written; the former one is unchanged.
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
        """Where it goes."""
        return str(self._choice.output)

    def _attempt(self, make: Callable[[], bytes]) -> None:
        """Write what `make` returns, unless something failed before; an error is kept for the commit."""
        if isinstance(self._csv, Delivery):
            try:
                self._csv.write(make())
            except (VaultError, SheetRefused) as error:  # a disk that is full, or more than an Excel workbook holds
                self._csv = error
