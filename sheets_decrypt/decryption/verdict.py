"""The counts of each column's cells, and the verdict on the keys. Pure.

A key is called wrong because of the tokens that it fails on, and never because of one cell, which any respondent can
write:

- If nothing in the sheet decrypts: failing tokens that are at least half of a column's answers, even in one row.
- If something does: two failing tokens that are at least half of the rows of a column that is known to be encrypted, or
  ten in a column that `"auto"` may have mistaken for one.

They count if every sealed box of the column fails, or at least half of its unauthenticated tokens. Fewer are failures
of single cells. A damaged token fits no key, and does not count.
"""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sheets_decrypt.decryption.ciphers import FORMATS, Cipher
from sheets_decrypt.decryption.columns import Sorted
from sheets_decrypt.errors import KeyMissing, KeyProblem, KeyWrong
from sheets_decrypt.table import NO_KEY_FITTED, Column, ColumnCount, Format, Reason

Ciphers = Mapping[Format, Cipher]

AUTHENTICATED: Final = frozenset(wire.format for wire in FORMATS if wire.authenticated)
UNAUTHENTICATED: Final = frozenset(Format) - AUTHENTICATED
MARKED: Final = frozenset(wire.format for wire in FORMATS if wire.begins)
_FEW: Final = 2  # tokens
_MANY: Final = 10
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")
_SECRET_KINDS: Final = {wire.format: wire.secret_kind for wire in FORMATS}


@dataclass(slots=True)
class Tally:
    """The counts of one column, added up page by page.

    Args:
        name: The column's name.
        rows: The number of cells seen.
        reasons: Reason → number of cells that stay encrypted for it.
        seen: Format → number of its tokens.
        failed: Format → number of its tokens that did not decrypt.
        damaged: Format → number of tokens among `failed` that no key decrypts.
        digests: The number of cells among `failed` that are all hexadecimal: not tokens, but similar to legacy ones.
        fitted: (Format, index of its key) → number of tokens that this key decrypted.
        rewritten: The sheet's row in which a token was first replaced by plaintext; 0 if none was so far.
        skipped: Tokens were left on a page because `"auto"` had not yet found the column to be encrypted.
    """

    name: str
    rows: int = 0
    blank: int = 0
    missing: int = 0
    not_encrypted: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    seen: Counter[Format] = field(default_factory=Counter)
    failed: Counter[Format] = field(default_factory=Counter)
    damaged: Counter[Format] = field(default_factory=Counter)
    digests: int = 0
    fitted: Counter[tuple[Format, int]] = field(default_factory=Counter)
    rewritten: int = 0
    skipped: bool = False

    def add(self, found: Sorted) -> None:
        """Count the cells of one page, except its tokens."""
        self.rows += found.rows
        self.blank += found.blank
        self.missing += found.missing
        self.not_encrypted += found.not_encrypted

    def add_tokens(self, format_: Format, column: Column, bodies: Sequence[bytes]) -> None:
        """Count the results for the tokens of one page."""
        failed = column.keys.count(NO_KEY_FITTED)
        self.seen[format_] += len(column.keys)
        for key in set(column.keys) - {NO_KEY_FITTED}:
            self.fitted[format_, key] += column.keys.count(key)
        if failed:
            self.failed[format_] += failed
            self.damaged[format_] += sum(
                value is Reason.DAMAGED for value in column.values
            )  # `==` would match a plaintext too
            if format_ is Format.LEGACY_CBC:
                self.digests += sum(
                    value is Reason.WRONG_KEY and _HEXADECIMAL.issuperset(base64.b64encode(body))
                    for value, body in zip(column.values, bodies, strict=True)
                )

    @property
    def decrypts(self) -> bool:
        """Whether the column's tokens decrypt, and not by chance.

        A sealed box that opens is proof. In the other formats a wrong key decrypts one token in 256, so most tokens
        must decrypt, and a single one among readable answers is not enough.
        """
        return self._opened or (self.fitted.total() > self._failing_alike and not self.lone)

    @property
    def lone(self) -> bool:
        """Whether a single unauthenticated token decrypts, and most of the column's answers are readable."""
        return self.fitted.total() == 1 and not self._opened and 2 * (1 + self._failing_alike) < self._answers()

    @property
    def _opened(self) -> bool:
        """Whether a sealed box was opened."""
        return any(format_ in AUTHENTICATED for format_, _ in self.fitted)

    @property
    def _failing_alike(self) -> int:
        """The number of unauthenticated tokens that failed, including cells that only look like such tokens."""
        return self._failing(UNAUTHENTICATED).total() + self.digests

    def count(self, ciphers: Ciphers, *, early: int) -> ColumnCount:
        """Return the counts for the run record.

        Args:
            ciphers: Format → cipher.
            early: The number of cells that were found early.
        """
        return ColumnCount(
            decrypted=self.fitted.total() - self.reasons[Reason.FOUND_LATE] - early,
            blank=self.blank,
            missing=self.missing,
            not_encrypted=self.not_encrypted,
            failed=self.reasons.total() + early,
            formats={format_.value: count for format_, count in sorted(self.seen.items())},
            key_fingerprints=[ciphers[format_].fingerprints[key] for format_, key in sorted(self.fitted)],
        )

    def key_problem(self, ciphers: Ciphers, *, encrypted: bool, sheet_decrypts: bool) -> KeyProblem | None:
        """Return an error that the key is wrong or missing if enough tokens fail (see this module); else None.

        Args:
            ciphers: Format → cipher.
            encrypted: Whether the column is known to be encrypted: it was named, or it decrypts.
            sheet_decrypts: Whether any column of the sheet decrypts.
        """
        least = _FEW if encrypted else _MANY
        for formats in (AUTHENTICATED, UNAUTHENTICATED):
            failing = self.suspicious(formats)
            if failing and self._decide(failing.total(), least if sheet_decrypts else None):
                return _explain(self.name, list(failing), ciphers)
        return None

    def suspicious(self, formats: frozenset[Format]) -> Counter[Format]:
        """Return the failing tokens by format if all sealed boxes fail, or at least half of the other tokens."""
        failing = self._failing(formats)
        fitted = sum(count for (format_, _), count in self.fitted.items() if format_ in formats)
        alike = failing.total() >= fitted if formats == UNAUTHENTICATED else not fitted
        return failing if alike else Counter()

    def _decide(self, failing: int, least: int | None) -> bool:
        if least is not None:
            return failing >= least and 2 * failing >= self.rows
        lone = failing == 1 and self.fitted
        return not lone and 2 * failing >= self._answers()

    def _failing(self, formats: frozenset[Format]) -> Counter[Format]:
        """Return by format the number of tokens that failed but that another key might decrypt."""
        failing = Counter({format_: self.failed[format_] - self.damaged[format_] for format_ in sorted(formats)})
        failing[Format.LEGACY_CBC] -= self.digests if Format.LEGACY_CBC in formats else 0
        return +failing

    def _answers(self) -> int:
        return self.not_encrypted + self.digests + self.fitted.total() + self._failing(frozenset(Format)).total()


def _explain(column: str, failing: Sequence[Format], ciphers: Ciphers) -> KeyProblem:
    """Return the error. It has no counts: in an unauthenticated format they would help to guess an answer."""
    without = [format_ for format_ in failing if format_ not in ciphers]
    kinds = " and ".join(_SECRET_KINDS[format_] for format_ in failing)
    if len(without) == len(failing):
        options = " and ".join(
            f"--{_SECRET_KINDS[format_].removesuffix('s').replace('_', '-')}-from" for format_ in failing
        )
        return KeyMissing(
            f'column "{column}": no key is configured for its tokens ({", ".join(failing)})',
            hint=f"add the key to {kinds} in [keys]; decrypt-file has {options} as well",
        )
    keys = [name for format_ in failing if format_ in ciphers for name in ciphers[format_].fingerprints]
    plural = "keys" if len(keys) > 1 else "key"
    return KeyWrong(
        f'column "{column}": {plural} {", ".join(keys)} did not decrypt its tokens ({", ".join(failing)})',
        hint=f"this is not the key that the answers were encrypted for ({kinds}); look for quotes or blanks around it,"
        " or ask who set up Twilio for the right one",
    )
