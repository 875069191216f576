"""A private key in four lines to copy from paper: a correct copy is read, and a slip is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import backup_text
from sheets_decrypt.decryption.ciphers.sealed_box import PrivateKey, decode_private_key, encode_key
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import Secret

KEY = bytes(range(1, 33))
# Paper backups with this text may lie in a safe for years: they must stay readable for ever.
PAPER = ["AEBA GBAF AYDQ QZUE", "BEFA WDAN BYHR AXP3", "CEJB GFAV CYLR REND", "DENB WHA5 DYPS BLRB"]
KEYS = st.binary(min_size=32, max_size=32)


def test_the_text_on_paper_stays_the_same() -> None:
    """A known key gives exactly these lines, and these lines give that key."""
    assert backup_text.write(KEY) == PAPER
    assert backup_text.read("\n".join(PAPER)) == KEY


@given(KEYS)
def test_every_key_is_read_back_however_it_is_copied(key: bytes) -> None:
    """Capitals, small letters, other blanks, look-alike digits or a page around the lines do not matter."""
    lines = backup_text.write(key)
    alike = str.maketrans("OIB", "018")
    ways = (
        "\n".join(lines), "\r\n".join(lines), " ".join(lines), "".join(lines).replace(" ", ""),
        "\n".join(lines).lower(), "\t" + "\n \t".join(lines) + "\n\n", "\n".join(lines).translate(alike),
        "A page about it\n\nfour WORD LIKE THIS\n    " + "\n    ".join(lines) + "\n\n1. Run\n",
    )  # fmt: skip
    for text in ways:
        assert backup_text.read(text) == key
        assert decode_private_key(text) == key
        assert PrivateKey(Secret(text)).public_key == PrivateKey(Secret(encode_key(key))).public_key


@given(KEYS, st.integers(0, 3), st.integers(0, 15), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_slip_in_one_letter_is_noticed_in_its_line(key: bytes, number: int, place: int, letter: str) -> None:
    """A line with one wrong letter is refused (two bytes of SHA-256 pass one slip in 65,536, but none of these)."""
    lines = backup_text.write(key)
    letters = lines[number].replace(" ", "")
    slip = letters[:place] + letter + letters[place + 1 :]
    before = key[: number * backup_text.PIECE]
    read = backup_text.read_line(slip, before)
    assert (read is not None) == (slip == letters)


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 2], [0, 0, 2, 3], [3], []])
def test_lines_out_of_order_or_missing_are_refused(order: list[int]) -> None:
    """Each line's check covers the lines before it."""
    text = "\n".join(PAPER[number] for number in order)
    assert backup_text.read(text) is None
    with pytest.raises(KeyWrong) as caught:
        PrivateKey(Secret(text))
    assert "all four lines of a backup" in caught.value.hint
    assert not any(line in caught.value.message + caught.value.hint for line in PAPER)


def test_a_key_with_line_breaks_from_an_email_is_read() -> None:
    """Blanks and line breaks within the usual form are not part of a private key."""
    text = encode_key(KEY)
    assert decode_private_key(f"{text[:20]}\r\n {text[20:]}\n") == KEY


@pytest.mark.parametrize(
    ("text", "line"),
    [("ABCD EFGH IJKL MNOP", True), (" abcd 0181 ijkl\tmnop\n", True), ("ABCD EFGH IJKL", False), ("a b c d", False)],
)
def test_a_line_is_recognised_by_its_shape(text: str, line: bool) -> None:
    """A line is four groups of four, whatever its letters are."""
    assert backup_text.looks_like_a_line(text) == line
