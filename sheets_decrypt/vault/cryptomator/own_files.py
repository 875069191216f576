"""Read the vault's own two files, which anyone with write access to a synced folder may have changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.errors import VaultDamaged, VaultUnusable, reason_of
from sheets_decrypt.system.regular_file import FileTooLarge, read_small

VAULT_FILE: Final = "vault.cryptomator"
MASTERKEY_FILE: Final = "masterkey.cryptomator"
TAMPERED: Final = "do not use this vault until you know who changed it; restore the file from a backup"

_LIMIT: Final = 64 * 1024  # bytes; files from Cryptomator itself are smaller than 1 KiB


def read_own_file(path: Path) -> bytes:
    """Return the content of one of the two files.

    Raises:
        VaultUnusable: It cannot be read, or is not a regular file.
        VaultDamaged: It is far larger than any such file.
    """
    try:
        return read_small(path, limit=_LIMIT)
    except FileTooLarge:
        raise VaultDamaged(f"{path.name} was changed: it is far too large", hint=TAMPERED) from None
    except OSError as error:
        raise VaultUnusable(
            f"the vault's {path.name} cannot be read: {reason_of(error)}",
            hint="check the file, and that you have permission to read the vault's folder",
        ) from None


def json_object(content: bytes, file: str) -> Mapping[str, Any]:
    """Parse a JSON object.

    Raises:
        VaultDamaged: It is not one; the message names `file`.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise VaultDamaged(f"{file} was changed: it is not a JSON object", hint=TAMPERED)
    return values
