"""Only the queries to Windows; the rules are in `windows`."""

import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from sheets_decrypt.secret_sources import system_environment
from sheets_decrypt.system.programs import run as run_program

_LENGTH: Final = 32_768  # characters; no Windows path is longer
_SECONDS: Final = 60
_LETTER: Final = re.compile(r"[A-Za-z]:\\?")


def bitlocker_command(root: str) -> list[str]:
    """Return the command that prints BitLocker's state of a volume; it needs no administrator rights.

    Args:
        root: The volume's root.
    """
    shell = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "WindowsPowerShell", "v1.0", "powershell.exe")
    quoted = root.replace("'", "''")
    question = (
        f"(New-Object -ComObject Shell.Application).NameSpace('{quoted}')"
        ".Self.ExtendedProperty('System.Volume.BitLockerProtection')"
    )
    return [str(shell), "-NoProfile", "-NonInteractive", "-Command", question]


def bitlocker_answer(text: str) -> int | None:
    """Parse the output of that command; None if it is not a number."""
    return int(text) if re.fullmatch(r"\s*\d+\s*", text, re.ASCII) else None


@functools.cache
def bitlocker_state(root: str, device: str) -> int | None:
    """Return BitLocker's state of a volume; None if Windows does not say.

    Each volume is queried only once per process: a first pull asks nine times, and PowerShell takes a second to start.
    Accepted: a drive whose protection is suspended during a pull counts as protected until the pull ends.

    Args:
        root: The volume's root.
        device: The device behind its letter, so that another disk that gets the same letter is queried anew.
    """
    del device
    return bitlocker_answer(run(bitlocker_command(root)))


def run(command: list[str]) -> str:
    """Return a command's output; empty if it fails."""
    try:
        done = run_program(command, seconds=_SECONDS, env=system_environment())
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.code == 0 else ""


if sys.platform == "win32":  # pragma: no cover — only Windows can answer
    import ctypes

    class Windows:
        """Windows' own answers; `windows.Answers` describes them."""

        def __init__(self) -> None:
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)

        def volume(self, path: str) -> str:
            """Return the root of the volume that holds a path."""
            answer = ctypes.create_unicode_buffer(_LENGTH)
            if not self._kernel.GetVolumePathNameW(ctypes.c_wchar_p(path), answer, _LENGTH):
                raise ctypes.WinError(ctypes.get_last_error())
            return answer.value

        def drive_type(self, root: str) -> int:
            """Return the kind of drive."""
            return int(self._kernel.GetDriveTypeW(ctypes.c_wchar_p(root)))

        def file_system(self, root: str) -> str:
            """Return the file system's name; blank if unknown."""
            answer = ctypes.create_unicode_buffer(_LENGTH)
            done = self._kernel.GetVolumeInformationW(
                ctypes.c_wchar_p(root), None, 0, None, None, None, answer, _LENGTH
            )
            return answer.value if done else ""

        def device(self, root: str) -> str:
            """Return the device behind a drive letter; blank if unknown."""
            if not _LETTER.fullmatch(root):
                return ""
            answer = ctypes.create_unicode_buffer(_LENGTH)
            done = self._kernel.QueryDosDeviceW(ctypes.c_wchar_p(root[:2]), answer, _LENGTH)
            return answer.value if done else ""

        def bitlocker(self, root: str) -> int | None:
            """Return BitLocker's state, or None if Windows does not say."""
            return bitlocker_state(root, self.device(root))

else:

    class Windows:
        """Stand-in on other systems."""

        def volume(self, path: str) -> str:
            """Return the path itself."""
            return path

        def drive_type(self, root: str) -> int:  # noqa: ARG002 — the signature of `windows.Answers`
            """Return "unknown"."""
            return 0

        def file_system(self, root: str) -> str:  # noqa: ARG002 — as above
            """Return nothing."""
            return ""

        def device(self, root: str) -> str:  # noqa: ARG002 — as above
            """Return nothing."""
            return ""

        def bitlocker(self, root: str) -> int | None:  # noqa: ARG002 — as above
            """Return "Windows does not say"."""
            return None
