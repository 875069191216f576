"""Where the CSV goes: a mounted vault drive, or a Cryptomator vault that is written directly.

`open_vault` chooses. `drive` writes to a mounted drive after `locked`, `volume` and `mark` have checked it;
`cryptomator` does its own encryption; `plain_folder` is for files without decrypted columns. This package knows the
configuration and the file system, but neither Google nor CSV.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from sheets_decrypt.config import Job, SecretSource, VaultFolder
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.drive import Drive
from sheets_decrypt.vault.interface import Vault
from sheets_decrypt.vault.plain_folder import PlainFolder

__all__ = ["open_also", "open_drive", "open_folder", "open_vault"]


def open_vault(job: Job, folder: VaultFolder | None, resolve: Callable[[SecretSource], Secret]) -> tuple[Vault, str]:
    """Return the vault that `job` writes to and the CSV's name there. Nothing is checked or read yet.

    Args:
        job: The job.
        folder: The Cryptomator vault that it writes to, or None for a mounted drive.
        resolve: Reads a secret; called for the vault's passphrase when the vault is unlocked.
    """
    if folder is None:
        return open_drive(job.output.parent, accept=job.accept, mark=job.mark), job.output.name
    return CryptomatorVault(folder.cryptomator, lambda: resolve(folder.passphrase)), job.output.as_posix()


def open_also(job: Job, vault: Vault) -> list[tuple[Vault, str]]:
    """Return the vault and the name of each further output of `job`; nothing is checked or read yet.

    Args:
        job: The job.
        vault: The vault that `open_vault` returned for it.
    """
    if job.vault is not None:
        return [(vault, file.as_posix()) for file in job.also]
    return [(open_drive(file.parent, accept=job.accept, mark=job.mark), file.name) for file in job.also]


def open_drive(folder: Path, *, accept: Sequence[str] = ("vault",), mark: str | None = None) -> Vault:
    """Return a folder on a mounted vault drive as a vault; see the configuration's `accept` and `mark`."""
    return Drive(folder, accept=accept, mark=mark)


def open_folder(folder: Path) -> PlainFolder:
    """Return an ordinary folder as a place for files that hold no decrypted column."""
    return PlainFolder(folder)
