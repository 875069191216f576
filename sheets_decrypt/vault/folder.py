"""Hold a folder open while a file is written there, so that the file cannot end up anywhere else.

If the system allows it (Linux, macOS), every access goes through the open folder: if the vault is unmounted meanwhile,
its path leads to the unencrypted folder underneath, but the open folder does not.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sheets_decrypt.system.private_file import sync_folder
from sheets_decrypt.system.regular_file import open_regular

BY_DESCRIPTOR: Final = {os.open, os.rename, os.unlink, os.stat} <= os.supports_dir_fd and hasattr(os, "O_DIRECTORY")

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class OpenFolder:
    """An open folder; a context manager. Every method may raise `OSError`.

    Args:
        path: An existing folder with its links resolved.
        by_descriptor: Whether to hold the folder itself open; if not (Windows), its path and identity are remembered.
    """

    def __init__(self, path: Path, *, by_descriptor: bool = BY_DESCRIPTOR) -> None:
        self.path = path
        self._descriptor: int | None = None
        if by_descriptor:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
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

    def is_still_there(self) -> bool:
        """Return whether the path still leads to this folder."""
        try:
            held = self._identity if self._descriptor is None else _identity(self._descriptor)
            return Path(os.path.realpath(self.path)) == self.path and _identity(self.path) == held == self._identity
        except OSError:
            return False

    def open(self, name: str, flags: int) -> int:
        """Open a regular file in the folder, never through a link, and return its descriptor; a new file is private."""
        return open_regular(self._at(name), flags, follow=False, dir_fd=self._descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of a file or folder, or of a link itself; None if it does not exist."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> Sequence[str]:
        """Return the names of everything in the folder."""
        return os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208  (an open folder)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, replacing a file with the new name."""
        os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file; a missing one is not an error."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Flush the folder's entries to disk, so that they survive a power failure."""
        if self._descriptor is not None:
            sync_folder(self._descriptor)

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # nothing was written through it, so nothing can be lost
                os.close(descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)


def _identity(folder: Path | int) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116  (pathlib takes no descriptors)
    return status.st_dev, status.st_ino
