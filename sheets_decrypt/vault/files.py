"""Files in a folder of the file system; shared by mounted vault drives and ordinary folders."""

import contextlib
import errno
import io
import os
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultUnusable
from sheets_decrypt.system.access import is_own
from sheets_decrypt.system.regular_file import open_regular
from sheets_decrypt.vault.folder import BY_DESCRIPTOR, OpenFolder
from sheets_decrypt.vault.interface import Replacement
from sheets_decrypt.vault.names import parts_of
from sheets_decrypt.vault.replacement import DEFAULT_POLICY, NewFile, RenamePolicy, VaultFile, is_temporary
from sheets_decrypt.vault.system_errors import explain, may, resolve, vault_errors

_BUFFER: Final = 1 << 18
_KINDS: Final = {stat.S_IFREG: "", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file is about to be written.

    Args:
        folder: The file's folder, which exists and was checked, with its links resolved.
        name: The file's name there.
        is_same_place: Returns whether the folder is still in the place that was checked.
    """

    folder: Path
    name: str
    is_same_place: Callable[[], bool]


class FolderFiles(ABC):
    """Files in a folder; see `sheets_decrypt.vault.interface.Files`. A subclass decides what may be written where.

    Args:
        folder: The folder.
        policy: How a new file is renamed into place.
        by_descriptor: Whether to write through an open folder, which Windows cannot do.
    """

    def __init__(
        self, folder: Path, *, policy: RenamePolicy = DEFAULT_POLICY, by_descriptor: bool = BY_DESCRIPTOR
    ) -> None:
        self._folder: Final = folder
        self._policy: Final = policy
        self._by_descriptor: Final = by_descriptor

    @abstractmethod
    def _target(self, name: str) -> Target:
        """Check everything, create missing folders, and return where to write `name`.

        Raises:
            VaultError: It must not be written.
        """

    def path(self, name: str) -> str:
        """Return the path of `name`."""
        return str(self._folder.joinpath(*name.split("/")))

    def identity(self, name: str) -> str:
        """Return the path of the file itself, with every link resolved; works for a locked vault as well."""
        return os.path.normcase(resolve(self._lexical(name)))

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, or None if it does not exist."""
        try:
            return self._status(name).st_size
        except VaultFileMissing:
            return None

    def modified(self, name: str) -> float:
        """Return the time of a file's last change in seconds since 1970 (UTC)."""
        return self._status(name).st_mtime

    @contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading, streamed."""
        path = self._lexical(name)
        with vault_errors(path):
            file = VaultFile(open_regular(path), "rb", str(path))
        with io.BufferedReader(file, _BUFFER) as reader:
            yield reader

    @contextmanager
    def replace(self, name: str) -> Iterator[Replacement]:
        """Create `name` or replace its content atomically."""
        with self._held(name) as (folder, last, is_unchanged):
            new = NewFile(folder, last, asked_for=name, label=self.path(name), policy=self._policy)
            try:
                new.start()
                yield new
                new.finish(is_unchanged)
            finally:
                new.discard()

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name`, which is created if missing; a torn last line is ended first.

        Another user's file is replaced by one of this user, because its owner could read the added data.
        """
        if status := self._status_of_anothers(name):
            with self.read(name) as former, self.replace(name) as new:
                _copy(former, new, status.st_size)
                new.write(data)
            return
        with self._held(name) as (folder, last, is_unchanged), vault_errors(self.path(name)):
            descriptor = folder.open(last, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                if not is_unchanged():
                    raise _changed(self.path(name))
                _append(descriptor, data)
            finally:
                os.close(descriptor)
            folder.sync()

    def names(self, folder: str) -> Sequence[str]:
        """Return the sorted names of files and folders in `folder` (`""` is the root); a folder's ends in `/`."""
        path = self._lexical(folder) if folder else self._root()
        with vault_errors(path):
            # Windows reports the empty root of a drive as not found; `listdir` handles that, `scandir` does not.
            if not os.listdir(path):  # noqa: PTH208  (iterdir is scandir)
                return []
            with os.scandir(path) as entries:
                return sorted(_listed(entry) for entry in entries if not is_temporary(entry.name))

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is not an error."""
        path = self._lexical(name)
        with vault_errors(path):
            try:
                if stat.S_ISDIR(path.lstat().st_mode):
                    raise VaultUnusable(f"{path} is a folder", hint="only files can be removed")
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return

    def _status_of_anothers(self, name: str) -> os.stat_result | None:
        """Return the status of a file that belongs to another user; None for a missing file or this user's own."""
        try:
            status = self._status(name)
        except VaultFileMissing:
            return None
        return None if is_own(status) else status

    def _root(self) -> Path:
        return resolve(self._folder)

    def _lexical(self, name: str) -> Path:
        return self._root().joinpath(*parts_of(name))

    def _status(self, name: str) -> os.stat_result:
        path = self._lexical(name)
        with vault_errors(path):
            status = path.stat()
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        if kind:
            raise VaultUnusable(f"{path} is {kind}", hint="name a file, such as baseline.csv")
        return status

    @contextmanager
    def _held(self, name: str) -> Iterator[tuple[OpenFolder, str, Callable[[], bool]]]:
        """Open the folder that `name` is written to.

        Yields the folder, the file's name there, and a function that returns whether it is still the checked folder.
        """
        target = self._target(name)
        with vault_errors(target.folder):
            folder = OpenFolder(target.folder, by_descriptor=self._by_descriptor)

        def is_unchanged() -> bool:
            try:
                return folder.is_still_there() and target.is_same_place()
            except (OSError, VaultError):
                return False

        with folder:
            if not is_unchanged():
                raise _changed(self.path(name))
            yield folder, target.name, is_unchanged


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that this user cannot write, or that has no free space.

    Raises:
        VaultUnusable: It cannot be written.
        OSError: The volume does not answer, for example because a vault's process died.
    """
    usage = shutil.disk_usage(folder)
    if not may(folder, os.W_OK | os.X_OK):
        statvfs = getattr(os, "statvfs", None)
        read_only = statvfs is not None and bool(statvfs(folder).f_flag & os.ST_RDONLY)
        raise explain(OSError(errno.EROFS if read_only else errno.EACCES, ""), folder)
    if usage.total and not usage.free:
        raise explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), folder)


def _listed(entry: os.DirEntry[str]) -> str:
    try:
        return f"{entry.name}/" if entry.is_dir() else entry.name
    except OSError:  # a link to itself, or to a place that this user may not access
        return entry.name


def _copy(former: BinaryIO, new: Replacement, size: int) -> None:
    """Copy lines, at most `size` bytes: the file's owner can make it longer meanwhile."""
    last = b"\n"
    while size and (piece := former.read(min(size, _BUFFER))):
        new.write(piece)
        last = piece[-1:]
        size -= len(piece)
    if last != b"\n":
        new.write(b"\n")


def _append(descriptor: int, data: bytes) -> None:
    """Append all of the data or nothing, and flush it to disk."""
    before = os.lseek(descriptor, 0, os.SEEK_END)
    if before:
        os.lseek(descriptor, before - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            data = b"\n" + data
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _changed(path: str) -> VaultLocked:
    return VaultLocked(f"{path} was not written: the vault was locked or exchanged meanwhile", hint="unlock the vault")
