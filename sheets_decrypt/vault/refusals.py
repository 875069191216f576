"""What the system says when a place cannot be used → the error that says it to a person."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultUnusable

_Saying = tuple[type[VaultError], str, str]

_NOT_READY: Final = {21, 55, 433, 1167}  # Windows: the device is not ready, not there any more, not connected
_REFUSED: Final = {errno.EACCES, errno.EPERM}
_BY_HAND: Final = "see whether the vault is unlocked and can be written by hand"
_DIED: Final[_Saying] = (
    VaultUnusable,
    "{path}: the vault's process died, or its drive is gone ({words})",
    "lock the vault and unlock it again; on Linux, `fusermount3 -u` frees a mount point that died",
)
_FULL: Final[_Saying] = (
    VaultUnusable,
    "{path}: the vault is full ({words})",
    "make room in the vault, then run again",
)
_SAYINGS: Final[dict[int, _Saying]] = {
    errno.ENOTCONN: _DIED,
    errno.EIO: _DIED,
    errno.ESTALE: _DIED,
    errno.ENXIO: _DIED,
    errno.ENODEV: _DIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: (VaultUnusable, "{path}: the file is too large for this vault", "see the vault's limits"),
    errno.EROFS: (VaultUnusable, "{path}: the vault is read-only", "unlock the vault with write access"),
    errno.ENAMETOOLONG: (VaultUnusable, "{path}: the name is too long for this vault", "choose a shorter name"),
    errno.ENOENT: (VaultFileMissing, "{path} is not there", ""),
    errno.ENOTDIR: (VaultFileMissing, "{path} is not there: a file stands where a folder should be", ""),
    errno.EISDIR: (VaultUnusable, "{path} is a folder", "name a file, such as baseline.csv"),
}


@contextmanager
def told(path: str | Path) -> Iterator[None]:
    """Turn what the system refuses in the block into a `VaultError`.

    Args:
        path: What the block works on; the message names it where the system's answer names nothing.

    Raises:
        VaultError: In place of every `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def explain(error: OSError, path: str | Path) -> VaultError:
    """Say what the system's answer means for a vault.

    Args:
        error: The answer.
        path: What it is about.
    """
    number = error.errno
    if number in _REFUSED and getattr(error, "winerror", None) not in _NOT_READY:
        return _no_permission(path)
    kind, message, hint = _SAYINGS.get(number or 0, (VaultUnusable, "{path}: {words}", _BY_HAND))
    if getattr(error, "winerror", None) in _NOT_READY:
        kind, message, hint = _DIED
    return kind(message.format(path=path, words=_words(error)), hint=hint)


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _no_permission(path: str | Path) -> VaultError:
    mount = foreign_mount(Path(path))
    if mount is not None:
        return VaultUnusable(
            f"{mount} is mounted by another user, and only that user may enter it",
            hint="run as the user who unlocked the vault, or unlock it as the user who runs this",
        )
    return VaultUnusable(f"{path}: this user may not read or write there", hint="see the permissions of the folder")


def foreign_mount(path: Path) -> Path | None:
    """Give the mount point on the way to `path` that belongs to another user, or None.

    A FUSE mount refuses everybody else, root too, even the question what it is. An ordinary folder answers that
    question to everybody who may enter the folder above.
    """
    if os.name != "posix":
        return None
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 — resolve() would ask the mount itself
    for folder in (*reversed(absolute.parents), absolute):
        try:
            folder.lstat()
        except PermissionError:
            return folder if may(folder.parent, os.X_OK) else None
        except OSError:
            return None
    return None


def may(path: Path, what: int) -> bool:
    """Tell whether this user, the effective one, may do something.

    Args:
        path: A file or folder.
        what: `os.W_OK`, `os.X_OK`, or both.
    """
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def missing_drive(drive: str) -> VaultLocked:
    """Say that a drive letter leads nowhere.

    Args:
        drive: The letter with its colon, such as `X:`.
    """
    return VaultLocked(f"the drive {drive} is not there", hint=f"unlock the vault, so that its drive {drive} appears")
