"""Encrypt the names of files and folders.

A name is AES-SIV of its NFC form with the parent folder's id as associated data. A folder's content is
stored at an address that is a hash of its encrypted id. The root's id is the empty string.
"""

import base64
import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sheets_decrypt.errors import VaultUnusable

ROOT_ID: Final = ""
NAME: Final = ".c9r"
LONG_NAME: Final = ".c9s"

_LONGEST_NAME: Final = 255  # bytes; the limit of the file systems that vaults are mounted as
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")


def parts_of(name: str) -> tuple[str, ...]:
    """Split a relative POSIX path into names in NFC.

    Raises:
        VaultUnusable: It is not a plain relative path, or a part of it is not valid as a name on all systems.
    """
    parts = tuple(unicodedata.normalize("NFC", part) for part in name.split("/"))
    for part in parts:
        if not is_plain(part):
            raise VaultUnusable(
                f"{name!r} is not a path inside a vault",
                hint="use names separated by /, without . or .. and without a / at either end",
            )
        if len(part.encode()) > _LONGEST_NAME:
            raise VaultUnusable(f"the name {part!r} is longer than {_LONGEST_NAME} bytes", hint="choose a shorter name")
    return parts


def is_plain(name: str) -> bool:
    """Return whether `name` is a single name, and not a path that leads elsewhere."""
    return name not in {"", ".", ".."} and not any(sign in name for sign in "/\0") and _is_text(name)


def with_insert(name: str, text: str) -> str:
    """Insert `text` between a name's stem and suffix; the stem is shortened if the name would be too long."""
    path = PurePosixPath(name)
    room = max(_LONGEST_NAME - len((text + path.suffix).encode()), 0)
    return path.stem.encode()[:room].decode(errors="ignore") + text + path.suffix


class NameCipher:
    """Encrypts and decrypts the names of one vault.

    Args:
        siv: AES-SIV with the MAC key first.
        threshold: The length in characters, with `.c9r`, beyond which a name is shortened.
    """

    def __init__(self, siv: AESSIV, threshold: int) -> None:
        self._siv: Final = siv
        self._threshold: Final = threshold

    def address(self, folder_id: str) -> PurePosixPath:
        """Return the path of a folder's content relative to the vault's folder: `d/XX/<30 characters>`."""
        digest = hashlib.sha1(self._siv.encrypt(folder_id.encode(), None), usedforsecurity=False).digest()
        text = base64.b32encode(digest).decode()
        return PurePosixPath("d", text[:2], text[2:])

    def encrypt(self, name: str, parent_id: str) -> str:
        """Return the full encrypted name of `name` (NFC) in the folder `parent_id`, with `.c9r`."""
        # The root's id is one empty element of associated data, which differs from no element.
        return base64.urlsafe_b64encode(self._siv.encrypt(name.encode(), [parent_id.encode()])).decode() + NAME

    def on_disk(self, full: str) -> str:
        """Return the name on disk: the full one, or its hash with `.c9s` if that is longer than the threshold."""
        if len(full) <= self._threshold:
            return full
        digest = hashlib.sha1(full.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode() + LONG_NAME

    def decrypt(self, full: str, parent_id: str) -> str | None:
        """Return the name in NFC; None if it was damaged, moved here, or is a sync client's copy.

        Also None for a name that leads elsewhere (`..`, or with a `/`).
        """
        text = full.removesuffix(NAME)
        if not _BASE64URL.fullmatch(text) or len(text) % 4:
            return None
        try:
            name = self._siv.decrypt(base64.urlsafe_b64decode(text), [parent_id.encode()]).decode()
        except (InvalidTag, ValueError):
            return None
        name = unicodedata.normalize("NFC", name)
        return name if is_plain(name) else None


def _is_text(name: str) -> bool:
    """Return whether `name` can be encoded as UTF-8, which a lone surrogate cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
