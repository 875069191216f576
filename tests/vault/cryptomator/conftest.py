"""A new Cryptomator vault for each test, with either cipher combination, and a copy of one to tamper with."""

import os
import shutil
from pathlib import Path

import pytest

from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.content import Combo
from tests import quick_vault
from tests.vault.contract import put
from tests.vault.cryptomator import tampering
from tests.vault.cryptomator.disk import PASSPHRASE
from tests.vault.cryptomator.tampering import CHUNK, SIZE, encrypted


@pytest.fixture(params=["SIV_GCM", "SIV_CTRMAC"])
def combo(request: pytest.FixtureRequest) -> Combo:
    """Both cipher combinations of vault format 8."""
    return "SIV_GCM" if request.param == "SIV_GCM" else "SIV_CTRMAC"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The vault's folder."""
    return tmp_path / "vault"


@pytest.fixture
def vault(storage: Path, combo: Combo) -> CryptomatorVault:
    """A new, open vault."""
    return quick_vault.create(storage, PASSPHRASE, cipher_combo=combo)


@pytest.fixture(scope="module", params=["SIV_GCM", "SIV_CTRMAC"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with two files."""
    folder = tmp_path_factory.mktemp("original") / "vault"
    combo: Combo = "SIV_GCM" if request.param == "SIV_GCM" else "SIV_CTRMAC"
    vault = quick_vault.create(folder, tampering.PASSPHRASE, cipher_combo=combo)
    put(vault, "baseline.csv", os.urandom(SIZE))
    put(vault, "endline.csv", os.urandom(SIZE + 1))
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of that vault, to tamper with."""
    return shutil.copytree(original, tmp_path / "vault")


@pytest.fixture
def lengths(folder: Path) -> tuple[int, int]:
    """The lengths of a header and of a full chunk, in bytes."""
    return (68, CHUNK + 28) if encrypted(folder, SIZE, gcm=True).exists() else (88, CHUNK + 48)
