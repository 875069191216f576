"""One file per wire format, pure: no file, network, clock or process access.

`FORMATS` is the ordered table of the formats: a cell belongs to the first one whose `read` recognises it. A format's
`Cipher` holds the keys and turns the bodies of many tokens into plaintexts or reasons in one call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sheets_decrypt.decryption.ciphers import cryptojs_passphrase, legacy_cbc, sealed_box
from sheets_decrypt.table import Column, Format, Secret


class Cipher(Protocol):
    """One wire format with its keys."""

    @property
    def fingerprints(self) -> Sequence[str]:
        """The names of the keys, in the order in which they were configured."""

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt tokens of this format.

        Args:
            bodies: The result of `read` for each token.

        Returns:
            A plaintext or a reason for each, in order. One failure never stops the others.
        """


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One row of the table of formats.

    Args:
        format: Its name.
        begins: The prefix of every token of this format; blank if tokens have no mark.
        authenticated: Whether a wrong key and a changed token are always detected.
        read: A cell → the token's body in bytes, or None if the cell is not of this format. For a cell of this format
            that is cut off or misspelt, the body is empty, and `decrypt` calls it damaged.
        read_all: Many cells → the result of `read` for each if all of them are whole tokens of this format; else None.
            Most columns contain only tokens: 5 ms instead of 12 for 15,000 legacy tokens, which take 10 ms to decrypt.
        cipher: Secrets, newest first → a cipher. Raises KeyWrong for a secret that cannot be a key of this format.
        secret_kind: The configuration's name for secrets of this format.
    """

    format: Format
    begins: str
    authenticated: bool
    read: Callable[[str], bytes | None]
    read_all: Callable[[Sequence[str]], list[bytes] | None]
    cipher: Callable[[Sequence[Secret]], Cipher]
    secret_kind: str


FORMATS: Final = (
    WireFormat(
        Format.SEALED_BOX,
        sealed_box.MARK,
        True,
        sealed_box.read,
        sealed_box.read_all,
        sealed_box.SealedBox,
        "private_keys",
    ),
    WireFormat(
        Format.CRYPTOJS_PASSPHRASE,
        cryptojs_passphrase.MARK,
        False,
        cryptojs_passphrase.read,
        cryptojs_passphrase.read_all,
        cryptojs_passphrase.CryptoJsPassphrase,
        "passphrases",
    ),
    WireFormat(
        Format.LEGACY_CBC,
        "",
        False,
        legacy_cbc.read,
        legacy_cbc.read_all,
        legacy_cbc.LegacyCbc,
        "legacy_secrets",
    ),
)
