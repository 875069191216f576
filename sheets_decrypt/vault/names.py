"""Names inside a vault: relative POSIX paths, such as `surveys/baseline.csv`."""

import os
import re
from typing import Final

from sheets_decrypt.errors import VaultUnusable

_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/].*", re.DOTALL)
_DEVICE: Final = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
_HINT: Final = "use a path inside the vault, such as surveys/baseline.csv"


def parts_of(name: str, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Split a file's name into its folders and its last part.

    Args:
        name: A relative POSIX path.
        windows: Whether to apply Windows' rules for names as well.

    Raises:
        VaultUnusable: The path could lead out of the vault, or does not name a file.
    """
    parts = tuple(name.split("/"))
    if any(part in {"", ".", ".."} or "\0" in part for part in parts) or _DRIVE.match(name):
        raise VaultUnusable(f"{name!r} is not a name inside the vault", hint=_HINT)
    if windows and any(_is_special(part) for part in parts):
        raise VaultUnusable(f"{name!r} is not a name that Windows can store", hint=_HINT)
    return parts


def _is_special(part: str) -> bool:
    r"""Return whether Windows reads a name as something else: a device, a stream (`a:b`), another folder (`a\b`)."""
    return bool(re.search(r'[\\:*?"<>|]|[. ]$', part) or _DEVICE.match(part))
