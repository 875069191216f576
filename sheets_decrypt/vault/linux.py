"""Linux: find out what a path is on, from the kernel's mount table and its tree of block devices.

Formats: proc_pid_mountinfo(5); /sys/dev/block/MAJOR:MINOR with `dm/name`, `dm/uuid` and `slaves/`
(Documentation/ABI/testing/sysfs-block-dm); /sys/fs/btrfs/UUID/devices.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sheets_decrypt.vault.interface import Place, Protection

_DEVICE: Final = re.compile(r"\d{1,10}:\d{1,10}")  # numbers of 12 and 20 bits; a longer one is not part of a valid path
_VAULTS: Final = {
    "fuse.fuse-nio-adapter": "Cryptomator",
    "fuse.gocryptfs": "gocryptfs",
    "fuse.cryfs": "CryFS",
    "fuse.encfs": "EncFS",
    "fuse.securefs": "securefs",
    "ecryptfs": "eCryptfs",
}
_IN_MEMORY: Final = {
    "tmpfs",
    "ramfs",
    "devtmpfs",
}  # not on a disk, but it can be swapped to one whose encryption is unknown
_VERACRYPT: Final = re.compile(r"veracrypt\d+")
# cryptsetup's uuid is `CRYPT-<type>-…`. VERITY and INTEGRITY only verify, SUBDEV is a part; none of them encrypt.
_CRYPT: Final = re.compile(r"CRYPT-(?!VERITY-|INTEGRITY-|SUBDEV-)([A-Z0-9]+)-")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_FIELDS_BEFORE: Final = 6
_RANK: Final = (Protection.NOT_ENCRYPTED, Protection.CANNOT_TELL, Protection.ENCRYPTED_DISK, Protection.VAULT)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table.

    Args:
        number: The mount's id.
        device: `major:minor`; `0:…` if it is not a block device.
        point: The mount point.
        kind: The file system's type, such as `ext4` or `fuse.gocryptfs`.
        source: What is mounted, such as `/dev/sda1`.
    """

    number: int
    device: str
    point: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Layer:
    """How a block device is encrypted.

    Args:
        protection: How well it is encrypted.
        what: The kind of encryption or device.
    """

    protection: Protection
    what: str


def ask(path: Path) -> Place:
    """Return what `path`, an existing folder with its links resolved, is on."""
    table = Path("/proc/self/mountinfo").read_bytes().decode(errors="surrogateescape")
    return classify(str(path), table, sys_root=Path("/sys"), mount_id=mount_id(path), device_of=device_of)


def mount_id(path: Path) -> int | None:
    """Return the id of the mount that the kernel finds `path` on, or None if it does not say.

    The mount table alone is ambiguous if one mount hides another: `/mnt` mounted over `/mnt/vault`.
    """
    try:
        # O_PATH needs no read permission: it works for a dead vault and for another user's.
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        answer = Path(f"/proc/self/fdinfo/{folder}").read_text(encoding="ascii")
    except OSError:  # pragma: no cover  (a /proc without fdinfo)
        return None
    finally:
        os.close(folder)
    found = re.search(r"^mnt_id:\s*(\d+)$", answer, re.MULTILINE)
    return int(found[1]) if found else None


def device_of(source: str) -> str | None:
    """Return `major:minor` of a device node such as `/dev/mapper/home`, or None."""
    try:
        device = Path(source).stat().st_rdev
    except OSError:
        return None
    return f"{os.major(device)}:{os.minor(device)}" if device else None


def classify(
    path: str,
    mountinfo: str,
    *,
    sys_root: Path,
    mount_id: int | None = None,
    device_of: Callable[[str], str | None] = device_of,
) -> Place:
    """Return what `path` is on.

    Args:
        path: An absolute path with its links resolved.
        mountinfo: The text of `/proc/self/mountinfo`.
        sys_root: The root of the kernel's device tree: `/sys`.
        mount_id: The id of the mount that holds the path; None if the kernel does not say.
        device_of: Returns `major:minor` of a device node.
    """
    mount = mount_of(path, parse(mountinfo), mount_id)
    if mount is None:
        return Place(Protection.CANNOT_TELL, "an unknown file system", path)
    if mount.kind in _VAULTS:
        return Place(Protection.VAULT, _VAULTS[mount.kind], mount.point)
    if mount.kind in _IN_MEMORY:
        return Place(Protection.NOT_ENCRYPTED, mount.kind, mount.point)
    devices = _devices(mount, sys_root, device_of)
    if not devices:
        return Place(Protection.CANNOT_TELL, mount.kind, mount.point)
    layer = _weakest(_layer(device, sys_root) for device in devices)
    return Place(layer.protection, f"{mount.kind} on {layer.what}", mount.point)


def parse(mountinfo: str) -> Sequence[Mount]:
    """Parse the mount table."""
    mounts = []
    for line in mountinfo.split("\n"):  # a mount point may contain other characters at which splitlines() splits
        before, found, after = line.partition(" - ")
        fields = before.split(" ")
        damaged = not re.fullmatch(r"[0-9]{1,18}", fields[0]) or "\0" in _plain(line)
        if found and len(fields) >= _FIELDS_BEFORE and not damaged:
            kind, source, *_ = [*after.split(" "), ""]
            mounts.append(Mount(int(fields[0]), fields[2], _plain(fields[4]), _plain(kind), _plain(source)))
    return mounts


def mount_of(path: str, mounts: Sequence[Mount], number: int | None = None) -> Mount | None:
    """Return the mount that holds `path`: the one with that number, else the last of the longest matches."""
    if number is not None:
        for mount in mounts:
            if mount.number == number:
                return mount
    holding = [mount for mount in mounts if f"{path}/".startswith(f"{mount.point.rstrip('/')}/")]
    return max(enumerate(holding), key=lambda pair: (len(pair[1].point), pair[0]))[1] if holding else None


def _plain(field: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)


def _devices(mount: Mount, sys_root: Path, device_of: Callable[[str], str | None]) -> Sequence[str]:
    """Return every block device that holds a mount's files; empty if something else holds them."""
    if not mount.device.startswith("0:"):
        return [mount.device]
    if mount.kind != "btrfs":
        return []
    # btrfs reports a synthetic device number, and only one of its devices as the source; all of them must be encrypted.
    source = device_of(mount.source)
    for filesystem in sorted(sys_root.glob("fs/btrfs/*/devices")):
        members = [member for entry in sorted(filesystem.iterdir()) if (member := _text(entry / "dev"))]
        if source in members:
            return members
    return []


def _layer(device: str, sys_root: Path) -> Layer:
    if not _DEVICE.fullmatch(device):
        return _UNKNOWN
    return _folder_layer(sys_root / "dev" / "block" / device)


def _folder_layer(folder: Path) -> Layer:
    """Return how a block device is encrypted: directly, or because every device below it is.

    Args:
        folder: The device's folder under `/sys`.
    """
    name = _text(folder / "dm" / "name")
    if _VERACRYPT.fullmatch(name):
        return Layer(Protection.VAULT, "VeraCrypt")
    crypt = _CRYPT.match(_text(folder / "dm" / "uuid"))
    if crypt:
        return Layer(Protection.ENCRYPTED_DISK, crypt[1])
    if (folder / "loop").is_dir():
        return Layer(Protection.CANNOT_TELL, "a disk image")
    if (folder / "partition").is_file():
        return _folder_layer(Path(os.path.realpath(folder)).parent)
    try:
        below = sorted((folder / "slaves").iterdir())
    except OSError:
        below = []
    if below:
        return _weakest(_folder_layer(slave) for slave in below)
    return Layer(Protection.NOT_ENCRYPTED, "a plain disk") if folder.is_dir() else _UNKNOWN


_UNKNOWN: Final = Layer(Protection.CANNOT_TELL, "an unknown device")


def _weakest(layers: Iterable[Layer]) -> Layer:
    return min(layers, key=lambda layer: _RANK.index(layer.protection))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
