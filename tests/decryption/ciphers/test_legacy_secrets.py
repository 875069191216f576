"""How crypto-js made a key from a legacy secret, and what can still be done where the result is not an AES key."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import legacy_cbc
from sheets_decrypt.decryption.ciphers.legacy_cbc import LegacyCbc, key_of
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Column, Secret
from tests import encryption

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def decrypted(secret: str, token: str) -> Column:
    """Decrypt one token with one secret."""
    body = legacy_cbc.read(token)
    assert body is not None
    return LegacyCbc([Secret(secret)]).decrypt([body])


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("", b"0" * 16),
        ("shortkey", b"shortkey00000000"),
        ("your_secret_key1", b"your_secret_key1"),
        ("a_secret_longer_than_sixteen_chars", b"a_secret_longer_"),
        ("a_secret_longer_é", b"a_secret_longer_"),
        ("a_secret_longer_\U0001f33e", b"a_secret_longer_"),
        ("a_secret_longer_\udcff", b"a_secret_longer_"),
    ],
)
def test_a_legacy_secret_gives_its_first_16_characters(secret: str, key: bytes) -> None:
    """The key is the first 16 characters, padded with `0`; later characters do not matter."""
    assert key_of(Secret(secret)) == key


BEYOND_ASCII = json.loads((encryption.VECTORS / "legacy_cbc_beyond_ascii.json").read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("size", [24, 32])
def test_a_legacy_secret_beyond_ascii_decrypts_as_crypto_js_does(size: int) -> None:
    """A secret whose first 16 characters are 24 or 32 bytes is an AES-192 or AES-256 key; crypto-js made the tokens."""
    vectors = [vector for vector in BEYOND_ASCII if vector["key_bytes"] == size]
    assert len({vector["secret"] for vector in vectors}) == 3
    for vector in vectors:
        column = decrypted(vector["secret"], vector["token"])
        assert column.values == [vector["plaintext"]]


@given(st.text(st.sampled_from("aé0ж"), min_size=16, max_size=20), TEXT)
def test_only_its_size_decides_whether_a_legacy_secret_is_refused(secret: str, text: str) -> None:
    """Whatever 16 to 32 bytes the first 16 characters are, the key is right or the secret is refused."""
    size = len(secret[:16].encode())
    if size not in {16, 24, 32}:
        with pytest.raises(KeyWrong):
            LegacyCbc([Secret(secret)])
        return
    token = encryption.legacy_cbc(text, secret)
    assert decrypted(secret, token).values == [text]


@pytest.mark.parametrize(
    "vector", {vector["secret"]: vector for vector in BEYOND_ASCII if vector["key_bytes"] not in {24, 32}}.values()
)
def test_a_legacy_secret_that_is_not_an_aes_key_is_refused_with_a_next_step(vector: dict[str, Any]) -> None:
    """The hint names crypto-js only where crypto-js reads its own tokens; the secret is never shown."""
    with pytest.raises(KeyWrong, match=f"are {vector['key_bytes']} bytes in UTF-8") as caught:
        LegacyCbc([Secret("your_secret_key1"), Secret(vector["secret"])])
    assert ("crypto-js" in caught.value.hint) is vector["reads"]
    assert ("nothing can decrypt" in caught.value.hint) is not vector["reads"]
    assert vector["secret"] not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("secret", ["\udcff", "a_secret_longer\U0001f33e"])
def test_a_legacy_secret_that_is_cut_within_a_character_is_refused(secret: str) -> None:
    """JavaScript's 16th character may be half of an emoji, which makes no key; the error does not show the secret."""
    with pytest.raises(KeyWrong) as caught:
        LegacyCbc([Secret(secret)])
    assert caught.value.message == "a legacy secret's first 16 characters are not text"
    assert caught.value.hint == legacy_cbc._ANOTHER
    assert caught.value.__suppress_context__
