"""Write a file that only its owner can read: whole or not at all, and so that it survives a power failure."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.system import held_open
from sheets_decrypt.system.access_windows import create_private

_OWNER_ALONE: Final = 0o600
_NO_SYNC: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF}  # file systems that cannot sync a folder


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file in one step, for its owner alone: mode 0600, or on Windows an ACL; so are missing folders.

    Args:
        path: The file.
        content: All of its content.
        replace: Whether it may replace a file, even one that is made meanwhile.

    Raises:
        FileExistsError: The file already exists, and `replace` is false.
        OSError: It cannot be written; a former file is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
    missing = [folder for folder in path.parents if not os.path.lexists(folder)]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    write_new(temporary, content)
    try:
        if replace:
            held_open.retry(lambda: temporary.replace(path))
        else:
            _link(temporary, path, content)
    finally:
        with suppress(OSError):  # a rename has taken it away
            temporary.unlink()
    for folder in {path.parent, *(made.parent for made in missing)}:
        with suppress(PermissionError):  # a folder that may be written need not be readable
            sync_folder(folder)


def write_private_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write a user's file, such as a configuration or a key; see `write_private`.

    Args:
        path: The file.
        text: Its content.
        force: Whether to replace a file that exists.

    Raises:
        ConfigurationError: The file already exists, or cannot be written.
    """
    exists = ConfigurationError(f"{path} already exists", hint="choose another name, or --force to overwrite it")
    if os.path.lexists(path) and not force:  # False where it may not look; then writing fails
        raise exists
    try:
        write_private(path, text.encode(), replace=force)
    except FileExistsError:
        raise exists from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {reason_of(error)}", hint="choose another place") from None


def write_new(path: Path, content: bytes, mode: int = _OWNER_ALONE) -> None:
    """Create a file and flush it to the disk; after an error it is not there.

    Args:
        path: The file.
        content: All of its content.
        mode: Its permissions, less those that the process's umask takes away. On Windows, where modes have no effect,
            0600 is an ACL that has this user alone, and any other mode is what the folder gives to its files.

    Raises:
        FileExistsError: The file already exists; it is unchanged.
        OSError: It cannot be written.
    """
    if os.name == "nt" and mode == _OWNER_ALONE:
        descriptor = create_private(path)
    else:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def sync_folder(folder: Path | int) -> None:
    """Flush the names in a folder to the disk, where the system can do that; Windows does it unasked.

    Args:
        folder: The folder, or a descriptor of it.

    Raises:
        OSError: The disk failed, or the folder cannot be opened.
    """
    if os.name == "nt":
        return
    descriptor = folder if isinstance(folder, int) else os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        if descriptor is not folder:
            os.close(descriptor)


def _link(temporary: Path, path: Path, content: bytes) -> None:
    """Link the file to its name, which fails if the name is taken; a rename would replace a file made just now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT, CryFS and others have no links. Accepted: a power failure can leave a part of the file.
        write_new(path, content)
