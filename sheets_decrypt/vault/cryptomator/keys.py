"""The two keys of a vault, wrapped so that neither shows itself in a repr, a log or a traceback's locals."""

import hmac
import os
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

KEY_BYTES: Final = 32

_Digest = Literal["sha256", "sha384", "sha512"]


class Key:
    """Secret bytes that show themselves only to `reveal`.

    Args:
        value: The key.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = value

    def reveal(self) -> bytes:
        """Give the key itself; call it where it is used, and bind it to no name."""
        return self._value

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


@dataclass(frozen=True, slots=True)
class Keys:
    """What a vault is encrypted with. Every method binds the raw bytes to no name that a traceback could show.

    Args:
        encryption: 32 bytes; `primaryMasterKey` in the masterkey file.
        mac: 32 bytes; `hmacMasterKey` in the masterkey file.
    """

    encryption: Key
    mac: Key

    @classmethod
    def generate(cls) -> Self:
        """Make the keys of a new vault."""
        return cls(Key(os.urandom(KEY_BYTES)), Key(os.urandom(KEY_BYTES)))

    def siv(self) -> AESSIV:
        """Give the cipher of names; its key is the MAC key first."""
        return AESSIV(self.mac.reveal() + self.encryption.reveal())

    def gcm(self) -> AESGCM:
        """Give the cipher of SIV_GCM's headers."""
        return AESGCM(self.encryption.reveal())

    def sign(self, message: bytes, digest: _Digest) -> bytes:
        """Give the signature of `vault.cryptomator`; its key is the encryption key first."""
        return hmac.digest(self.encryption.reveal() + self.mac.reveal(), message, digest)

    def authenticate(self, message: bytes) -> bytes:
        """Give the HMAC-SHA256 under the MAC key alone."""
        return hmac.digest(self.mac.reveal(), message, "sha256")
