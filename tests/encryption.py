"""An independent implementation of the encryption of the three wire formats.

X25519 is RFC 7748's ladder in plain integers, HKDF is RFC 5869 with `hmac`, GCM is the block cipher's mode, and CBC is
chained by hand over single AES blocks. The tests compare the program with it.

Values that should be random are derived from the input, so that every run of the tests has the same tokens.
"""

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

VECTORS = Path(__file__).parent / "vectors"

_PRIME = 2**255 - 19
_BASE_POINT = (9).to_bytes(32, "little")
_INFO = b"requests-to-twilio/v2"


@dataclass(frozen=True)
class Vector:
    """A token made by the original JavaScript."""

    secret: str
    plaintext: str
    token: str


def vectors(format_: str) -> list[Vector]:
    """Read the vectors of one format, such as `sealed_box`."""
    found = json.loads((VECTORS / f"{format_}.json").read_text("utf-8"))["vectors"]
    return [
        Vector(vector.get("secret") or vector["private_key"], vector["plaintext"], vector["token"]) for vector in found
    ]


@functools.cache
def x25519(scalar: bytes, point: bytes) -> bytes:
    """Multiply a point by a scalar (RFC 7748, section 5)."""
    number = int.from_bytes(scalar, "little") & ~7 & (2**255 - 1) | 2**254
    x1 = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for position in range(254, -1, -1):
        bit = number >> position & 1
        if bit != swapped:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swapped = bit
        total, difference = (x2 + z2) % _PRIME, (x2 - z2) % _PRIME
        square, other_square = total * total % _PRIME, difference * difference % _PRIME
        crossed, other_crossed = (x3 - z3) * total % _PRIME, (x3 + z3) * difference % _PRIME
        gap = (square - other_square) % _PRIME
        x3, z3 = (crossed + other_crossed) ** 2 % _PRIME, x1 * (crossed - other_crossed) ** 2 % _PRIME
        x2, z2 = square * other_square % _PRIME, gap * (square + 121665 * gap) % _PRIME
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, -1, _PRIME) % _PRIME).to_bytes(32, "little") if z2 else bytes(32)


def key_text(key: bytes, *, padded: bool = False) -> str:
    """Encode 32 bytes as a key: urlsafe base64."""
    text = base64.urlsafe_b64encode(key).decode("ascii")
    return text if padded else text.rstrip("=")


def drawn(length: int, *parts: str | bytes) -> bytes:
    """Derive bytes from the input instead of random ones."""
    data = [part.encode("utf-8") if isinstance(part, str) else part for part in parts]
    return hashlib.shake_256(b"".join(len(part).to_bytes(4) + part for part in data)).digest(length)


def public_of(private_key: bytes) -> bytes:
    """Return the public key of a private one."""
    return x25519(private_key, _BASE_POINT)


def sealed_body(plaintext: bytes, private_key: bytes, ephemeral: bytes | None = None) -> bytes:
    """Return a sealed box's bytes for the owner of `private_key`; `ephemeral` is the sender's one-time private key."""
    ephemeral = ephemeral or drawn(32, "ephemeral", plaintext, private_key)
    public_key, own = public_of(private_key), public_of(ephemeral)
    extracted = hmac.digest(own + public_key, x25519(ephemeral, public_key), "sha256")
    key = hmac.digest(extracted, _INFO + b"\x01", "sha256")
    nonce = drawn(12, "nonce", plaintext, ephemeral)
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(_INFO)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return own + nonce + ciphertext + encryptor.tag


def sealed_token(body: bytes) -> str:
    """Encode a sealed box's bytes as a cell."""
    return "v2:" + base64.standard_b64encode(body).decode("ascii")


def sealed_box(plaintext: str, private_key: bytes, ephemeral: bytes | None = None) -> str:
    """Encrypt for the owner of `private_key`."""
    return sealed_token(sealed_body(plaintext.encode("utf-8"), private_key, ephemeral))


def sealed_row(plaintexts: Sequence[str], private_key: bytes) -> list[str]:
    """Encrypt like one call of the Twilio function, which shares the ephemeral key."""
    ephemeral = drawn(32, "row", *plaintexts)
    return [sealed_box(plaintext, private_key, ephemeral) for plaintext in plaintexts]


def legacy_cbc(plaintext: str | bytes, secret: str, iv: bytes | None = None) -> str:
    """Encrypt like the first Twilio function."""
    units = (secret + "0" * 16).encode("utf-16-le")[:32]  # JavaScript counts UTF-16 code units
    key = units.decode("utf-16-le").encode("utf-8")
    iv = iv or drawn(16, "iv", plaintext, secret)
    return base64.standard_b64encode(iv + _chained(key, iv, plaintext)).decode("ascii")


def cryptojs(plaintext: str | bytes, passphrase: str, salt: bytes | None = None) -> str:
    """Encrypt like `CryptoJS.AES.encrypt(value, passphrase).toString()` (OpenSSL's EVP_BytesToKey)."""
    salt = salt or drawn(8, "salt", plaintext, passphrase)
    material, last = b"", b""
    while len(material) < 48:
        digest = hashlib.new("md5", usedforsecurity=False)
        digest.update(last + passphrase.encode("utf-8") + salt)
        last = digest.digest()
        material += last
    return base64.standard_b64encode(b"Salted__" + salt + _chained(material[:32], material[32:48], plaintext)).decode(
        "ascii"
    )


def legacy_for_two(first: str, second: str) -> str:
    """Return a legacy token that two secrets decrypt to text.

    For one ciphertext block, the plaintexts of two keys differ by the same 16 bytes whatever the IV. Search for a block
    for which both can be ASCII with padding, then choose the IV.
    """
    count = 1 << 20
    blocks = b"".join(number.to_bytes(16) for number in range(count))
    one, two = (
        Cipher(algorithms.AES((secret + "0" * 16)[:16].encode()), modes.ECB()).decryptor().update(blocks)
        for secret in (first, second)
    )
    difference = (int.from_bytes(one) ^ int.from_bytes(two)).to_bytes(len(blocks))
    for start in range(0, len(blocks), 16):
        between = difference[start : start + 16]
        padding = between[15] ^ 1  # the first text is padded by 1 byte, the second by this many
        if 1 < padding < 16 and between.isascii():
            text = [ord("a")] * (16 - padding) + [padding ^ byte for byte in between[16 - padding : 15]] + [1]
            iv = bytes(byte ^ wanted for byte, wanted in zip(one[start : start + 16], text, strict=True))
            return base64.standard_b64encode(iv + blocks[start : start + 16]).decode("ascii")
    raise AssertionError


def _chained(key: bytes, iv: bytes, plaintext: str | bytes) -> bytes:
    """Encrypt with CBC by hand, padded by PKCS#7 (NIST SP 800-38A, 6.2; RFC 5652, 6.3)."""
    data = plaintext.encode("utf-8") if isinstance(plaintext, str) else plaintext
    length = 16 - len(data) % 16
    data += bytes([length] * length)
    block_cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    blocks = [iv]
    for start in range(0, len(data), 16):
        mixed = int.from_bytes(data[start : start + 16]) ^ int.from_bytes(blocks[-1])
        blocks.append(block_cipher.update(mixed.to_bytes(16)))
    return b"".join(blocks[1:])
