"""The vault's mark: a small file with an id, which the configuration names.

It catches what no system can tell: a drive letter or a mount point that is there, but is not this vault.
"""

import os
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultLocked, VaultUnusable
from sheets_decrypt.vault.refusals import told

MARK_FILE: Final = ".sheets-decrypt-vault"
_LONGEST: Final = 4096


def require_mark(folder: Path, mark: str, top: Path) -> None:
    """Go on only where the mark lies in `folder` or in a folder above, up to `top`.

    Args:
        folder: An existing folder with its links resolved.
        mark: The id that the configuration names.
        top: The vault's mount point or drive.

    Raises:
        VaultLocked: There is no mark, or another vault's.
    """
    found = False
    for place in (folder, *folder.parents):
        held = _read(place / MARK_FILE)
        if held == mark:
            return
        found = found or held is not None
        if place == top:
            break
    what = f"holds another vault's mark in {MARK_FILE}" if found else f"holds no mark {MARK_FILE}"
    raise VaultLocked(
        f"{folder} is not the vault that the configuration names: it {what}",
        hint=f"unlock the right vault; or write the id after `mark =` into {MARK_FILE} on the vault's drive",
    )


def write_mark(folder: Path, mark: str) -> Path:
    """Put the mark into `folder`, the root of an unlocked vault, and give its path. The same mark is left alone.

    Args:
        folder: An existing folder.
        mark: The id.

    Raises:
        VaultUnusable: The folder holds another mark, or cannot be written.
    """
    path = folder / MARK_FILE
    with told(path):
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if _read(path) == mark:
                return path
            raise VaultUnusable(
                f"{path} holds another mark", hint="use that mark in the configuration, or remove the file"
            ) from None
        with os.fdopen(file, "w", encoding="utf-8", newline="") as text:
            text.write(f"{mark}\n")
    return path


def _read(path: Path) -> str | None:
    with told(path):
        try:
            with path.open("rb") as file:
                return file.read(_LONGEST).decode("utf-8-sig", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
