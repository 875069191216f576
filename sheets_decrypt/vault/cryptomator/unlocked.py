"""An unlocked vault: find a file by its name, and record its identity."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sheets_decrypt.vault.cryptomator.changes import Changes
from sheets_decrypt.vault.cryptomator.content import COMBOS
from sheets_decrypt.vault.cryptomator.names import NameCipher
from sheets_decrypt.vault.cryptomator.opening import Opened
from sheets_decrypt.vault.cryptomator.stream import Encryptor
from sheets_decrypt.vault.cryptomator.tree import Entry, Kind, Tree


class UnlockedVault:
    """A vault whose keys are known.

    Args:
        folder: The vault's folder.
        opened: Its keys and settings.
    """

    def __init__(self, folder: Path, opened: Opened) -> None:
        self.cipher: Final = COMBOS[opened.combo](opened.keys)
        self.tree: Final = Tree(folder, NameCipher(opened.keys.siv(), opened.threshold), self._encrypted)
        self.changes: Final = Changes(self.cipher)

    def find(self, parts: Sequence[str]) -> Entry | None:
        """Find an entry, and record the file's identity.

        Args:
            parts: The names that lead to it from the root, in NFC.
        """
        folders, missing = self.tree.descend(parts[:-1])
        entry = None if missing else self.tree.find(folders[-1], parts[-1])
        self.changes.look("/".join(parts), content_of(entry))
        return entry

    def _encrypted(self, folder_id: str) -> bytes:
        """Encrypt the copy of a folder's id; the root's is a header and one empty chunk, as in Cryptomator."""
        out = bytearray()
        encryptor = Encryptor(self.cipher, out.extend)
        if folder_id:
            encryptor.write(folder_id.encode())
        else:
            encryptor.empty_chunk()
        encryptor.finish()
        return bytes(out)


def content_of(entry: Entry | None) -> Path | None:
    """Return the path of a file's content; None for anything but a file."""
    return entry.content if entry is not None and entry.kind is Kind.FILE else None
