"""A Cryptomator vault of format 8, written and read directly: no mount, and no plaintext on any file system.

    vault → replacing → unlocked → {opening, tree, changes} → {vault_config, stream, storage, names} → content →
    {keys, own_files}

Each module imports only those to its right: `opening` handles the passphrase and the vault's keys, `vault_config` its
settings, `tree` folders and entries, `changes` detects changes by other programs, `stream` reads and writes files as
plaintext, `storage` handles atomic renames and leftovers, `content` and `names` are the ciphers, and `own_files` reads
the vault's own two files.

Facts of the format: Cryptomator's documentation (docs.cryptomator.org, "Security › Vault"), cryptolib and cryptofs.
"""

from sheets_decrypt.vault.cryptomator.vault import CryptomatorVault

__all__ = ["CryptomatorVault"]
