"""The tokens of one format in one page while they are decrypted: at once in this process, or in others. Pure."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sheets_decrypt.decryption.ciphers import Cipher
from sheets_decrypt.decryption.columns import Tokens
from sheets_decrypt.table import NO_KEY_FITTED, Column, Format, Reason

# Takes a cipher and the bodies of tokens; the columns of the futures, concatenated, hold a result for each token.
Submit = Callable[[Cipher, Sequence[bytes]], Sequence["Future[Column]"]]


def decrypt_here(cipher: Cipher, bodies: Sequence[bytes]) -> Sequence["Future[Column]"]:
    """Decrypt at once, in this process; see `Submit`."""
    return [_done(cipher.decrypt(bodies))]


@dataclass(frozen=True, slots=True)
class Pending:
    """Tokens that were submitted.

    Args:
        columns: The tokens of each column, all of the same format.
        order: For each token in the order of submission, its place in the concatenated columns.
        futures: The futures that `Submit` returned for them.
    """

    columns: Sequence[Tokens]
    order: Sequence[int]
    futures: Sequence["Future[Column]"]

    def result(self) -> list[Column]:
        """Wait for the plaintext, and return the result for each of `columns`."""
        values: list[str | Reason] = []
        keys = bytearray()
        for future in self.futures:
            column = future.result()
            values += column.values
            keys += column.keys
        if not isinstance(self.order, range):
            values, keys = _in_columns(self.order, values, keys)
        parts, start = [], 0
        for tokens in self.columns:
            end = start + len(tokens.bodies)
            parts.append(Column(values[start:end], bytes(keys[start:end])))
            start = end
        return parts


def submit(columns: Sequence[Tokens], cipher: Cipher | None, decrypt: Submit) -> Pending:
    """Submit the tokens of one format in one page.

    Args:
        columns: The tokens of each column, all of the same format.
        cipher: The format's cipher, or None if no key is configured.
        decrypt: Decrypts them.
    """
    bodies = [body for tokens in columns for body in tokens.bodies]
    if cipher is None:
        return Pending(columns, range(len(bodies)), [_done(_without_key(bodies))])
    if len(columns) == 1 or columns[0].format is not Format.SEALED_BOX:
        return Pending(columns, range(len(bodies)), decrypt(cipher, bodies))
    order = _by_rows(columns)
    return Pending(columns, order, decrypt(cipher, [bodies[place] for place in order]))


def _by_rows(columns: Sequence[Tokens]) -> list[int]:
    """Return the order that puts the tokens of one row next to each other: they may share a derived key."""
    rows = [row for tokens in columns for row in tokens.rows]
    return sorted(range(len(rows)), key=rows.__getitem__)


def _in_columns(
    order: Sequence[int], values: Sequence[str | Reason], keys: bytearray
) -> tuple[list[str | Reason], bytearray]:
    ordered: list[str | Reason] = [""] * len(order)
    ordered_keys = bytearray(len(order))
    for place, value, key in zip(order, values, keys, strict=True):
        ordered[place] = value
        ordered_keys[place] = key
    return ordered, ordered_keys


def _without_key(bodies: Sequence[bytes]) -> Column:
    return Column([Reason.NO_KEY if body else Reason.DAMAGED for body in bodies], bytes([NO_KEY_FITTED]) * len(bodies))


def _done(column: Column) -> "Future[Column]":
    future: Future[Column] = Future()
    future.set_result(column)
    return future
