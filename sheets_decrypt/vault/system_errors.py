"""Turn errors of the operating system into vault errors that explain them to the user."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultUnusable, reason_of
from sheets_decrypt.system.held_open import is_held_open
from sheets_decrypt.system.regular_file import FileTooLarge, NotRegularFile

_Explanation = tuple[type[VaultError], str, str]

_NOT_READY: Final = {21, 55, 433, 1167}  # Windows: device not ready, no longer available, missing, not connected
_NO_PERMISSION: Final = {errno.EACCES, errno.EPERM}
_DIED: Final[_Explanation] = (
    VaultUnusable,
    "{path}: the vault's process died, or its drive was disconnected ({reason})",
    "lock the vault and unlock it again; on Linux, `fusermount3 -u` frees a dead mount point",
)
_FULL: Final[_Explanation] = (
    VaultUnusable,
    "{path}: the vault is full ({reason})",
    "free some space in the vault, then run again",
)
_OTHER: Final[_Explanation] = (
    VaultUnusable,
    "{path}: {reason}",
    "check that the vault is unlocked and that you can save a file there by hand",
)
_EXPLANATIONS: Final[dict[int, _Explanation]] = {
    errno.ENOTCONN: _DIED,
    errno.EIO: _DIED,
    errno.ESTALE: _DIED,
    errno.ENXIO: _DIED,
    errno.ENODEV: _DIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: (VaultUnusable, "{path}: the file is too large for this vault", "check the vault's size limit"),
    errno.EROFS: (VaultUnusable, "{path}: the vault is read-only", "unlock the vault with write access"),
    errno.ENAMETOOLONG: (VaultUnusable, "{path}: the name is too long for this vault", "choose a shorter name"),
    errno.ENOENT: (VaultFileMissing, "{path} not found", ""),
    errno.ENOTDIR: (VaultFileMissing, "{path} not found: a part of this path is a file, not a folder", ""),
    errno.EISDIR: (VaultUnusable, "{path} is a folder", "name a file, such as baseline.csv"),
}


@contextmanager
def vault_errors(path: str | Path) -> Iterator[None]:
    """Turn every `OSError` in the block into a `VaultError`.

    Args:
        path: The file or folder that the block works on; named in the message.

    Raises:
        VaultError: In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def resolve(path: Path) -> Path:
    """Return `path` with its links resolved, as far as it exists.

    Raises:
        VaultError: A folder on the way was replaced meanwhile, or does not answer.
    """
    with vault_errors(path):  # even `realpath` can raise: if a link vanishes after it was seen
        return Path(os.path.realpath(path))


def explain(error: OSError, path: str | Path) -> VaultError:
    """Return the vault error that explains an error of the system.

    Args:
        error: The system's error.
        path: The file or folder that it is about.
    """
    windows_code = getattr(error, "winerror", None)
    if isinstance(error, NotRegularFile | FileTooLarge):
        hint = "somebody else may have put it there: look at it, and remove it if it does not belong there"
        return VaultUnusable(f"{path} was not opened: {reason_of(error)}", hint=hint)
    if error.errno in _NO_PERMISSION and windows_code not in _NOT_READY:
        return _no_permission(error, path)
    kind, message, hint = _DIED if windows_code in _NOT_READY else _EXPLANATIONS.get(error.errno or 0, _OTHER)
    return kind(message.format(path=path, reason=reason_of(error)), hint=hint)


def _no_permission(error: OSError, path: str | Path) -> VaultError:
    mount = foreign_mount(Path(path))
    if mount is not None:
        return VaultUnusable(
            f"{mount} was mounted by another user, and only that user can access it",
            hint="run as the user who unlocked the vault, or unlock it as the user who runs this",
        )
    if is_held_open(error):
        return VaultUnusable(
            f"{path} is held open by another program, or you have no permission to change it",
            hint="close the file in other programs, or check the permissions of the folder",
        )
    return VaultUnusable(f"no permission to read or write {path}", hint="check the permissions of the folder")


def foreign_mount(path: Path) -> Path | None:
    """Return the mount point of another user on the way to `path`, or None.

    A FUSE mount denies even `lstat` to everyone except its owner, including root. An ordinary folder answers `lstat`
    to anyone who may enter its parent.
    """
    if os.name != "posix":
        return None
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would ask the mount itself)
    for folder in (*reversed(absolute.parents), absolute):
        try:
            folder.lstat()
        except PermissionError:
            return folder if may(folder.parent, os.X_OK) else None
        except OSError:
            return None
    return None


def may(path: Path, access: int) -> bool:
    """Return whether the effective user has access.

    Args:
        path: A file or folder.
        access: `os.R_OK`, `os.W_OK` and `os.X_OK`, combined.
    """
    return os.access(path, access, effective_ids=os.access in os.supports_effective_ids)


def missing_drive(drive: str) -> VaultLocked:
    """Return the error for a drive letter that does not exist.

    Args:
        drive: The letter with its colon, such as `X:`.
    """
    return VaultLocked(f"the drive {drive} does not exist", hint=f"unlock the vault, so that its drive {drive} appears")
