"""Put files into a vault's folders atomically, and remove leftovers of killed runs.

A temporary file or folder is called `.sheets-decrypt-<host>-<random>.tmp`: Cryptomator and other readers ignore it,
because it ends in neither `.c9r` nor `.c9s`. Two jobs may share a vault, so a file that is being written must not be
taken for a leftover. A process id would not show that: ids are reused, and mean nothing on another machine of a synced
folder. So the writer holds the system's lock on it, which ends with the process, however that ends:

- POSIX: `flock`. An unlocked file or folder that was created on this host is a leftover.
- Windows: an open file cannot be removed, which serves as the lock.
- Created on another host, on a file system without locks, or a folder on Windows: a leftover after a day.
"""

import contextlib
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
from sheets_decrypt.system import held_open
from sheets_decrypt.system.access import is_own
from sheets_decrypt.system.private_file import sync_folder, write_new
from sheets_decrypt.vault.system_errors import vault_errors

if sys.platform != "win32":
    import fcntl

_OURS: Final = re.compile(r"\.sheets-decrypt-([0-9a-f]{8})-[0-9a-f]{16}\.tmp")
_OLD_SECONDS: Final = 24 * 60 * 60
_MODE: Final = 0o666  # minus the umask: as with Cryptomator, another user's sync service can read the ciphertext


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn every `OSError` in the block into a `VaultError`, but never `VaultFileMissing`, which has another meaning.

    Args:
        folder: The vault's folder.
    """
    with vault_errors(folder):
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise VaultUnusable(
                f"a file or folder of the vault {folder} was removed meanwhile",
                hint="check that its drive is connected, and wait until the vault is synced; then run again",
            ) from None


class Temporary:
    """A file or folder under a temporary name, locked as long as this process lives.

    Args:
        path: Its temporary name.
        handle: The open file or folder, which holds the lock; -1 for none (a folder on Windows).
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path: Final = path
        self._handle = handle

    @classmethod
    def file(cls, folder: Path) -> "Temporary":
        """Create an empty file in `folder`."""
        return cls._make(folder, _create)

    @classmethod
    def folder(cls, folder: Path) -> "Temporary":
        """Create an empty folder in `folder`."""
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
            # Another job may have removed it as a leftover before it was locked: then retry with a new name.
            if _lock(handle) is not False and _is_still(path, handle):
                return cls(path, handle)
            _close(handle)

    def open(self) -> io.FileIO:
        """Return the file for writing, unbuffered; closing the returned file keeps the lock."""
        return io.FileIO(self._handle, "wb", closefd=False)

    def put(self, target: Path) -> None:
        """Rename it to its final name atomically, replacing a file with that name.

        Raises:
            OSError: It cannot be renamed; see `held_open.is_held_open`.
        """
        if os.name == "nt":  # pragma: no cover  (Windows cannot rename an open file)
            self.close()
        rename(self.path, target)
        self.close()
        sync_folder(target.parent)
        if target.parent != self.path.parent:
            sync_folder(self.path.parent)

    def sync(self) -> None:
        """Flush the file's content to disk, before anything refers to it."""
        os.fsync(self._handle)

    def take_mode_of(self, former: Path) -> None:
        """Copy the permissions of `former`, so that a sync service keeps its access.

        Only if `former` is this user's own: another user's file must not decide who may write.
        """
        if os.name != "nt":
            with contextlib.suppress(OSError):
                status = former.stat()
                if is_own(status):
                    os.fchmod(self._handle, stat.S_IMODE(status.st_mode) & ~stat.S_IWOTH)

    def close(self) -> None:
        """Release the lock."""
        _close(self._handle)
        self._handle = -1

    def discard(self) -> None:
        """Remove it, unless it has its final name; if that fails, it is a leftover for the next run."""
        self.close()
        remove_left_over(self.path)


def rename(source: Path, target: Path) -> None:
    """Rename over the target atomically; while another program holds it open, wait a moment.

    Raises:
        OSError: It cannot be renamed, or the other program did not close it.
    """
    held_open.retry(lambda: source.replace(target))


def write_file(path: Path, content: bytes) -> None:
    """Create a file that nothing refers to yet, and flush it to disk."""
    write_new(path, content, _MODE)


def left_overs(folder: Path) -> Iterator[Path]:
    """Yield leftovers of killed runs in `folder`; each stays locked until the next one is requested."""
    with os.scandir(folder) as entries:
        ours = [(Path(entry.path), match[1]) for entry in entries if (match := _OURS.fullmatch(entry.name))]
    for path, host in ours:
        with contextlib.suppress(OSError), _unused(path, host) as unused:
            if unused:
                yield path


def remove_left_over(path: Path) -> None:
    """Remove a leftover with everything in it; on Windows, one that is open stays."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _unused(path: Path, host: str) -> Iterator[bool]:
    """Yield whether no process writes to `path` any more, and keep other processes from it meanwhile."""
    old = time.time() - path.lstat().st_mtime > _OLD_SECONDS
    if host != _host() or os.name == "nt":
        # On Windows an open file cannot be removed; a folder there is judged by its age.
        yield old or (os.name == "nt" and host == _host() and not path.is_dir())
        return
    # A file or a folder; O_NONBLOCK, because a named pipe that another user put there would block.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        locked = _lock(handle)
        yield locked is True or (locked is None and old)
    finally:
        os.close(handle)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _MODE)


def _create_folder(path: Path) -> int:
    path.mkdir()
    return -1 if os.name == "nt" else os.open(path, os.O_RDONLY)


def _lock(handle: int) -> bool | None:
    """Lock it. Return False if another process holds the lock, None if the system or file system has no locks."""
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
    """Return whether the path still leads to the opened file or folder."""
    try:
        return handle < 0 or os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _close(handle: int) -> None:
    if handle >= 0:
        os.close(handle)


def _host() -> str:
    """Return a text that identifies this machine without its name: the ciphertext is in other people's clouds."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
