"""A file's content as a stream: plaintext in and ciphertext out, or the reverse, in constant memory."""

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag

from sheets_decrypt.errors import VaultDamaged
from sheets_decrypt.vault.cryptomator.content import CHUNK, ContentCipher
from sheets_decrypt.vault.system_errors import vault_errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BATCH: Final = 16  # chunks per system call; half a megabyte fits a processor's cache
_RESTORE: Final = "restore the file from its version history or a backup, or let the next run write it again"


class Encryptor:
    """Encrypts the data that is written to it, chunk by chunk.

    Args:
        cipher: The vault's combination of ciphers.
        sink: Receives the ciphertext, in memory that is valid only during the call.
    """

    def __init__(self, cipher: ContentCipher, sink: Callable[[memoryview], object]) -> None:
        header, self._file = cipher.new_file()
        self._cipher: Final = cipher
        self._sink: Final = sink
        self._out: Final = memoryview(bytearray(_BATCH * (CHUNK + cipher.overhead)))
        self._rest: Final = memoryview(bytearray(CHUNK))  # plaintext that does not yet fill a chunk
        self._resting = self._filled = self._number = 0
        self._nonces = b""
        sink(memoryview(header))

    def write(self, data: bytes | memoryview) -> int:
        """Encrypt `data` and return its length in bytes. Whole chunks are encrypted without a copy."""
        view = memoryview(data)
        start = self._top_up(view) if self._resting else 0
        while len(view) - start >= CHUNK:
            self._seal(view[start : start + CHUNK])
            start += CHUNK
        if start < len(view):
            self._resting = len(view) - start
            self._rest[: self._resting] = view[start:]
        return len(view)

    def finish(self) -> None:
        """Encrypt the rest. An empty file is only a header, without chunks."""
        if self._resting:
            self._seal(self._rest[: self._resting])
            self._resting = 0
        self._flush()

    def empty_chunk(self) -> None:
        """Add an empty chunk, which Cryptomator writes only to the root's `dirid.c9r`."""
        self._seal(self._rest[:0])

    def _top_up(self, view: memoryview) -> int:
        """Fill up the started chunk, and return how many bytes of `view` that took."""
        taken = min(CHUNK - self._resting, len(view))
        self._rest[self._resting : self._resting + taken] = view[:taken]
        self._resting += taken
        if self._resting == CHUNK:
            self._seal(self._rest)
            self._resting = 0
        return taken

    def _seal(self, plain: memoryview) -> None:
        if not self._nonces:
            self._nonces = os.urandom(_BATCH * self._cipher.nonce)
        nonce, self._nonces = self._nonces[: self._cipher.nonce], self._nonces[self._cipher.nonce :]
        end = self._filled + len(plain) + self._cipher.overhead
        self._file.seal(self._number, nonce, plain, self._out[self._filled : end])
        self._number += 1
        self._filled = end
        if self._number % _BATCH == 0:
            self._flush()

    def _flush(self) -> None:
        if self._filled:
            self._sink(self._out[: self._filled])
            self._filled = 0


class Decryptor(io.RawIOBase):
    """Reads the plaintext of a file. No byte is returned before its chunk has been verified.

    Args:
        cipher: The vault's combination of ciphers.
        file: The ciphertext, unbuffered, from its start; closed together with this object.
        name: The file's name in errors.

    Raises:
        VaultDamaged: The header was not written with this vault's keys, or was changed.
    """

    def __init__(self, cipher: ContentCipher, file: io.FileIO, name: str) -> None:
        super().__init__()
        self._cipher: Final = cipher
        self._source: Final = file
        self._name: Final = name
        self._size: Final = CHUNK + cipher.overhead
        self._in: Final = memoryview(bytearray(_BATCH * self._size))
        self._out: Final = memoryview(bytearray(_BATCH * CHUNK))
        self._plain = self._out[:0]  # verified but not yet returned
        self._number = 0
        with vault_errors(name):
            header = self._take(self._in[: cipher.header])
        if len(header) < cipher.header:
            raise VaultDamaged(f"{name} is damaged: its header is cut off", hint=_RESTORE)
        try:
            self._file: Final = cipher.open_file(bytes(header))
        except InvalidTag:
            raise VaultDamaged(
                f"{name} is damaged: its header was changed, or written with another vault's keys", hint=_RESTORE
            ) from None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read the next bytes of plaintext.

        Raises:
            VaultDamaged: A chunk was changed.
        """
        if not self._plain:
            with vault_errors(self._name):
                self._plain = self._next_batch()
        view = memoryview(buffer).cast("B")
        given = min(len(view), len(self._plain))
        view[:given] = self._plain[:given]
        self._plain = self._plain[given:]
        return given

    def close(self) -> None:
        """Close the ciphertext as well."""
        self._source.close()
        super().close()

    def _next_batch(self) -> memoryview:
        batch, filled = self._take(self._in), 0
        for start in range(0, len(batch), self._size):
            chunk = batch[start : start + self._size]
            if len(chunk) < self._cipher.overhead:
                raise VaultDamaged(f"{self._name} is damaged: its last chunk is cut off", hint=_RESTORE)
            end = filled + len(chunk) - self._cipher.overhead
            if not self._opens(self._number, chunk, self._out[filled:end]):
                raise VaultDamaged(f"{self._name} is damaged: {self._what_happened_to(chunk)}", hint=_RESTORE)
            self._number += 1
            filled = end
        return self._out[:filled]

    def _take(self, room: memoryview) -> memoryview:
        """Read until `room` is full or the file ends; a network file system may return less at a time."""
        filled = 0
        while filled < len(room) and (got := self._source.readinto(room[filled:])):
            filled += got
        return room[:filled]

    def _opens(self, number: int, chunk: memoryview, out: memoryview) -> bool:
        try:
            self._file.open(number, chunk, out)
        except InvalidTag:
            return False
        return True

    def _what_happened_to(self, chunk: memoryview) -> str:
        """Return why a chunk did not open; one that was moved within the file still opens under its own number."""
        room = memoryview(bytearray(len(chunk) - self._cipher.overhead))
        for number in range(os.fstat(self._source.fileno()).st_size // self._size + 1):
            if self._opens(number, chunk, room):
                return f"chunks were exchanged, {number} is in the place of {self._number}"
        if len(chunk) < self._size:
            return f"chunk {self._number}, the last one, was changed or cut off"
        return f"chunk {self._number} was changed"
