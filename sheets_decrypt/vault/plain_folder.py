"""An ordinary folder, for files that hold no decrypted column."""

from pathlib import Path

from sheets_decrypt.errors import VaultFileMissing, VaultUnusable
from sheets_decrypt.vault.files import FolderFiles, Target, refuse_unwritable
from sheets_decrypt.vault.locked import refuse_if_locked
from sheets_decrypt.vault.system_errors import resolve, vault_errors


class PlainFolder(FolderFiles):
    """Files in any folder, encrypted or not; see `sheets_decrypt.vault.interface.Files`.

    The storage folder of a locked vault is refused even so: its sync client would upload files that do not belong
    there. No folder is created, and a link that leads out of the folder is not followed.
    """

    def check(self) -> None:
        """Check, without writing anything, that files can be written here.

        Raises:
            VaultLocked: It is the storage folder of a locked vault.
            VaultFileMissing: The folder does not exist.
            VaultUnusable: It cannot be written.
        """
        root = self._root()
        refuse_if_locked(root)
        with vault_errors(root):
            if not root.exists():
                raise VaultFileMissing(f"{root} not found", hint="create this folder first")
            if not root.is_dir():
                raise VaultUnusable(f"{root} is not a folder", hint="name a folder for the output")
            refuse_unwritable(root)

    def _target(self, name: str) -> Target:
        self.check()
        path: Path = resolve(self._lexical(name))
        if path.parent != self._root():
            raise VaultUnusable(
                f"{self.path(name)} leads to {path}, outside of its folder",
                hint="remove the link, or give the output's real path",
            )
        return Target(path.parent, path.name, lambda: True)
