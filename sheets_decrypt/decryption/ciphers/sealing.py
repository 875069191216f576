"""The sending side of a sealed box, for `check`, `keygen` and the demonstration; surveys use the Twilio function."""

import base64
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sheets_decrypt.decryption.ciphers.sealed_box import CONTEXT, KEY, MARK, NONCE, encode_key
from sheets_decrypt.table import Secret


def generate() -> tuple[Secret, bytes]:
    """Make a key pair: the private key as it is stored, and the public key (32 bytes)."""
    private_key = X25519PrivateKey.generate()
    return Secret(encode_key(private_key.private_bytes_raw())), private_key.public_key().public_bytes_raw()


def seal(values: Sequence[str], public_key: bytes) -> list[str]:
    """Encrypt like our Twilio function: one ephemeral key for all values, a fresh nonce for each.

    Args:
        values: Plaintexts.
        public_key: The recipient's public key, 32 bytes.
    """
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    box = AESGCM(HKDF(hashes.SHA256(), length=KEY, salt=own + public_key, info=CONTEXT).derive(shared))

    def token(value: str) -> str:
        nonce = secrets.token_bytes(NONCE)
        return MARK + base64.b64encode(own + nonce + box.encrypt(nonce, value.encode(), CONTEXT)).decode()

    return [token(value) for value in values]
