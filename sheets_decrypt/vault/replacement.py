"""Replace the content of a file in a folder atomically: temporary file, fsync, rename, fsync of the folder."""

import contextlib
import hashlib
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from sheets_decrypt.errors import VaultError, VaultLocked
from sheets_decrypt.system import held_open
from sheets_decrypt.system.access import is_own
from sheets_decrypt.system.held_open import is_held_open
from sheets_decrypt.system.regular_file import require_regular
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.system_errors import explain, vault_errors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

try:
    import fcntl
except ImportError:  # pragma: no cover  (Windows, where an open file cannot be removed anyway)
    fcntl = None  # type: ignore[assignment]

_SUFFIX: Final = ".sheets-decrypt-tmp"
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{16}" + re.escape(_SUFFIX), re.DOTALL)
_BUFFER: Final = 1 << 20  # bytes per write; each write to a FUSE vault is encrypted by another process
_MOMENT: Final = r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?"
_TIME: Final = rf"\.{_MOMENT}"  # before the suffix of a file stored beside another
_LONG: Final = 100  # bytes; for a longer name, the temporary name contains only its start and its hash


@dataclass(frozen=True, slots=True)
class RenamePolicy:
    """How a new file is renamed into place.

    Args:
        sleep: Waits a number of seconds between two attempts while another program holds the existing file open.
        now: Returns the current time.
        rename: Renames a file in a folder.
    """

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rename: Callable[[OpenFolder, str, str], None] = OpenFolder.rename


DEFAULT_POLICY: Final = RenamePolicy()


class VaultFile(io.FileIO):
    """A raw file that raises `VaultError` in place of `OSError`.

    Args:
        descriptor: The open file; this object closes it.
        mode: As for `open`.
        label: The file's name in errors.
    """

    def __init__(self, descriptor: int, mode: str, label: str) -> None:
        self._label = label
        try:
            super().__init__(descriptor, mode)
        except BaseException:  # an open descriptor would keep the vault from being locked
            os.close(descriptor)
            raise

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into `buffer` and return the number of bytes."""
        with vault_errors(self._label):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Read to the end."""
        with vault_errors(self._label):
            return super().readall()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as fits, and return the number of bytes."""
        with vault_errors(self._label):
            return super().write(data)

    def close(self) -> None:
        """Close the file; a network or FUSE file system may not report until now that it could not be written."""
        with vault_errors(self._label):
            super().close()


class NewFile:
    """A file that is being written; a `Replacement`.

    Args:
        folder: Its folder.
        name: Its name there.
        asked_for: Its name inside the vault.
        label: Its name in errors.
        policy: How it is renamed into place.
    """

    def __init__(self, folder: OpenFolder, name: str, *, asked_for: str, label: str, policy: RenamePolicy) -> None:
        self.stored_as = asked_for
        self.notes: Sequence[str] = ()
        self._folder = folder
        self._name = name
        self._label = label
        self._policy = policy
        self._temporary = ""
        self._file: io.BufferedWriter | None = None

    def start(self) -> None:
        """Remove the temporary files of killed runs, and create a new one."""
        with vault_errors(self._label):
            former = self._folder.status(self._name)
            if former is not None:
                require_regular(former, self._name)
            _remove_abandoned(self._folder, self._name)
            # The name is recorded before the file is created, so that Ctrl-C cannot leave it behind.
            self._temporary = f"{_start_of(self._name)}{secrets.token_hex(8)}{_SUFFIX}"
            descriptor = self._folder.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._file = io.BufferedWriter(VaultFile(descriptor, "wb", self._label), _BUFFER)
            _lock(descriptor)

    def write(self, data: bytes) -> int:
        """Add `data` at the end and return the number of bytes."""
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file.write(data)

    def settle(self) -> None:
        """Flush everything that was written to disk.

        Raises:
            VaultError: It could not be stored.
        """
        if self._file is None or self._file.closed:
            return
        with vault_errors(self._label):
            self._file.flush()
            self._keep_permissions(self._file.fileno())
            os.fsync(self._file.fileno())
            self._file.close()

    def finish(self, is_unchanged: Callable[[], bool]) -> None:
        """Rename the new file to its name.

        Args:
            is_unchanged: Returns, right before the rename, whether the folder is still the one that was checked.

        Raises:
            VaultError: It could not be stored, or the vault was locked meanwhile; the existing file is unchanged.
        """
        self.settle()
        with vault_errors(self._label):
            if not is_unchanged():
                raise VaultLocked(
                    f"{self._label} was not written: the vault was locked or exchanged meanwhile",
                    hint="unlock the vault, then run again; the previous file is unchanged",
                )
            self._rename()
            self._temporary = ""
            self._folder.sync()

    def discard(self) -> None:
        """Remove the temporary file of an unfinished replacement; do nothing after `finish`."""
        if self._file is not None:
            with contextlib.suppress(VaultError):  # `VaultFile` raises nothing else
                self._file.close()
        if self._temporary:
            with contextlib.suppress(OSError):  # the vault is gone: the next run removes the file inside it
                self._folder.unlink(self._temporary)

    def _keep_permissions(self, descriptor: int) -> None:
        """Copy the permissions of the existing file, except those for others, if the file is this user's own.

        Another user's file must not decide who can read the answers.
        """
        former = self._folder.status(self._name)
        if former is None or os.name == "nt":  # Windows has modes since Python 3.13, but no user ids
            return
        if is_own(former):
            with contextlib.suppress(OSError):  # the mode stays 0600 if the vault does not support permissions
                if os.fstat(descriptor).st_gid != former.st_gid:
                    os.fchown(descriptor, -1, former.st_gid)  # the group's permissions are only for this group
                os.fchmod(descriptor, former.st_mode & (stat.S_IRWXU | stat.S_IRWXG))

    def _rename(self) -> None:
        try:
            self._rename_to(self._name)
        except PermissionError as error:
            if not is_held_open(error):
                raise
            self._store_beside(error)

    def _store_beside(self, refusal: PermissionError) -> None:
        """Store the new file beside the one that is held open, unless the newest one there has the same content."""
        beside = self._newest_beside()
        if beside and _same_content(self._folder, beside, self._temporary):
            self.discard()
            what = f"{beside} beside it, which already has the same content, remains the newest"
        else:
            beside = self._name_beside()
            try:
                self._rename_to(beside)
            except PermissionError:
                raise explain(refusal, self._label) from refusal
            what = f"the new file is {beside} beside it"
        folder, slash, _ = self.stored_as.rpartition("/")
        self.stored_as = f"{folder}{slash}{beside}"
        self.notes = (f"{self._name} is held open by another program, so {what}",)

    def _rename_to(self, name: str) -> None:
        policy = self._policy
        held_open.retry(lambda: policy.rename(self._folder, self._temporary, name), sleep=policy.sleep)

    def _name_beside(self) -> str:
        """Return an unused name that contains the time."""
        time_now = self._policy.now().astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        path = PurePosixPath(self._name)
        taken, number = set(self._folder.names()), 1
        name = f"{path.stem}.{time_now}{path.suffix}"
        while name in taken:
            number += 1
            name = f"{path.stem}.{time_now}-{number}{path.suffix}"
        return name

    def _newest_beside(self) -> str | None:
        """Return the newest of the files that were stored beside the one that is held open."""
        path = PurePosixPath(self._name)
        stored = re.compile(f"{re.escape(path.stem)}{_TIME}{re.escape(path.suffix)}")
        found = [match for name in self._folder.names() if (match := stored.fullmatch(name))]
        return max(found, key=lambda match: (match[1], int(match[2] or 1)))[0] if found else None


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a temporary file."""
    return bool(_TEMPORARY.fullmatch(name))


def _start_of(name: str) -> str:
    """Return the prefix of the temporary files of `name`; short, because a vault's limit on names can be low.

    For a dated copy it does not contain the date, so that the next copy, which has another date, removes what a killed
    run left of this one.
    """
    name = re.sub(_MOMENT, "", name)
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _LONG:
        name = f"{name[: _LONG // 4]}~{hashlib.sha256(encoded).hexdigest()[:16]}"
    return f".{name}."


def _remove_abandoned(folder: OpenFolder, name: str) -> None:
    """Remove the temporary files that killed runs left for `name`; one that cannot be removed is harmless."""
    mine = re.compile(re.escape(_start_of(name)) + r"[0-9a-f]{16}" + re.escape(_SUFFIX))
    for entry in folder.names():
        if mine.fullmatch(entry):
            with contextlib.suppress(OSError):
                if _is_abandoned(folder, entry):
                    folder.unlink(entry)


def _is_abandoned(folder: OpenFolder, name: str) -> bool:
    """Return whether the writer of a temporary file is gone: the lock ends with the writer's process."""
    descriptor = folder.open(name, os.O_RDWR)
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file without waiting; return False if another writer holds the lock."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # the vault does not support locks; the lock on the whole job keeps two runs apart
            return True
    return True


def _same_content(folder: OpenFolder, one: str, other: str) -> bool:
    """Return whether two files have the same content; an unreadable file differs from every other."""
    try:
        with (
            os.fdopen(folder.open(one, os.O_RDONLY), "rb", _BUFFER) as first,
            os.fdopen(folder.open(other, os.O_RDONLY), "rb", _BUFFER) as second,
        ):
            if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
                return False
            while block := first.read(_BUFFER):
                if block != second.read(_BUFFER):
                    return False
            return not second.read(1)
    except OSError:
        return False
