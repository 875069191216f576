"""Only a point of the curve that is not one of the private keys may leave this computer as the public key."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import public_key, sealing
from sheets_decrypt.decryption.ciphers.sealed_box import encode_key
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Secret

PRIME = 2**255 - 19


def _has_a_root(square: int) -> bool:
    """Find a root modulo the prime by Atkin's method for primes congruent to 5 modulo 8, as RFC 7748's is."""
    root = pow(square, (PRIME + 3) // 8, PRIME)
    return pow(root, 2, PRIME) in {square % PRIME, -square % PRIME} and (
        pow(root, 2, PRIME) == square % PRIME or pow(root * pow(2, (PRIME - 1) // 4, PRIME), 2, PRIME) == square % PRIME
    )


@example((9).to_bytes(32, "little"))  # the base point
@given(st.binary(min_size=32, max_size=32).filter(any))
def test_only_points_of_the_curve_are_accepted_as_public_keys(key: bytes) -> None:
    """Half of all numbers are points, so a private key in place of the public one is refused half of the time."""
    x = int.from_bytes(key, "little")
    if _has_a_root(x**3 + 486662 * x**2 + x):
        assert public_key.check(encode_key(key)) == key
        return
    with pytest.raises(KeyWrong) as caught:
        public_key.check(encode_key(key))
    assert caught.value.message == "public_key is not a public key; it may be the private one"
    assert caught.value.hint == "copy the public key from `sheets-decrypt keygen`"


def test_what_is_no_key_is_refused() -> None:
    """The message names the setting and the form, and the hint says where a key comes from."""
    for text in ("no key", f"{encode_key(bytes(32))}X"):
        with pytest.raises(KeyWrong) as caught:
            public_key.check(text)
        assert caught.value.message == "public_key is not urlsafe base64 of 32 bytes"
        assert caught.value.hint == "copy the public key from `sheets-decrypt keygen`"


def test_one_of_the_private_keys_is_refused() -> None:
    """Every one of the private keys is refused, and no other key is."""
    private, public = sealing.generate()
    point = encode_key(public)
    assert public_key.check(point, [Secret("no key"), private]) == public
    with pytest.raises(KeyWrong) as caught:
        public_key.check(point, [private, Secret(point)])
    assert caught.value.message == "public_key holds the private key"
    assert caught.value.hint == "put the public key there; if anyone has seen this configuration, make new keys"
