"""A mounted vault drive: plain files on a volume that was unlocked (design, "Writing to the vault")."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultError, VaultLocked, VaultNotEncrypted, VaultUnusable
from sheets_decrypt.vault import volume
from sheets_decrypt.vault.files import FolderFiles, Target, refuse_unwritable
from sheets_decrypt.vault.folder import BY_DESCRIPTOR
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.locked import refuse_if_locked
from sheets_decrypt.vault.mark import require_mark
from sheets_decrypt.vault.replacement import DEFAULT_POLICY, RenamePolicy
from sheets_decrypt.vault.system_errors import missing_drive, resolve, vault_errors

_LETTER: Final = re.compile(r"([A-Za-z]:)(?:\\.*)?", re.DOTALL)


class Drive(FolderFiles):
    """A folder on a mounted vault drive; a `Vault`.

    Args:
        folder: The folder of the output.
        accept: The kinds of place that are good enough; `not encrypted` never is.
        mark: The id that the vault must hold in `.sheets-decrypt-vault`, or None.
        classify: Returns the place that a path is on.
        policy: How a new file is renamed into place.
        by_descriptor: Whether to write through an open folder, which Windows cannot do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        accept: Sequence[str] = ("vault",),
        mark: str | None = None,
        classify: Callable[[Path], Place] = volume.classify,
        policy: RenamePolicy = DEFAULT_POLICY,
        by_descriptor: bool = BY_DESCRIPTOR,
    ) -> None:
        super().__init__(folder, policy=policy, by_descriptor=by_descriptor)
        self._accept: Final = {Protection(word) for word in accept} - {Protection.NOT_ENCRYPTED}
        self._mark: Final = mark
        self._classify: Final = classify

    def check(self) -> Place:
        """Check, without writing anything, that plaintext may be written here; return the place.

        Raises:
            VaultLocked: It is the storage folder of a locked vault, or the vault's drive, folder or mark is missing.
            VaultNotEncrypted: It is in a place that the configuration does not accept.
            VaultUnusable: The vault belongs to another user, has died, is full or cannot be written.
        """
        _refuse_missing_drive(self._folder)
        with vault_errors(self._folder):
            folder = self._root()
            place = self._unlocked(folder)
            if place.protection not in self._accept:
                raise _not_accepted(folder, place)
            nearest = volume.nearest_folder(folder)
            if nearest != folder:
                _refuse_missing(folder, nearest, place)
            if self._mark is not None:
                require_mark(nearest, self._mark, Path(place.where))
            refuse_unwritable(nearest)
        return place

    def _unlocked(self, path: Path) -> Place:
        """Return the place that `path` is on; refuse the storage folder of a locked vault."""
        place = self._classify(path)
        refuse_if_locked(path, mount_point=Path(place.where) if place.protection is Protection.VAULT else None)
        return place

    def _target(self, name: str) -> Target:
        lexical = self._lexical(name)
        place = self.check()
        target = resolve(lexical)  # follow a link instead of replacing it
        with vault_errors(lexical):
            self._refuse_elsewhere(name, target.parent, place)
            _make_folders(target.parent, place)
        return Target(target.parent, target.name, lambda: self._classify(target.parent) == place)

    def _refuse_elsewhere(self, name: str, parent: Path, place: Place) -> None:
        """Refuse a path that a link, or a mount on the way, takes out of the place that was checked."""
        there = self._unlocked(parent)
        if there != place:
            raise VaultNotEncrypted(
                f"{self.path(name)} leads to {parent}, which is {_found(there)}, not on the vault at {place.where}",
                hint="remove the link, or give the output's real path",
            )


def _refuse_missing_drive(path: Path) -> None:
    """Refuse a path on a drive letter that does not exist; on other systems, a Windows path."""
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
            f"the vault is not unlocked: {path} does not exist; it would be {_found(place)}",
            hint="unlock the vault; if it is unlocked, find its drive and correct the output's path",
        )
    hint = "unlock the vault, or give a path on an unlocked vault's drive"
    if place.protection is not Protection.NOT_ENCRYPTED:
        hint += f'; if you know that this place is safe, add "{place.protection}" to `accept`'
    return VaultNotEncrypted(f"{path} is {_found(place)}", hint=hint)


def _refuse_missing(folder: Path, nearest: Path, place: Place) -> None:
    """Refuse a missing folder that must not be created, and a file where a folder should be."""
    below = nearest / folder.relative_to(nearest).parts[0]
    if os.path.lexists(below):
        raise VaultUnusable(f"{below} is not a folder", hint="name a folder for the output")
    if place.protection is not Protection.VAULT or not nearest.is_relative_to(place.where):
        raise VaultLocked(
            f"{folder} not found", hint="unlock the vault, or create this folder; only a vault's folders are created"
        )


def _make_folders(folder: Path, place: Place) -> None:
    """Create missing folders, private to this user, and only inside a vault."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    if missing and place.protection is not Protection.VAULT:
        raise VaultUnusable(f"{folder} not found", hint="create this folder; only a vault's folders are created")
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
