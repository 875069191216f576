"""Real vaults of other products, mounted for a test: gocryptfs and CryFS.

CryFS takes ten seconds to open a vault, so the tests of a module share one.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import require, systems
from tests.windows import drives

PASSPHRASE = "correct horse battery staple"  # for vaults that exist only during a test
NOBODY = 65534


@dataclass(frozen=True)
class Mounted:
    """An unlocked vault.

    Args:
        cipher: The folder with the encrypted files.
        point: The mount point.
        process: The process that serves it; None if a drive letter represents the vault (Windows).
    """

    cipher: Path
    point: Path
    process: subprocess.Popen[bytes] | None

    def kill(self) -> None:
        """Kill the process, which leaves the mount point dead."""
        systems.only_on("posix", "a mount can be left dead")
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)


def is_mounted(point: Path) -> bool:
    """Return whether the kernel lists a mount at `point`."""
    systems.only_on("linux", "the kernel lists the mounts")
    return f" {point} " in Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def unmount(point: Path, *, lazily: bool = False) -> None:
    """Unmount, whatever state the mount is in."""
    systems.only_on("posix", "a drive letter cannot be unmounted here")
    command = ["fusermount3", "-u", *(["-z"] if lazily else []), str(point)]
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def gocryptfs(folder: Path, *options: str) -> Iterator[Mounted]:
    """Create a gocryptfs vault in `folder` and mount it with the options, such as `-ro`."""
    if systems.WINDOWS:
        if options:
            systems.only_on("posix", "the mount has options")
        with drives.lettered("gocryptfs") as root:
            yield Mounted(folder / "cipher", root, None)
        return
    require.fuse()
    program = require.program("gocryptfs")
    cipher, point = folder / "cipher", folder / "drive"
    cipher.mkdir(exist_ok=True)
    point.mkdir(exist_ok=True)
    password = ["-q", "-nosyslog", "-extpass", f"echo {PASSPHRASE}"]
    if not list(cipher.glob("*gocryptfs*.conf")):
        reverse = [option for option in options if option == "-reverse"]
        subprocess.run([program, "-init", "-scryptn", "10", *password, *reverse, cipher], check=True)
    with _served([program, "-fg", *password, *options, str(cipher), str(point)], cipher, point) as mounted:
        yield mounted


@contextlib.contextmanager
def cryfs(folder: Path) -> Iterator[Mounted]:
    """Create a CryFS vault in `folder` and mount it."""
    if systems.WINDOWS:
        with drives.lettered("cryfs") as root:
            yield Mounted(folder / "cipher", root, None)
        return
    require.patience("CryFS takes ten seconds to open a vault")
    require.fuse()
    program = require.program("cryfs")
    cipher, point = folder / "cipher", folder / "drive"
    cipher.mkdir()
    point.mkdir()
    environment = {
        "CRYFS_FRONTEND": "noninteractive",  # no questions; the passphrase comes from standard input
        "CRYFS_NO_UPDATE_CHECK": "true",  # tests do not access the internet
        "CRYFS_LOCAL_STATE_DIR": str(folder / "state"),
    }
    command = [program, "-f", "--logfile", str(folder / "log"), str(cipher), str(point)]
    with _served(command, cipher, point, environment) as mounted:
        yield mounted


@contextlib.contextmanager
def _served(
    command: Sequence[str], cipher: Path, point: Path, environment: dict[str, str] | None = None
) -> Iterator[Mounted]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ | (environment or {})
    ) as process:
        assert process.stdin is not None
        process.stdin.write(PASSPHRASE.encode() + b"\n")
        process.stdin.close()
        try:
            while not is_mounted(point):
                assert process.poll() is None, f"{command[0]} ended with exit code {process.returncode}"
                time.sleep(0.01)
            yield Mounted(cipher, point, process)
        finally:
            if is_mounted(point):
                unmount(point, lazily=True)
            if not _ends(process):
                process.kill()
            process.wait(60)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a process whose mount is gone, and return whether it ended on its own."""
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextlib.contextmanager
def tmpfs(point: Path, size: str, *options: str) -> Iterator[Path]:
    """Mount an in-memory file system of a few kilobytes."""
    systems.root("linux", "only root can mount a file system")
    point.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Become a user other than the one who mounted."""
    systems.root("posix", "only root can become another user")
    group = os.getegid()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


@contextlib.contextmanager
def open_to_all() -> Iterator[Path]:
    """Yield a temporary folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="sheets-decrypt-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
