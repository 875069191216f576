"""A process that can write to a synced vault's folder cannot make a run hang, fill its memory or crash it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.errors import VaultDamaged, VaultError, VaultUnusable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import mounts, quick_vault, systems
from tests.vault.contract import content, put
from tests.vault.cryptomator.disk import LONG, PASSPHRASE, on_disk, root_of
from tests.vault.cryptomator.test_left_overs import left_over

pytestmark = pytest.mark.system("posix", "needs named pipes and devices")

PLANTS: dict[str, Callable[[Path], None]] = {
    "a named pipe": lambda path: os.mkfifo(path),  # noqa: PLW0108  (Windows has none)
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=list(PLANTS))
def plant(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Put something other than a regular file at a path."""
    return PLANTS[request.param]


@pytest.fixture
def combo() -> str:
    """One cipher combination is enough here."""
    return "SIV_GCM"


@pytest.mark.parametrize("name", ["vault.cryptomator", "masterkey.cryptomator"])
def test_the_vaults_own_files_are_regular_files(
    vault: CryptomatorVault, storage: Path, plant: Callable[[Path], None], name: str
) -> None:
    """Anything else in their place is refused at once."""
    (storage / name).unlink()
    plant(storage / name)
    with pytest.raises(VaultUnusable, match=f"{name} cannot be read: a .*, not a regular file"):
        CryptomatorVault(storage, PASSPHRASE).check()


@pytest.mark.parametrize("part", ["name.c9s", "contents.c9r"])
def test_a_part_of_a_long_name_is_a_regular_file(
    vault: CryptomatorVault, storage: Path, plant: Callable[[Path], None], part: str
) -> None:
    """Such an entry is broken or skipped; listing and writing still work."""
    put(vault, LONG, b"x")
    (on_disk(storage, LONG) / part).unlink()
    plant(on_disk(storage, LONG) / part)
    assert list(vault.names("")) == ([] if part == "name.c9s" else [LONG])
    if part == "contents.c9r":
        with pytest.raises(VaultDamaged, match="broken"):
            content(vault, LONG)
    put(vault, "baseline.csv", b"x")


def test_a_folders_id_is_a_regular_file(vault: CryptomatorVault, storage: Path, plant: Callable[[Path], None]) -> None:
    """Anything else makes the folder a broken entry."""
    put(vault, "surveys/baseline.csv", b"x")
    (on_disk(storage, "surveys") / "dir.c9r").unlink()
    plant(on_disk(storage, "surveys") / "dir.c9r")
    with pytest.raises(VaultDamaged, match="broken"):
        vault.names("surveys")


def test_planted_temporary_names_do_not_stop_a_run(
    vault: CryptomatorVault, storage: Path, plant: Callable[[Path], None]
) -> None:
    """A planted leftover, or one with a planted folder id, is removed or left alone without waiting."""
    plant(left_over(root_of(storage)))
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    plant(prepared / "dir.c9r")
    put(vault, "baseline.csv", b"x")
    assert not prepared.exists()


_MEASURED = """
import resource, sys
from pathlib import Path
from sheets_decrypt.errors import VaultDamaged
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
vault = CryptomatorVault(Path(sys.argv[1]), Secret(sys.argv[2]))
vault.check()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with vault.replace("baseline.csv") as new:
    new.write(b"x")
try:
    vault.names("surveys")
except VaultDamaged:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_huge_folder_id_is_not_read(vault: CryptomatorVault, storage: Path) -> None:
    """A `dir.c9r` of 1.5 GB, in a folder or in a planted leftover, costs no memory."""
    systems.only_on("linux", "the peak is measured in kilobytes on Linux only")
    put(vault, "surveys/baseline.csv", b"x")
    prepared = left_over(root_of(storage))
    prepared.mkdir()
    for folder in (on_disk(storage, "surveys"), prepared):
        with (folder / "dir.c9r").open("wb") as file:
            file.truncate(1_500_000_000)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, storage, PASSPHRASE.reveal()], check=True, capture_output=True, timeout=100
    )
    assert int(done.stdout) < 20_000
    assert not prepared.exists()


def test_another_users_ciphertext_does_not_decide_who_may_write(vault: CryptomatorVault, storage: Path) -> None:
    """Only this user's file keeps its mode, without write permission for others."""
    systems.root("posix", "only root can make a file of another user")
    put(vault, "baseline.csv", b"x")
    on_disk(storage, "baseline.csv").chmod(0o666)
    put(vault, "baseline.csv", b"y")
    assert on_disk(storage, "baseline.csv").stat().st_mode & 0o777 == 0o664
    os.chown(on_disk(storage, "baseline.csv"), mounts.NOBODY, -1)
    on_disk(storage, "baseline.csv").chmod(0o606)
    put(vault, "baseline.csv", b"z")
    assert on_disk(storage, "baseline.csv").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault that all examples tamper with, each starting from the original masterkey."""
    folder = tmp_path_factory.mktemp("shared") / "vault"
    quick_vault.create(folder, PASSPHRASE)
    (folder / "original").write_bytes((folder / "masterkey.cryptomator").read_bytes())
    return folder


@given(
    cost=st.integers(-1, 31).map(lambda power: 2**power if power >= 0 else 0) | st.integers(-(2**31), 2**31 - 1),
    block=st.integers(-1, 40) | st.integers(-(2**31), 2**31 - 1),
)
@example(2**23, 1)
@example(2**23, 8)
@example(2**16, 1)
@example(2**15, 1)
@example(2, 2**30)
def test_absurd_scrypt_parameters_only_cause_an_error(shared: Path, cost: int, block: int) -> None:
    """Any N and r in a tampered masterkey cause a vault error, within a quarter of a gigabyte."""
    values = json.loads((shared / "original").read_bytes())
    values |= {"scryptCostParam": cost, "scryptBlockSize": block}
    if (cost, block) == (32768, 8):
        values["scryptSalt"] = base64.b64encode(b"tampered").decode()
    (shared / "masterkey.cryptomator").write_text(json.dumps(values))
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((VaultDamaged, VaultUnusable)) as caught:
        CryptomatorVault(shared, PASSPHRASE).check()
    is_tried = isinstance(caught.value, VaultUnusable)
    assert not is_tried or 128 * cost * block <= 256 * 1024**2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_the_parameters_of_other_programs_still_open(shared: Path) -> None:
    """Scrypt runs with up to 256 MiB: four times Cryptomator's cost is accepted, and only the passphrase is wrong."""
    values = json.loads((shared / "original").read_bytes()) | {"scryptCostParam": 2**17}
    (shared / "masterkey.cryptomator").write_text(json.dumps(values))
    with pytest.raises(VaultUnusable, match="passphrase"):
        CryptomatorVault(shared, Secret("another")).check()


@pytest.mark.parametrize(
    ("version", "words", "hint"),
    [
        (999, "has no vault.cryptomator", "wait until the vault is synced"),
        (7, "has format 7; only format 8", "open it once with Cryptomator"),
        (5, "has format 5; only format 8", "open it once with Cryptomator"),
        (None, "has no vault.cryptomator", "wait until the vault is synced"),
    ],
)
def test_a_half_synced_vault_is_not_called_an_old_one(shared: Path, version: int | None, words: str, hint: str) -> None:
    """Without `vault.cryptomator`, the masterkey's version separates format 8 (999) from the formats up to 7."""
    values = json.loads((shared / "original").read_bytes()) | {"version": version}
    (shared / "masterkey.cryptomator").write_text(json.dumps(values))
    config = (shared / "vault.cryptomator").read_bytes()
    (shared / "vault.cryptomator").unlink()
    try:
        with pytest.raises(VaultError, match=words) as caught:
            CryptomatorVault(shared, PASSPHRASE).check()
        assert hint in caught.value.hint
    finally:
        (shared / "vault.cryptomator").write_bytes(config)
