r"""Windows: find out what a path is on, from the name of its file system, its device, and BitLocker.

Cryptomator's drives (WinFsp, Dokany) call their file system `cryptoFs`; VeraCrypt's devices are
`\Device\VeraCryptVolume…`; `System.Volume.BitLockerProtection` is 1 only if BitLocker is on and complete.
"""

import re
from pathlib import Path
from typing import Final, Protocol

from sheets_decrypt.vault import windows_calls
from sheets_decrypt.vault.interface import Place, Protection

REMOTE: Final = 4  # the answers of GetDriveTypeW
RAM_DISK: Final = 6

_VAULTS: Final = {
    "cryptofs": "Cryptomator",
    "gocryptfs": "gocryptfs",
    "cppcryptfs": "cppcryptfs",
    "cryfs": "CryFS",
    "encfs": "EncFS",
    "securefs": "securefs",
}
_VERACRYPT: Final = re.compile(r"\\Device\\VeraCryptVolume[A-Z]", re.IGNORECASE)
_SUBSTITUTE: Final = re.compile(r"\\\?\?\\([A-Za-z]:.*)", re.DOTALL)
_USER_MODE: Final = re.compile(r"\\Device\\(?:WinFsp|Dokan)", re.IGNORECASE)
_BITLOCKER: Final = {1: Protection.ENCRYPTED_DISK, None: Protection.CANNOT_TELL}
_SUBSTITUTES: Final = 26  # one for each drive letter


class Answers(Protocol):
    """The queries to Windows."""

    def volume(self, path: str) -> str:
        r"""Return the root of the volume that holds a path, such as `X:\` (GetVolumePathNameW)."""

    def drive_type(self, root: str) -> int:
        """Return the kind of drive (GetDriveTypeW)."""

    def file_system(self, root: str) -> str:
        """Return the file system's name; blank if unknown (GetVolumeInformationW)."""

    def device(self, root: str) -> str:
        """Return the device behind a drive letter; blank if unknown (QueryDosDeviceW)."""

    def bitlocker(self, root: str) -> int | None:
        """Return BitLocker's state, or None if Windows does not say (System.Volume.BitLockerProtection)."""


def ask(path: Path) -> Place:
    """Return what `path`, an existing folder with its links resolved, is on."""
    return classify(str(path), windows_calls.Windows())


def classify(path: str, windows: Answers) -> Place:
    """Return what `path` is on.

    Args:
        path: An absolute path with its links resolved.
        windows: Answers the queries.
    """
    root, device = windows.volume(path), ""
    for _ in range(_SUBSTITUTES):
        device = windows.device(root)
        substitute = _SUBSTITUTE.fullmatch(device)
        if not substitute:
            break
        root = windows.volume(substitute[1])  # a drive letter made by `subst` leads to a folder elsewhere
    kind = windows.file_system(root)
    if kind.lower() in _VAULTS:
        return Place(Protection.VAULT, _VAULTS[kind.lower()], root)
    if _VERACRYPT.match(device):
        return Place(Protection.VAULT, "VeraCrypt", root)
    return Place(_disk(root, device, windows), kind or "an unknown file system", root)


def _disk(root: str, device: str, windows: Answers) -> Protection:
    drive_type = windows.drive_type(root)
    if drive_type == RAM_DISK:
        return Protection.NOT_ENCRYPTED
    if drive_type == REMOTE or _USER_MODE.match(device):
        return Protection.CANNOT_TELL
    return _BITLOCKER.get(windows.bitlocker(root), Protection.NOT_ENCRYPTED)
