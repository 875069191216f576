"""A mounted vault drive: plain files on a volume that somebody unlocked (design, "Writing to the vault")."""

import contextlib
import errno
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from sheets_decrypt.errors import VaultError, VaultFileMissing, VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.vault import volume
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.interface import Place, Protection, Replacement
from sheets_decrypt.vault.mark import require_mark
from sheets_decrypt.vault.names import parts_of
from sheets_decrypt.vault.refusals import explain, may, missing_drive, told
from sheets_decrypt.vault.replacement import NewFile, Patience, TellingFile, is_temporary

_LETTER: Final = re.compile(r"([A-Za-z]:)(?:\\.*)?", re.DOTALL)
_READ: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_BUFFER: Final = 1 << 18


class Drive:
    """A folder on a mounted vault drive; a `Vault`.

    Args:
        folder: The folder of the output.
        accept: The kinds of place that are good enough; `not encrypted` never is.
        mark: The id that the vault must hold in `.sheets-decrypt-vault`, or None.
        classify: Says what a path is on.
        patience: How to wait for a program that holds a file open (Windows).
        by_descriptor: Whether to write through an open folder; None leaves it to the system.
    """

    def __init__(
        self,
        folder: Path,
        *,
        accept: Sequence[str] = ("vault",),
        mark: str | None = None,
        classify: Callable[[Path], Place] = volume.classify,
        patience: Patience | None = None,
        by_descriptor: bool | None = None,
    ) -> None:
        self._folder = folder
        self._accept = {Protection(word) for word in accept} - {Protection.NOT_ENCRYPTED}
        self._mark = mark
        self._classify = classify
        self._patience = patience or Patience()
        self._by_descriptor = by_descriptor

    def check(self) -> Place:
        """Prove, without writing anything, that plaintext may be put here.

        Raises:
            VaultLocked: The folder is inside of a locked vault, or the vault's drive, folder or mark is not there.
            VaultNotEncrypted: The folder is on a place that the configuration does not accept.
            VaultUnusable: The vault is another user's, dead, full or cannot be written.
        """
        refuse_missing_drive(self._folder)
        with told(self._folder):
            folder = self._root()
            volume.refuse_if_locked(folder)
            place = self._accepted(folder)
            nearest = volume.nearest_folder(folder)
            if nearest != folder:
                _refuse_missing(folder, nearest, place)
            if self._mark is not None:
                require_mark(nearest, self._mark, Path(place.where))
            _refuse_unwritable(nearest)
        return place

    def path(self, name: str) -> str:
        """Say where `name` is."""
        return str(self._folder.joinpath(*name.split("/")))

    def identity(self, name: str) -> str:
        """Give a text that is the same for one file, whichever way leads to it, and another for every other file.

        It names the file that a link leads to, and asks nothing of a vault that is locked.
        """
        return os.path.normcase(os.path.realpath(self._lexical(name)))

    def size(self, name: str) -> int | None:
        """Give the size of a file in bytes, or None where there is no such file."""
        try:
            return self._status(name).st_size
        except VaultFileMissing:
            return None

    def modified(self, name: str) -> float:
        """Give the time of a file's last change in seconds since 1970 (UTC)."""
        return self._status(name).st_mtime

    @contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading, streamed."""
        path = self._lexical(name)
        with told(path):
            file = TellingFile(os.open(path, _READ), "rb", str(path))
        with io.BufferedReader(file, _BUFFER) as reader:
            yield reader

    @contextmanager
    def replace(self, name: str) -> Iterator[Replacement]:
        """Create `name` or put new content in its place, in one step."""
        with self._held(name) as (folder, last, still_the_vault):
            new = NewFile(folder, last, asked_for=name, label=self.path(name), patience=self._patience)
            try:
                new.start()
                yield new
                new.finish(still_the_vault)
            finally:
                new.discard()

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name`, which is made where it is missing; a torn last line is ended first."""
        with self._held(name) as (folder, last, still_the_vault), told(self.path(name)):
            descriptor = folder.open(last, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                if not still_the_vault():
                    raise _changed(self.path(name))
                _append(descriptor, data)
            finally:
                os.close(descriptor)
            folder.sync()

    def names(self, folder: str) -> Sequence[str]:
        """List the files and folders in `folder` (`""` is the root), sorted; a folder's name ends in `/`."""
        path = self._lexical(folder) if folder else self._root()
        with told(path), os.scandir(path) as entries:
            return sorted(_listed(entry) for entry in entries if not is_temporary(entry.name))

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        path = self._lexical(name)
        with told(path):
            try:
                if stat.S_ISDIR(path.lstat().st_mode):
                    raise VaultUnusable(f"{path} is a folder", hint="only files are removed")
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return

    def _root(self) -> Path:
        return Path(os.path.realpath(self._folder))

    def _lexical(self, name: str) -> Path:
        return self._root().joinpath(*parts_of(name))

    def _status(self, name: str) -> os.stat_result:
        path = self._lexical(name)
        with told(path):
            status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise VaultUnusable(f"{path} is a folder", hint="name a file, such as baseline.csv")
        return status

    def _accepted(self, path: Path) -> Place:
        """Give the place that `path` is on, where it is good enough."""
        place = self._classify(path)
        if place.protection not in self._accept:
            raise _not_accepted(path, place)
        return place

    @contextmanager
    def _held(self, name: str) -> Iterator[tuple[OpenFolder, str, Callable[[], bool]]]:
        """Check everything, make the folders that are missing, and hold the one that `name` belongs to.

        Gives the folder, the file's name there, and what tells whether it is still the folder that was checked.
        """
        lexical = self._lexical(name)
        place = self.check()
        with told(lexical):
            target = Path(os.path.realpath(lexical))  # a link is followed, so that it stays one
            self._refuse_elsewhere(name, target.parent, place)
            _make_folders(target.parent, place)
            folder = self._open(target.parent)

        def still_the_vault() -> bool:
            try:
                return folder.still_there() and self._classify(target.parent) == place
            except (OSError, VaultError):
                return False

        with folder:
            if not still_the_vault():
                raise _changed(self.path(name))
            yield folder, target.name, still_the_vault

    def _refuse_elsewhere(self, name: str, parent: Path, place: Place) -> None:
        """Refuse a link, or a mount on the way, that leads out of the place that was checked."""
        volume.refuse_if_locked(parent)
        there = self._classify(parent)
        if there != place:
            raise VaultNotEncrypted(
                f"{self.path(name)} leads to {parent}, which is {_found(there)}, not on the vault at {place.where}",
                hint="remove the link, or give the output's real path",
            )

    def _open(self, path: Path) -> OpenFolder:
        return OpenFolder(path) if self._by_descriptor is None else OpenFolder(path, by_descriptor=self._by_descriptor)


def refuse_missing_drive(path: Path) -> None:
    """Refuse a path on a drive letter that is not there; elsewhere than on Windows there are none.

    Raises:
        VaultLocked: The drive is not there.
    """
    for place in reversed((path, *path.parents)):
        letter = _LETTER.fullmatch(place.name or place.drive)
        if letter and not os.path.lexists(place):
            raise missing_drive(letter[1])


def _found(place: Place) -> str:
    match place.protection:
        case Protection.NOT_ENCRYPTED:
            return f"on {place.where} ({place.what}), which is not encrypted"
        case Protection.CANNOT_TELL:
            return f"on {place.where} ({place.what}), which may or may not be encrypted"
        case _:
            return f"on the {place.protection} {place.where} ({place.what})"


def _not_accepted(path: Path, place: Place) -> VaultError:
    if not path.is_dir():
        return VaultLocked(
            f"{path} is not there, and what is there is {_found(place)}",
            hint="unlock the vault; if it is unlocked, see where its drive is and correct the output's path",
        )
    hint = "unlock the vault, or give a path on an unlocked vault's drive"
    if place.protection is not Protection.NOT_ENCRYPTED:
        hint += f'; if you know that this place is safe, add "{place.protection}" to `accept`'
    return VaultNotEncrypted(f"{path} is {_found(place)}", hint=hint)


def _refuse_missing(folder: Path, nearest: Path, place: Place) -> None:
    """Refuse a folder that is missing, where it is not one to make; and a file that stands in its place."""
    below = nearest / folder.relative_to(nearest).parts[0]
    if os.path.lexists(below):
        raise VaultUnusable(f"{below} is not a folder", hint="give a folder for the output")
    if place.protection is not Protection.VAULT or not nearest.is_relative_to(place.where):
        raise VaultLocked(
            f"{folder} is not there, and folders are made only inside of a vault's own drive",
            hint="unlock the vault; or make the folder yourself, if this is the right place",
        )


def _refuse_unwritable(folder: Path) -> None:
    usage = shutil.disk_usage(folder)  # asks the volume, so that a vault whose process died tells it here
    if not may(folder, os.W_OK | os.X_OK):
        raise _why_not_writable(folder)
    if usage.total and not usage.free:
        raise VaultUnusable(f"{folder}: the vault is full", hint="make room in the vault, then run again")


def _why_not_writable(folder: Path) -> VaultError:
    statvfs = getattr(os, "statvfs", None)
    read_only = statvfs is not None and bool(statvfs(folder).f_flag & os.ST_RDONLY)
    return explain(OSError(errno.EROFS if read_only else errno.EACCES, ""), folder)


def _make_folders(folder: Path, place: Place) -> None:
    """Make the folders that are missing, for this user alone, and only inside of a vault."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    if missing and place.protection is not Protection.VAULT:
        raise VaultUnusable(
            f"{folder} is not there, and folders are made only inside of a vault",
            hint="make the folder yourself, if this is the right place",
        )
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


def _listed(entry: os.DirEntry[str]) -> str:
    try:
        return f"{entry.name}/" if entry.is_dir() else entry.name
    except OSError:  # a link that leads to itself, or to where this user may not look
        return entry.name


def _append(descriptor: int, data: bytes) -> None:
    """Write at the end, all of it or nothing, and have it survive a power failure."""
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
