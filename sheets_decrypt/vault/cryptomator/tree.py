"""The tree of folders inside a vault: find an entry, and add a folder or file atomically.

A folder is an entry `<name>.c9r/dir.c9r` that holds the folder's id, and a place `d/XX/…` that is derived from the
id. The place is created first and the entry appears by one rename, so a reader never sees one without the other.
"""

import contextlib
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultDamaged, VaultUnusable
from sheets_decrypt.system.private_file import sync_folder
from sheets_decrypt.system.regular_file import FileTooLarge, read_small
from sheets_decrypt.vault.cryptomator import storage
from sheets_decrypt.vault.cryptomator.names import LONG_NAME, NAME, ROOT_ID, NameCipher
from sheets_decrypt.vault.cryptomator.storage import Temporary

_FOLDER_ID: Final = "dir.c9r"
_FOLDER_ID_COPY: Final = "dirid.c9r"
_FULL_NAME: Final = "name.c9s"
_CONTENT: Final = "contents.c9r"
_LINK: Final = "symlink.c9r"
_LONGEST_ID: Final = 1000  # bytes
_LONGEST_FULL_NAME: Final = 16 * 1024  # bytes
_SYNC: Final = "wait until the vault is synced; if that does not help, let Cryptomator check the vault's health"


class Kind(Enum):
    """The kind of an entry."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    BROKEN = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """A named item in a folder.

    Args:
        kind: Its kind.
        path: The `.c9r` or `.c9s` on disk.
        content: The file that holds a file's content or a folder's id.
    """

    kind: Kind
    path: Path
    content: Path


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder.

    Args:
        id: Its id; the root's is empty.
        path: The folder on disk that holds its entries.
    """

    id: str
    path: Path


class Tree:
    """The folders of one vault.

    Args:
        vault: The vault's folder on disk.
        names: Encrypts its names.
        encrypt: Returns the complete encrypted file for a folder's id.
    """

    def __init__(self, vault: Path, names: NameCipher, encrypt: Callable[[str], bytes]) -> None:
        self._vault: Final = vault
        self._names: Final = names
        self._encrypt: Final = encrypt

    def root(self) -> Folder:
        """Return the vault's root.

        Raises:
            VaultDamaged: It does not exist.
        """
        return self._folder(ROOT_ID, "the vault's root")

    def make_root(self) -> None:
        """Create the root of a new vault."""
        self._make_place(ROOT_ID)

    def descend(self, parts: Sequence[str]) -> tuple[Sequence[Folder], Sequence[str]]:
        """Follow names from the root; return the existing folders on the way, and the names from the first missing one.

        Raises:
            VaultUnusable: One of them is a file or a link.
            VaultDamaged: One of them is broken.
        """
        folders = [self.root()]
        for depth, part in enumerate(parts):
            entry = self.find(folders[-1], part)
            if entry is None:
                return folders, parts[depth:]
            expect(Kind.FOLDER, entry, "/".join(parts[: depth + 1]))
            folders.append(self._open(entry, part))
        return folders, ()

    def find(self, folder: Folder, name: str) -> Entry | None:
        """Find the entry `name` (NFC). If it is not in its usual place, every entry's name is compared in NFC.

        Other programs store names as they receive them, for example in NFD on macOS, or shorten them at another length.
        """
        entry = _entry(folder.path / self._names.on_disk(self._names.encrypt(name, folder.id)))
        return entry or next((entry for found, entry in self.entries(folder) if found == name), None)

    def entries(self, folder: Folder) -> Iterator[tuple[str, Entry]]:
        """Yield every name in NFC and its entry.

        Like in Cryptomator, entries without a readable name are skipped: a sync client's copies (`… (1).c9r`), and
        entries that were damaged or moved here.
        """
        for path in sorted(folder.path.iterdir()):
            if path.name == _FOLDER_ID_COPY or not path.name.endswith((NAME, LONG_NAME)):
                continue
            full = _full_name(path) if path.name.endswith(LONG_NAME) else path.name
            if full is None:
                continue
            name, entry = self._names.decrypt(full, folder.id), _entry(path)
            if name is not None and entry is not None:
                yield name, entry

    def make(self, parent: Folder, name: str) -> Folder:
        """Create the folder `name` in `parent`, or return one that another program created meanwhile."""
        full = self._names.encrypt(name, parent.id)
        on_disk = self._names.on_disk(full)
        folder_id = str(uuid.uuid4())
        entry = Temporary.folder(parent.path)
        try:
            # The id comes first: if this process is killed, it lets the next run find the orphaned place.
            storage.write_file(entry.path / _FOLDER_ID, folder_id.encode())
            if on_disk != full:
                storage.write_file(entry.path / _FULL_NAME, full.encode())
            sync_folder(entry.path)
            self._make_place(folder_id)
            entry.put(parent.path / on_disk)
        except BaseException as error:
            self._remove_place(entry.path)
            entry.discard()
            made = self.find(parent, name) if isinstance(error, OSError) else None
            if made is None or made.kind is not Kind.FOLDER:
                raise
            return self._open(made, name)
        return self._folder(folder_id, name)

    def put(self, folder: Folder, name: str, former: Entry | None, file: Temporary) -> None:
        """Rename `file` to its name in `folder` atomically, replacing the file `former`.

        Raises:
            OSError: It cannot be renamed; see `held_open.is_held_open`.
        """
        full = self._names.encrypt(name, folder.id)
        on_disk = self._names.on_disk(full)
        if former is not None:
            file.put(former.content)
        elif on_disk == full:
            file.put(folder.path / on_disk)
        else:
            box = Temporary.folder(folder.path)
            try:
                storage.write_file(box.path / _FULL_NAME, full.encode())
                file.put(box.path / _CONTENT)
                box.put(folder.path / on_disk)
            finally:
                box.discard()

    def remove(self, entry: Entry) -> None:
        """Remove a file, atomically even if its name is long."""
        if entry.path == entry.content:
            entry.path.unlink(missing_ok=True)
        else:
            box = Temporary.folder(entry.path.parent)
            try:
                storage.rename(entry.path, box.path / entry.path.name)
            finally:
                box.discard()
        sync_folder(entry.path.parent)

    def sweep(self, folder: Folder) -> None:
        """Remove leftovers of killed runs in `folder`, and the places that they created for new folders."""
        for path in storage.left_overs(folder.path):
            self._remove_place(path)
            storage.remove_left_over(path)

    def _open(self, entry: Entry, name: str) -> Folder:
        try:
            folder_id = _text(read_small(entry.content, limit=_LONGEST_ID, follow=False))
        except FileTooLarge:
            folder_id = None
        if not folder_id:  # an empty id is the root's: the tree would be endless
            raise VaultDamaged(f"the folder {name!r} in the vault has no valid id", hint=_SYNC)
        return self._folder(folder_id, f"the folder {name!r}")

    def _folder(self, folder_id: str, what: str) -> Folder:
        path = self._vault / self._names.address(folder_id)
        if not path.is_dir():
            raise VaultDamaged(f"the content of {what} is missing from the vault's storage", hint=_SYNC)
        return Folder(folder_id, path)

    def _make_place(self, folder_id: str) -> None:
        path = self._vault / self._names.address(folder_id)
        path.mkdir(parents=True)
        storage.write_file(path / _FOLDER_ID_COPY, self._encrypt(folder_id))
        for folder in (path, path.parent, path.parent.parent):
            sync_folder(folder)

    def _remove_place(self, prepared: Path) -> None:
        """Remove the place of a folder whose entry was never renamed into place; never a place that holds files."""
        with contextlib.suppress(OSError):
            folder_id = _text(read_small(prepared / _FOLDER_ID, limit=_LONGEST_ID, follow=False))
            path = self._vault / self._names.address(folder_id or ROOT_ID)
            if folder_id and {entry.name for entry in path.iterdir()} <= {_FOLDER_ID_COPY}:
                (path / _FOLDER_ID_COPY).unlink(missing_ok=True)
                path.rmdir()
                path.parent.rmdir()


def expect(kind: Kind, entry: Entry, name: str) -> None:
    """Accept only an entry of this kind.

    Raises:
        VaultUnusable: It is something else.
        VaultDamaged: It is broken.
    """
    if entry.kind is Kind.BROKEN:
        raise VaultDamaged(f"{name!r} in the vault is broken: a part of it is missing", hint=_SYNC)
    if entry.kind is not kind:
        words = {Kind.FILE: "a file", Kind.FOLDER: "a folder", Kind.LINK: "a link, and links are not followed"}
        raise VaultUnusable(f"{name!r} in the vault is {words[entry.kind]}", hint="choose another name")


def _entry(path: Path) -> Entry | None:
    """Return the entry at `path`. Links of the file system are never followed, as they could lead out of the vault."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode) and path.name.endswith(NAME):
        return Entry(Kind.FILE, path, path)
    if stat.S_ISDIR(mode):
        inside = {_FOLDER_ID: Kind.FOLDER, _LINK: Kind.LINK}
        if path.name.endswith(LONG_NAME):
            inside[_CONTENT] = Kind.FILE
        for name, kind in inside.items():
            if _is_file(path / name):
                return Entry(kind, path, path / name)
    return Entry(Kind.BROKEN, path, path)


def _full_name(path: Path) -> str | None:
    """Return the full name of a shortened entry; None if it cannot be read."""
    try:
        return _text(read_small(path / _FULL_NAME, limit=_LONGEST_FULL_NAME, follow=False))
    except OSError:
        return None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
