"""A file that only its owner can read: a configuration, a key."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.vault.folder import OpenFolder


def write_private(path: Path, text: str, *, force: bool = True) -> None:
    """Write a file that only its owner can read, in one step, so that it survives a power failure.

    Args:
        path: The file; missing folders are made.
        text: Its content.
        force: Whether to replace a file that exists. Without it no file is replaced, not even one made meanwhile.

    Raises:
        ConfigurationError: The file already exists, or cannot be written.
    """
    if os.path.lexists(path) and not force:  # says no where it may not look, and writing fails
        raise _exists(path)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
    try:
        missing = [folder for folder in path.parents if not os.path.lexists(folder)]
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(temporary, text)
        try:
            if force:
                temporary.replace(path)
            else:
                _take_name(path, temporary, text)
        finally:
            with suppress(OSError):  # a rename has taken it away
                temporary.unlink()
        for folder in {path.parent, *(made.parent for made in missing)}:
            _sync(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {(error.strerror or 'unknown').lower()}", hint="choose another place"
        ) from None


def _write_new(path: Path, text: str) -> None:
    """Write a file whose name is free, or leave nothing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _take_name(path: Path, temporary: Path, text: str) -> None:
    """Give a file its name only where no file has it; a rename would replace one that was made just now."""
    try:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # FAT, CryFS and others know no links. A power failure may then leave a part of the file.
            _write_new(path, text)
    except FileExistsError:
        raise _exists(path) from None


def _exists(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} already exists", hint="choose another name, or --force to overwrite it")


def _sync(folder: Path) -> None:
    """Have the names in a folder survive a power failure, where the system can do that."""
    with suppress(PermissionError), OpenFolder(Path(os.path.realpath(folder))) as held:  # it may refuse to be read
        held.sync()
