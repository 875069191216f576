"""macOS: find out what a path is on, from the output of `mount`, `fdesetup`, `hdiutil` and `diskutil`.

A macFUSE mount names its program (`Cryptomator@macfuse0`). A FUSE-T mount looks like a network drive (`fuse-t:/name`)
and does not name it, so a Cryptomator volume is recognised by the folder in which Cryptomator creates mount points.
"""

import plistlib
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.parsers.expat import ExpatError

from sheets_decrypt.system.programs import run as run_program
from sheets_decrypt.vault.interface import Place, Protection

Run = Callable[[Sequence[str]], str]

_LINE: Final = re.compile(r"(?P<source>.+?) on (?P<point>/.*) \((?P<kind>[^(),]+)(?:, [^()]*)?\)")
_PROGRAM: Final = re.compile(r"([^@/]+)@(?:macfuse|osxfuse)\d+|(cryfs)@/.*")
_FUSE: Final = ("macfuse", "osxfuse")
_PROGRAMS: Final = {
    "cryptomator": "Cryptomator",
    "fuse-nio-adapter": "Cryptomator",
    "gocryptfs": "gocryptfs",
    "cryfs": "CryFS",
    "encfs": "EncFS",
    "securefs": "securefs",
}
_BOOT: Final = ("/", "/System/Volumes/Data")
_VERACRYPT: Final = re.compile(r"/\.veracrypt_aux_mnt\d+/")
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of `mount`'s output: what is mounted, where, and the file system's type."""

    source: str
    point: str
    kind: str


def ask(path: Path) -> Place:
    """Return what `path`, an existing folder with its links resolved, is on."""
    return classify(str(path), run)


def run(command: Sequence[str]) -> str:
    """Return a command's output; empty if it fails."""
    try:
        done = run_program(command, seconds=_SECONDS, env={"LC_ALL": "C"})
        return done.stdout.decode() if done.code == 0 else ""
    except (OSError, subprocess.TimeoutExpired, UnicodeError):
        return ""


def classify(path: str, run: Run) -> Place:
    """Return what `path` is on.

    Args:
        path: An absolute path with its links resolved.
        run: Returns a command's output.
    """
    mount = mount_of(path, parse(run(("/sbin/mount",))))
    if mount is None:
        return Place(Protection.CANNOT_TELL, "an unknown file system", path)
    product = _vault_product(mount)
    if product is not None:
        return Place(Protection.VAULT, product, mount.point)
    if mount.point in _BOOT and mount.source.startswith("/dev/"):
        return Place(_filevault(run(("/usr/bin/fdesetup", "status"))), f"{mount.kind}, FileVault", mount.point)
    if mount.source.startswith("/dev/disk"):
        return _disk(mount, run)
    return Place(Protection.CANNOT_TELL, mount.kind, mount.point)


def parse(text: str) -> Sequence[Mount]:
    """Parse the output of `mount`."""
    found = (_LINE.fullmatch(line) for line in text.split("\n"))
    return [Mount(line["source"], line["point"], line["kind"]) for line in found if line]


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """Return the mount that holds `path`: the last of the longest matches."""
    holding = [mount for mount in mounts if f"{path}/".startswith(f"{mount.point.rstrip('/')}/")]
    return max(enumerate(holding), key=lambda pair: (len(pair[1].point), pair[0]))[1] if holding else None


def _vault_product(mount: Mount) -> str | None:
    if mount.kind.startswith(_FUSE):
        program = _PROGRAM.fullmatch(mount.source)
        return _PROGRAMS.get((program[1] or program[2]).lower()) if program else None
    folders = PurePosixPath(mount.point).parts[-3:-1]
    of_cryptomator = folders[-1:] == ("Cryptomator",) or folders == ("Cryptomator", "mnt")
    return "Cryptomator" if mount.kind == "nfs" and mount.source.startswith("fuse-t:") and of_cryptomator else None


def _filevault(status: str) -> Protection:
    """Parse the output of `fdesetup status`. While FileVault encrypts or decrypts, part of the disk is readable."""
    match status.strip():
        case "FileVault is On.":
            return Protection.ENCRYPTED_DISK
        case text if text.startswith("FileVault is O"):
            return Protection.NOT_ENCRYPTED
        case _:
            return Protection.CANNOT_TELL


def _disk(mount: Mount, run: Run) -> Place:
    """Classify a disk other than the boot volume: a VeraCrypt volume, a disk image, or a plain disk."""
    for image in _plist(run(("/usr/bin/hdiutil", "info", "-plist"))).get("images", []):
        entries = image.get("system-entities", [])
        if not any(_same_disk(mount.source, str(entry.get("dev-entry", ""))) for entry in entries):
            continue
        if _VERACRYPT.search(str(image.get("image-path", ""))):
            return Place(Protection.VAULT, "VeraCrypt", mount.point)
        encrypted = image.get("image-encrypted") is True
        kind = Protection.ENCRYPTED_DISK if encrypted else Protection.CANNOT_TELL
        return Place(kind, f"{mount.kind} in a disk image", mount.point)
    filevault = _plist(run(("/usr/sbin/diskutil", "info", "-plist", mount.source))).get("FileVault")
    answers: dict[object, Protection] = {True: Protection.ENCRYPTED_DISK, False: Protection.NOT_ENCRYPTED}
    return Place(answers.get(filevault, Protection.CANNOT_TELL), mount.kind, mount.point)


def _same_disk(source: str, entry: str) -> bool:
    """Return whether a mounted device is an image's disk or a slice of it, as `/dev/disk4s1` is of `/dev/disk4`."""
    return bool(entry) and (source == entry or bool(re.fullmatch(re.escape(entry) + r"(s\d+)+", source)))


def _plist(text: str) -> dict[str, Any]:
    try:
        content = plistlib.loads(text.encode())
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
