"""Where the CSV goes: a mounted vault drive, or a Cryptomator vault that is written directly."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sheets_decrypt.config import Job, SecretSource, VaultFolder
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.interface import Place, Protection, Vault


def open_vault(job: Job, folder: VaultFolder | None, resolve: Callable[[SecretSource], Secret]) -> tuple[Vault, str]:
    """Give the vault that `job` writes into and the CSV's name there. Nothing is checked or read yet.

    Args:
        job: The job.
        folder: The Cryptomator vault that it writes into, or None for a mounted drive.
        resolve: Reads a secret; asked for the vault's passphrase when the vault is unlocked.
    """
    if folder is None:
        return open_drive(job.output.parent, accept=job.accept, mark=job.mark), job.output.name
    from sheets_decrypt.vault.cryptomator import CryptomatorVault  # noqa: PLC0415  (only its users wait for it)

    return CryptomatorVault(folder.cryptomator, lambda: resolve(folder.passphrase)), job.output.as_posix()


def open_drive(folder: Path, *, accept: Sequence[str] = ("vault",), mark: str | None = None) -> Vault:
    """Give a folder on a mounted vault drive as a vault; see the configuration's `accept` and `mark`."""
    from sheets_decrypt.vault.drive import Drive  # noqa: PLC0415  (likewise)

    return Drive(folder, accept=accept, mark=mark)


def open_folder(folder: Path) -> Vault:
    """Give any folder as a place for files that hold no decrypted column. The inside of a locked vault is refused."""
    from sheets_decrypt.vault.drive import Drive  # noqa: PLC0415  (likewise)

    return Drive(folder, classify=lambda path: Place(Protection.VAULT, "folder", str(path)))
