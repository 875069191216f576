"""Turn secrets into ciphers, and make a key pair. Reads secrets where the configuration says; writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sheets_decrypt.config import Keys
from sheets_decrypt.decryption.ciphers import FORMATS, sealed_box, sealing
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.errors import NO_KEY, KeyMissing
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.table import Format, Secret


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key pair; the public key in urlsafe base64."""

    private_key: Secret
    public_key: str
    fingerprint: str


def new_key_pair() -> KeyPair:
    """Make an X25519 key pair."""
    private_key, public_key = sealing.generate()
    return KeyPair(private_key, sealed_box.encode_key(public_key), sealed_box.fingerprint(public_key))


def read_keys(keys: Keys) -> Ciphers:
    """Read the secrets of a job and make its ciphers.

    Raises:
        KeyProblem: No key is configured, a key cannot be read, or a secret cannot be a key of its format.
    """
    sources = {
        Format.SEALED_BOX: keys.private_keys,
        Format.LEGACY_CBC: keys.legacy_secrets,
        Format.CRYPTOJS_PASSPHRASE: keys.passphrases,
    }
    if not any(sources.values()):
        raise KeyMissing("no key is configured", hint=NO_KEY)
    return ciphers_of({format_: [resolve(source) for source in found] for format_, found in sources.items()})


def ciphers_of(secrets: Mapping[Format, Sequence[Secret]]) -> Ciphers:
    """Make the cipher of every format that has a secret.

    Raises:
        KeyWrong: A secret cannot be a key of its format.
    """
    return {wire.format: wire.cipher(secrets[wire.format]) for wire in FORMATS if secrets.get(wire.format)}
