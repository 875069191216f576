"""Write a file that only its owner can read, completely or not at all, so that it survives a power failure."""

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
    """Write a file atomically, for its owner alone: mode 0600, or on Windows an ACL. Missing folders are private too.

    Args:
        path: The file.
        content: All of its content.
        replace: Whether it may replace a file, even one created meanwhile.

    Raises:
        FileExistsError: The file already exists, and `replace` is false.
        OSError: It cannot be written; an existing file is unchanged.
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
        with suppress(OSError):  # already renamed
            temporary.unlink()
    for folder in {path.parent, *(made.parent for made in missing)}:
        with suppress(PermissionError):  # a writable folder need not be readable
            sync_folder(folder)


def write_private_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write a user's file, such as a configuration or a key; see `write_private`.

    Args:
        path: The file.
        text: Its content.
        force: Whether to replace an existing file.

    Raises:
        ConfigurationError: The file already exists, or cannot be written.
    """
    exists = ConfigurationError(f"{path} already exists", hint="choose another name, or --force to overwrite it")
    if os.path.lexists(path) and not force:  # False if access is denied; then writing fails
        raise exists
    try:
        write_private(path, text.encode(), replace=force)
    except FileExistsError:
        raise exists from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {reason_of(error)}", hint="choose another place") from None


def write_new(path: Path, content: bytes, mode: int = _OWNER_ALONE) -> None:
    """Create a file and flush it to the disk; after an error the file does not exist.

    Args:
        path: The file.
        content: All of its content.
        mode: Its permissions, less those that the process's umask removes. On Windows, where modes have no effect,
            0600 is an ACL that names only this user, and any other mode means the folder's default for its files.

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
    """Flush the names in a folder to the disk, if the system can do that; Windows does it automatically.

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
    """Link the file to its name, which fails if the name is taken; a rename would replace a file created meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT, CryFS and others have no links. Accepted: a power failure can leave a part of the file.
        write_new(path, content)
