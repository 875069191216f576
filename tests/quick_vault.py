"""A Cryptomator vault that opens at once: Cryptomator's own scrypt is half the time of a test that opens it often."""

from pathlib import Path
from typing import Literal

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault


def create(
    folder: Path, passphrase: Secret, *, cipher_combo: Literal["SIV_GCM", "SIV_CTRMAC"] = "SIV_GCM"
) -> CryptomatorVault:
    """Create a vault whose passphrase is cheap to try."""
    return CryptomatorVault.create(folder, passphrase, cipher_combo=cipher_combo, scrypt_cost=2)
