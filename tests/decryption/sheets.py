"""Small sheets with tokens of every format, right and wrong, for the tests in this folder."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.table import ColumnCount, Format, Header, Page, Secret
from tests import encryption

PRIVATE, OLDER, FOREIGN = bytes(range(1, 33)), bytes(range(33, 65)), bytes(range(65, 97))
LEGACY, PASSPHRASE = "your_secret_key1", "correct horse battery staple"
KEYS = ciphers_of(
    {
        Format.SEALED_BOX: [Secret(encryption.key_text(key)) for key in (PRIVATE, OLDER)],
        Format.LEGACY_CBC: [Secret(LEGACY)],
        Format.CRYPTOJS_PASSPHRASE: [Secret(PASSPHRASE)],
    }
)
SEALED, WRONGLY_SEALED = encryption.sealed_box("Ana", PRIVATE), encryption.sealed_box("Ana", FOREIGN)
CBC, WRONG_CBC = (
    encryption.legacy_cbc("Ana", LEGACY, bytes(16)),
    encryption.legacy_cbc("Ana", "another_secret_x", bytes(16)),
)
JS, WRONG_JS = encryption.cryptojs("Ana", PASSPHRASE, bytes(8)), encryption.cryptojs("Ana", "wrong", bytes(8))
CUT = SEALED[:40]
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)]
MISSING = frozenset({"No Data"})

Columns = Sequence[str] | Literal["auto"]


class Run:
    """A sheet that has been decrypted, with the results."""

    def __init__(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[str]],
        columns: Columns = "auto",
        keys: Mapping[Format, object] = KEYS,
        *,
        cuts: Sequence[int] = (),
        blank: bool = False,
    ) -> None:
        chosen = {format_: KEYS[format_] for format_ in keys}
        self.decryption = Decryption(Header(tuple(names)), chosen, Rules(columns, MISSING, blank))
        self.rows: list[list[str]] = []
        for start, end in pairwise([0, *sorted(cuts), len(rows)]):
            page = Page(start + 2, [list(row) for row in rows[start:end]])
            before = [list(row) for row in page.rows]
            self.rows += self.decryption.page(page)
            assert page.rows == before

    @property
    def count(self) -> ColumnCount:
        """Return the counts of the only column."""
        (count,) = self.decryption.counts().values()
        return count


def column(cells: Sequence[str], columns: Columns = ("a",), *, cuts: Sequence[int] = (), blank: bool = False) -> Run:
    """Decrypt a sheet with the single column `a`."""
    return Run(["a"], [[cell] for cell in cells], columns, cuts=cuts, blank=blank)
