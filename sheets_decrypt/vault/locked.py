"""Refuse the inside of a locked vault: plaintext that is written there goes to the cloud as it is.

Each product leaves a file of its own in the folder that holds the encrypted files (design, "Writing to the vault",
point 1). An unlocked vault never shows it: there the mount or drive stands in that folder's place.
"""

import os
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultLocked
from sheets_decrypt.vault.refusals import told

# Names that must lie together → the product. gocryptfs keeps its `diriv` in every folder, and Cryptomator its
# `dirid.c9r`, so that they are found even where only a part of the vault can be seen, as through a bind mount.
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


def refuse_if_locked(path: Path) -> None:
    """Refuse `path` where it, or any folder above it, is the inside of a locked vault. No option overrides this.

    Args:
        path: A file or folder, there or not; links are followed first.

    Raises:
        VaultLocked: It is.
        VaultUnusable: The folders on the way cannot be looked into, so nobody can tell.
    """
    resolved = Path(os.path.realpath(path))
    for folder in (resolved, *resolved.parents):
        product = locked_vault(folder)
        if product is not None:
            raise VaultLocked(
                f"{folder} is the inside of a locked {product} vault: a file that is put there is not encrypted",
                hint=f"unlock the vault in {product}, and give a path on the drive that appears",
            )


def locked_vault(folder: Path) -> str | None:
    """Give the product whose encrypted files lie in `folder`, or None.

    Raises:
        VaultUnusable: The folder cannot be looked into.
    """
    for names, product in _SIGNS:
        # iCloud leaves `.name.icloud` in the place of a file that it has moved off this machine.
        if all(_is_there(folder / name) or _is_there(folder / f".{name}.icloud") for name in names):
            return product
    return None


def _is_there(path: Path) -> bool:
    """Tell "not there" from "cannot tell", which `Path.exists` does not for every error."""
    with told(path.parent):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True
