"""A new Cryptomator vault for each test, with either combination of ciphers."""

from pathlib import Path

import pytest

from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.content import Combo
from tests import quick_vault
from tests.vault.cryptomator.disk import PASSPHRASE


@pytest.fixture(params=["SIV_GCM", "SIV_CTRMAC"])
def combo(request: pytest.FixtureRequest) -> Combo:
    """Both ways in which a vault of format 8 may be encrypted."""
    return "SIV_GCM" if request.param == "SIV_GCM" else "SIV_CTRMAC"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The vault's folder."""
    return tmp_path / "vault"


@pytest.fixture
def vault(storage: Path, combo: Combo) -> CryptomatorVault:
    """A new vault, opened."""
    return quick_vault.create(storage, PASSPHRASE, cipher_combo=combo)
