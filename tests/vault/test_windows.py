"""On Windows, the file system's name, the device and BitLocker decide how a path is encrypted."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sheets_decrypt.vault import windows, windows_calls
from sheets_decrypt.vault.interface import Place, Protection
from tests import systems

VAULT, DISK = Protection.VAULT, Protection.ENCRYPTED_DISK
PLAIN, UNKNOWN = Protection.NOT_ENCRYPTED, Protection.CANNOT_TELL
FIXED = 3
C_DISK = r"\Device\HarddiskVolume3"


@dataclass
class Pc:
    """Fixed answers of Windows; by default, those for a plain NTFS disk."""

    kind: str = "NTFS"
    drive: int = FIXED
    behind: str = C_DISK
    state: int | None = 2
    substitutes: dict[str, str] = field(default_factory=dict)

    def volume(self, path: str) -> str:
        """Return the drive of a path."""
        return path[:3]

    def drive_type(self, root: str) -> int:
        """Return the kind of drive."""
        return self.drive

    def file_system(self, root: str) -> str:
        """Return the file system's name."""
        return self.kind

    def device(self, root: str) -> str:
        """Return the device."""
        return self.substitutes.get(root, self.behind)

    def bitlocker(self, root: str) -> int | None:
        """Return BitLocker's state."""
        return self.state


@pytest.mark.parametrize(
    ("pc", "protection", "what"),
    [
        (Pc(kind="cryptoFs", behind=r"\Device\Volume{1}"), VAULT, "Cryptomator"),
        (Pc(kind="cryptoFs", drive=windows.REMOTE, behind=r"\Device\WinFsp.Mup\x"), VAULT, "Cryptomator"),
        (Pc(kind="CRYFS", behind=r"\Device\Dokan_1"), VAULT, "CryFS"),
        (Pc(kind="cppcryptfs"), VAULT, "cppcryptfs"),
        (Pc(behind=r"\Device\VeraCryptVolumeX"), VAULT, "VeraCrypt"),
        (Pc(kind="FAT32", behind=r"\Device\VeraCryptVolumeX", state=None), VAULT, "VeraCrypt"),
        (Pc(drive=windows.REMOTE, behind=r"\Device\LanmanRedirector\;X:0\server\share", state=1), UNKNOWN, "NTFS"),
        (Pc(drive=windows.REMOTE, behind=r"\Device\Evil\VeraCryptVolumeX"), UNKNOWN, "NTFS"),
        (Pc(kind="FUSE-SSHFS", behind=r"\Device\WinFsp.Disk\1"), UNKNOWN, "FUSE-SSHFS"),
        (Pc(kind="DOKAN", behind=r"\Device\Dokan_1", state=1), UNKNOWN, "DOKAN"),
        (Pc(drive=windows.RAM_DISK, state=1), PLAIN, "NTFS"),
        (Pc(kind="", state=None), UNKNOWN, "an unknown file system"),
        (Pc(kind="not cryptoFs"), PLAIN, "not cryptoFs"),
    ],
)
def test_the_answers_of_windows_decide(pc: Pc, protection: Protection, what: str) -> None:
    """A vault is known by its file system or its device; networks and unknown drivers are of unknown protection."""
    assert windows.classify(r"X:\surveys", pc) == Place(protection, what, "X:\\")


@pytest.mark.parametrize(
    ("state", "protection"),
    [(1, DISK), (None, UNKNOWN), (0, PLAIN), (2, PLAIN), (3, PLAIN), (4, PLAIN), (5, PLAIN), (6, PLAIN), (99, PLAIN)],
)
def test_bitlocker_counts_only_when_it_is_on(state: int | None, protection: Protection) -> None:
    """A disk being encrypted or decrypted, suspended or locked is not protected."""
    assert windows.classify(r"C:\x", Pc(state=state)) == Place(protection, "NTFS", "C:\\")


def test_a_substituted_drive_letter_is_followed() -> None:
    r"""`subst S: X:\surveys` is as good as `X:`, and two letters that substitute each other do not loop."""
    behind = {"S:\\": r"\??\X:\surveys", "X:\\": r"\Device\VeraCryptVolumeX"}
    assert windows.classify("S:\\a", Pc(substitutes=behind)) == Place(VAULT, "VeraCrypt", "X:\\")
    behind = {"S:\\": r"\??\T:\a", "T:\\": r"\??\S:\a"}
    assert windows.classify("S:\\a", Pc(substitutes=behind)).protection is PLAIN


def test_bitlocker_is_asked_without_administrator_rights() -> None:
    """The command reads the volume's shell property, and a quote in the path is escaped."""
    *_, question = windows_calls.bitlocker_command("C:\\it's\\")
    assert "NameSpace('C:\\it''s\\')" in question
    assert "System.Volume.BitLockerProtection" in question


@pytest.mark.parametrize(
    ("text", "state"), [("1\r\n", 1), (" 6 ", 6), ("", None), ("on", None), ("-1", None), ("٣", None)]
)
def test_bitlockers_answer_is_a_number_or_none(text: str, state: int | None) -> None:
    """Anything but a plain number is ignored."""
    assert windows_calls.bitlocker_answer(text) == state


def test_a_command_that_fails_prints_nothing() -> None:
    """A missing program, and one that exits with an error, give no answer."""
    assert windows_calls.run([sys.executable, "-c", "print(1)"]).strip() == "1"
    assert windows_calls.run([sys.executable, "-c", "raise SystemExit(1)"]) == ""
    assert windows_calls.run(["nowhere/powershell"]) == ""


def test_another_system_has_no_answer(tmp_path: Path) -> None:
    """On any other system the question has no answer."""
    systems.only_on("posix", "calls what does not exist on Windows")
    assert windows.ask(tmp_path) == Place(UNKNOWN, "an unknown file system", str(tmp_path))


def test_bitlocker_is_asked_once_for_each_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine checks on a first pull start PowerShell once; another disk under the same letter is checked again."""
    started: list[list[str]] = []

    def answer(command: list[str]) -> str:
        started.append(command)
        return "1\r\n"

    monkeypatch.setattr(windows_calls, "run", answer)
    windows_calls.bitlocker_state.cache_clear()
    device = "\\Device\\HarddiskVolume3"
    assert {windows_calls.bitlocker_state("C:\\", device) for _ in range(9)} == {1}
    assert len(started) == 1
    windows_calls.bitlocker_state("C:\\", "\\Device\\HarddiskVolume4")
    assert len(started) == 2
    windows_calls.bitlocker_state.cache_clear()
