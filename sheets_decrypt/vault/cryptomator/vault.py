"""A Cryptomator vault, with the interface of every vault."""

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Final, Self

from sheets_decrypt.errors import VaultDamaged, VaultFileMissing, VaultUnusable
from sheets_decrypt.system.private_file import sync_folder
from sheets_decrypt.system.regular_file import open_regular
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import opening, storage
from sheets_decrypt.vault.cryptomator.content import Combo, plain_size
from sheets_decrypt.vault.cryptomator.keys import Keys
from sheets_decrypt.vault.cryptomator.names import parts_of
from sheets_decrypt.vault.cryptomator.replacing import ChangedMeanwhile, NewFile
from sheets_decrypt.vault.cryptomator.storage import Temporary, storage_errors
from sheets_decrypt.vault.cryptomator.stream import Decryptor
from sheets_decrypt.vault.cryptomator.tree import Entry, Kind, expect
from sheets_decrypt.vault.cryptomator.unlocked import UnlockedVault, content_of
from sheets_decrypt.vault.cryptomator.vault_config import THRESHOLD
from sheets_decrypt.vault.interface import Place, Protection, Replacement
from sheets_decrypt.vault.system_errors import may, resolve

_COPY_BYTES: Final = 512 * 1024
_APPEND_TRIES: Final = 5
_LIST: Final = "`sheets-decrypt vault ls` lists what the vault holds"


class CryptomatorVault:
    """A vault of format 8, written like Cryptomator itself does, without the app and without a mount; a `Vault`.

    The passphrase is requested, and scrypt is run, only once: by `check` or whichever method is called first.

    Args:
        folder: The vault's folder, which holds `vault.cryptomator`.
        passphrase: The vault's passphrase, or a function that returns it when it is needed.
    """

    def __init__(self, folder: Path, passphrase: Secret | Callable[[], Secret]) -> None:
        self._folder: Final = folder
        self._passphrase: Final = passphrase
        self._unlocked: UnlockedVault | None = None

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: Secret,
        *,
        cipher_combo: Combo = "SIV_GCM",
        scrypt_cost: int = opening.SCRYPT_COST,
    ) -> Self:
        """Create a vault as Cryptomator does.

        Args:
            folder: An empty folder, or a path that does not exist yet.
            passphrase: The new vault's passphrase.
            cipher_combo: How content is encrypted; Cryptomator's own new vaults are `SIV_GCM`.
            scrypt_cost: The cost of a guess at the passphrase (RFC 7914's N); the default is Cryptomator's own.

        Raises:
            VaultUnusable: The folder is not empty, or cannot be written.
        """
        vault = cls(folder, passphrase)
        with vault._errors():
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise VaultUnusable(f"the folder {folder} is not empty", hint="name a new folder for the vault")
            keys = Keys.generate()
            files = opening.new_files(keys, passphrase, cipher_combo, scrypt_cost)
            vault._unlocked = UnlockedVault(extended(folder), opening.Opened(keys, cipher_combo, THRESHOLD))
            vault._unlocked.tree.make_root()
            for name, content in files.items():  # vault.cryptomator last: without it, this is not yet a vault
                storage.write_file(folder / name, content)
            sync_folder(folder)
        return vault

    def __repr__(self) -> str:
        return f"CryptomatorVault({str(self._folder)!r})"

    def check(self) -> Place:
        """Unlock the vault and check that its root can be written. This is the start of a run; see `replace`."""
        now = time.time_ns()
        unlocked = self._open()
        with self._errors():
            root = unlocked.tree.root()
            if not may(root.path, os.R_OK | os.W_OK | os.X_OK):
                raise VaultUnusable(
                    f"no permission to write to the vault {self._folder}",
                    hint="check the folder's owner and permissions",
                )
        unlocked.changes.start(now)
        return Place(Protection.VAULT, "Cryptomator", str(self._folder))

    def path(self, name: str) -> str:
        """Return the file's name and the vault's."""
        return f"{name} in the Cryptomator vault {self._folder}"

    def identity(self, name: str) -> str:
        """Return a text that is the same for one file, however the vault's folder and the name are written.

        This does not unlock the vault.
        """
        return f"{os.path.normcase(resolve(self._folder))}|{'/'.join(parts_of(name))}"

    def size(self, name: str) -> int | None:
        """Return the size of the plaintext, computed from the ciphertext's; None if the file does not exist.

        Raises:
            VaultDamaged: No complete file can have that size: it is cut off.
        """
        parts, unlocked = parts_of(name), self._open()
        with self._errors():
            content = content_of(unlocked.find(parts))
            if content is None:
                return None
            size = plain_size(unlocked.cipher, content.stat().st_size)
        if size is None:
            raise VaultDamaged(f"{self.path(name)} is damaged: it is cut off", hint="restore it from a backup")
        return size

    def modified(self, name: str) -> float:
        """Return the time of the last change in seconds since 1970 (UTC)."""
        with self._errors():
            return self._file(name).content.stat().st_mtime

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Open a file; each chunk is verified before a byte of it is returned.

        Raises:
            VaultFileMissing: It does not exist.
            VaultDamaged: Its header was changed or, raised during reading, a chunk was changed.
        """
        with self._errors():
            raw = io.FileIO(open_regular(self._file(name).content, follow=False))
        with (
            raw,
            Decryptor(self._open().cipher, raw, self.path(name)) as plain,
            io.BufferedReader(plain, _COPY_BYTES) as file,
        ):
            yield file

    def replace(self, name: str) -> AbstractContextManager[Replacement]:
        """Create a file or replace its content atomically.

        If another program changed the file since the run's start (the last `check`, or else the first time that this
        object saw the file), both are kept: the new content is stored as `name (conflict <UTC time>).csv`. A change
        within the last millisecond before the rename is not detected.
        """
        return self._replace(name, keep_both=True)

    def append(self, name: str, data: bytes) -> None:
        """Add `data` on a new line: the file is read, and replaced atomically.

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
            f"another program keeps changing {self.path(name)}", hint="make sure that only one program writes this file"
        )

    def names(self, folder: str) -> Sequence[str]:
        """Return a folder's sorted names in NFC. A link or a broken entry is listed like a file; neither has a size."""
        parts, unlocked = parts_of(folder) if folder else (), self._open()
        with self._errors():
            folders, missing = unlocked.tree.descend(parts)
            if missing:
                raise VaultFileMissing(f"folder not found: {self.path(folder)}", hint=_LIST)
            return sorted(
                {name + "/" * (entry.kind is Kind.FOLDER) for name, entry in unlocked.tree.entries(folders[-1])}
            )

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is not an error."""
        parts, unlocked = parts_of(name), self._open()
        with self._errors():
            entry = unlocked.find(parts)
            if entry is not None:
                expect(Kind.FILE, entry, name)
                unlocked.tree.remove(entry)
                unlocked.changes.wrote("/".join(parts), None)

    def _open(self) -> UnlockedVault:
        if self._unlocked is None:
            folder = extended(self._folder)
            passphrase = self._passphrase
            with self._errors():
                self._unlocked = UnlockedVault(
                    folder,
                    opening.unlock(folder, passphrase if callable(passphrase) else lambda: passphrase),
                )
        return self._unlocked

    def _errors(self) -> AbstractContextManager[None]:
        return storage_errors(self._folder)

    def _file(self, name: str) -> Entry:
        entry = self._open().find(parts_of(name))
        if entry is None:
            raise VaultFileMissing(f"file not found: {self.path(name)}", hint=_LIST)
        expect(Kind.FILE, entry, name)
        return entry

    @contextlib.contextmanager
    def _replace(self, name: str, *, keep_both: bool) -> Iterator[NewFile]:
        parts, unlocked = parts_of(name), self._open()
        with self._errors():
            folders, _ = unlocked.tree.descend(parts[:-1])
            for folder in folders:
                unlocked.tree.sweep(folder)
            entry = unlocked.find(parts)
            if entry is not None:
                expect(Kind.FILE, entry, name)
            if not keep_both:
                unlocked.changes.look_again("/".join(parts), content_of(entry))
            # Missing folders are created at the end, so that a failed run leaves none behind.
            temporary = Temporary.file(folders[-1].path)
        try:
            with self._errors():
                new = NewFile(unlocked, parts, temporary, self._folder, keep_both=keep_both)
            yield new
            with self._errors():
                new.finish()
        finally:
            temporary.discard()

    def _copy(self, name: str, new: NewFile) -> None:
        """Copy the existing content, and end its last line if a killed run left that incomplete."""
        last = b"\n"
        with contextlib.suppress(VaultFileMissing), self.read(name) as former:
            while block := former.read(_COPY_BYTES):
                new.write(block)
                last = block[-1:]
        if last != b"\n":
            new.write(b"\n")


def extended(folder: Path) -> Path:
    r"""Return a path in the form that may be longer than 260 characters on Windows: `\\?\C:\…`."""
    if os.name != "nt":
        return folder
    return Path(extended_windows(PureWindowsPath(folder.absolute())))  # pragma: no cover  (Windows only)


def extended_windows(path: PureWindowsPath) -> PureWindowsPath:
    r"""Return the extended form of an absolute Windows path; for a share, `\\?\UNC\server\share\…`."""
    text = str(path)
    if text.startswith("\\\\?\\"):
        return path
    return PureWindowsPath("\\\\?\\UNC" + text[1:] if text.startswith("\\\\") else "\\\\?\\" + text)
