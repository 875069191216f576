"""The two keys of a vault, wrapped so that neither appears in a repr, a log or a traceback's locals."""

import hmac
import os
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

KEY_BYTES: Final = 32

_Digest = Literal["sha256", "sha384", "sha512"]


class Key:
    """Secret bytes that only `reveal` returns.

    Args:
        value: The key.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = value

    def reveal(self) -> bytes:
        """Return the key itself; call this where the key is used, and do not bind the result to a name."""
        return self._value

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a vault. No method binds the raw bytes to a name that a traceback could show.

    Args:
        encryption: 32 bytes; `primaryMasterKey` in the masterkey file.
        mac: 32 bytes; `hmacMasterKey` in the masterkey file.
    """

    encryption: Key
    mac: Key

    @classmethod
    def generate(cls) -> Self:
        """Return the keys of a new vault."""
        return cls(Key(os.urandom(KEY_BYTES)), Key(os.urandom(KEY_BYTES)))

    def siv(self) -> AESSIV:
        """Return the cipher for names; its key is the MAC key, then the encryption key."""
        return AESSIV(self.mac.reveal() + self.encryption.reveal())

    def gcm(self) -> AESGCM:
        """Return the cipher for SIV_GCM's headers."""
        return AESGCM(self.encryption.reveal())

    def sign(self, message: bytes, digest: _Digest) -> bytes:
        """Return the signature of `vault.cryptomator`; its key is the encryption key, then the MAC key."""
        return hmac.digest(self.encryption.reveal() + self.mac.reveal(), message, digest)

    def authenticate(self, message: bytes) -> bytes:
        """Return the HMAC-SHA256 under only the MAC key."""
        return hmac.digest(self.mac.reveal(), message, "sha256")
