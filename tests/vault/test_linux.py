"""On Linux, the mount table and the tree of block devices decide how a path is encrypted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt.vault import linux
from sheets_decrypt.vault.interface import Place, Protection
from tests import mounts, systems

pytestmark = pytest.mark.system("posix", "the tests create the kernel's links, and paths begin with /")

VAULT, DISK = Protection.VAULT, Protection.ENCRYPTED_DISK
PLAIN, UNKNOWN = Protection.NOT_ENCRYPTED, Protection.CANNOT_TELL

ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"

Device = Callable[..., Path]


@pytest.fixture
def sys_root(tmp_path: Path) -> Path:
    """An empty device tree."""
    for folder in ("dev/block", "devices", "fs/btrfs"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def device(sys_root: Path) -> Device:
    """Return a function that creates a block device as the kernel shows it, with its underlying devices."""

    def make(number: str, *slaves: Path, name: str = "", uuid: str = "", partition_of: Path | None = None) -> Path:
        folder = (partition_of or sys_root / "devices") / f"block-{number.replace(':', '-')}"
        folder.mkdir()
        (folder / "dev").write_text(f"{number}\n")
        if partition_of is None:
            (folder / "slaves").mkdir()
        else:
            (folder / "partition").write_text("1\n")
        for slave in slaves:
            (folder / "slaves" / slave.name).symlink_to(slave)
        if name or uuid:
            (folder / "dm").mkdir()
            (folder / "dm" / "name").write_text(f"{name}\n")
            (folder / "dm" / "uuid").write_text(f"{uuid}\n")
        (sys_root / "dev" / "block" / number).symlink_to(folder)
        return folder

    return make


def classify(path: str, sys_root: Path, *lines: str, mount_id: int | None = None, source: str | None = None) -> Place:
    """Classify a path on the given mounts, with a plain root below them."""
    table = "\n".join([ROOT, *lines, ""])
    return linux.classify(path, table, sys_root=sys_root, mount_id=mount_id, device_of=lambda _: source)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("fuse.fuse-nio-adapter", "Cryptomator"),
        ("fuse.gocryptfs", "gocryptfs"),
        ("fuse.cryfs", "CryFS"),
        ("fuse.encfs", "EncFS"),
        ("fuse.securefs", "securefs"),
        ("ecryptfs", "eCryptfs"),
    ],
)
def test_vaults_are_known_by_the_type_of_their_file_system(sys_root: Path, kind: str, what: str) -> None:
    """Each vault's file system type is a vault, at the mount point and below."""
    line = f"40 22 0:39 / /mnt/vault rw,nosuid - {kind} whatever rw,user_id=0"
    for path in ("/mnt/vault", "/mnt/vault/surveys"):
        assert classify(path, sys_root, line) == Place(VAULT, what, "/mnt/vault")


@pytest.mark.parametrize("path", ["/mnt/vault2", "/mnt/vaul", "/mnt", "/"])
def test_a_similar_path_is_not_the_vault(sys_root: Path, device: Device, path: str) -> None:
    """Only whole names match: `/mnt/vault2` is not inside `/mnt/vault`."""
    device("8:1")
    line = "40 22 0:39 / /mnt/vault rw - fuse.gocryptfs /c rw"
    assert classify(path, sys_root, line) == Place(PLAIN, "ext4 on a plain disk", "/")


@pytest.mark.parametrize(
    "kind",
    [
        "zfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "overlay", "autofs", "fuse.sshfs", "fuse.rclone",
        "fuse.gocryptfs-reverse", "fuse", "fuse.gvfsd-fuse", "bcachefs", "proc",
    ],
)  # fmt: skip
def test_other_file_systems_are_of_unknown_protection(sys_root: Path, kind: str) -> None:
    """Networks, unknown FUSE programs and layered file systems are neither accepted nor called unencrypted."""
    line = f"40 22 0:39 / /mnt/other rw - {kind} somewhere rw"
    assert classify("/mnt/other/x", sys_root, line) == Place(UNKNOWN, kind, "/mnt/other")


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs", "devtmpfs"])
def test_memory_is_not_encrypted(sys_root: Path, kind: str) -> None:
    """Files in memory may be swapped to an unencrypted disk."""
    assert classify("/run/x", sys_root, f"40 22 0:30 / /run rw - {kind} {kind} rw") == Place(PLAIN, kind, "/run")


def test_names_are_unescaped(sys_root: Path) -> None:
    """Space, tab, line break and backslash in a mount point are written as octal numbers."""
    line = r"40 22 0:39 / /mnt/my\040vault\011a\012b\134c rw - fuse.gocryptfs /my\040c rw"
    assert classify("/mnt/my vault\ta\nb\\c/surveys", sys_root, line).where == "/mnt/my vault\ta\nb\\c"


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_a_line_break_ends_a_line(sys_root: Path, sign: str) -> None:
    """The kernel writes other characters that could be taken for a line break unescaped; such a vault is found."""
    line = f"40 22 0:39 / /mnt/my{sign}vault rw - fuse.gocryptfs /c rw"
    assert classify(f"/mnt/my{sign}vault/x", sys_root, line) == Place(VAULT, "gocryptfs", f"/mnt/my{sign}vault")


def test_the_last_of_equal_mounts_wins(sys_root: Path, device: Device) -> None:
    """A vault mounted over an automounter is a vault; a disk mounted over a vault is a disk."""
    device("8:2")
    below = "40 22 0:38 / /mnt/vault rw - autofs systemd-1 rw"
    vault = "41 40 0:39 / /mnt/vault rw - fuse.cryfs cryfs@/c rw"
    disk = "42 41 8:2 / /mnt/vault rw - ext4 /dev/sda2 rw"
    assert classify("/mnt/vault", sys_root, below, vault).protection is VAULT
    assert classify("/mnt/vault", sys_root, below, vault, disk).protection is PLAIN
    assert classify("/mnt/vault", sys_root, below).protection is UNKNOWN


def test_the_kernels_answer_wins_over_the_longest_match(sys_root: Path, device: Device) -> None:
    """`/mnt` mounted over `/mnt/vault` hides it, as only the mount's number shows; an unknown number is ignored."""
    device("8:2")
    lines = ("40 22 0:39 / /mnt/vault rw - fuse.cryfs c rw", "41 22 8:2 / /mnt rw - ext4 /dev/sda2 rw")
    assert classify("/mnt/vault", sys_root, *lines, mount_id=41) == Place(PLAIN, "ext4 on a plain disk", "/mnt")
    assert classify("/mnt/vault", sys_root, *lines, mount_id=40).protection is VAULT
    assert classify("/mnt/vault", sys_root, *lines, mount_id=99).protection is VAULT


def test_a_bind_mount_of_a_vaults_folder_is_the_vault(sys_root: Path) -> None:
    """A bind mount of a vault's sub-folder has the vault's file system type."""
    lines = ("40 22 0:39 / /mnt/vault rw - fuse.cryfs c rw", "41 22 0:39 /surveys /srv/surveys rw - fuse.cryfs c rw")
    assert classify("/srv/surveys/x", sys_root, *lines) == Place(VAULT, "CryFS", "/srv/surveys")


@pytest.mark.parametrize("line", ["", "nonsense", "1 2 3", "40 22 0:39 / - ext4", "40 22 8:1 / /mnt rw ext4 /dev/sda1"])
def test_lines_that_are_not_mounts_are_skipped(sys_root: Path, line: str) -> None:
    """A line of another form neither fails nor counts as a mount."""
    assert linux.parse(line) == []
    assert linux.classify("/mnt", line, sys_root=sys_root) == Place(UNKNOWN, "an unknown file system", "/mnt")


def test_a_mount_without_a_source_is_read(sys_root: Path) -> None:
    """The source may be empty or missing."""
    assert classify("/m/x", sys_root, "40 22 0:39 / /m rw -  rw").protection is UNKNOWN
    assert classify("/m/x", sys_root, "40 22 0:39 / /m rw - fuse.cryfs").protection is VAULT


@pytest.mark.parametrize(
    ("name", "uuid", "answer", "what"),
    [
        ("veracrypt1", "", VAULT, "VeraCrypt"),
        ("veracrypt64", "VERACRYPT-", VAULT, "VeraCrypt"),
        ("home", "CRYPT-LUKS2-0123-home", DISK, "LUKS2"),
        ("home", "CRYPT-LUKS1-0123-home", DISK, "LUKS1"),
        ("tc", "CRYPT-TCRYPT-tc", DISK, "TCRYPT"),
        ("bit", "CRYPT-BITLK-0123-bit", DISK, "BITLK"),
        ("root", "CRYPT-VERITY-0123-root", PLAIN, "a plain disk"),
        ("root", "CRYPT-INTEGRITY-0123-root", PLAIN, "a plain disk"),
        ("vg-root", "LVM-0123", PLAIN, "a plain disk"),
        ("my-veracrypt1", "", PLAIN, "a plain disk"),
        ("veracrypt", "", PLAIN, "a plain disk"),
        ("veracrypt1_part", "", PLAIN, "a plain disk"),
        ("x", "XCRYPT-LUKS2-0123", PLAIN, "a plain disk"),
    ],
)
@pytest.mark.parametrize("kind", ["ext4", "fuseblk", "ntfs3", "exfat", "xfs"])
def test_the_device_mapper_shows_the_encryption(
    sys_root: Path, device: Device, name: str, uuid: str, answer: Protection, what: str, kind: str
) -> None:
    """VeraCrypt is known by its name, cryptsetup by its UUID; integrity checking alone is not encryption."""
    device("253:0", name=name, uuid=uuid)
    line = f"40 22 253:0 / /mnt/x rw - {kind} /dev/mapper/{name} rw"
    assert classify("/mnt/x/y", sys_root, line) == Place(answer, f"{kind} on {what}", "/mnt/x")


def test_encryption_is_found_below_other_layers(sys_root: Path, device: Device) -> None:
    """LVM on LUKS on a partition, a partition on an encrypted array, and verity on LUKS are encrypted."""
    disk = device("8:0")
    part = device("8:2", partition_of=disk)
    luks = device("253:0", part, name="luks", uuid="CRYPT-LUKS2-1-luks")
    device("253:1", luks, name="vg-home", uuid="LVM-abc")
    device("253:2", luks, name="check", uuid="CRYPT-VERITY-1-check")
    array = device("9:0", luks)
    device("259:1", partition_of=array)
    vera = device("253:5", name="veracrypt1")
    device("253:6", vera, name="part1", uuid="part1-veracrypt")
    for number, answer in (("253:1", DISK), ("253:2", DISK), ("9:0", DISK), ("259:1", DISK), ("253:6", VAULT)):
        line = f"40 22 {number} / /mnt/x rw - ext4 /dev/x rw"
        assert classify("/mnt/x", sys_root, line).protection is answer, number


def test_every_underlying_device_must_be_encrypted(sys_root: Path, device: Device) -> None:
    """One unencrypted disk makes the whole array unencrypted: the weakest part decides."""
    plain = device("8:0")
    luks = device("253:0", plain, name="luks", uuid="CRYPT-LUKS2-1-luks")
    vera = device("253:1", name="veracrypt1")
    device("9:0", luks, plain)
    device("9:1", luks, vera)
    device("9:2", vera)
    for number, answer in (("9:0", PLAIN), ("9:1", DISK), ("9:2", VAULT)):
        line = f"40 22 {number} / /mnt/x rw - ext4 /dev/md0 rw"
        assert classify("/mnt/x", sys_root, line).protection is answer, number


def test_a_plain_partition_is_plain(sys_root: Path, device: Device) -> None:
    """A partition has no layers of its own, so its disk decides."""
    device("8:1", partition_of=device("8:0"))
    assert classify("/home", sys_root) == Place(PLAIN, "ext4 on a plain disk", "/")


def test_a_disk_image_is_of_unknown_protection(sys_root: Path, device: Device) -> None:
    """The location of a disk image's file is not looked up."""
    (device("7:0") / "loop").mkdir()
    line = "40 22 7:0 / /mnt/image rw - ext4 /dev/loop0 rw"
    assert classify("/mnt/image", sys_root, line) == Place(UNKNOWN, "ext4 on a disk image", "/mnt/image")


def test_a_device_missing_from_sys_is_of_unknown_protection(sys_root: Path) -> None:
    """Nothing is known about a device without a folder in /sys."""
    assert classify("/home", sys_root) == Place(UNKNOWN, "ext4 on an unknown device", "/")


@pytest.mark.parametrize(("second", "answer"), [("253:1", DISK), ("8:1", PLAIN), (None, DISK)])
def test_every_device_of_a_btrfs_counts(sys_root: Path, device: Device, second: str | None, answer: Protection) -> None:
    """Btrfs reports a synthetic device number; its source identifies the file system, which lists every device."""
    first = device("253:0", name="a", uuid="CRYPT-LUKS2-1-a")
    others = {"253:1": device("253:1", name="b", uuid="CRYPT-LUKS2-2-b"), "8:1": device("8:1")}
    for uuid, members in (("0-other", [others["8:1"]]), ("1-ours", [first, *([others[second]] if second else [])])):
        folder = sys_root / "fs" / "btrfs" / uuid / "devices"
        folder.mkdir(parents=True)
        for member in members:
            (folder / member.name).symlink_to(member)
    line = "40 22 0:44 /@home /home rw - btrfs /dev/mapper/a rw,subvol=/@home"
    assert classify("/home/x", sys_root, line, source="253:0").protection is answer
    assert classify("/home/x", sys_root, line, source=None) == Place(UNKNOWN, "btrfs", "/home")


def test_the_kernel_names_the_mount_of_a_real_folder(tmp_path: Path) -> None:
    """The mount number of a real folder is in the real table, and a missing folder has none."""
    systems.only_on("linux", "asks the Linux kernel")
    table = linux.parse(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    assert linux.mount_id(tmp_path) in {mount.number for mount in table}
    assert linux.mount_id(tmp_path / "missing") is None
    assert linux.ask(Path("/proc")).what == "proc"


def test_a_real_mount_that_hides_a_vault_is_noticed(tmp_path: Path) -> None:
    """A path under an in-memory file system that is mounted over a vault's parent folder is in memory."""
    (tmp_path / "above").mkdir()
    with mounts.gocryptfs(tmp_path / "above") as mounted:
        assert linux.ask(mounted.point).protection is VAULT
        with mounts.tmpfs(tmp_path / "above", "64k"):
            mounted.point.mkdir()
            assert linux.ask(mounted.point) == Place(PLAIN, "tmpfs", str(tmp_path / "above"))


def test_a_real_bind_mount_of_a_vaults_folder_is_the_vault(tmp_path: Path) -> None:
    """A bind mount of a vault's folder is a vault; one of its encrypted files is a locked vault."""
    import subprocess

    from sheets_decrypt.errors import VaultLocked
    from sheets_decrypt.vault.drive import Drive

    systems.root("posix", "only root can mount a folder elsewhere")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with mounts.gocryptfs(tmp_path) as mounted:
        (mounted.point / "surveys").mkdir()
        inside = next(path for path in mounted.cipher.iterdir() if path.is_dir())
        subprocess.run(["mount", "--bind", mounted.point / "surveys", elsewhere], check=True)
        try:
            assert Drive(elsewhere).check() == Place(VAULT, "gocryptfs", str(elsewhere))
        finally:
            subprocess.run(["umount", elsewhere], check=True)
        subprocess.run(["mount", "--bind", inside, elsewhere], check=True)
        try:
            with pytest.raises(VaultLocked):
                Drive(elsewhere, accept=("vault", "encrypted disk", "cannot tell")).check()
        finally:
            subprocess.run(["umount", elsewhere], check=True)


def test_only_a_device_node_has_a_device_number() -> None:
    """A device node has a number; a folder and a missing file have none."""
    systems.only_on("linux", "asks the Linux kernel")
    assert linux.device_of("/dev/null") == "1:3"
    assert linux.device_of("/") is None
    assert linux.device_of("/dev/missing") is None
