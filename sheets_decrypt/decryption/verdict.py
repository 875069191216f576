"""What became of the cells of each column, and the verdict on the keys. Pure.

The verdict (design, "Output"): the key is wrong, and nothing is written, when every sealed box of a column fails, or at
least half of its tokens without authentication. A damaged token says nothing of the key, and does not count.
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
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")
MARKED: Final = frozenset(wire.format for wire in FORMATS if wire.begins)
_SECRET_KINDS: Final = {wire.format: wire.secret_kind for wire in FORMATS}


@dataclass(slots=True)
class Tally:
    """The counts of one column, while pages pass by.

    Args:
        name: The column's name.
        damaged: Format → tokens of it that no key could have decrypted.
        hexadecimal: Cells that look like legacy tokens and are all hexadecimal, while nothing has decrypted.
        put: Some page's cells were changed, as those of a column that holds tokens.
        withheld: Some page's cells were left, as those of a column that holds none.
    """

    name: str
    decrypted: int = 0
    blank: int = 0
    missing: int = 0
    not_encrypted: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    seen: Counter[Format] = field(default_factory=Counter)
    failed: Counter[Format] = field(default_factory=Counter)
    damaged: Counter[Format] = field(default_factory=Counter)
    fitted: Counter[tuple[Format, int]] = field(default_factory=Counter)
    hexadecimal: int = 0
    put: bool = False
    withheld: bool = False

    def add(self, found: Sorted) -> None:
        """Count the cells of one page that are no tokens."""
        self.blank += found.blank
        self.missing += found.missing
        self.not_encrypted += found.not_encrypted

    def add_tokens(self, format_: Format, column: Column, bodies: Sequence[bytes]) -> None:
        """Count what became of the tokens of one page."""
        failed = column.keys.count(NO_KEY_FITTED)
        self.seen[format_] += len(column.keys)
        self.decrypted += len(column.keys) - failed
        for key in set(column.keys) - {NO_KEY_FITTED}:
            self.fitted[format_, key] += column.keys.count(key)
        if failed:
            self.failed[format_] += failed
            self.damaged[format_] += sum(value is Reason.DAMAGED for value in column.values)
            if format_ is Format.LEGACY_CBC and not self.fitted:
                self.hexadecimal += sum(_HEXADECIMAL.issuperset(base64.b64encode(body)) for body in bodies)

    def holds_tokens(self) -> bool:
        """Tell a column of tokens from one whose cells only look like legacy tokens, such as hashes.

        Sealed boxes and CryptoJS tokens carry a mark, but so does an answer that begins with `v2:`. Legacy tokens
        carry none: what counts is that they decrypt.
        """
        marked = any(self.seen[format_] > self.damaged[format_] for format_ in MARKED)
        legacy = self.seen[Format.LEGACY_CBC]
        return marked or (legacy > 0 and 2 * self.failed[Format.LEGACY_CBC] < legacy)

    def hides_tokens(self) -> bool:
        """Tell whether a column that does not decrypt holds nothing but what looks like legacy tokens.

        That is the sign of a wrong key. Digests in hexadecimal look alike and are none: no token is all hexadecimal.
        """
        alike = self.seen[Format.LEGACY_CBC] > 0 and not self.not_encrypted
        return alike and not self.fitted and not self.hexadecimal

    def count(self, ciphers: Ciphers) -> ColumnCount:
        """Give the counts as the run record has them."""
        return ColumnCount(
            decrypted=self.decrypted,
            blank=self.blank,
            missing=self.missing,
            not_encrypted=self.not_encrypted,
            failed=self.reasons.total(),
            formats={format_.value: count for format_, count in sorted(self.seen.items())},
            key_fingerprints=[ciphers[format_].fingerprints[key] for format_, key in sorted(self.fitted)],
        )

    def key_problem(self, ciphers: Ciphers) -> KeyProblem | None:
        """Say that the key is wrong or missing, where the share of failures says so."""
        for formats, share in ((AUTHENTICATED, 1.0), (frozenset(Format) - AUTHENTICATED, 0.5)):
            seen = sum(self.seen[format_] - self.damaged[format_] for format_ in formats)
            failing = [
                format_ for format_ in Format if format_ in formats and self.failed[format_] > self.damaged[format_]
            ]
            failed = sum(self.failed[format_] - self.damaged[format_] for format_ in failing)
            if seen and failed >= share * seen:
                return _explain(self.name, failing, f"{failed} of {seen}", ciphers)
        return None


def _explain(column: str, failing: Sequence[Format], share: str, ciphers: Ciphers) -> KeyProblem:
    without = [format_ for format_ in failing if format_ not in ciphers]
    if len(without) == len(failing):
        kinds = " and ".join(_SECRET_KINDS[format_] for format_ in without)
        return KeyMissing(
            f'column "{column}": no key is configured for {share} tokens ({", ".join(without)})',
            hint=f"add the key to {kinds} in [keys]",
        )
    keys = [name for format_ in failing if format_ in ciphers for name in ciphers[format_].fingerprints]
    plural = "keys" if len(keys) > 1 else "key"
    return KeyWrong(
        f'column "{column}": {plural} {", ".join(keys)} did not decrypt {share} tokens ({", ".join(failing)})',
        hint="this is not the key that the answers were encrypted for; see [keys], and `sheets-decrypt check`",
    )
