"""Detect that another program changed a file between the start of a run and the moment it is replaced.

A file is identified by its length and by every nonce in it: the header's and each chunk's. Every program that writes a
chunk takes a new random nonce, so two contents never look alike, and reading the nonces costs a seek per chunk and no
decryption. The header alone is not enough, because Cryptomator keeps it when a file is changed in place; nor are times
and inodes, which sync clients set as they like.
"""

import hashlib
import io
import time
from pathlib import Path
from typing import Final

from sheets_decrypt.system.regular_file import open_regular
from sheets_decrypt.vault.cryptomator.content import CHUNK, ContentCipher

_CHANGED: Final = b""


def identity(path: Path, cipher: ContentCipher) -> bytes | None:
    """Return the digest of a file's length, header and nonces; None if it does not exist."""
    try:
        file = io.FileIO(open_regular(path, follow=False))
    except FileNotFoundError:
        return None
    with file:
        digest = hashlib.sha256(file.read(cipher.header) or b"")
        size = file.seek(0, 2)
        for start in range(cipher.header, size, CHUNK + cipher.overhead):
            file.seek(start)
            digest.update(file.read(cipher.nonce) or b"")
    digest.update(size.to_bytes(8, "big"))
    return digest.digest()


class Changes:
    """The identity of each file when the run first saw it.

    A file that the run did not see before replacing it is judged by its times: whether, by the system's clock, it
    arrived after the run's start. If the clock is wrong, one copy too many is kept, and nothing is lost.

    Args:
        cipher: The vault's combination of ciphers.
    """

    def __init__(self, cipher: ContentCipher) -> None:
        self._cipher: Final = cipher
        self._started = time.time_ns()
        self._known: dict[str, bytes | None] = {}

    def start(self, now: int) -> None:
        """Forget everything at the start of a run.

        Args:
            now: The time in nanoseconds since 1970.
        """
        self._started = now
        self._known.clear()

    def look(self, name: str, content: Path | None) -> None:
        """Record a file's identity, unless this run has already recorded it."""
        if name not in self._known:
            came_later = content is not None and _last_change(content) > self._started
            self._known[name] = _CHANGED if came_later else self._identity(content)

    def look_again(self, name: str, content: Path | None) -> None:
        """Record a file's current identity."""
        self._known[name] = self._identity(content)

    def wrote(self, name: str, written: bytes | None) -> None:
        """Record the identity of a file that this run itself has written."""
        self._known[name] = written

    def by_others(self, name: str, content: Path | None) -> bool:
        """Return whether the file differs from the recorded one. A file that vanished is not a conflict."""
        now = self._identity(content)
        return now is not None and now != self._known[name]

    def _identity(self, content: Path | None) -> bytes | None:
        return None if content is None else identity(content, self._cipher)


def _last_change(path: Path) -> int:
    """Return when the file arrived or changed, in nanoseconds; on Windows, when it was created."""
    status = path.stat()
    return max(status.st_mtime_ns, status.st_ctime_ns)
