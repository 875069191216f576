"""Find sealed boxes that were made in one call of our Twilio function: they share their ephemeral key. Pure.

A token is authenticated, but not bound to its row. A token that an editor of the Sheet copied or moved still decrypts.
It only shows if the key of one submission appears in two rows, or if a row has tokens of several submissions.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from sheets_decrypt.decryption.row_numbers import RowNumbers

_PREFIX: Final = 8  # bytes of a key; of ten million keys, two share them by chance in one of 370,000 sheets
_MOST: Final = 10_000_000  # keys, the most cells that a sheet can have; only a file can hold more
_AT_ONCE: Final = 500_000  # keys that are compared at once: 70 MB
_FEWEST: Final = 3  # tokens in a row: two with different keys may legitimately come from two calls

Keys = tuple[Sequence[int], Sequence[bytes]]


class Submissions:
    """Remembers the ephemeral keys of one sheet in 12 bytes each; a row that our function wrote has one."""

    def __init__(self) -> None:
        self.rearranged: Final = RowNumbers()
        self.not_compared: Final = RowNumbers()
        self._keys: Final = array("Q")
        self._rows: Final = array("I")

    def note(self, first_row: int, columns: Sequence[Keys]) -> None:
        """Examine one page.

        Args:
            first_row: The sheet's row number of the page's first row.
            columns: For each column, the rows within the page that hold a sealed box, and the ephemeral key of each.
        """
        if not columns:
            return
        if all(column == columns[0] for column in columns):  # each row comes from one submission
            self._remember([first_row + row for row in columns[0][0]], columns[0][1])
            return
        rows: list[int] = []
        keys: list[bytes] = []
        for row, found in _by_row(columns):
            distinct = set(found)
            rows += [first_row + row] * len(distinct)
            keys += distinct
            if len(found) >= _FEWEST and 1 < len(distinct) < len(found):
                self.rearranged.add(first_row + row)
        self._remember(rows, keys)

    def repeated(self) -> RowNumbers:
        """Return the rows that share an ephemeral key with another row; takes 10 seconds for ten million keys."""
        rows, last = RowNumbers(), 0
        if repeated := self._repeated():
            for row, key in zip(self._rows, self._keys, strict=True):
                if key in repeated and row != last:
                    rows.add(row)
                    last = row
        return rows

    def _remember(self, rows: Sequence[int], keys: Sequence[bytes]) -> None:
        room = _MOST - len(self._keys)
        self._rows.extend(rows[:room])
        self._keys.frombytes(b"".join(key[:_PREFIX] for key in keys[:room]))
        for row in rows[room:]:
            self.not_compared.add(row)

    def _repeated(self) -> set[int]:
        found: set[int] = set()
        parts = len(self._keys) // _AT_ONCE + 1
        for part in range(parts):
            some = [key for key in self._keys if key % parts == part] if parts > 1 else self._keys
            if len(set(some)) < len(some):
                found.update(key for key, count in Counter(some).items() if count > 1)
        return found


def _by_row(columns: Sequence[Keys]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield each row within the page and the keys of its sealed boxes, in row order."""
    rows = columns[0][0]
    if all(other == rows for other, _ in columns):
        yield from zip(rows, zip(*(keys for _, keys in columns), strict=True), strict=True)
        return
    by_row: dict[int, list[bytes]] = {}
    for rows, keys in columns:
        for row, key in zip(rows, keys, strict=True):
            by_row.setdefault(row, []).append(key)
    yield from sorted(by_row.items())
