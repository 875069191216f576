"""A spreadsheet and a tab become a header and pages of rows."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import NotGoogle, SheetEmpty, WorksheetNotFound
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import Sheet, _checked, _choose, _tabs, open_sheet
from sheets_decrypt.sandbox.google import Cell, Fault, Formula, Sandbox, Tab

ROWS = [["name", "phone"], ["Ana", "+44"], ["Bo"], [], ["Cy", "+57"]]


@pytest.fixture
def session(google: Sandbox) -> Iterator[Session]:
    """Open a session with the local Google."""
    with open_session(config.Google()) as opened:
        yield opened


def _open(
    session: Session,
    spreadsheet_id: str,
    *,
    worksheet: str | None = None,
    gid: int | None = None,
    values: Literal["stored", "displayed"] = "stored",
    page_rows: int = 5000,
) -> Sheet:
    return open_sheet(
        session, spreadsheet_id=spreadsheet_id, worksheet=worksheet, gid=gid, values=values, page_rows=page_rows
    )


def test_an_ordinary_pull_is_three_requests(google: Sandbox, session: Session) -> None:
    """The token, properties and values are the only requests, to two hosts; nothing is sent in the background."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    list(_open(session, identity).pages())
    session.close()
    assert [(request.host, request.kind.value, request.status) for request in google.requests] == [
        ("oauth2.googleapis.com", "token", 200),
        ("sheets.googleapis.com", "spreadsheet", 200),
        ("sheets.googleapis.com", "values", 200),
    ]
    assert session.requests == 3


def test_a_sheet_describes_itself_before_its_rows_are_read(google: Sandbox, session: Session) -> None:
    """ID, titles, gid, grid, header and the number of rows are available before the rows are."""
    identity = google.add("Survey 1", [Tab("first", []), Tab("data", ROWS, gid=77)])
    sheet = _open(session, identity, worksheet="data")
    assert (sheet.spreadsheet_id, sheet.title) == (identity, "Survey 1")
    assert (sheet.tab.title, sheet.tab.gid, sheet.tab.index) == ("data", 77, 1)
    assert (sheet.tab.rows, sheet.tab.columns) == (1000, 26)
    assert sheet.header.names == ("name", "phone")
    assert sheet.row_total == 4


def test_ragged_rows_are_padded_and_keep_their_numbers(google: Sandbox, session: Session) -> None:
    """Short rows are filled up, and an empty row in the middle becomes a row of blanks."""
    [page] = _open(session, google.add("Survey", [Tab("data", ROWS)])).pages()
    assert page.first_row == 2
    assert page.rows == [["Ana", "+44"], ["Bo", ""], ["", ""], ["Cy", "+57"]]


def test_rows_come_page_by_page(google: Sandbox, session: Session) -> None:
    """Pages have at most the requested number of rows, and their row numbers continue."""
    rows = [["n"], *([str(number)] for number in range(2, 12))]
    pages = list(_open(session, google.add("Survey", [Tab("data", rows)]), page_rows=4).pages())
    assert [(page.first_row, len(page.rows)) for page in pages] == [(2, 4), (6, 4), (10, 2)]
    assert [row for page in pages for row in page.rows] == rows[1:]


def test_pages_are_read_once(google: Sandbox, session: Session) -> None:
    """A second pass is a bug in the caller, not an empty sheet."""
    sheet = _open(session, google.add("Survey", [Tab("data", ROWS)]))
    list(sheet.pages())
    with pytest.raises(RuntimeError, match="once"):
        list(sheet.pages())


def test_a_header_without_rows_gives_no_pages(google: Sandbox, session: Session) -> None:
    """A survey without answers is a header and nothing else."""
    sheet = _open(session, google.add("Survey", [Tab("data", ROWS[:1])]))
    assert list(sheet.pages()) == []
    assert sheet.row_total == 0


def test_blank_rows_at_the_end_of_a_tab_are_dropped(google: Sandbox, session: Session) -> None:
    """Formulas that show nothing add no rows at the end, although the API sends them."""
    blank = Formula("=IF(A2,1,)", "")
    sheet = _open(session, google.add("Survey", [Tab("data", [["a", "b"], ["1"], [blank, " "], [blank, blank]])]))
    [page] = sheet.pages()
    assert page.rows == [["1", ""], ["", " "]]


@pytest.mark.parametrize(
    "title", ["data", "D3", 'Tab\'s "own" one', "🌵 Umfrage/ü 100%", "a!b:c", "'quoted'", "A1:B2", "?x=1#y&z", ".."]
)
def test_every_title_is_matched_exactly(google: Sandbox, session: Session, title: str) -> None:
    """A title that looks like a range, or contains quotes, slashes or other scripts, names only its own tab."""
    identity = google.add("Survey", [Tab("other", [["wrong"]]), Tab(title, ROWS)])
    sheet = _open(session, identity, worksheet=title)
    assert sheet.tab.title == title
    assert sheet.header.names == ("name", "phone")


def test_a_title_beats_a_gid_and_a_gid_beats_the_first_tab(google: Sandbox, session: Session) -> None:
    """The title decides, then the gid, then the order of the tabs."""
    identity = google.add("Survey", [Tab("one", [["1"]]), Tab("two", [["2"]], gid=22), Tab("three", [["3"]], gid=33)])
    assert _open(session, identity, worksheet="three", gid=22).header.names == ("3",)
    assert _open(session, identity, gid=22).header.names == ("2",)
    assert _open(session, identity, gid=0).header.names == ("1",)
    assert _open(session, identity).header.names == ("1",)


def test_a_missing_title_lists_the_tabs_and_the_closest(google: Sandbox, session: Session) -> None:
    """The hint lists the existing tabs and suggests the closest title."""
    identity = google.add("Survey", [Tab("Baseline", ROWS, gid=5), Tab("Notes", [], gid=6)])
    with pytest.raises(WorksheetNotFound, match='no tab "baseline "') as caught:
        _open(session, identity, worksheet="baseline ")
    assert 'did you mean "Baseline"?' in caught.value.hint
    assert '"Notes" (gid 6)' in caught.value.hint
    assert caught.value.exit_code == 5


def test_a_missing_gid_lists_the_tabs(google: Sandbox, session: Session) -> None:
    """A gid that no tab has is an error; the first tab is never used instead."""
    identity = google.add("Survey", [Tab("Baseline", ROWS, gid=5)])
    with pytest.raises(WorksheetNotFound, match="gid 99") as caught:
        _open(session, identity, gid=99)
    assert '"Baseline" (gid 5)' in caught.value.hint
    assert "did you mean" not in caught.value.hint
    assert caught.value.hint.endswith("; if it was deleted, File, Version history restores it")


@pytest.mark.parametrize("rows", [[], [[], ["Ana"]], [["", "  "], ["Ana", "+44"]], [["", ""]]])
def test_a_tab_without_a_header_is_refused(google: Sandbox, session: Session, rows: list[list[str]]) -> None:
    """No values, or a blank first row with data below it, is a missing header, and the error names the tab."""
    with pytest.raises(SheetEmpty, match='"data" has no header') as caught:
        _open(session, google.add("Survey", [Tab("data", rows)]))
    assert "row 1" in caught.value.hint
    assert caught.value.exit_code == 9


def test_blank_and_duplicate_names_are_kept(google: Sandbox, session: Session) -> None:
    """The header is unchanged; a number in it is read as text."""
    sheet = _open(session, google.add("Survey", [Tab("data", [["a", "", "a", 2024, " b "], ["1"]])]))
    assert sheet.header.names == ("a", "", "a", "2024", " b ")


def test_stored_values_are_exact_and_retyped_cells_are_reported(google: Sandbox, session: Session) -> None:
    """Strings come as stored, dates as text, and numbers and booleans in full and reported."""
    rows: list[list[Cell]] = [
        ["a", "b", "c"],
        ["007", 57300123456789012345, True],
        ["1e5", 0.1, date(2024, 5, 1)],
        ["+447700900123", 1e21, "TRUE"],
        [Formula("=+x", "#NAME?"), 5.0, ""],
    ]
    [page] = _open(session, google.add("Survey", [Tab("data", rows)])).pages()
    assert page.rows == [
        ["007", "57300123456789012345", "TRUE"],
        ["1e5", "0.1", "2024-05-01"],
        ["+447700900123", "1000000000000000000000", "TRUE"],
        ["#NAME?", "5", ""],
    ]
    assert page.retyped == {1: [2, 3, 4, 5], 2: [2]}
    asked = google.requests[-1].parameters
    assert asked["valueRenderOption"] == ["UNFORMATTED_VALUE"]
    assert asked["dateTimeRenderOption"] == ["FORMATTED_STRING"]


def test_displayed_values_are_what_the_sheet_shows(google: Sandbox, session: Session) -> None:
    """Everything comes as formatted text, and nothing counts as retyped."""
    rows: list[list[Cell]] = [["a", "b"], [1e21, True], [5.0, "x"]]
    [page] = _open(session, google.add("Survey", [Tab("data", rows)]), values="displayed").pages()
    assert page.rows == [["1.00E+21", "TRUE"], ["5", "x"]]
    assert page.retyped == {}
    assert google.requests[-1].parameters["valueRenderOption"] == ["FORMATTED_VALUE"]


def test_the_traces_of_a_shifted_append_are_reported(google: Sandbox, session: Session) -> None:
    """Data right of the header and a row that starts too far right are named by their row numbers."""
    rows = [["a", "b"], ["1", "x"], ["2", "y"], ["", "", "3", "z"], ["4", "w"]]
    [page] = _open(session, google.add("Survey", [Tab("data", rows)])).pages()
    assert page.overflow == {4: ("3", "z")}
    assert list(page.shifted) == [4]


def test_a_tab_renamed_between_two_requests_is_reported_as_missing(google: Sandbox, session: Session) -> None:
    """A tab that is gone when its values are requested is reported as missing, with the list of tabs."""
    identity = google.add("Survey", [Tab("data", ROWS)])

    def rename() -> None:
        google.add("Survey", [Tab("other", ROWS)], spreadsheet_id=identity)

    google.fault(Fault(kind="values", what="call", then=rename))
    with pytest.raises(WorksheetNotFound, match="just now") as caught:
        _open(session, identity)
    assert '"data"' in caught.value.hint


def test_a_sheet_can_be_opened_again(google: Sandbox, session: Session) -> None:
    """A reopened sheet has the tab's current content."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    sheet = _open(session, identity)
    google.replace_rows(identity, "data", [["other"], ["1"]])
    [page] = sheet.reopen().pages()
    assert page.rows == [["1"]]


def test_charts_are_not_tabs_with_cells() -> None:
    """A chart's own sheet has no grid, and the tabs are in the spreadsheet's order, not the reply's."""
    title, tabs = _tabs(
        {
            "properties": {"title": "Survey"},
            "sheets": [
                {"properties": {"title": "b", "sheetId": 2, "index": 2, "gridProperties": {"rowCount": 5}}},
                {"properties": {"title": "chart", "sheetId": 3, "index": 0, "sheetType": "OBJECT"}},
                {"properties": {"title": "a", "gridProperties": {"rowCount": 5, "columnCount": 2}, "index": 1}},
            ],
        }
    )
    assert title == "Survey"
    assert [(tab.title, tab.gid, tab.columns) for tab in tabs] == [("a", 0, 2), ("b", 2, 0)]


@pytest.mark.parametrize(
    "content", [[], {}, {"sheets": 5}, {"sheets": [{}], "properties": {}}, {"sheets": [], "properties": None}]
)
def test_malformed_properties_are_not_taken_for_googles(content: Any) -> None:
    """JSON of another shape is not from Google."""
    with pytest.raises(NotGoogle):
        _tabs(content)


@pytest.mark.parametrize(
    "content", [[], {}, {"range": "x", "values": 5}, {"range": "x", "values": [5]}, {"range": "x", "values": [[[1]]]}]
)
def test_malformed_values_are_not_taken_for_googles(content: Any) -> None:
    """JSON of another shape is not from Google, and never an empty sheet."""
    with pytest.raises(NotGoogle):
        _checked(content)


def test_a_spreadsheet_without_cells_is_refused() -> None:
    """The error says that no tab has cells."""
    with pytest.raises(WorksheetNotFound, match="no tab with cells") as caught:
        _choose([], None, None)
    assert "none" in caught.value.hint
