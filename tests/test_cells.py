"""Cells keep every digit and character, and misplaced data is reported."""

import json
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.cells import Number, page, plain, text_of, trimmed
from sheets_decrypt.google.timed_session import parsed
from sheets_decrypt.table import Header, Page

HEADER = Header(("id", "name", "phone"))


def _cells(body: str) -> list[object]:
    return list(parsed(body.encode(), host="sheets.googleapis.com", number=Number))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("57300123456789012345", "57300123456789012345"),
        ("0.1", "0.1"),
        ("1e21", "1000000000000000000000"),
        ("1E+3", "1000"),
        ("1.5e-7", "0.00000015"),
        ("2.0", "2"),
        ("100", "100"),
        ("-12.50", "-12.5"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("1e999999999", "1e999999999"),
    ],
)
def test_a_number_is_written_with_every_digit(number: str, text: str) -> None:
    """A JSON number is written plainly: every digit, no exponent, no trailing zero."""
    assert [text_of(cell) for cell in _cells(f"[{number}]")] == [text]  # type: ignore[arg-type]


@given(st.integers())
def test_every_whole_number_is_unchanged(number: int) -> None:
    """No whole number loses a digit, however long."""
    assert plain(json.dumps(number)) == str(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_exact(number: float) -> None:
    """The text of a double has no exponent and converts to the same bits."""
    text = plain(json.dumps(number))
    assert "e" not in text.lower()
    assert not text.endswith(".0")
    assert struct.pack("d", float(text) + 0.0) == struct.pack("d", number + 0.0)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12))
def test_every_decimal_keeps_its_value(number: Decimal) -> None:
    """A number with many decimal places keeps its value, which a double would not."""
    assert Decimal(plain(format(number, "f"))) == number


@given(st.lists(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=5), max_size=8))
def test_no_text_is_changed_or_lost(rows: list[list[str]]) -> None:
    """Text is unchanged, within the header's width or to the right of it, and every row has the header's width."""
    result = page(2, rows, HEADER)
    assert len(result.rows) == len(rows)
    for number, (row, line) in enumerate(zip(rows, result.rows, strict=True), 2):
        assert len(line) == 3
        whole = line + list(result.overflow.get(number, ()))
        assert trimmed(whole) == trimmed(row)
    assert result.retyped == {}


def test_numbers_and_booleans_are_reported_as_retyped() -> None:
    """A cell that is not a string was retyped: its column and row are named, and its text is what the sheet means."""
    assert page(7, [["a", Number("5"), True], ["b", "c", False], ["", None, "x"]], HEADER).retyped == {
        1: [7],
        2: [7, 8],
    }
    assert page(7, [["a", Number("5"), True], ["b", None, False]], HEADER).rows == [
        ["a", "5", "TRUE"],
        ["b", "", "FALSE"],
    ]


def test_the_text_of_a_number_is_plain_text() -> None:
    """The returned text is a plain str, not a subclass."""
    [[cell, *_]] = page(2, [[Number("7")]], HEADER).rows
    assert type(cell) is str


def test_text_that_looks_like_another_type_is_unchanged() -> None:
    """Leading zeros, exponents, nan, NULL and TRUE are never converted to numbers if they come as strings."""
    row = ["007", "1e5", "nan"]
    assert page(2, [row, ["NULL", "TRUE", "+447700900123"]], HEADER).rows == [row, ["NULL", "TRUE", "+447700900123"]]


def test_data_to_the_right_of_the_header_is_reported() -> None:
    """Cells beyond the header are moved from the row to the overflow; blank ones are ignored."""
    result = page(2, [["1", "a", "b", "", "left over"], ["2", "a", "b", "", ""], ["3"]], HEADER)
    assert result.overflow == {2: ("", "left over")}
    assert result.rows[0] == ["1", "a", "b"]


def test_a_row_that_starts_further_right_is_reported() -> None:
    """If most rows fill the first cell, a row that does not is named; a blank row is not."""
    result = page(10, [["1", "a"], [], ["", "a"], ["", "", "", "far"], ["4"], ["5"]], HEADER)
    assert list(result.shifted) == [12, 13]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (Header(("", "name", "phone")), [["1"], ["2"], ["", "a"]]),
        (HEADER, [["", "a"], ["", "b"], ["1", "c"]]),
        (HEADER, [["", "a"]]),
        (HEADER, []),
    ],
)
def test_a_blank_first_column_is_not_a_sign_of_a_shift(header: Header, rows: list[list[str]]) -> None:
    """A first column without a name, or one that is mostly blank, proves nothing."""
    assert page(2, rows, header).shifted == ()


def test_an_empty_page_is_a_page() -> None:
    """No rows make a page without rows."""
    assert page(2, [], HEADER) == Page(2, [])
