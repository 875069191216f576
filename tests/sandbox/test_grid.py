"""Cells and grids of the sandbox: what is shown, what is typed, and where a row is appended."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.sandbox import a1
from sheets_decrypt.sandbox.a1 import Area
from sheets_decrypt.sandbox.cells import Cell, Formula, entered, shown
from sheets_decrypt.sandbox.grid import BeyondGrid, BeyondRange, GeneratedRows, Grid, Row, Tab, WorkbookFull

ROOM = 10**6


def grid(*rows: Row, row_count: int | None = None, column_count: int | None = None) -> Grid:
    """Make a tab called T."""
    return Grid(Tab("T", rows, row_count=row_count, column_count=column_count), 0)


def area(text: str) -> Area:
    """Read a range of T."""
    return a1.parse(text, ["T"])


@pytest.mark.parametrize(
    ("cell", "formatted", "unformatted", "formula"),
    [
        ("0044", "0044", "0044", "0044"),
        ("", "", "", ""),
        (None, "", "", ""),
        (True, "TRUE", True, True),
        (7, "7", 7, 7),
        (7.0, "7", 7, 7),
        (1.5, "1.5", 1.5, 1.5),
        (1 / 3, "0.3333333333", 1 / 3, 1 / 3),
        (447700900123, "447700900123", 447700900123, 447700900123),
        (1e20, "1.00E+20", 1e20, 1e20),
        (dt.date(2020, 1, 1), "2020-01-01", 43831, 43831),
        (dt.datetime(2020, 1, 1, 12), "2020-01-01 12:00:00", 43831.5, 43831.5),  # noqa: DTZ001  (sheets know no zone)
        (Formula("=4/2", 2.0), "2", 2, "=4/2"),
        (Formula("=x", "#NAME?"), "#NAME?", "#NAME?", "=x"),
    ],
)
def test_a_cell_is_shown_as_the_option_asks(cell: Cell, formatted: str, unformatted: Cell, formula: Cell) -> None:
    """Numbers are JSON numbers without a .0 unless they are asked for as text."""
    assert shown(cell, "FORMATTED_VALUE") == formatted
    assert shown(cell, "UNFORMATTED_VALUE") == unformatted
    assert type(shown(cell, "UNFORMATTED_VALUE")) is type(unformatted)
    assert shown(cell, "FORMULA") == formula


def test_a_date_is_text_where_strings_are_asked_for() -> None:
    """FORMATTED_STRING turns the serial number of an unformatted date into text."""
    assert shown(dt.date(2020, 1, 1), "UNFORMATTED_VALUE", "FORMATTED_STRING") == "2020-01-01"


@pytest.mark.parametrize(
    ("typed", "cell"),
    [
        ("+447700900123", 447700900123),
        ("1,234.5", 1234.5),
        ("-12,345,678", -12345678),
        ("1,2345", "1,2345"),
        ("1234,567", "1234,567"),
        ("12,34", "12,34"),
        (",123", ",123"),
        ("1e5", 100000),
        ("true", True),
        ("2024-05-01", dt.date(2024, 5, 1)),
        ("2024-13-01", "2024-13-01"),
        ("'0044", "0044"),
        ("+AbC/de==", Formula("=+AbC/de==", "#ERROR!")),
        ("=abc", Formula("=abc", "#NAME?")),
        ("+", "+"),
        ("Ana", "Ana"),
        ("v2:AAAA", "v2:AAAA"),
        ("0044x", "0044x"),
    ],
)
def test_typed_text_becomes_what_sheets_makes_of_it(typed: str, cell: Cell) -> None:
    """A token that begins with + becomes a formula with an error, and a phone number loses its sign."""
    assert entered(typed) == cell


@pytest.mark.parametrize(
    ("typed", "formatted", "unformatted"),
    [("1,234", "1,234", 1234), ("+1,234.5", "1,234.50", 1234.5), ("-12,345,678", "-12,345,678", -12345678)],
)
def test_a_number_that_is_typed_in_thousands_is_shown_so(typed: str, formatted: str, unformatted: float) -> None:
    """Typing 1,234 gives the cell the format with thousands; the number itself has none."""
    assert shown(entered(typed), "FORMATTED_VALUE") == formatted
    assert shown(entered(typed), "UNFORMATTED_VALUE") == unformatted
    assert type(shown(entered(typed), "UNFORMATTED_VALUE")) is type(unformatted)


def test_a_grid_has_google_s_least_size() -> None:
    """An empty tab has 1000 rows and 26 columns; a larger one has what it needs; one may be made smaller."""
    assert (grid().row_count, grid().column_count) == (1000, 26)
    wide = grid(["x"] * 30)
    assert (wide.row_count, wide.column_count) == (1000, 30)
    small = grid(["x"], row_count=4, column_count=4)
    assert (small.row_count, small.column_count) == (4, 4)


@pytest.mark.parametrize(
    ("asked", "lands", "table"),
    [
        ("T", "T!B7:C7", "T!B4:D6"),
        ("T!B4", "T!B7:C7", "T!B4:D6"),
        ("T!C5:D5", "T!B7:C7", "T!B4:D6"),
        ("T!B2:D4", "T!B7:C7", "T!B4:D6"),
        ("T!A1", "T!A3:B3", "T!A1:C2"),
        ("T!F4", "T!F4:G4", None),
    ],
)
def test_an_append_lands_below_the_table_that_the_range_touches(asked: str, lands: str, table: str | None) -> None:
    """The example of Google's guide for values.append: two tables, and the last one touched decides."""
    tab = grid(["x", "y", "z"], ["x", "y", "z"], [], ["", "x", "y", "z"], ["", "x", "", "z"], ["", "x", "y", "z"])
    found, written = tab.append(area(asked), [["1", "2"]], insert=False, room=ROOM)
    assert (str(written), str(found) if found else None) == (lands, table)
    assert list(tab.read(written)) == [["1", "2"]]


def test_a_table_reaches_around_corners() -> None:
    """Cells that touch, even diagonally or by a later row, are one table."""
    tab = grid(["", "", "x"], ["", "x", ""], ["x", "", "", "y"], ["", "", "", "", "z"])
    found, written = tab.append(area("T!C1"), [["1"]], insert=False, room=ROOM)
    assert (str(found), str(written)) == ("T!A1:E4", "T!A5")


def test_an_append_may_insert_rows_and_the_rest_moves_down() -> None:
    """INSERT_ROWS moves what lies below the table and grows the grid; OVERWRITE writes over it."""
    tab = grid(["a"], [], ["b"])
    tab.append(area("T!A1"), [["1"], ["2"]], insert=True, room=ROOM)
    assert tab.rows() == [["a"], ["1"], ["2"], [], ["b"]]
    assert tab.row_count == 1002
    tab = grid(["a"], [], ["b"])
    tab.append(area("T!A1"), [["1"], ["2"]], insert=False, room=ROOM)
    assert tab.rows() == [["a"], ["1"], ["2"]]
    assert tab.row_count == 1000


def test_an_append_grows_the_grid_but_not_beyond_the_room() -> None:
    """A full grid gets another row; a full workbook refuses, and nothing changes."""
    tab = grid(["a", "b"], row_count=1, column_count=2)
    tab.append(area("T"), [["1", "2", "3"]], insert=False, room=4)
    assert (tab.row_count, tab.column_count) == (2, 3)
    with pytest.raises(WorkbookFull):
        tab.append(area("T"), [["1"]], insert=True, room=2)
    assert tab.rows() == [["a", "b"], ["1", "2", "3"]]
    assert (tab.row_count, tab.column_count) == (2, 3)


def test_an_append_of_nothing_writes_nothing() -> None:
    """Appending no rows leaves the tab unchanged."""
    tab = grid(["a"])
    tab.append(area("T"), [], insert=True, room=ROOM)
    assert [row for row in tab.rows() if row] == [["a"]]


def test_an_update_writes_from_the_first_cell_on() -> None:
    """A single cell is where writing starts; None leaves a cell, and rows in between are empty."""
    tab = grid(["a", "b"])
    assert str(tab.update(area("T!A1"), [[None, "B"], ["c"]])) == "T!A1:B2"
    assert str(tab.update(area("T!B4"), [["d"]])) == "T!B4"
    assert tab.rows() == [["a", "B"], ["c"], [], ["", "d"]]


def test_an_update_stays_in_the_range_and_in_the_grid() -> None:
    """More than the range holds, and a range outside the grid, are refused."""
    tab = grid(row_count=2, column_count=2)
    with pytest.raises(BeyondRange, match=r"range \[T!A1:A2\], but tried writing to column \[B\]"):
        tab.update(area("T!A1:A2"), [["1", "2"]])
    with pytest.raises(BeyondRange, match=r"tried writing to row \[2\]"):
        tab.update(area("T!A1:B1"), [["1"], ["2"]])
    with pytest.raises(BeyondGrid):
        tab.update(area("T!A2"), [["1"], ["2"]])
    with pytest.raises(BeyondGrid):
        tab.update(area("T!C1"), [["1"]])


def test_generated_rows_are_like_rows() -> None:
    """Rows from a function can be counted, indexed and sliced, and become real when one is appended."""
    rows = GeneratedRows(5, lambda number: [f"r{number}", number], width=2)
    assert len(rows) == 5
    assert rows[-1] == ["r5", 5]
    assert list(rows[1:3]) == [["r2", 2], ["r3", 3]]
    with pytest.raises(IndexError):
        _ = rows[5]
    tab = Grid(Tab("T", rows), 0)
    tab.append(area("T"), [["new"]], insert=False, room=ROOM)
    assert tab.rows()[4:] == [["r5", 5], ["new"]]


_TEXT = st.sampled_from(["", "a", "b"])
_ROWS = st.lists(st.lists(_TEXT, max_size=4), max_size=6)


@given(_ROWS, st.sampled_from([("T", True), ("T", False), ("T!A1", True)]))
def test_an_append_loses_no_cell(rows: list[list[str]], how: tuple[str, bool]) -> None:
    """To the whole tab nothing is written over; to A1 neither, where rows are inserted."""
    target, insert = how
    tab = grid(*rows)
    before = filled(tab)
    tab.append(area(target), [["new", "", "newer"]], insert=insert, room=ROOM)
    assert filled(tab) == sorted([*before, "new", "newer"])


def filled(tab: Grid) -> list[str]:
    """Return the text of every cell that is not empty, sorted."""
    return sorted(str(cell) for row in tab.rows() for cell in row if cell)
