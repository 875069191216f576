"""A Cryptomator vault of format 8, written and read directly: no mount, and no plaintext on any file system.

    vault → replacing → inside → {opening, tree, changes} → {stream, storage, names} → content → keys

Each module knows only those to its right: `opening` the vault's two files and its passphrase, `tree` folders and
entries, `changes` what other programs did meanwhile, `stream` files as plaintext, `storage` one-step renames and
left-overs, `content` and `names` the ciphers.

Facts of the format: Cryptomator's documentation (docs.cryptomator.org, "Security › Vault"), cryptolib and cryptofs.
"""

from sheets_decrypt.vault.cryptomator.vault import CryptomatorVault

__all__ = ["CryptomatorVault"]
