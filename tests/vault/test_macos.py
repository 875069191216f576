"""On macOS, the output of `mount`, `fdesetup`, `hdiutil` and `diskutil` decides how a path is encrypted."""

import plistlib
import sys
from collections.abc import Sequence

import pytest

from sheets_decrypt.vault import macos
from sheets_decrypt.vault.interface import Place, Protection

VAULT, DISK = Protection.VAULT, Protection.ENCRYPTED_DISK
PLAIN, UNKNOWN = Protection.NOT_ENCRYPTED, Protection.CANNOT_TELL

MOUNTS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect, root data)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
Cryptomator@macfuse0 on /Volumes/UzeN1wWoFdWU (macfuse, nodev, nosuid, synchronous, mounted by ana)
cryfs@/Users/ana/c on /Users/ana/cry fs (on disk) (macfuse, nodev, nosuid, synchronous, mounted by ana)
gocryptfs@osxfuse1 on /Users/ana/go (osxfuse, nodev, nosuid, synchronous, mounted by ana)
sshfs@macfuse2 on /Users/ana/ssh (macfuse, nodev, nosuid, synchronous, mounted by ana)
ana@host:/gocryptfs@macfuse0 on /Users/ana/ssh2 (macfuse, nodev, mounted by ana)
fuse-t:/Surveys on /Users/ana/Cryptomator/Surveys (nfs, nodev, nosuid, mounted by ana)
fuse-t:/UzeN on /Users/ana/Library/Application Support/Cryptomator/mnt/UzeN (nfs, nodev, nosuid, mounted by ana)
fuse-t:/rclone on /Users/ana/rclone (nfs, nodev, nosuid, mounted by ana)
host:/export on /Users/ana/Cryptomator/export (nfs, nodev, nosuid, mounted by ana)
/dev/disk4s1 on /Volumes/USB (msdos, local, nodev, nosuid, noowners)
/dev/disk5s1 on /Volumes/TimeMachine (apfs, local, journaled)
/dev/disk6 on /Volumes/VERA (msdos, local)
/dev/disk7s1 on /Volumes/Sparse (apfs, local)
/dev/disk8s1s1 on /Volumes/Image (hfs, local)
/dev/disk60 on /Volumes/Odd (msdos, local)
//ana@nas/share on /Volumes/share (smbfs, nodev, nosuid, mounted by ana)
nonsense
"""

IMAGES = {
    "images": [
        {"image-path": "/private/tmp/.veracrypt_aux_mnt1/volume", "system-entities": [{"dev-entry": "/dev/disk6"}]},
        {
            "image-path": "/Users/ana/x.sparsebundle",
            "image-encrypted": True,
            "system-entities": [{}, {"dev-entry": "/dev/disk7"}],
        },
        {
            "image-path": "/Users/ana/x.dmg",
            "image-encrypted": False,
            "system-entities": [{"dev-entry": "/dev/disk8"}, {"dev-entry": "/dev/disk8s1"}],
        },
        {"image-path": "/Users/ana/unattached.dmg"},
    ]
}


class Mac:
    """A Mac whose commands print fixed output.

    Args:
        filevault: The output of `fdesetup status`.
    """

    def __init__(self, filevault: str = "FileVault is On.\n") -> None:
        self._filevault = filevault

    def __call__(self, command: Sequence[str]) -> str:
        """Return the output of the command."""
        match command:
            case ("/sbin/mount",):
                return MOUNTS
            case ("/usr/bin/fdesetup", "status"):
                return self._filevault
            case ("/usr/bin/hdiutil", "info", "-plist"):
                return plistlib.dumps(IMAGES).decode()
            case ("/usr/sbin/diskutil", "info", "-plist", disk):
                known = {"/dev/disk4s1": {"FileVault": False}, "/dev/disk5s1": {"FileVault": True}}
                return plistlib.dumps(known[disk]).decode() if disk in known else ""
            case _:
                raise AssertionError(command)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/Volumes/UzeN1wWoFdWU/surveys", Place(VAULT, "Cryptomator", "/Volumes/UzeN1wWoFdWU")),
        ("/Users/ana/cry fs (on disk)/x", Place(VAULT, "CryFS", "/Users/ana/cry fs (on disk)")),
        ("/Users/ana/go", Place(VAULT, "gocryptfs", "/Users/ana/go")),
        ("/Users/ana/ssh/x", Place(UNKNOWN, "macfuse", "/Users/ana/ssh")),
        ("/Users/ana/ssh2/x", Place(UNKNOWN, "macfuse", "/Users/ana/ssh2")),
        ("/Users/ana/Cryptomator/Surveys/x", Place(VAULT, "Cryptomator", "/Users/ana/Cryptomator/Surveys")),
        (
            "/Users/ana/Library/Application Support/Cryptomator/mnt/UzeN",
            Place(VAULT, "Cryptomator", "/Users/ana/Library/Application Support/Cryptomator/mnt/UzeN"),
        ),
        ("/Users/ana/rclone", Place(UNKNOWN, "nfs", "/Users/ana/rclone")),
        ("/Users/ana/Cryptomator/export", Place(UNKNOWN, "nfs", "/Users/ana/Cryptomator/export")),
        ("/Users/ana/Desktop", Place(DISK, "apfs, FileVault", "/")),
        ("/System/Volumes/Data/Users/ana", Place(DISK, "apfs, FileVault", "/System/Volumes/Data")),
        ("/Volumes/USB/x", Place(PLAIN, "msdos", "/Volumes/USB")),
        ("/Volumes/USB2", Place(DISK, "apfs, FileVault", "/")),
        ("/Volumes/TimeMachine", Place(DISK, "apfs", "/Volumes/TimeMachine")),
        ("/Volumes/VERA/x", Place(VAULT, "VeraCrypt", "/Volumes/VERA")),
        ("/Volumes/Sparse", Place(DISK, "apfs in a disk image", "/Volumes/Sparse")),
        ("/Volumes/Image", Place(UNKNOWN, "hfs in a disk image", "/Volumes/Image")),
        ("/Volumes/Odd", Place(UNKNOWN, "msdos", "/Volumes/Odd")),
        ("/Volumes/share", Place(UNKNOWN, "smbfs", "/Volumes/share")),
        ("/dev/x", Place(UNKNOWN, "devfs", "/dev")),
    ],
)
def test_the_output_of_a_macs_commands_decides(path: str, place: Place) -> None:
    """The longest mount point decides, and its program, disk or image shows the encryption."""
    assert macos.classify(path, Mac()) == place


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("FileVault is On.\n", DISK),
        ("FileVault is Off.\n", PLAIN),
        ("FileVault is On.\nEncryption in progress: Percent completed = 23\n", PLAIN),
        ("FileVault is Off.\nDecryption in progress: Percent completed = 23\n", PLAIN),
        ("Error: something\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_filevault_counts_only_when_it_is_complete(status: str, answer: Protection) -> None:
    """While a disk is being encrypted or decrypted, part of it is readable."""
    assert macos.classify("/Users/ana", Mac(status)).protection is answer


def test_a_mac_without_answers_is_of_unknown_protection() -> None:
    """Without an answer, no plaintext is written."""
    assert macos.classify("/Users/ana", lambda _: "") == Place(UNKNOWN, "an unknown file system", "/Users/ana")


@pytest.mark.parametrize("answer", ["", "nonsense", "<plist><array/></plist>", "<plist><dict>"])
def test_a_disk_with_unreadable_output_is_of_unknown_protection(answer: str) -> None:
    """A disk without readable tool output is called neither unencrypted nor encrypted."""

    def run(command: Sequence[str]) -> str:
        return MOUNTS if command == ("/sbin/mount",) else answer

    assert macos.classify("/Volumes/USB", run).protection is UNKNOWN


@pytest.mark.system("posix", "the line ends are those of a Mac")
def test_a_command_that_fails_prints_nothing() -> None:
    """A missing program, and one that exits with an error, give no answer."""
    assert macos.run((sys.executable, "-c", "print('on')")) == "on\n"
    assert macos.run((sys.executable, "-c", "print('on'); raise SystemExit(1)")) == ""
    assert macos.run(("/nowhere/mount",)) == ""
