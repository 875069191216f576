"""Is this path on an unlocked encrypted volume? `linux`, `macos` and `windows` ask the system."""

import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sheets_decrypt.vault import linux, macos, windows
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.locked import refuse_if_locked
from sheets_decrypt.vault.refusals import told

__all__ = ["classify", "nearest_folder", "refuse_if_locked"]

_ASK: Final[Mapping[str, Callable[[Path], Place]]] = {"linux": linux.ask, "darwin": macos.ask, "win32": windows.ask}


def classify(path: Path) -> Place:
    """Say what `path` is on. Where it is not there, its nearest folder that is there decides.

    Args:
        path: A file or folder, there or not; links are followed first.

    Raises:
        VaultError: The system does not answer.
    """
    folder = nearest_folder(Path(os.path.realpath(path)))
    ask = _ASK.get(sys.platform)
    if ask is None:
        return Place(Protection.CANNOT_TELL, f"a volume of {sys.platform}", str(folder))
    with told(folder):
        return ask(folder)


def nearest_folder(path: Path) -> Path:
    """Give `path` where it is a folder, else the nearest one above that is.

    A folder that is there but does not answer, as a vault does whose process died, counts as there.

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
    return path  # pragma: no cover — a drive of Windows that is not there
