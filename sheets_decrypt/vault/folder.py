"""A folder that is held while a file is written there, so that the file cannot land anywhere else.

Where the system allows it (Linux, macOS), everything goes through the open folder itself: if the vault is unmounted
meanwhile, its path leads to the unencrypted folder below, and the open folder does not.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

BY_DESCRIPTOR: Final = {os.open, os.rename, os.unlink, os.stat} <= os.supports_dir_fd and hasattr(os, "O_DIRECTORY")

_SAFELY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_SYNC: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF}  # file systems without sync of folders


class OpenFolder:
    """A folder that is open; a context manager. Every method may raise `OSError`.

    Args:
        path: An existing folder with its links resolved.
        by_descriptor: Whether to hold the folder itself, or (Windows) only its path and what it is known by.
    """

    def __init__(self, path: Path, *, by_descriptor: bool = BY_DESCRIPTOR) -> None:
        self.path = path
        self._descriptor: int | None = None
        if by_descriptor:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)
        elif not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        try:
            self._identity = _identity(path if self._descriptor is None else self._descriptor)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def still_there(self) -> bool:
        """Tell whether the path still leads to this folder."""
        try:
            held = self._identity if self._descriptor is None else _identity(self._descriptor)
            return Path(os.path.realpath(self.path)) == self.path and _identity(self.path) == held == self._identity
        except OSError:
            return False

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a file in the folder, never through a link, and give its descriptor."""
        return os.open(self._at(name), flags | _SAFELY, mode, dir_fd=self._descriptor)

    def mode(self, name: str) -> int | None:
        """Give a file's permission bits, or None where it is not there."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor).st_mode & 0o777
        except FileNotFoundError:
            return None

    def is_folder(self, name: str) -> bool:
        """Tell whether a folder has that name."""
        return (self.path / name).is_dir()

    def names(self) -> Sequence[str]:
        """List what is in the folder."""
        return os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208 — of an open folder

    def rename(self, old: str, new: str) -> None:
        """Give a file a new name, in the place of what had it."""
        os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Have the names in the folder survive a power failure, where the file system can do that."""
        if self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)


def _identity(folder: Path | int) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116 — pathlib takes no descriptors
    return status.st_dev, status.st_ino
