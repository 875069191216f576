"""A Cryptomator vault of format 8, written and read directly: no mount, and no plaintext on any file system.

    vault → replacing → unlocked → {opening, tree, changes} → {vault_config, stream, storage, names} → content →
    {keys, own_files}

Each module knows only those to its right: `opening` the passphrase and the vault's keys, `vault_config` its settings,
`tree` folders and entries, `changes` what other programs did meanwhile, `stream` files as plaintext, `storage`
one-step renames and left-overs, `content` and `names` the ciphers, `own_files` how the vault's own two files are read.

Facts of the format: Cryptomator's documentation (docs.cryptomator.org, "Security › Vault"), cryptolib and cryptofs.
"""

from sheets_decrypt.vault.cryptomator.vault import CryptomatorVault

__all__ = ["CryptomatorVault"]
