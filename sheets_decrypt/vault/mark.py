"""The vault's mark: a small file with an id that the configuration names.

It detects what the system cannot know: a drive letter or mount point that exists but belongs to another vault.
"""

from pathlib import Path
from typing import Final

from sheets_decrypt.errors import VaultLocked, VaultUnusable
from sheets_decrypt.system.private_file import write_new
from sheets_decrypt.system.regular_file import read_small
from sheets_decrypt.vault.system_errors import vault_errors

MARK_FILE: Final = ".sheets-decrypt-vault"
_LIMIT: Final = 4096  # bytes


def require_mark(folder: Path, mark: str, top: Path) -> None:
    """Accept `folder` only if the mark is in it, or in a folder above it up to `top`.

    Args:
        folder: An existing folder with its links resolved.
        mark: The id that the configuration names.
        top: The vault's mount point or drive.

    Raises:
        VaultLocked: The mark is missing, or is another vault's.
    """
    found = False
    for place in (folder, *folder.parents):
        held = _read(place / MARK_FILE)
        if held == mark:
            return
        found = found or held is not None
        if place == top:
            break
    what = f"{MARK_FILE} there holds another vault's mark" if found else f"it has no mark ({MARK_FILE})"
    raise VaultLocked(
        f"{folder} is not on the vault that the configuration names: {what}",
        hint=f"unlock the right vault; or write the id after `mark =` into {MARK_FILE} on the vault's drive",
    )


def write_mark(folder: Path, mark: str) -> Path:
    """Write the mark into `folder`, the root of an unlocked vault, and return its path. The same mark is left alone.

    Args:
        folder: An existing folder.
        mark: The id.

    Raises:
        VaultUnusable: The folder has another mark, or cannot be written.
    """
    path = folder / MARK_FILE
    with vault_errors(path):
        try:
            write_new(path, f"{mark}\n".encode())
        except FileExistsError:
            if _read(path) == mark:
                return path
            raise VaultUnusable(
                f"{path} already holds another mark", hint="use that mark in the configuration, or remove the file"
            ) from None
    return path


def _read(path: Path) -> str | None:
    with vault_errors(path):
        try:
            return read_small(path, limit=_LIMIT, follow=False).decode("utf-8-sig", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
