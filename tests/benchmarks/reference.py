"""What our side is measured against: the script that this project replaces, pandas and one cell at a time.

The libraries are imported by name, so that the types are checked where the extra `benchmark` is not installed.
"""

import base64
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.benchmarks.sheets import ENCRYPTED, Kind

LIBRARIES: Final = ("pandas", "Crypto.Cipher.AES", "Crypto.Util.Padding")
_CONTEXT: Final = b"requests-to-twilio/v2"

Cell = Callable[[str], str]


def decrypt_file(kind: Kind, file: Path, output: Path, secret: str) -> None:
    """Read a CSV, decrypt its three columns, write a CSV."""
    frame = import_module("pandas").read_csv(file, dtype=str, keep_default_na=False)
    _decrypt(frame, kind, secret).to_csv(output, index=False)


def pull(kind: Kind, credentials: Path, spreadsheet: str, output: Path, secret: str) -> None:
    """Read a sheet by `get_all_records`, which turns what looks like a number into one; decrypt; write a CSV."""
    import gspread

    records = gspread.service_account(filename=credentials).open_by_key(spreadsheet).sheet1.get_all_records()
    _decrypt(import_module("pandas").DataFrame(records), kind, secret).to_csv(output, index=False)


def _decrypt(frame: Any, kind: Kind, secret: str) -> Any:
    cell = legacy_cell(secret) if kind is Kind.LEGACY else sealed_cell(secret)
    for column in ENCRYPTED:
        frame[column] = frame[column].apply(cell)
    return frame


def legacy_cell(secret: str) -> Cell:
    """Return a function that decrypts one legacy token with PyCryptodome."""
    aes, padding = import_module("Crypto.Cipher.AES"), import_module("Crypto.Util.Padding")
    key = secret[:16].ljust(16, "0").encode()

    def decrypt(token: str) -> str:
        body = base64.b64decode(token)
        decrypted = aes.new(key, aes.MODE_CBC, body[:16]).decrypt(body[16:])
        return str(padding.unpad(decrypted, 16).decode())

    return decrypt


def sealed_cell(secret: str) -> Cell:
    """Return a function that decrypts one sealed box, with the library calls that our side makes as well."""
    private_key = X25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(secret + "="))
    public_key = private_key.public_key().public_bytes_raw()

    def decrypt(token: str) -> str:
        body = base64.b64decode(token.removeprefix("v2:"))
        ephemeral, nonce, ciphertext = body[:32], body[32:44], body[44:]
        shared = private_key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        key = HKDF(hashes.SHA256(), length=32, salt=ephemeral + public_key, info=_CONTEXT).derive(shared)
        return AESGCM(key).decrypt(nonce, ciphertext, _CONTEXT).decode()

    return decrypt
