"""A second CSV without any decrypted column, made from the one in the vault.

It may lie outside the vault, because nothing that was decrypted is ever in it: the columns are chosen before a row is
read, and a choice that names a decrypted column is refused.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final

from sheets_decrypt.config import Deidentified, Job
from sheets_decrypt.errors import ColumnNotFound, ConfigurationError, VaultError, VaultUnusable
from sheets_decrypt.output.csv_text import CsvText
from sheets_decrypt.output.delivery import Delivered, Terms, deliver
from sheets_decrypt.table import Header
from sheets_decrypt.vault import open_folder
from sheets_decrypt.vault.interface import Vault
from sheets_decrypt.vault.plain_folder import PlainFolder

_ROWS: Final = 5000
_HINT: Final = "name a file in a folder that is there and that you can write"


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
    dropped = {_find(header, name, "drop") for name in choice.drop}
    if choice.keep is None:
        places = range(len(header.names))
        return [place for place in places if place not in dropped and header.names[place] not in decrypted]
    for name in choice.keep:
        if name in decrypted:
            raise ConfigurationError(
                f'deidentified.keep: column "{name}" holds tokens and is decrypted, so it cannot be kept there',
                hint="take it out of keep",
            )
    return sorted(_find(header, name, "keep") for name in choice.keep)


def _find(header: Header, name: str, key: str) -> int:
    try:
        return header.index_of(name)
    except ColumnNotFound as error:
        raise ColumnNotFound(f"deidentified.{key}: {error.message}", hint=error.hint) from None


def check(choice: Deidentified) -> None:
    """Prove, before anything is read or written, that the second CSV can be put where the configuration says.

    Raises:
        VaultUnusable: It cannot, or its folder is the inside of a locked vault.
    """
    _folder(choice)


def write(vault: Vault, name: str, job: Job, choice: Deidentified, places: Sequence[int]) -> Delivered:
    """Write the second CSV, or leave it alone where nothing changed.

    Args:
        vault: Where the first CSV is.
        name: Its name there.
        job: The job.
        choice: What the configuration says.
        places: Indices of the columns to keep, as `kept` chose them.

    Raises:
        VaultError: It cannot be written, or its folder is the inside of a locked vault.
    """
    folder = _folder(choice)
    with vault.read(name) as file:
        # job.encoding, since a mark that is a part of the first name must stay: "\ufeffname" is another column
        rows = csv.reader(io.TextIOWrapper(file, encoding=job.encoding, errors="surrogatepass", newline=""))
        pieces = _pieces(rows, places, CsvText(job.encoding, "off"))  # the first CSV's cells are guarded
        return deliver(folder, choice.output.name, pieces, Terms(max_shrink=None), rows=lambda: 0, approve=lambda: None)


def _folder(choice: Deidentified) -> PlainFolder:
    folder = open_folder(choice.output.parent)
    try:
        folder.check()
    except VaultError as error:  # and never VaultLocked: that is told of the vault, and no alarm at night
        raise VaultUnusable(f"deidentified.output: {error.message}", hint=_HINT) from None
    return folder


def _pieces(rows: Iterator[list[str]], places: Sequence[int], text: CsvText) -> Iterator[bytes]:
    names = next(rows)
    yield text.header([names[place] for place in places])
    while block := list(islice(rows, _ROWS)):
        yield text.rows([[row[place] for place in places] for row in block])
