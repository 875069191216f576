"""A Cryptomator vault of format 8, written and read directly: no mount, and no plaintext on any file system.

    vault → {opening, tree, notes, storage} → {content, names} → keys

Facts of the format: Cryptomator's documentation (docs.cryptomator.org, "Security › Vault"), cryptolib and cryptofs.
"""

from sheets_decrypt.vault.cryptomator.vault import CryptomatorVault

__all__ = ["CryptomatorVault"]
