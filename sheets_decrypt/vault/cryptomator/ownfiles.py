"""Reading a vault's own two files, which anyone who can write to a synced folder may have changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.errors import VaultDamaged, VaultUnusable

VAULT_FILE: Final = "vault.cryptomator"
MASTERKEY_FILE: Final = "masterkey.cryptomator"
TAMPERED: Final = "do not use this vault before you know who changed it; restore the file from a backup"

_LARGEST_FILE: Final = 64 * 1024


def content_of(path: Path) -> bytes:
    """Read one of the files.

    Raises:
        VaultUnusable: This user may not read it.
        VaultDamaged: It is far larger than any such file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise VaultUnusable(
            f"the vault's {path.name} cannot be read: {(error.strerror or 'unknown').lower()}",
            hint="check that this user may read the vault's folder",
        ) from None
    if len(content) > _LARGEST_FILE:
        raise VaultDamaged(f"{path.name} was changed: it is far too large", hint=TAMPERED)
    return content


def json_object(content: bytes, file: str) -> Mapping[str, Any]:
    """Take a JSON object apart.

    Raises:
        VaultDamaged: It is none; the message names `file`.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise VaultDamaged(f"{file} was changed: it holds no JSON object", hint=TAMPERED)
    return values
