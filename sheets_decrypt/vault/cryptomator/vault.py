"""A Cryptomator vault behind the interface that every vault has."""

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Final, Self

from sheets_decrypt.errors import VaultDamaged, VaultFileMissing, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import opening, storage
from sheets_decrypt.vault.cryptomator.content import Combo, plain_size
from sheets_decrypt.vault.cryptomator.inside import Inside, content_of
from sheets_decrypt.vault.cryptomator.keys import Keys
from sheets_decrypt.vault.cryptomator.names import parts_of
from sheets_decrypt.vault.cryptomator.replacing import ChangedMeanwhile, NewFile
from sheets_decrypt.vault.cryptomator.storage import Temporary, told
from sheets_decrypt.vault.cryptomator.stream import Decryptor
from sheets_decrypt.vault.cryptomator.token import THRESHOLD
from sheets_decrypt.vault.cryptomator.tree import Entry, Kind, expect
from sheets_decrypt.vault.interface import Place, Protection, Replacement

_COPY_BYTES: Final = 512 * 1024
_APPEND_TRIES: Final = 5


class CryptomatorVault:
    """A vault of format 8 that is written as Cryptomator itself would, with no need for the app or a mount.

    It keeps the promise of `sheets_decrypt.vault.interface.Vault`. The passphrase is asked for, and scrypt is run,
    once: by `check` or by whatever comes first.

    Args:
        folder: The vault's folder, which holds `vault.cryptomator`.
        passphrase: The vault's passphrase, or what gives it when it is needed.
    """

    def __init__(self, folder: Path, passphrase: Secret | Callable[[], Secret]) -> None:
        self._folder: Final = folder
        self._passphrase: Final = passphrase
        self._inside: Inside | None = None

    @classmethod
    def create(cls, folder: Path, passphrase: Secret, *, cipher_combo: Combo = "SIV_GCM") -> Self:
        """Make a new vault as Cryptomator does.

        Args:
            folder: An empty folder, or one that does not exist yet.
            passphrase: Opens the vault from now on.
            cipher_combo: How content is encrypted; Cryptomator's own new vaults are `SIV_GCM`.

        Raises:
            VaultUnusable: The folder is not empty, or cannot be written.
        """
        vault = cls(folder, passphrase)
        with vault._told():
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise VaultUnusable(f"the folder {folder} is not empty", hint="name a new folder for the vault")
            keys = Keys.generate()
            files = opening.new_files(keys, passphrase, cipher_combo)
            vault._inside = Inside(extended(folder), opening.Opened(keys, cipher_combo, THRESHOLD))
            vault._inside.tree.make_root()
            for name, content in files.items():  # vault.cryptomator last: until it is there, this is no vault
                storage.write_file(folder / name, content)
            storage.sync_folder(folder)
        return vault

    def __repr__(self) -> str:
        return f"CryptomatorVault({str(self._folder)!r})"

    def check(self) -> Place:
        """Open the vault and see whether its root may be written. A run starts here: see `replace`."""
        now = time.time_ns()
        inside = self._open()
        with self._told():
            root = inside.tree.root()
            effective = os.access in os.supports_effective_ids
            if not os.access(root.path, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective):
                raise VaultUnusable(
                    f"the vault {self._folder} may not be written by this user",
                    hint="check the folder's owner and permissions",
                )
        inside.changes.start(now)
        return Place(Protection.VAULT, "Cryptomator", str(self._folder))

    def path(self, name: str) -> str:
        """Name the file and the vault."""
        return f"{name} in the Cryptomator vault {self._folder}"

    def identity(self, name: str) -> str:
        """Give a text that is the same for one file, however the vault's folder and the name are written.

        The vault is not opened for it.
        """
        return f"{os.path.normcase(os.path.realpath(self._folder))}|{'/'.join(parts_of(name))}"

    def size(self, name: str) -> int | None:
        """Give the plaintext's size, which follows from the ciphertext's; None where there is no such file.

        Raises:
            VaultDamaged: No file has that size: it is cut off.
        """
        parts, inside = parts_of(name), self._open()
        with self._told():
            content = content_of(inside.find(parts))
            if content is None:
                return None
            size = plain_size(inside.cipher, content.stat().st_size)
        if size is None:
            raise VaultDamaged(f"{self.path(name)} is damaged: it is cut off", hint="restore it from a backup")
        return size

    def modified(self, name: str) -> float:
        """Give the time of the last change in seconds since 1970 (UTC)."""
        with self._told():
            return self._file(name).content.stat().st_mtime

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Open a file; each chunk is verified before a byte of it is given.

        Raises:
            VaultFileMissing: There is no such file.
            VaultDamaged: Its header or, while it is read, a chunk is not what was written there.
        """
        with self._told():
            raw = self._file(name).content.open("rb", buffering=0)
        with (
            raw,
            Decryptor(self._open().cipher, raw, self.path(name)) as plain,
            io.BufferedReader(plain, _COPY_BYTES) as file,
        ):
            yield file

    def replace(self, name: str) -> AbstractContextManager[Replacement]:
        """Create a file or put new content in its place, in one step.

        If another program changed the file since the run's start (the last `check`, or else the first time that this
        object saw the file), both are kept: the new content gets the name `name (conflict <UTC time>).csv`. Between
        the last look at the file and the rename lies about a millisecond, in which a change is not noticed.
        """
        return self._replace(name, keep_both=True)

    def append(self, name: str, data: bytes) -> None:
        """Add `data` on a line of its own: the file is read, and written anew in one step.

        Raises:
            VaultUnusable: Another program keeps changing it.
        """
        for _ in range(_APPEND_TRIES):
            with contextlib.suppress(ChangedMeanwhile):
                with self._replace(name, keep_both=False) as new:
                    self._copy(name, new)
                    new.write(data)
                return
        raise VaultUnusable(
            f"another program keeps changing {self.path(name)}", hint="let only one program write this file"
        )

    def names(self, folder: str) -> Sequence[str]:
        """List a folder's names in NFC. A link or a broken entry is listed like a file; neither has a size."""
        parts, inside = parts_of(folder) if folder else (), self._open()
        with self._told():
            folders, missing = inside.tree.descend(parts)
            if missing:
                raise VaultFileMissing(f"there is no folder {self.path(folder)}", hint="see what the vault holds")
            return sorted(
                {name + "/" * (entry.kind is Kind.FOLDER) for name, entry in inside.tree.entries(folders[-1])}
            )

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        parts, inside = parts_of(name), self._open()
        with self._told():
            entry = inside.find(parts)
            if entry is not None:
                expect(Kind.FILE, entry, name)
                inside.tree.remove(entry)
                inside.changes.wrote("/".join(parts), None)

    def _open(self) -> Inside:
        if self._inside is None:
            folder = extended(self._folder)
            passphrase = self._passphrase
            with self._told():
                self._inside = Inside(
                    folder,
                    opening.unlock(folder, passphrase if callable(passphrase) else lambda: passphrase),
                )
        return self._inside

    def _told(self) -> AbstractContextManager[None]:
        return told(f"the vault {self._folder}")

    def _file(self, name: str) -> Entry:
        entry = self._open().find(parts_of(name))
        if entry is None:
            raise VaultFileMissing(f"there is no file {self.path(name)}", hint="see what the vault holds")
        expect(Kind.FILE, entry, name)
        return entry

    @contextlib.contextmanager
    def _replace(self, name: str, *, keep_both: bool) -> Iterator[NewFile]:
        parts, inside = parts_of(name), self._open()
        with self._told():
            folders, _ = inside.tree.descend(parts[:-1])
            for folder in folders:
                inside.tree.sweep(folder)
            entry = inside.find(parts)
            if entry is not None:
                expect(Kind.FILE, entry, name)
            if not keep_both:
                inside.changes.look_again("/".join(parts), content_of(entry))
            # Missing folders are made at the end, so that a run that fails leaves none behind.
            temporary = Temporary.file(folders[-1].path)
        try:
            with self._told():
                new = NewFile(inside, parts, temporary, f"the vault {self._folder}", keep_both=keep_both)
            yield new
            with self._told():
                new.finish()
        finally:
            temporary.discard()

    def _copy(self, name: str, new: NewFile) -> None:
        """Copy what there is, and end its last line where a killed run left it without an end."""
        last = b"\n"
        with contextlib.suppress(VaultFileMissing), self.read(name) as former:
            while block := former.read(_COPY_BYTES):
                new.write(block)
                last = block[-1:]
        if last != b"\n":
            new.write(b"\n")


def extended(folder: Path) -> Path:
    r"""Let Windows take paths longer than 260 characters, which encrypted names make often: `\\?\C:\…`."""
    if os.name != "nt":
        return folder
    return Path(extended_windows(PureWindowsPath(folder.absolute())))  # pragma: no cover — Windows only


def extended_windows(path: PureWindowsPath) -> PureWindowsPath:
    r"""Give the extended form of an absolute Windows path; a share's is `\\?\UNC\server\share\…`."""
    text = str(path)
    if text.startswith("\\\\?\\"):
        return path
    return PureWindowsPath("\\\\?\\UNC" + text[1:] if text.startswith("\\\\") else "\\\\?\\" + text)
