"""A file on a mounted vault that gets new content in one step: temporary file, fsync, rename, fsync of the folder."""

import contextlib
import errno
import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from sheets_decrypt.errors import VaultError, VaultLocked, VaultUnusable
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.refusals import explain, told

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

try:
    import fcntl
except ImportError:  # pragma: no cover — Windows, where an open file cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

_SUFFIX: Final = ".sheets-decrypt-tmp"
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{16}" + re.escape(_SUFFIX), re.DOTALL)
_BUFFER: Final = 1 << 20  # bytes that are collected before they go to the vault
_TIME: Final = r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?"  # what a file beside has before its suffix
_LONG: Final = 100  # bytes of a name beyond which a temporary file's name holds only its start and its hash
_HELD_OPEN: Final = {5, 32, 33}  # Windows: access denied, sharing violation, lock violation


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait for a program that holds the file open.

    Args:
        pauses: Seconds between one try and the next.
        sleep: Waits that long.
        now: Gives the time now.
        rename: Gives a file in a folder a new name.
    """

    pauses: Sequence[float] = (0.1, 0.2, 0.4, 0.8, 1.6)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rename: Callable[[OpenFolder, str, str], None] = OpenFolder.rename


class TellingFile(io.FileIO):
    """A file whose errors are those of `errors`.

    Args:
        descriptor: The open file; this object closes it.
        mode: As for `open`.
        label: The file in words.
    """

    def __init__(self, descriptor: int, mode: str, label: str) -> None:
        self._label = label
        try:
            super().__init__(descriptor, mode)
        except BaseException:  # of a folder; an open descriptor would keep the vault from being locked
            os.close(descriptor)
            raise

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into `buffer` and give the number of bytes."""
        with told(self._label):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Read to the end."""
        with told(self._label):
            return super().readall()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what fits and give the number of bytes."""
        with told(self._label):
            return super().write(data)

    def close(self) -> None:
        """Close the file; a network or FUSE file system may tell only now that it could not be written."""
        with told(self._label):
            super().close()


class NewFile:
    """A file that is being written; the `Replacement` of a mounted vault.

    Args:
        folder: Where it belongs.
        name: Its name there.
        asked_for: Its name inside the vault.
        label: The file in words.
        patience: How to wait for a program that holds the former file open.
    """

    def __init__(self, folder: OpenFolder, name: str, *, asked_for: str, label: str, patience: Patience) -> None:
        self.stored_as = asked_for
        self.notes: Sequence[str] = ()
        self._folder = folder
        self._name = name
        self._label = label
        self._patience = patience
        self._temporary = ""
        self._file: io.BufferedWriter | None = None

    def start(self) -> None:
        """Clear what killed runs left, and make the temporary file."""
        with told(self._label):
            if self._folder.is_folder(self._name):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            _remove_abandoned(self._folder, self._name)
            # Named before it is there, so that even Ctrl-C right after leaves nothing.
            self._temporary = f"{_start_of(self._name)}{secrets.token_hex(8)}{_SUFFIX}"
            descriptor = self._folder.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._file = io.BufferedWriter(TellingFile(descriptor, "wb", self._label), _BUFFER)
            _lock(descriptor)

    def write(self, data: bytes) -> int:
        """Add `data` at the end; give the number of bytes."""
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file.write(data)

    def finish(self, still_the_vault: Callable[[], bool]) -> None:
        """Put the new file under its name.

        Args:
            still_the_vault: Tells, right before the rename, whether the folder is still the one that was checked.

        Raises:
            VaultError: It could not be stored, or the vault was locked meanwhile; the former file is untouched.
        """
        if self._file is None:  # pragma: no cover — start() has set it
            raise ValueError("the file is not open")
        with told(self._label):
            self._file.flush()
            self._keep_mode(self._file.fileno())
            os.fsync(self._file.fileno())
            self._file.close()
            if not still_the_vault():
                raise VaultLocked(
                    f"{self._label} was not written: the vault was locked or exchanged meanwhile",
                    hint="unlock the vault, then run again; the former file is as it was",
                )
            self._rename()
            self._temporary = ""
            self._folder.sync()

    def discard(self) -> None:
        """Leave nothing of a file that was not finished; does nothing after `finish`."""
        if self._file is not None:
            with contextlib.suppress(OSError, VaultUnusable, ValueError):
                self._file.close()
        if self._temporary:
            with contextlib.suppress(
                OSError
            ):  # a vault that is gone: the rest is inside of it, and the next run clears it
                self._folder.unlink(self._temporary)

    def _keep_mode(self, descriptor: int) -> None:
        """Give the new file the permissions of the former one, where the vault knows permissions."""
        mode = self._folder.mode(self._name)
        if mode is not None and hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, mode)

    def _rename(self) -> None:
        try:
            self._rename_patiently(self._name)
        except PermissionError as error:
            if not _held_open(error):
                raise
            self._store_beside(error)

    def _store_beside(self, refusal: PermissionError) -> None:
        """Keep the new file beside the one that is held open, unless the newest one there holds the same already."""
        beside = self._newest_beside()
        if beside and _same_content(self._folder, beside, self._temporary):
            self.discard()
            what = f"{beside} beside it, which holds the same already, stays the newest"
        else:
            beside = self._name_beside()
            try:
                self._rename_patiently(beside)
            except PermissionError:
                raise explain(refusal, self._label) from refusal
            what = f"the new file is {beside} beside it"
        folder, slash, _ = self.stored_as.rpartition("/")
        self.stored_as = f"{folder}{slash}{beside}"
        self.notes = (f"{self._name} is held open by another program, so {what}",)

    def _rename_patiently(self, name: str) -> None:
        for pause in self._patience.pauses:
            try:
                return self._patience.rename(self._folder, self._temporary, name)
            except PermissionError as error:
                if not _held_open(error):
                    raise
                self._patience.sleep(pause)
        return self._patience.rename(self._folder, self._temporary, name)

    def _name_beside(self) -> str:
        """Give a name with the time in it that no file has."""
        time_now = self._patience.now().astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        path = PurePosixPath(self._name)
        taken, number = set(self._folder.names()), 1
        name = f"{path.stem}.{time_now}{path.suffix}"
        while name in taken:
            number += 1
            name = f"{path.stem}.{time_now}-{number}{path.suffix}"
        return name

    def _newest_beside(self) -> str | None:
        """Give the newest of the files that were kept beside the one that is held open."""
        path = PurePosixPath(self._name)
        kept = re.compile(f"{re.escape(path.stem)}{_TIME}{re.escape(path.suffix)}")
        found = [match for name in self._folder.names() if (match := kept.fullmatch(name))]
        return max(found, key=lambda match: (match[1], int(match[2] or 1)))[0] if found else None


def is_temporary(name: str) -> bool:
    """Tell whether a name is one of a file that was not finished."""
    return bool(_TEMPORARY.fullmatch(name))


def _start_of(name: str) -> str:
    """Give what the temporary files of `name` start with; short, since a vault's limit on names can be low."""
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _LONG:
        name = f"{name[: _LONG // 4]}~{hashlib.sha256(encoded).hexdigest()[:16]}"
    return f".{name}."


def _remove_abandoned(folder: OpenFolder, name: str) -> None:
    """Remove what killed runs left of `name`. A file that stays, stays in the vault; the next run tries again."""
    mine = re.compile(re.escape(_start_of(name)) + r"[0-9a-f]{16}" + re.escape(_SUFFIX))
    for entry in folder.names():
        if mine.fullmatch(entry):
            with contextlib.suppress(OSError):
                if _is_abandoned(folder, entry):
                    folder.unlink(entry)


def _is_abandoned(folder: OpenFolder, name: str) -> bool:
    """Tell a file whose writer is gone from one that is being written: the lock goes with the process."""
    descriptor = folder.open(name, os.O_RDWR)
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file without waiting; False where another writer holds it."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a vault without locks; the caller's lock on the job must do
            return True
    return True


def _same_content(folder: OpenFolder, one: str, other: str) -> bool:
    """Tell whether two files hold the same bytes; one that cannot be read is taken for another."""
    try:
        with _reader(folder, one) as first, _reader(folder, other) as second:
            if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
                return False
            while block := first.read(_BUFFER):
                if block != second.read(_BUFFER):
                    return False
            return not second.read(1)
    except (OSError, VaultError):
        return False


def _reader(folder: OpenFolder, name: str) -> io.BufferedReader:
    return io.BufferedReader(TellingFile(folder.open(name, os.O_RDONLY), "rb", name), _BUFFER)


def _held_open(error: PermissionError) -> bool:
    return getattr(error, "winerror", None) in _HELD_OPEN
