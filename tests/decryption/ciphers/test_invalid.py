"""Only tokens are read as tokens, and a changed token never makes a sealed box return a false answer."""

import base64
import hashlib
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import FORMATS, Cipher, base64_strict
from sheets_decrypt.decryption.ciphers.cryptojs_passphrase import CryptoJsPassphrase
from sheets_decrypt.decryption.ciphers.legacy_cbc import LegacyCbc
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox
from sheets_decrypt.table import NO_KEY_FITTED, Format, Reason, Secret
from tests import encryption

ALPHABET = string.ascii_letters + string.digits + "+/"
PRIVATE = bytes(range(1, 33))
WIRES = {wire.format: wire for wire in FORMATS}
CIPHERS: dict[Format, Cipher] = {
    Format.SEALED_BOX: SealedBox([Secret(encryption.key_text(PRIVATE))]),
    Format.LEGACY_CBC: LegacyCbc([Secret("your_secret_key1")]),
    Format.CRYPTOJS_PASSPHRASE: CryptoJsPassphrase([Secret("correct horse battery staple")]),
}
PLAINTEXT = "Ana María Rodríguez"
TOKENS = {
    Format.SEALED_BOX: encryption.sealed_box(PLAINTEXT, PRIVATE, bytes(range(32))),
    Format.LEGACY_CBC: encryption.legacy_cbc(PLAINTEXT, "your_secret_key1", bytes(range(16))),
    Format.CRYPTOJS_PASSPHRASE: encryption.cryptojs(PLAINTEXT, "correct horse battery staple", bytes(range(8))),
}


def format_of(cell: str) -> Format | None:
    """Return the format that a cell is read as."""
    return next((wire.format for wire in FORMATS if wire.read(cell) is not None), None)


def outcome(format_: Format, cell: str) -> str | Reason | None:
    """Decrypt a cell as a format, or return None where it is not read as one."""
    body = WIRES[format_].read(cell)
    return None if body is None else outcome_of(CIPHERS[format_], body)


def outcome_of(cipher: Cipher, body: bytes) -> str | Reason:
    """Decrypt one body, and assert that a failure names no key."""
    column = cipher.decrypt([body])
    assert len(column.values) == len(column.keys) == 1
    assert isinstance(column.values[0], Reason) == (column.keys[0] == NO_KEY_FITTED)
    return column.values[0]


def test_a_wrong_private_key_opens_nothing() -> None:
    """Another key opens no sealed vector, and the reason is a wrong key."""
    cipher = SealedBox([Secret(encryption.key_text(bytes(32)))])
    for vector in encryption.vectors("sealed_box"):
        body = WIRES[Format.SEALED_BOX].read(vector.token)
        assert body
        assert outcome_of(cipher, body) is Reason.WRONG_KEY


@pytest.mark.parametrize(
    ("format_", "file"), [(Format.LEGACY_CBC, "legacy_cbc"), (Format.CRYPTOJS_PASSPHRASE, "cryptojs_passphrase")]
)
def test_a_wrong_secret_seldom_decrypts(format_: Format, file: str) -> None:
    """Without authentication, another secret fails on nearly every vector and never gives its plaintext."""
    cipher = WIRES[format_].cipher([Secret("not the secret")])
    vectors = encryption.vectors(file)
    values = [outcome_of(cipher, WIRES[format_].read(vector.token) or b"") for vector in vectors]
    assert sum(value is Reason.WRONG_KEY for value in values) > 0.95 * len(values)
    assert all(
        isinstance(value, Reason) or value != vector.plaintext for value, vector in zip(values, vectors, strict=True)
    )


def test_one_flipped_bit_anywhere_closes_a_sealed_box() -> None:
    """A sealed box does not open, whichever of its bits is flipped."""
    body = WIRES[Format.SEALED_BOX].read(TOKENS[Format.SEALED_BOX])
    assert body
    for position in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[position // 8] ^= 1 << position % 8
        assert outcome(Format.SEALED_BOX, encryption.sealed_token(bytes(flipped))) is Reason.WRONG_KEY


@pytest.mark.parametrize("format_", [Format.LEGACY_CBC, Format.CRYPTOJS_PASSPHRASE])
def test_one_flipped_bit_never_stops_an_unauthenticated_cipher(format_: Format) -> None:
    """A flipped bit gives a wrong text or a reason, and the neighbouring tokens are not affected."""
    body = WIRES[format_].read(TOKENS[format_])
    assert body
    for position in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[position // 8] ^= 1 << position % 8
        column = CIPHERS[format_].decrypt([body, bytes(flipped), body])
        assert (column.values[0], column.values[2]) == (PLAINTEXT, PLAINTEXT)
        if position >= 8 * 8 or format_ is Format.LEGACY_CBC:  # `Salted__` is checked before decryption
            assert column.values[1] != PLAINTEXT


@pytest.mark.parametrize("format_", Format)
def test_every_changed_character_is_noticed(format_: Format) -> None:
    """Whichever character of a token is replaced by whichever other, the token never gives its own plaintext."""
    token = TOKENS[format_]
    replacements = (*ALPHABET, *"=-_ \n\t\x00:é😀") if format_ is Format.LEGACY_CBC else "AZz9+/=-_ \n\x00é😀"
    for position, character in enumerate(token):
        for other in replacements:
            if other != character:
                value = outcome(format_, token[:position] + other + token[position + 1 :])
                assert value is None or isinstance(value, Reason) or not WIRES[format_].authenticated
                assert value != PLAINTEXT


@pytest.mark.parametrize("format_", Format)
def test_every_truncation_is_noticed(format_: Format) -> None:
    """A token that is truncated to any length, at its end or its start, never gives its own plaintext."""
    token = TOKENS[format_]
    for length in range(len(token)):
        for cut in (token[:length], token[len(token) - length :]):
            value = outcome(format_, cut)
            assert value is None or isinstance(value, Reason) or not WIRES[format_].authenticated
            assert value != PLAINTEXT


@pytest.mark.parametrize("format_", [Format.SEALED_BOX, Format.CRYPTOJS_PASSPHRASE])
def test_a_truncated_token_with_its_mark_is_still_a_token(format_: Format) -> None:
    """A truncated token that still has its mark is a failure, and is never called readable."""
    mark = {Format.SEALED_BOX: 3, Format.CRYPTOJS_PASSPHRASE: 11}[format_]
    token = TOKENS[format_]
    for length in range(mark, len(token)):
        assert format_of(token[:length]) is format_
        assert outcome(format_, token[:length]) in {Reason.DAMAGED, Reason.WRONG_KEY}
    for length in range(mark):
        assert format_of(token[:length]) is None


def test_every_truncated_body_is_refused() -> None:
    """A body that is cut off at any byte and encoded again never opens, and is damaged where it is too short."""
    for format_, least, mark in ((Format.SEALED_BOX, 60, "v2:"), (Format.CRYPTOJS_PASSPHRASE, 32, "")):
        body = WIRES[format_].read(TOKENS[format_])
        assert body
        for length in range(9, len(body)):
            value = outcome(format_, mark + base64.b64encode(body[:length]).decode())
            assert isinstance(value, Reason)
            if length < least or (not mark and length % 16):
                assert value is Reason.DAMAGED


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("extra", ["A", "AAAA", "=", "====", " ", "\n", "\x00", "é"])
def test_added_characters_are_noticed(format_: Format, extra: str) -> None:
    """A token with anything before or after it never gives its own plaintext."""
    for cell in (TOKENS[format_] + extra, extra + TOKENS[format_]):
        value = outcome(format_, cell)
        assert value is None or isinstance(value, Reason)


def test_every_token_is_read_only_as_its_own_format() -> None:
    """No token is taken for one of another format, whatever the order of the formats, and no other cipher opens it."""
    for format_, token in TOKENS.items():
        assert format_of(token) is format_
        for other in set(Format) - {format_}:
            value = outcome(other, token)
            assert value is None or isinstance(value, Reason)


def test_other_formats_bodies_open_nothing() -> None:
    """Bodies of each format given to another format's cipher are refused without an exception."""
    for format_, cipher in CIPHERS.items():
        for other in set(Format) - {format_}:
            body = WIRES[other].read(TOKENS[other])
            assert body
            whole = body[: len(body) // 16 * 16]
            assert isinstance(outcome_of(cipher, whole), Reason)


@pytest.mark.parametrize(
    "cell",
    [
        "Ana",
        "Anna",
        "test",
        "Juan",
        "Anna" * 10,
        "No Data",
        "v2",
        "v1:abcd",
        "V2:abcd",
        " v2:abcd",
        "Salted__",
        "U2FsdGVkX1",
        "U2FsdGVkX1A=",
        "U2FsdGVk",
        "+57 300 1234567",
        "550e8400-e29b-41d4-a716-446655440000",
        hashlib.md5(b"x").hexdigest(),
        hashlib.sha1(b"x").hexdigest(),
        base64.b64encode(bytes(16)).decode(),
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        base64.b64encode(bytes(32)).decode().rstrip("="),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        base64.b64encode(bytes(32)).decode() + "\n",
        base64.b64encode(bytes(48)).decode()[:-1] + "é",
        "=" * 44,
        "=" * 64,
        "=" * 88,
        "A" * 85 + "===",
        "A" * 42 + "=A",
        "A" * 41 + "=X=",
        "A" * 40 + "====",
        "a sentence of words that is exactly sixty-four characters long!!",
        "-" * 64,
        "https://example.org/a/very/long/address/that/somebody/pasted/AAA",
        "\ud800" * 64,
        "١" * 64,
        "Ａ" * 64,
    ],
)
def test_other_text_is_not_read_as_a_token(cell: str) -> None:
    """Words, numbers, hashes of other sizes, other alphabets and separator lines are not tokens."""
    assert format_of(cell) is None


@pytest.mark.parametrize("size", [32, 48, 64, 160])
def test_standard_base64_of_whole_blocks_looks_like_a_legacy_token(size: int) -> None:
    """Base64 of whole blocks is read as a legacy token; so is a SHA-256 in hexadecimal, which no key opens."""
    assert format_of(base64.b64encode(bytes(range(size))).decode()) is Format.LEGACY_CBC
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(500)]
    assert {format_of(digest) for digest in digests} == {Format.LEGACY_CBC}
    assert {outcome(Format.LEGACY_CBC, digest) for digest in digests} == {Reason.WRONG_KEY}


def test_a_legacy_token_whose_last_bits_were_changed_is_damaged() -> None:
    """Trailing bits that no encoder writes show a changed character: the token is damaged and not called readable."""
    token = base64.b64encode(bytes(32)).decode()
    assert token.endswith("A=")
    assert outcome(Format.LEGACY_CBC, token[:-2] + "B=") is Reason.DAMAGED
    assert outcome(Format.LEGACY_CBC, base64.b64encode(bytes(64)).decode()[:-3] + "B==") is Reason.DAMAGED


LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    (2**255).to_bytes(32, "little"),
    (2**255 + 1).to_bytes(32, "little"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_an_ephemeral_key_of_low_order_is_damaged(point: bytes) -> None:
    """A point whose exchange gives zero for every key (RFC 7748, section 6.1) is damage, not an exception."""
    honest = WIRES[Format.SEALED_BOX].read(TOKENS[Format.SEALED_BOX])
    assert honest
    several = SealedBox([Secret(encryption.key_text(key)) for key in (PRIVATE, bytes(32))])
    for cipher in (CIPHERS[Format.SEALED_BOX], several):
        assert encryption.x25519(PRIVATE, point) == bytes(32)
        assert outcome_of(cipher, point + honest[32:]) is Reason.DAMAGED
        assert outcome_of(cipher, honest) == PLAINTEXT


@pytest.mark.parametrize("plaintext", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", "año".encode("latin-1")])
def test_sealed_bytes_that_are_not_utf8_are_damaged(plaintext: bytes) -> None:
    """Bytes that are not UTF-8, lone surrogates included, are damage in a sealed box and a failure elsewhere."""
    token = encryption.sealed_token(encryption.sealed_body(plaintext, PRIVATE))
    assert outcome(Format.SEALED_BOX, token) is Reason.DAMAGED
    assert outcome(Format.LEGACY_CBC, encryption.legacy_cbc(plaintext, "your_secret_key1")) is Reason.WRONG_KEY
    token = encryption.cryptojs(plaintext, "correct horse battery staple")
    assert outcome(Format.CRYPTOJS_PASSPHRASE, token) is Reason.WRONG_KEY


def test_a_bad_padding_is_refused() -> None:
    """Only a complete PKCS#7 padding counts: 1 to 16 equal bytes."""
    body = bytes(16)
    for block in (
        bytes(16),
        b"a" * 15 + b"\x11",
        b"a" * 15 + b"\xff",
        b"a" * 14 + b"\x01\x02",
        b"a" * 13 + b"\x03\x02\x03",
        b"\x0f" + b"\x10" * 15,
    ):
        chained = base64.b64decode(encryption.legacy_cbc(block, "your_secret_key1", body))[:-16]
        assert outcome(Format.LEGACY_CBC, base64.b64encode(chained).decode()) is Reason.WRONG_KEY


def test_long_cells_that_are_not_tokens_are_read() -> None:
    """Cells of 50,000 characters, the most that Sheets allows, are read whatever they contain."""
    for cell in (
        "A" * 50_000,
        "=" * 50_000,
        " " * 50_000,
        "é" * 50_000,
        "v2:" + "A" * 49_996,
        "U2FsdGVkX18" + "A" * 49_989,
    ):
        format_ = format_of(cell)
        if format_ is not None:
            assert isinstance(outcome(format_, cell), Reason)


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """Any cell, lone surrogates included, is read as a format or none; after a mark, it is damaged or wrong."""
    format_of(text)
    for cell in ("v2:" + text, "U2FsdGVkX18" + text):
        format_ = format_of(cell)
        assert format_ is not None
        assert isinstance(outcome(format_, cell), Reason)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_decrypted(data: bytes) -> None:
    """Any bytes in base64 are handled without an exception, and a sealed box never opens by chance."""
    text = base64.b64encode(data).decode()
    assert isinstance(outcome(Format.SEALED_BOX, "v2:" + text), Reason)
    format_ = format_of(text)
    assert format_ is not Format.SEALED_BOX
    if format_ is not None:
        outcome(format_, text)


@given(st.binary(max_size=100))
def test_strict_base64_reads_what_an_encoder_writes(data: bytes) -> None:
    """Anything that the standard encoder writes is decoded."""
    assert base64_strict.decode(base64.b64encode(data).decode()) == data


@given(
    st.one_of(
        st.text(st.sampled_from(ALPHABET + "=-_ \n\x00é"), max_size=24),
        st.tuples(st.text(st.sampled_from("AQg4/"), max_size=8), st.text(st.sampled_from("=A"), max_size=4)).map(
            "".join
        ),
    )
)
@example("AAAA=")
@example("AAAA==")
@example("AAA==")
@example("AB==")
@example("AAB=")
@example("A===")
@example("====")
@example("AA==AAAA")
def test_strict_base64_reads_nothing_else(text: str) -> None:
    """Any text that is decoded encodes to the same text again."""
    data = base64_strict.decode(text)
    assert data is None or base64.b64encode(data).decode() == text
