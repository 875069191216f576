"""Safely open a file that another user may have planted: regular files only, up to a size limit.

In a folder that other people or programs can write, a name may lead to a named pipe, which blocks the reader for
ever, to a device such as `/dev/zero`, which never ends, or to a file of gigabytes. Every reader uses this module.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

_SAFE: Final = (
    getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that replaces the file after the first check does not block
)
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class NotRegularFile(OSError):
    """The name refers to a pipe, a socket, a device, or a link where none is allowed; `strerror` says which."""


class FileTooLarge(OSError):
    """The file is larger than any file of its kind."""


def open_regular(
    path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o600, *, follow: bool = True, dir_fd: int | None = None
) -> int:
    """Return a descriptor of a regular file; the caller closes it. Never blocks, whatever the name refers to.

    Args:
        path: The file.
        flags: As for `os.open`.
        mode: Permissions of a file that `O_CREAT` creates.
        follow: Whether the file's name itself may be a link. Links in the folders above are always followed.
        dir_fd: The open folder that a relative path starts from.

    Raises:
        NotRegularFile: It is not a regular file.
        IsADirectoryError: It is a folder.
        OSError: It cannot be opened.
    """
    # The first look keeps devices from being opened at all, which may have an effect; the second one is safe from
    # anyone who replaces the file in between.
    with contextlib.suppress(FileNotFoundError):
        require_regular(os.stat(path, dir_fd=dir_fd, follow_symlinks=follow), path)
    no_follow = 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | _SAFE | no_follow, mode, dir_fd=dir_fd)
    try:
        require_regular(os.fstat(descriptor), path)
        if os.name == "posix":
            os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_small(path: str | Path, *, limit: int, follow: bool = True, dir_fd: int | None = None) -> bytes:
    """Return the content of a regular file, up to a size limit.

    Args:
        path: The file.
        limit: The largest size in bytes.
        follow: As for `open_regular`.
        dir_fd: As for `open_regular`.

    Raises:
        FileTooLarge: It has more than `limit` bytes; no more than that was read.
        NotRegularFile: It is not a regular file.
        OSError: It cannot be read.
    """
    with os.fdopen(open_regular(path, follow=follow, dir_fd=dir_fd), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileTooLarge(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return content


def require_regular(status: os.stat_result, path: str | Path) -> None:
    """Raise an error for anything but a regular file.

    Args:
        status: Its `os.stat` or `os.lstat` result.
        path: Its path, for the error.

    Raises:
        IsADirectoryError: It is a folder.
        NotRegularFile: It is something else.
    """
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        raise NotRegularFile(errno.EINVAL, f"{kind}, not a regular file", str(path))
