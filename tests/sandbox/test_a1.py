"""A1 notation in the sandbox."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.sandbox import a1
from sheets_decrypt.sandbox.a1 import Area

TITLES = ["data", "T'itle", "D3", "My tab", "with!mark"]


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("data", Area("data")),
        ("'data'", Area("data")),
        ("'T''itle'", Area("T'itle")),
        ("'T''itle'!B2", Area("T'itle", 2, 2, 2, 2)),
        ("T'itle!B2", Area("T'itle", 2, 2, 2, 2)),
        ("'with!mark'!A1", Area("with!mark", 1, 1, 1, 1)),
        ("with!mark!A1", Area("with!mark", 1, 1, 1, 1)),
        ("data!A1:C", Area("data", 1, 1, None, 3)),
        ("data!A2:B", Area("data", 2, 1, None, 2)),
        ("data!1:3", Area("data", 1, None, 3, None)),
        ("data!A1:1", Area("data", 1, 1, 1, None)),
        ("data!B3:2", Area("data", 2, 2, 3, None)),
        ("data!A5:A", Area("data", 5, 1, None, 1)),
        ("data!A:A", Area("data", None, 1, None, 1)),
        ("data!B2:A1", Area("data", 1, 1, 2, 2)),
        ("data!$A$1:$b$2", Area("data", 1, 1, 2, 2)),
        ("My tab", Area("My tab")),
        ("My tab!A1", Area("My tab", 1, 1, 1, 1)),
        ("A1:B2", Area("data", 1, 1, 2, 2)),
        ("D3", Area("data", 3, 4, 3, 4)),
        ("'D3'", Area("D3")),
    ],
)
def test_a_range_is_read_as_google_reads_it(text: str, area: Area) -> None:
    """Quoted and bare titles, open ranges, and a bare word that looks like a cell are distinguished."""
    assert a1.parse(text, TITLES) == area


@pytest.mark.parametrize(
    "text",
    [
        "NOPE!A5:F15",
        "'data",
        "data!",
        "data!A0",
        "data!A:3",
        "data!A:B5",
        "data!A",
        "data!1",
        "data!A1:B2:C3",
        "",
        "nope",
        "data!AAAA1",
        "''",
        "'data'A1",
        "'nope'",
        "data!:",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    """A tab that is not there and a malformed range are errors, never another range."""
    with pytest.raises(a1.RangeUnreadable):
        a1.parse(text, TITLES)


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("Sheet1", "Sheet1"),
        ("D3", "'D3'"),
        ("tab01", "'tab01'"),
        ("R1C1", "'R1C1'"),
        ("T'itle", "'T''itle'"),
        ("🌵 x", "'🌵 x'"),
        ("2024", "'2024'"),
    ],
)
def test_a_title_is_quoted_where_google_quotes_it(title: str, written: str) -> None:
    """One plain word has no quotes; whatever could be a cell, or is more than a word, has."""
    assert a1.quoted(title) == written


@given(st.integers(1, 18_278))
def test_letters_and_numbers_of_columns_are_each_others_inverse(column: int) -> None:
    """A column's letters lead back to its number."""
    assert a1.number(a1.letters(column)) == column


_TITLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def _areas(draw: st.DrawFn) -> Area:
    title = draw(_TITLE)
    kind = draw(st.sampled_from(["tab", "rows", "columns", "open below", "open to the right", "closed"]))
    rows, columns = (
        sorted(draw(st.tuples(*[st.integers(1, 10**6)] * 2))),
        sorted(draw(st.tuples(*[st.integers(1, 18_278)] * 2))),
    )
    match kind:
        case "tab":
            return Area(title)
        case "rows":
            return Area(title, rows[0], None, rows[1], None)
        case "columns":
            return Area(title, None, columns[0], None, columns[1])
        case "open below":
            return Area(title, rows[0], columns[0], None, columns[1])
        case "open to the right":
            return Area(title, rows[0], columns[0], rows[1], None)
        case _:
            return Area(title, rows[0], columns[0], rows[1], columns[1])


@given(_areas())
def test_a_written_range_reads_back(area: Area) -> None:
    """Whatever the title holds, a range written by Google's rules means the same range again."""
    assert a1.parse(str(area), ["first", area.title]) == area


@given(_areas(), st.integers(1, 2000), st.integers(1, 2000))
def test_a_clipped_range_lies_inside_the_grid(area: Area, rows: int, columns: int) -> None:
    """A clipped range has four edges, and ends inside the grid."""
    clipped = area.clipped(rows, columns)
    assert clipped.bottom is not None
    assert clipped.right is not None
    assert clipped.bottom <= rows
    assert clipped.right <= columns
    assert clipped.top == (area.top or 1)
    assert clipped.left == (area.left or 1)


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    """Nothing else can happen."""
    with contextlib.suppress(a1.RangeUnreadable):
        assert a1.parse(text, TITLES).title in TITLES
