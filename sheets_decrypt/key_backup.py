"""A backup of a private key: a page to read, print and type back from, and the file that holds it."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sheets_decrypt.decryption.ciphers import backup_text, sealed_box
from sheets_decrypt.errors import ConfigurationError, KeyWrong, VaultNotEncrypted
from sheets_decrypt.system.private_file import write_private_text
from sheets_decrypt.table import Secret
from sheets_decrypt.vault import open_drive
from sheets_decrypt.vault.exposure import exposures

_ENCRYPTED: Final = ("vault", "encrypted disk")
_PAGE: Final = """\
BACKUP OF A SURVEY'S PRIVATE KEY

survey:       {survey}
page made:    {made:%Y-%m-%d %H:%M %Z}
fingerprint:  {fingerprint}
public key:   {public_key}

Whoever reads this page can decrypt the survey's answers. Keep it in the vault, or print it and
lock the paper away: no mail, no chat, no photo, no folder in a cloud.

The private key:

    {lines}

To restore it:

1. Run   sheets-decrypt secret set {entry}
   and type the four lines, each with Enter. Nothing is shown while you type. Capitals and blanks
   do not matter. A line with a mistake is asked for again.
   From a file: sheets-decrypt secret set {entry} < FILE
   In PowerShell: Get-Content FILE | sheets-decrypt secret set {entry}
2. Run   sheets-decrypt secret test {entry}
   It must print the fingerprint {fingerprint}.
3. Run   sheets-decrypt check

On a computer without a keyring, put this page's file, or a text file with the four lines, onto the
vault's drive, and name it in the configuration: private_keys = [{{ file = "PATH" }}]
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """The content of a backup.

    Args:
        private_key: The key, in any form that can be read.
        survey: The survey that it belongs to; blank leaves a line to fill in by hand.
        entry: The keyring entry to restore it to, `service/name`.
        made: When the page was made, with a zone.
    """

    private_key: Secret
    survey: str
    entry: str
    made: datetime

    def page(self) -> str:
        """Return the page. It holds the key.

        Raises:
            KeyWrong: The secret is not a private key.
        """
        key = sealed_box.decode_private_key(self.private_key.reveal())
        if key is None:
            raise KeyWrong(
                f"{self.entry} does not hold a private key", hint="only a private key has a backup in four lines"
            )
        public_key = sealed_box.PrivateKey(self.private_key).public_key
        return _PAGE.format(
            survey=self.survey or "_" * 40,
            made=self.made,
            fingerprint=sealed_box.fingerprint(public_key),
            public_key=sealed_box.encode_key(public_key),
            lines="\n    ".join(backup_text.write(key)),
            entry=self.entry,
        )


def refuse(path: Path, survey: str, *, plain_disk: bool) -> None:
    """Before a key is made, refuse a backup file that already exists, and a place that is not encrypted.

    Args:
        path: The backup's file.
        survey: Its name on the page.
        plain_disk: Whether it may be on a disk that is not encrypted.

    Raises:
        ConfigurationError: The file already exists, or the name has a line break or another control character.
        VaultError: It would be readable on the disk.
    """
    if not survey.isprintable():
        raise ConfigurationError("--survey has a control character", hint="write the survey's name in one line")
    if os.path.lexists(path):
        raise ConfigurationError(f"{path} already exists", hint="choose another name for the backup")
    if plain_disk:
        exposures(path)  # refuses a folder inside a locked vault
        return
    try:
        open_drive(path.absolute().parent, accept=_ENCRYPTED).check()
    except VaultNotEncrypted as error:
        raise VaultNotEncrypted(
            f"the backup holds the private key, and {error.message}",
            hint="name a file on the unlocked vault's drive; for a page to print and then delete, add --plain-disk",
        ) from None


def write(path: Path, backup: Backup) -> None:
    """Write a backup to a file that only its owner can read; never overwrite a file.

    Raises:
        ConfigurationError: The file already exists, or cannot be written.
        KeyWrong: The secret is not a private key.
    """
    write_private_text(path, backup.page())
