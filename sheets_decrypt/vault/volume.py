"""Find out whether a path is on an unlocked, encrypted volume; `linux`, `macos` and `windows` ask the system."""

import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sheets_decrypt.vault import linux, macos, windows
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.system_errors import resolve, vault_errors

_ASK: Final[Mapping[str, Callable[[Path], Place]]] = {"linux": linux.ask, "darwin": macos.ask, "win32": windows.ask}


def classify(path: Path) -> Place:
    """Return what `path` is on, or what its nearest existing folder is on if it does not exist.

    Args:
        path: A file or folder, existing or not; links are followed first.

    Raises:
        VaultError: The system does not answer.
    """
    folder = nearest_folder(resolve(path))
    ask = _ASK.get(sys.platform)
    if ask is None:
        return Place(Protection.CANNOT_TELL, f"a volume of {sys.platform}", str(folder))
    with vault_errors(folder):
        return ask(folder)


def nearest_folder(path: Path) -> Path:
    """Return `path` if it is a folder, else the nearest folder above it.

    A folder that exists but does not answer, such as the mount point of a vault whose process died, counts.

    Args:
        path: An absolute path with its links resolved.
    """
    for folder in (path, *path.parents):
        try:
            if stat.S_ISDIR(folder.stat().st_mode):
                return folder
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return folder
    return path  # pragma: no cover  (a Windows drive that does not exist)
