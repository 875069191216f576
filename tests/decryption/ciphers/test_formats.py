"""Every format decrypts tokens of the original JavaScript and of an independent encryption, with every kind of key."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import FORMATS, Cipher, sealing
from sheets_decrypt.decryption.ciphers.cryptojs_passphrase import CryptoJsPassphrase
from sheets_decrypt.decryption.ciphers.legacy_cbc import LegacyCbc
from sheets_decrypt.decryption.ciphers.sealed_box import (
    PrivateKey,
    SealedBox,
    decode_key,
    encode_key,
    ephemerals_of,
    fingerprint,
)
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import NO_KEY_FITTED, Column, Format, Reason, Secret
from tests import encryption

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PRIVATE = bytes(range(1, 33))
OTHER = bytes(range(101, 133))
WIRES = {wire.format: wire for wire in FORMATS}
BOX = SealedBox([Secret(encryption.key_text(PRIVATE))])
LEGACY = LegacyCbc([Secret("your_secret_key1")])
PASSPHRASE = CryptoJsPassphrase([Secret("correct horse battery staple")])


def opened(format_: Format, cipher: Cipher, *tokens: str) -> Column:
    """Read tokens as cells of a format, and decrypt them in one call."""
    bodies = [WIRES[format_].read(token) for token in tokens]
    return cipher.decrypt([body for body in bodies if body is not None])


@pytest.mark.parametrize(
    ("format_", "file"),
    [
        (Format.SEALED_BOX, "sealed_box"),
        (Format.LEGACY_CBC, "legacy_cbc"),
        (Format.CRYPTOJS_PASSPHRASE, "cryptojs_passphrase"),
    ],
)
def test_every_vector_decrypts_to_its_plaintext(format_: Format, file: str) -> None:
    """Every token of the original JavaScript is read as its own format and gives its plaintext, all in one call."""
    vectors = encryption.vectors(file)
    assert len(vectors) >= 29
    for secret in {vector.secret for vector in vectors}:
        mine = [vector for vector in vectors if vector.secret == secret]
        cipher = WIRES[format_].cipher([Secret(secret)])
        column = opened(format_, cipher, *(vector.token for vector in mine))
        assert list(column.values) == [vector.plaintext for vector in mine]
        assert column.keys == bytes(len(mine))
        firsts = [next(wire.format for wire in FORMATS if wire.read(vector.token) is not None) for vector in mine]
        assert set(firsts) == {format_}


def test_the_formats_are_tried_in_the_order_of_the_design() -> None:
    """The order is sealed box, CryptoJS, legacy, and only the first is authenticated."""
    assert [wire.format for wire in FORMATS] == list(Format)
    assert [wire.authenticated for wire in FORMATS] == [True, False, False]


@given(TEXT)
def test_a_sealed_box_of_any_text_comes_back(text: str) -> None:
    """A text that the independent encryption seals is opened unchanged."""
    assert opened(Format.SEALED_BOX, BOX, encryption.sealed_box(text, PRIVATE)).values == [text]


@given(TEXT)
def test_a_legacy_token_of_any_text_comes_back(text: str) -> None:
    """A text that the independent encryption chains is decrypted unchanged."""
    assert opened(Format.LEGACY_CBC, LEGACY, encryption.legacy_cbc(text, "your_secret_key1")).values == [text]


@given(TEXT)
def test_a_cryptojs_token_of_any_text_comes_back(text: str) -> None:
    """A text that the independent EVP_BytesToKey and CBC encrypt is decrypted unchanged."""
    token = encryption.cryptojs(text, "correct horse battery staple")
    assert opened(Format.CRYPTOJS_PASSPHRASE, PASSPHRASE, token).values == [text]


@given(st.lists(TEXT, max_size=6))
def test_a_column_decrypted_in_one_call_keeps_its_order(texts: list[str]) -> None:
    """Tokens of any length that are decrypted in one call keep their order, whatever comes before them."""
    tokens = [encryption.legacy_cbc(text, "your_secret_key1") for text in texts]
    assert list(opened(Format.LEGACY_CBC, LEGACY, *tokens).values) == texts
    row = encryption.sealed_row(texts, PRIVATE)
    assert list(opened(Format.SEALED_BOX, BOX, *row).values) == texts


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_our_own_sealing_shares_one_ephemeral_key(texts: list[str]) -> None:
    """Tokens that `sealing` makes in one call share the ephemeral key, have a nonce each, and open."""
    private_key, public_key = sealing.generate()
    tokens = sealing.seal(texts, public_key)
    bodies = [body for token in tokens if (body := WIRES[Format.SEALED_BOX].read(token))]
    assert len(set(ephemerals_of(bodies))) == 1
    assert len({body[32:44] for body in bodies}) == len(texts)
    assert list(SealedBox([private_key]).decrypt(bodies).values) == texts


@st.composite
def _columns_of_tokens(draw: st.DrawFn) -> list[str]:
    """Draw a column of tokens of one format, in which a cell may be damaged, of another format, or not a token."""
    texts = draw(st.lists(TEXT, min_size=1, max_size=5))
    kinds = {
        Format.SEALED_BOX: encryption.sealed_row(texts, PRIVATE),
        Format.LEGACY_CBC: [encryption.legacy_cbc(text, "your_secret_key1") for text in texts],
        Format.CRYPTOJS_PASSPHRASE: [encryption.cryptojs(text, "correct horse battery staple") for text in texts],
    }
    tokens = [token for kind in kinds.values() for token in kind]
    cells = kinds[draw(st.sampled_from(Format))]
    if draw(st.booleans()):
        token = cells.pop(draw(st.integers(0, len(cells) - 1)))
        cut = draw(st.integers(1, len(token)))
        letter = draw(st.sampled_from("=AB /é"))
        odd = st.sampled_from([token[:cut], token[cut:] or "x", token[: cut - 1] + letter + token[cut:], "readable"])
        cells.insert(draw(st.integers(0, len(cells))), draw(st.one_of(odd, st.sampled_from(tokens))))
    return cells


@example(["v2:" + "A" * 76])  # 57 bytes: three too few for a sealed box
@example(["v2:" + "A" * 80 + "!!!!"])
@example(["AAAA=", "AAAA"])
@example(["A" * 48])  # 36 bytes: not whole blocks
@example(["A" * 42 + "B="])
@example(["A" * 85 + "B=="])
@example(["A" * 41 + "!A="])
@given(_columns_of_tokens())
def test_reading_a_column_at_once_equals_reading_its_cells_one_by_one(cells: list[str]) -> None:
    """`read_all` returns what `read` returns for each cell, or None if any of them is not a whole token."""
    for wire in FORMATS:
        bodies = [wire.read(cell) for cell in cells]
        assert wire.read_all(cells) == (bodies if all(bodies) else None)


def test_the_independent_ladder_is_right() -> None:
    """The tests' own X25519 gives RFC 7748's result, section 5.2."""
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    result = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert encryption.x25519(scalar, point).hex() == result


def test_a_key_is_read_with_and_without_padding() -> None:
    """A private key may keep its padding, and surrounding white space does not matter."""
    for text in (encryption.key_text(PRIVATE), encryption.key_text(PRIVATE, padded=True)):
        assert decode_key(text) == PRIVATE
        assert decode_key(f" {text}\n") == PRIVATE
        assert PrivateKey(Secret(text)).public_key == encryption.public_of(PRIVATE)


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_key(key: bytes) -> None:
    """Any 32 bytes are written and read back."""
    assert decode_key(encode_key(key)) == key
    assert len(encode_key(key)) == 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 42,
        "A" * 44,
        encryption.key_text(bytes(31)),
        encryption.key_text(bytes(33)),
        base64.standard_b64encode(b"\xff" * 32).decode(),
        base64.standard_b64encode(b"\xff" * 32).decode().rstrip("="),
        "A" * 42 + "B",  # non-zero bits after the last byte
        "A" * 42 + "é",
        "A" * 20 + " " + "A" * 22,
        "\udcff" * 43,
        bytes(32).hex(),
        "AGE-SECRET-KEY-1QQPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGP",
    ],
)
def test_an_invalid_private_key_is_refused_and_not_shown(text: str) -> None:
    """A private key of another length, alphabet or kind is refused, and the error does not contain it."""
    assert decode_key(text) is None
    with pytest.raises(KeyWrong) as caught:
        SealedBox([Secret(text)])
    assert "urlsafe base64" in caught.value.message
    assert not text or text not in caught.value.message + caught.value.hint


def test_several_private_keys_open_columns_of_either_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a rotation the tag shows which key fits, and the key that fitted last is tried first."""
    cipher = SealedBox([Secret(encryption.key_text(key)) for key in (PRIVATE, OTHER)])
    tokens = [encryption.sealed_box(f"answer {number}", key) for number, key in enumerate([OTHER, OTHER, PRIVATE])]
    tried: list[int] = []
    for place, key in enumerate(cipher._keys):
        monkeypatch.setattr(key, "_derive", _watched(key._derive, place, tried))
    column = opened(Format.SEALED_BOX, cipher, *tokens)
    assert list(column.values) == ["answer 0", "answer 1", "answer 2"]
    assert column.keys == bytes([1, 1, 0])
    assert tried == [0, 1, 1, 1, 0]


def _watched(derive: Callable[[bytes], AESGCM], place: int, tried: list[int]) -> Callable[[bytes], AESGCM]:
    def watching(ephemeral: bytes) -> AESGCM:
        tried.append(place)
        return derive(ephemeral)

    return watching


def test_a_key_that_is_given_twice_counts_once() -> None:
    """Duplicates of a secret count as one key: one fingerprint, and never ambiguous."""
    padded, bare = (Secret(encryption.key_text(PRIVATE, padded=padded)) for padded in (True, False))
    assert SealedBox([padded, bare]).fingerprints == BOX.fingerprints
    legacy = LegacyCbc([Secret("your_secret_key1"), Secret("your_secret_key1 and more")])
    assert legacy.fingerprints == LEGACY.fingerprints
    assert opened(Format.LEGACY_CBC, legacy, encryption.legacy_cbc("Ana", "your_secret_key1")).values == ["Ana"]
    twice = CryptoJsPassphrase([Secret("correct horse battery staple")] * 2)
    assert twice.fingerprints == PASSPHRASE.fingerprints


def test_a_row_costs_one_exchange_per_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adjacent tokens with the same ephemeral key share one derived key; others get their own."""
    derived: list[bytes] = []
    derive = PrivateKey._derive

    def counted(key: PrivateKey, ephemeral: bytes) -> AESGCM:
        derived.append(ephemeral)
        return derive(key, ephemeral)

    monkeypatch.setattr(PrivateKey, "_derive", counted)
    cipher = SealedBox([Secret(encryption.key_text(PRIVATE))])
    rows = [encryption.sealed_row(["a", "b", "c"], PRIVATE), encryption.sealed_row(["d", "e", "f"], PRIVATE)]
    assert list(opened(Format.SEALED_BOX, cipher, *rows[0], *rows[1], rows[0][0]).values) == list("abcdefa")
    assert len(derived) == 3


def test_a_passphrase_with_a_lone_surrogate_is_refused() -> None:
    """A passphrase with a lone surrogate, which bytes that are not UTF-8 become, is refused and not shown."""
    with pytest.raises(KeyWrong) as caught:
        CryptoJsPassphrase([Secret("contrase\udcf1a")])
    assert (caught.value.message, caught.value.hint) == ("a passphrase is not text in UTF-8", "set it again, in UTF-8")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_shared_secrets_name_stays_the_same() -> None:
    """Records of earlier runs name the key by it; it is made with scrypt (RFC 7914), so guessing is slow."""
    assert LegacyCbc([Secret("your_secret_key1")]).fingerprints == ["37e13d60"]
    assert CryptoJsPassphrase([Secret("correct horse battery staple")]).fingerprints == ["cd32ecbc"]


def test_a_passphrase_may_hold_any_character() -> None:
    """A passphrase beyond ASCII is encoded as UTF-8, as CryptoJS does."""
    cipher = CryptoJsPassphrase([Secret("contraseña 🌾")])
    token = encryption.cryptojs("Ana", "contraseña 🌾")
    assert opened(Format.CRYPTOJS_PASSPHRASE, cipher, token).values == ["Ana"]


def test_a_legacy_token_that_two_secrets_decrypt_is_ambiguous() -> None:
    """A token that passes the strict checks of two secrets gets the plaintext of neither."""
    secrets = [Secret("first_secret_key"), Secret("other_secret_key")]
    token = encryption.legacy_for_two("first_secret_key", "other_secret_key")
    values = [opened(Format.LEGACY_CBC, LegacyCbc([secret]), token).values[0] for secret in secrets]
    assert not any(isinstance(value, Reason) for value in values)
    assert values[0] != values[1]
    for both in (secrets, secrets[::-1]):
        column = opened(Format.LEGACY_CBC, LegacyCbc(both), token)
        assert column.values == [Reason.AMBIGUOUS]
        assert column.keys == bytes([NO_KEY_FITTED])


def test_a_cryptojs_token_that_two_passphrases_decrypt_is_ambiguous() -> None:
    """The same holds for passphrases; the token was found by searching some millions."""
    secrets = [Secret("one"), Secret("two")]
    token = "U2FsdGVkX18AAAAAAAAAAN+nJ+jOo1fQ27UHjbYBXvI="
    values = [opened(Format.CRYPTOJS_PASSPHRASE, CryptoJsPassphrase([secret]), token).values[0] for secret in secrets]
    assert not any(isinstance(value, Reason) for value in values)
    assert opened(Format.CRYPTOJS_PASSPHRASE, CryptoJsPassphrase(secrets), token).values == [Reason.AMBIGUOUS]


def test_several_legacy_secrets_are_told_apart() -> None:
    """Of many tokens under two secrets, none gets the other's plaintext, and each names the key that fitted."""
    cipher = LegacyCbc([Secret("first_secret_key"), Secret("other_secret_key")])
    used = ["first_secret_key", "other_secret_key"] * 20
    tokens = [
        encryption.legacy_cbc(f"answer number {number}", secret, number.to_bytes(16, "little"))
        for number, secret in enumerate(used)
    ]
    column = opened(Format.LEGACY_CBC, cipher, *tokens)
    for number, (value, key) in enumerate(zip(column.values, column.keys, strict=True)):
        assert (value, key) in {(f"answer number {number}", number % 2), (Reason.AMBIGUOUS, NO_KEY_FITTED)}
    assert list(column.values).count(Reason.AMBIGUOUS) < 5


def test_a_token_that_none_of_several_secrets_decrypts_says_why() -> None:
    """Where no secret fits, the reason is a wrong key; a damaged token is damaged whatever the secrets are."""
    legacy = LegacyCbc([Secret("first_secret_key"), Secret("other_secret_key")])
    column = legacy.decrypt([WIRES[Format.LEGACY_CBC].read(encryption.legacy_cbc("Ana", "a third one")) or b"", b""])
    assert (column.values, column.keys) == ([Reason.WRONG_KEY, Reason.DAMAGED], bytes([NO_KEY_FITTED] * 2))
    passphrases = CryptoJsPassphrase([Secret("one"), Secret("two")])
    token = encryption.cryptojs("Ana", "a third one")
    column = opened(Format.CRYPTOJS_PASSPHRASE, passphrases, token, token[:-4])
    assert (column.values, column.keys) == ([Reason.WRONG_KEY, Reason.DAMAGED], bytes([NO_KEY_FITTED] * 2))


def test_a_cell_of_50000_characters_decrypts() -> None:
    """The longest cell that Sheets allows decrypts in every format."""
    text = "añ" * 12_000
    assert opened(Format.SEALED_BOX, BOX, encryption.sealed_box(text, PRIVATE)).values == [text]
    assert opened(Format.LEGACY_CBC, LEGACY, encryption.legacy_cbc(text, "your_secret_key1")).values == [text]
    token = encryption.cryptojs(text, "correct horse battery staple")
    assert opened(Format.CRYPTOJS_PASSPHRASE, PASSPHRASE, token).values == [text]
    assert 48_000 < len(token) <= 50_000


def test_fingerprints_name_keys_without_revealing_them() -> None:
    """A fingerprint is 8 hexadecimal digits, the same for the same key, and different for another key or format."""
    assert BOX.fingerprints == [fingerprint(encryption.public_of(PRIVATE))]
    same_secret = [
        LegacyCbc([Secret("same secret here")]).fingerprints[0],
        CryptoJsPassphrase([Secret("same secret here")]).fingerprints[0],
    ]
    names = [*BOX.fingerprints, *LEGACY.fingerprints, *PASSPHRASE.fingerprints, *same_secret]
    assert len(set(names)) == len(names)
    assert all(len(name) == 8 and int(name, 16) >= 0 for name in names)


def test_no_tokens_give_no_values() -> None:
    """An empty column is not an error in any format."""
    for cipher in (BOX, LEGACY, PASSPHRASE):
        assert list(cipher.decrypt([]).values) == []


def test_an_empty_answer_is_a_token_like_any_other() -> None:
    """An encrypted empty text decrypts to empty text and is not a failure."""
    assert opened(Format.SEALED_BOX, BOX, encryption.sealed_box("", PRIVATE)).values == [""]
    assert opened(Format.LEGACY_CBC, LEGACY, encryption.legacy_cbc("", "your_secret_key1")).values == [""]


def test_text_that_reads_like_a_reason_is_text() -> None:
    """An answer such as `damaged` is a value, although a reason has the same spelling."""
    tokens = [encryption.sealed_box(reason.value, PRIVATE) for reason in Reason]
    column = opened(Format.SEALED_BOX, BOX, *tokens)
    assert [type(value) for value in column.values] == [str] * len(Reason)
    cipher = LegacyCbc([Secret("your_secret_key1"), Secret("other_secret_key")])
    legacy = opened(Format.LEGACY_CBC, cipher, encryption.legacy_cbc("damaged", "your_secret_key1", bytes(16)))
    assert (type(legacy.values[0]), legacy.keys) == (str, b"\x00")


def test_an_invalid_private_key_gets_a_hint() -> None:
    """The hint says what a key looks like, and the given text is not shown."""
    with pytest.raises(KeyWrong) as caught:
        SealedBox([Secret("no key")])
    assert caught.value.message == "a private key is not 32 bytes in urlsafe base64"
    assert caught.value.hint == (
        "copy the 43 characters that `sheets-decrypt keygen` made, or all four lines of a backup"
    )
