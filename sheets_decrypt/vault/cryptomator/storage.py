"""Putting things into a vault's folders in one step, and clearing away what a killed run left.

A temporary file or folder is called `.sheets-decrypt-<host>-<random>.tmp`: Cryptomator and other readers pass over
it, since it ends neither in `.c9r` nor in `.c9s`. Two jobs may share a vault, so the one that is being written must
not be taken for a left-over. A process id would not tell, for ids are used again and mean nothing on another machine
of a synced folder. So the writer holds the system's lock on it, which ends with the process, whatever ends it:

- POSIX: `flock`. What is unlocked and was made on this host is a left-over.
- Windows: a file that is open cannot be removed, which serves as the lock.
- Made on another host, or where the file system has no locks, or a folder on Windows: a left-over after a day.
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultUnusable

if sys.platform != "win32":
    import fcntl

_OURS: Final = re.compile(r"\.sheets-decrypt-([0-9a-f]{8})-[0-9a-f]{16}\.tmp")
_OLD_SECONDS: Final = 24 * 60 * 60
_HELD_OPEN: Final = (5, 32, 33)  # Windows: access denied, sharing violation, lock violation
_HELD_TRIES: Final = 5
_HELD_SECONDS: Final = 0.2
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class HeldOpen(Exception):
    """Another program holds the target open (Windows), and did not let go of it."""


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what the system says into our own error, which names `where`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise VaultUnusable(f"{where} is full", hint="make room on its disk, or raise the quota") from None
        if error.errno in _FORBIDDEN:
            raise VaultUnusable(
                f"{where} may not be written or read by this user", hint="check the folder's owner and permissions"
            ) from None
        raise VaultUnusable(
            f"{where} cannot be used: {(error.strerror or type(error).__name__).lower()}",
            hint="check that its drive is connected and that the folder is not being moved",
        ) from None


class Temporary:
    """A file or folder under a temporary name, locked as long as this process lives.

    Args:
        path: Its name now.
        handle: The open file or folder, which holds the lock; -1 where there is none (a folder on Windows).
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path: Final = path
        self._handle = handle

    @classmethod
    def file(cls, folder: Path) -> "Temporary":
        """Make an empty file in `folder`."""
        return cls._make(folder, _create)

    @classmethod
    def folder(cls, folder: Path) -> "Temporary":
        """Make an empty folder in `folder`."""
        return cls._make(folder, _create_folder)

    @classmethod
    def _make(cls, folder: Path, create: Callable[[Path], int]) -> "Temporary":
        while True:
            path = folder / f".sheets-decrypt-{_host()}-{secrets.token_hex(8)}.tmp"
            try:
                handle = create(path)
            except FileNotFoundError:
                if not folder.is_dir():
                    raise
                continue
            # Between its making and its lock another job may have taken it for a left-over: then there is a next one.
            if _lock(handle) is not False and _is_still(path, handle):
                return cls(path, handle)
            _close(handle)

    def open(self) -> io.FileIO:
        """Give the file for writing, unbuffered; closing that does not give up the lock."""
        return io.FileIO(self._handle, "wb", closefd=False)

    def put(self, target: Path) -> None:
        """Give it its name, in one step; a file that had the name is replaced.

        Raises:
            HeldOpen: Another program holds the target open.
        """
        if os.name == "nt":  # pragma: no cover — Windows renames nothing that is open
            self.close()
        rename(self.path, target)
        self.close()
        sync_folder(target.parent)
        if target.parent != self.path.parent:
            sync_folder(self.path.parent)

    def sync(self) -> None:
        """Have the file's content on the disk before anything refers to it."""
        os.fsync(self._handle)

    def take_mode_of(self, former: Path) -> None:
        """Let the same users read it who may read `former`, where the file system can say so."""
        if os.name != "nt":
            with contextlib.suppress(OSError):
                os.fchmod(self._handle, stat.S_IMODE(former.stat().st_mode))

    def close(self) -> None:
        """Give up the lock."""
        _close(self._handle)
        self._handle = -1

    def discard(self) -> None:
        """Remove it, unless it has its name already. What cannot be removed now is a left-over for the next run."""
        self.close()
        remove_left_over(self.path)


def rename(source: Path, target: Path) -> None:
    """Rename over the target in one step; where another program holds it open, wait a moment.

    Raises:
        HeldOpen: It did not let go.
    """
    for attempt in range(_HELD_TRIES):
        try:
            source.replace(target)
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD_OPEN:
                raise
            if attempt + 1 < _HELD_TRIES:
                time.sleep(_HELD_SECONDS)
        else:
            return
    raise HeldOpen


def write_file(path: Path, content: bytes) -> None:
    """Write a file that nothing refers to yet, and have it on the disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk; Windows does that by itself."""
    if os.name == "nt":  # pragma: no cover — a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def left_overs(folder: Path) -> Iterator[Path]:
    """Find what killed runs left in `folder`; each stays locked until the next one is asked for."""
    with os.scandir(folder) as entries:
        ours = [(Path(entry.path), match[1]) for entry in entries if (match := _OURS.fullmatch(entry.name))]
    for path, host in ours:
        with contextlib.suppress(OSError), _unused(path, host) as unused:
            if unused:
                yield path


def remove_left_over(path: Path) -> None:
    """Remove a left-over with everything in it; one that is open on Windows stays."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _unused(path: Path, host: str) -> Iterator[bool]:
    """Say whether nobody writes to `path` any more, and keep others from it meanwhile."""
    old = time.time() - path.lstat().st_mtime > _OLD_SECONDS
    if host != _host() or os.name == "nt":
        # On Windows an open file resists its removal; a folder there is judged by its age.
        yield old or (os.name == "nt" and host == _host() and not path.is_dir())
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        locked = _lock(handle)
        yield locked is True or (locked is None and old)
    finally:
        os.close(handle)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _create_folder(path: Path) -> int:
    path.mkdir()
    return -1 if os.name == "nt" else os.open(path, os.O_RDONLY)


def _lock(handle: int) -> bool | None:
    """Lock it; False where another has it, None where the system or the file system has no such lock."""
    if sys.platform == "win32" or handle < 0:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_still(path: Path, handle: int) -> bool:
    """Say whether the name still leads to what was opened."""
    try:
        return handle < 0 or os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _close(handle: int) -> None:
    if handle >= 0:
        os.close(handle)


def _host() -> str:
    """Name this machine without telling its name, for the ciphertext lies in other people's clouds."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
