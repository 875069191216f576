"""Bad places for a key file: an unencrypted disk, a synced folder, a repository, the program's own folder.

A key works there all the same, so these are warnings. The storage folder of a locked vault is refused, as for any file.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sheets_decrypt.vault import volume
from sheets_decrypt.vault.interface import Place, Protection
from sheets_decrypt.vault.locked import refuse_if_locked
from sheets_decrypt.vault.system_errors import resolve

# The folders that sync clients mirror to a server; also `OneDrive - Organisation` and `Dropbox (Personal)`.
_SYNCED: Final = re.compile(
    r"(OneDrive|Dropbox|Google ?Drive|iCloud ?Drive|com~apple~CloudDocs|Box|Box Sync|Nextcloud|ownCloud|MEGA|MEGAsync|"
    r"pCloud ?Drive|SynologyDrive|Yandex\.Disk)(?:[ -].*)?",
    re.IGNORECASE,
)
_DOUBTS: Final = {Protection.NOT_ENCRYPTED: "is not encrypted", Protection.CANNOT_TELL: "may not be encrypted"}


def exposures(path: Path) -> list[str]:
    """Return the reasons why `path` is a bad place for a key, each as the rest of a sentence; empty if it is not.

    Args:
        path: A file, existing or not; links are followed.

    Raises:
        VaultLocked: It is in the storage folder of a locked vault.
        VaultError: The system does not say which volume it is on.
    """
    place = volume.classify(path)
    in_a_vault = place.protection is Protection.VAULT
    refuse_if_locked(path, mount_point=Path(place.where) if in_a_vault else None)
    folders = resolve(path).parents
    return [*_plain(place), *_synced([] if in_a_vault else folders), *_published(folders)]


def _plain(place: Place) -> Iterator[str]:
    if doubt := _DOUBTS.get(place.protection):
        yield f"is on {place.where} ({place.what}), which {doubt}"


def _synced(folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        if found := _SYNCED.fullmatch(folder.name):
            yield f"is in {folder}, which {found[1]} copies to other computers"
            return


def _published(folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        if os.path.lexists(folder / "sheets_decrypt/__init__.py"):
            yield f"is in the program's own folder {folder}, which is handed on and replaced by updates"
        if os.path.lexists(folder / ".git"):
            yield f"is in the Git repository {folder}: one commit publishes the key"
            return
