r"""Who owns a file, and who else can read it: by mode bits, or on Windows by its access control list (ACL).

Windows shows an ACL as text in the Security Descriptor Definition Language, such as
`O:S-1-5-21-…-1001D:PAI(A;;FA;;;SY)(A;;FR;;;WD)`: owner, then entries `(type;flags;rights;;;account)`
([MS-DTYP] 2.5.1). That text is the same in every language of Windows, unlike the output of `icacls`.
"""

import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sheets_decrypt.system import access_windows

# Only these keep an ACL. On other drives (Cryptomator, exFAT) the driver makes one up, and no command changes it.
_WITH_ACLS: Final = {"ntfs", "refs"}
_ENTRY: Final = re.compile(r"\(([^;()]*);([^;()]*);([^;()]*);[^;()]*;[^;()]*;([^;()]*)[;)]")
_ALLOWS: Final = {"A", "OA", "XA", "ZA"}  # kinds of entry; others deny access, or belong to the audit list
# SYSTEM, administrators of the computer and of its domain: they can read every file, regardless of its ACL.
_ADMINISTRATORS: Final = {"SY", "BA", "DA", "OW", "S-1-5-18", "S-1-5-32-544", "S-1-3-4"}
# Rights to read the content, or to grant oneself that right, as words and as bits.
_READING: Final = {"FA", "FR", "GA", "GR", "CC", "WD", "WO"}
_READING_BITS: Final = 0x1 | 0x4_0000 | 0x8_0000 | 0x1000_0000 | 0x8000_0000


@dataclass(frozen=True, slots=True)
class Shared:
    """A file that others can read.

    Args:
        mend: A command to paste into a shell, which leaves access to the owner alone.
    """

    mend: str


def is_own(status: os.stat_result) -> bool:
    """Return whether a file is this user's own; always true on Windows, where a status does not name the owner."""
    return os.name == "nt" or status.st_uid == os.geteuid()


def shared(path: Path, status: os.stat_result) -> Shared | None:
    """Return how to protect a file that others can read, or None if only its owner and administrators can read it.

    Args:
        path: The file.
        status: Its `os.fstat` result.

    Raises:
        OSError: Windows does not return its ACL.
    """
    if os.name == "posix":
        others = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return Shared(f"chmod 600 {shlex.quote(str(path))}") if others else None
    if access_windows.file_system(path).lower() not in _WITH_ACLS:
        return None
    me = access_windows.my_account()
    readers = other_readers(access_windows.descriptor(path), me)
    return Shared(icacls(path, me, [access_windows.account(reader) for reader in readers])) if readers else None


def other_readers(descriptor: str, me: str) -> list[str]:
    """Return the accounts that a security descriptor lets read, except its owner, this user and administrators.

    Args:
        descriptor: In the Security Descriptor Definition Language.
        me: This user's account, `S-1-…`.
    """
    owner = re.match(r"O:(S-[\d-]+|[A-Z]{2})", descriptor)
    _, found, entries = descriptor.partition("D:")
    if not found or entries.startswith("NO_ACCESS_CONTROL"):  # no list at all: everyone may do everything
        return ["WD"]
    mine = _ADMINISTRATORS | {me} | ({owner[1]} if owner else set())
    accounts = (
        account
        for kind, flags, rights, account in _ENTRY.findall(entries)
        if kind in _ALLOWS and "IO" not in _pairs(flags) and _lets_read(rights) and account not in mine
    )
    return list(dict.fromkeys(accounts))


def icacls(path: Path, me: str, others: list[str]) -> str:
    """Return the command that gives only this user access to a file; it can be pasted into cmd or PowerShell.

    Args:
        path: The file.
        me: This user's account, `S-1-…`: a user's name can have blanks, and a group's depends on the language.
        others: The accounts that lose their access.
    """
    removed = "".join(f' "*{other}"' for other in others)
    return f'icacls "{path}" /inheritance:r /grant:r "*{me}:F" /remove:g{removed}'


def _lets_read(rights: str) -> bool:
    if rights.lower().startswith("0x"):
        return bool(int(rights, 16) & _READING_BITS)
    if rights.isdecimal():
        return bool(int(rights) & _READING_BITS)
    return bool(_pairs(rights) & _READING)


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(0, len(text), 2)}
