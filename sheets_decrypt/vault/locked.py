"""Refuse the storage folder of a locked vault: files saved there are not encrypted, and a sync client uploads them.

Each product leaves a file of its own in the folder that holds the encrypted files (design, "Writing to the vault",
point 1). On the drive of an unlocked vault that file is never visible.
"""

from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultLocked
from sheets_decrypt.vault.system_errors import resolve, vault_errors

# File names that together identify a vault → its product. gocryptfs has a `gocryptfs.diriv` in every folder,
# Cryptomator a `dirid.c9r`: they also identify a part of a vault, such as a bind mount of one of its folders.
_SIGNS: Final = (
    (("vault.cryptomator",), "Cryptomator"),
    (("masterkey.cryptomator", "d"), "Cryptomator"),
    (("dirid.c9r",), "Cryptomator"),
    (("gocryptfs.conf",), "gocryptfs"),
    (("gocryptfs.diriv",), "gocryptfs"),
    (("cryfs.config",), "CryFS"),
    ((".encfs6.xml",), "EncFS"),
    ((".securefs.json",), "securefs"),
    (("FolderKey.bch",), "Boxcryptor"),
)


def refuse_if_locked(path: Path, *, mount_point: Path | None = None) -> None:
    """Refuse `path` if it is in the storage folder of a locked vault. No option overrides this.

    Args:
        path: A file or folder, existing or not; links are followed first.
        mount_point: The mount point of an unlocked vault that holds `path`. It is the last folder that is examined,
            because files on the disk around it say nothing about the vault. None: every folder above is examined.

    Raises:
        VaultLocked: It is in such a folder; the message names the file that proves it.
        VaultUnusable: A folder on the way cannot be examined.
    """
    resolved = resolve(path)
    for folder in (resolved, *resolved.parents):
        sign = _sign_in(folder)
        if sign is not None:
            name, product = sign
            raise VaultLocked(
                f"{folder} is the encrypted storage folder of a locked {product} vault (found {name} in it);"
                " files saved there would not be encrypted",
                hint=f"unlock the vault in {product} and use the drive that appears; if there is no {product} vault,"
                f" move {folder / name} elsewhere",
            )
        if folder == mount_point:
            return


def _sign_in(folder: Path) -> tuple[str, str] | None:
    """Return the name of a file that identifies a vault's storage, and the vault's product; None if not found."""
    for names, product in _SIGNS:
        # iCloud leaves `.name.icloud` in place of a file that it has moved off this machine.
        found = [_existing(folder, name, f".{name}.icloud") for name in names]
        if found[0] is not None and all(found):
            return found[0], product
    return None


def _existing(folder: Path, *names: str) -> str | None:
    """Return the first name that exists. Unlike `Path.exists`, this never takes an error for "does not exist"."""
    for name in names:
        with vault_errors(folder):
            try:
                (folder / name).lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
        return name
    return None
