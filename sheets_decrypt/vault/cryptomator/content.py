"""Encrypt a file's content: a header with the file's own key, then chunks of 32 KiB.

Both combinations authenticate each chunk together with its number and the file's header, so no chunk can be changed,
moved or taken from another file. The format does not authenticate the number of chunks: a file that was cut exactly
between two of them looks like a shorter one. This risk of the format is accepted.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sheets_decrypt.vault.cryptomator.keys import KEY_BYTES, Key, Keys

Combo = Literal["SIV_GCM", "SIV_CTRMAC"]

CHUNK: Final = 32 * 1024

_RESERVED: Final = b"\xff" * 8
_GCM_NONCE: Final = 12
_GCM_TAG: Final = 16
_CTR_NONCE: Final = 16
_CTR_MAC: Final = 32


class FileCipher(Protocol):
    """Encrypts and decrypts the chunks of one file."""

    def seal(self, number: int, nonce: bytes, plain: memoryview, out: memoryview) -> None:
        """Encrypt chunk `number` into `out`, which is as long as the plaintext and the overhead."""

    def open(self, number: int, chunk: memoryview, out: memoryview) -> None:
        """Decrypt chunk `number` into `out`, which is shorter than the chunk by the overhead.

        Raises:
            InvalidTag: It was not written as this chunk of this file; `out` holds no plaintext.
        """


class ContentCipher(Protocol):
    """One combination of ciphers; all lengths are in bytes.

    Args:
        header: Length of a file's header.
        nonce: Length of the nonce at the start of headers and chunks.
        overhead: How much longer a chunk is than its plaintext.
    """

    header: int
    nonce: int
    overhead: int

    def new_file(self) -> tuple[bytes, FileCipher]:
        """Return a header with a new key, and the cipher for that key."""

    def open_file(self, header: bytes) -> FileCipher:
        """Return the cipher for a header.

        Raises:
            InvalidTag: It was not written with this vault's keys, or was changed.
        """


def plain_size(cipher: ContentCipher, size: int) -> int | None:
    """Return the length of the plaintext in a file of `size` bytes; None if no file can have that length."""
    whole, rest = divmod(size - cipher.header, CHUNK + cipher.overhead)
    if size < cipher.header or 0 < rest < cipher.overhead:
        return None
    return whole * CHUNK + max(rest - cipher.overhead, 0)


class GcmContent:
    """SIV_GCM: header `nonce 12 ‖ AES-GCM(FF×8 ‖ key)`; chunk `nonce 12 ‖ ciphertext ‖ tag 16`."""

    header = _GCM_NONCE + len(_RESERVED) + KEY_BYTES + _GCM_TAG
    nonce = _GCM_NONCE
    overhead = _GCM_NONCE + _GCM_TAG

    def __init__(self, keys: Keys) -> None:
        self._gcm: Final = keys.gcm()

    def new_file(self) -> tuple[bytes, FileCipher]:
        """Return a header and its cipher."""
        nonce, key = os.urandom(_GCM_NONCE), Key(os.urandom(KEY_BYTES))
        header = nonce + self._gcm.encrypt(nonce, _RESERVED + key.reveal(), None)
        return header, _GcmFile(nonce, AESGCM(key.reveal()))

    def open_file(self, header: bytes) -> FileCipher:
        """Return a header's cipher. The eight reserved bytes are ignored, as Cryptomator does."""
        nonce, sealed = header[:_GCM_NONCE], header[_GCM_NONCE:]
        return _GcmFile(nonce, AESGCM(self._gcm.decrypt(nonce, sealed, None)[len(_RESERVED) :]))


class _GcmFile:
    def __init__(self, header_nonce: bytes, aes: AESGCM) -> None:
        self._header_nonce: Final = header_nonce
        self._aes: Final = aes

    def seal(self, number: int, nonce: bytes, plain: memoryview, out: memoryview) -> None:
        out[:_GCM_NONCE] = nonce
        self._aes.encrypt_into(nonce, plain, number.to_bytes(8, "big") + self._header_nonce, out[_GCM_NONCE:])

    def open(self, number: int, chunk: memoryview, out: memoryview) -> None:
        bound = number.to_bytes(8, "big") + self._header_nonce
        self._aes.decrypt_into(chunk[:_GCM_NONCE], chunk[_GCM_NONCE:], bound, out)


class CtrMacContent:
    """SIV_CTRMAC: header `nonce 16 ‖ AES-CTR(FF×8 ‖ key) ‖ HMAC`; chunk `nonce 16 ‖ ciphertext ‖ HMAC`."""

    header = _CTR_NONCE + len(_RESERVED) + KEY_BYTES + _CTR_MAC
    nonce = _CTR_NONCE
    overhead = _CTR_NONCE + _CTR_MAC

    def __init__(self, keys: Keys) -> None:
        self._keys: Final = keys

    def new_file(self) -> tuple[bytes, FileCipher]:
        """Return a header and its cipher."""
        nonce, key = os.urandom(_CTR_NONCE), Key(os.urandom(KEY_BYTES))
        sealed = nonce + _ctr(self._keys.encryption, nonce, _RESERVED + key.reveal())
        return sealed + self._keys.authenticate(sealed), _CtrMacFile(nonce, key, self._keys)

    def open_file(self, header: bytes) -> FileCipher:
        """Return a header's cipher; its HMAC is verified first."""
        sealed, mac = header[:-_CTR_MAC], header[-_CTR_MAC:]
        if not hmac.compare_digest(self._keys.authenticate(sealed), mac):
            raise InvalidTag
        nonce, rest = sealed[:_CTR_NONCE], sealed[_CTR_NONCE:]
        return _CtrMacFile(nonce, Key(_ctr(self._keys.encryption, nonce, rest)[len(_RESERVED) :]), self._keys)


class _CtrMacFile:
    def __init__(self, header_nonce: bytes, key: Key, keys: Keys) -> None:
        self._key: Final = key
        self._mac: Final = HMAC(keys.mac.reveal(), SHA256())
        self._mac.update(header_nonce)

    def seal(self, number: int, nonce: bytes, plain: memoryview, out: memoryview) -> None:
        out[:_CTR_NONCE] = nonce
        out[_CTR_NONCE:-_CTR_MAC] = _ctr(self._key, nonce, plain)
        out[-_CTR_MAC:] = self._authenticate(number, out[:-_CTR_MAC])

    def open(self, number: int, chunk: memoryview, out: memoryview) -> None:
        if not hmac.compare_digest(self._authenticate(number, chunk[:-_CTR_MAC]), chunk[-_CTR_MAC:]):
            raise InvalidTag
        out[:] = _ctr(self._key, bytes(chunk[:_CTR_NONCE]), chunk[_CTR_NONCE:-_CTR_MAC])

    def _authenticate(self, number: int, sealed: memoryview) -> bytes:
        mac = self._mac.copy()
        mac.update(number.to_bytes(8, "big"))
        mac.update(sealed)
        return mac.finalize()


def _ctr(key: Key, nonce: bytes, data: bytes | memoryview) -> bytes:
    """Encrypt or decrypt; both are the same operation in counter mode."""
    return Cipher(AES(key.reveal()), CTR(nonce)).encryptor().update(data)


COMBOS: Final[Mapping[Combo, Callable[[Keys], ContentCipher]]] = {"SIV_GCM": GcmContent, "SIV_CTRMAC": CtrMacContent}
