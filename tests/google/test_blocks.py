"""A large tab is read completely in few blocks, and rows that move during the reading are noticed."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt import config
from sheets_decrypt.cells import Row
from sheets_decrypt.errors import SheetMoved, WorksheetNotFound
from sheets_decrypt.google.blocks import Block, Limits, Moved, Pace, read
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import Sheet, _chained, _Request, open_sheet
from sheets_decrypt.google.sheet import Tab as SheetTab
from sheets_decrypt.sandbox.google import Fault, Sandbox, Tab
from sheets_decrypt.table import Header

SMALL = Limits(cells=40, size=300, blocks=1000, pause=0)


@pytest.fixture
def session(google: Sandbox) -> Iterator[Session]:
    """Open a session with the local Google."""
    with open_session(config.Google()) as opened:
        yield opened


def _rows(count: int) -> list[list[str]]:
    return [["id", "name"], *([str(number), f"name {number}"] for number in range(2, count + 1))]


def _open(session: Session, spreadsheet_id: str, limits: Limits = SMALL) -> Sheet:
    return open_sheet(
        session,
        spreadsheet_id=spreadsheet_id,
        worksheet="data",
        gid=None,
        values="stored",
        page_rows=7,
        limits=limits,
    )


def _all(sheet: Sheet) -> list[list[str]]:
    rows: list[list[str]] = []
    for page in sheet.pages():
        assert page.first_row == 2 + len(rows)
        rows += page.rows
    return rows


def test_a_tab_read_in_blocks_has_the_same_rows_as_in_one(google: Sandbox, session: Session) -> None:
    """Reading in blocks changes nothing: every row comes once, in order, with its number."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=200, column_count=2)])
    assert _all(_open(session, identity)) == _rows(120)[1:]
    assert len(google.requests) > 10
    assert {request.status for request in google.requests} == {200}


def test_each_block_repeats_the_last_row_of_the_one_before(google: Sandbox, session: Session) -> None:
    """The ranges overlap by one row and end with the grid; the header is requested again at the end."""
    identity = google.add("Survey", [Tab("data", _rows(60), row_count=60, column_count=2)])
    _all(_open(session, identity))
    ranges = [request.path.rpartition("%21")[2] for request in google.requests if "/values/" in request.path]
    assert ranges.pop() == "A1%3AB1"
    edges = [tuple(int(cell[1:]) for cell in cells.split("%3A")) for cells in ranges]
    assert edges[0][0] == 1
    assert edges[-1][1] == 60
    assert all(former[1] == later[0] for former, later in pairwise(edges))


def test_thousands_of_blank_rows_in_the_middle_are_kept(google: Sandbox, session: Session) -> None:
    """A gap longer than many blocks keeps the row numbers below it, and the blank end of the grid produces no rows."""
    rows = [*_rows(5), *([[]] * 3000), ["last", "one"]]
    identity = google.add("Survey", [Tab("data", rows, row_count=5000, column_count=2)])
    found = _all(_open(session, identity, Limits(cells=400, size=300, blocks=100, pause=0)))
    assert len(found) == 3005
    assert found[-1] == ["last", "one"]
    assert all(row == ["", ""] for row in found[4:-1])


def test_a_row_that_moved_is_noticed(google: Sandbox, session: Session) -> None:
    """A row inserted above while the tab is read makes the overlap differ, so the pages so far are invalid."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])

    def insert() -> None:
        google.replace_rows(identity, "data", [["id", "name"], ["1", "new"], *_rows(120)[1:]])

    google.fault(Fault(kind="values", what="call", after=4, then=insert))
    sheet = _open(session, identity)
    with pytest.raises(Moved, match="rows moved"):
        _all(sheet)


def test_a_sheet_that_moved_is_read_again_from_its_beginning(google: Sandbox, session: Session) -> None:
    """After a move, the reopened sheet returns the current rows."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])
    moved = [["id", "name", "more"], ["1", "new", "x"], *_rows(120)[1:]]
    google.fault(Fault(kind="values", what="call", after=4, then=lambda: google.replace_rows(identity, "data", moved)))
    sheet = _open(session, identity)
    with pytest.raises(Moved):
        _all(sheet)
    again = sheet.reopen()
    assert again.header.names == ("id", "name", "more")
    assert [row[:2] for row in _all(again)] == [row[:2] for row in moved[1:]]


def test_a_sheet_that_moves_twice_is_refused(google: Sandbox, session: Session) -> None:
    """There is no third reading: a move during the second is an error with its own exit code."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])
    count = iter(range(1000))

    def insert() -> None:
        google.replace_rows(identity, "data", [["id", "name"], [f"new {next(count)}"], *_rows(120)[1:]])

    google.fault(Fault(kind="values", what="call", after=4, times=None, then=insert))
    sheet = _open(session, identity)
    with pytest.raises(Moved):
        _all(sheet)
    with pytest.raises(SheetMoved, match="twice") as caught:
        _all(sheet.reopen())
    assert not isinstance(caught.value, Moved)
    assert caught.value.exit_code == 9
    assert caught.value.hint


def test_a_header_that_changed_is_noticed(google: Sandbox, session: Session) -> None:
    """Columns that swap places while the tab is read are noticed even where no overlap differs."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])
    changed = [["name", "id"], *_rows(120)[1:]]
    google.fault(
        Fault(kind="values", what="call", after=4, then=lambda: google.replace_rows(identity, "data", changed))
    )
    with pytest.raises(Moved):
        _all(_open(session, identity))


def test_a_grid_that_became_shorter_is_a_move() -> None:
    """A block that begins beyond the grid, which Google refuses, means that rows were deleted."""

    def ask(first: int, last: int) -> Block:
        if first > 20:
            raise SheetMoved("the tab has fewer rows than a moment ago")
        return Block([["x", str(number)] for number in range(first, last + 1)], 100)

    with pytest.raises(Moved):
        list(read(100, 2, ask, SMALL))


def test_a_shrunken_grid_over_the_wire_is_a_move(google: Sandbox, session: Session) -> None:
    """Over the wire, too, Google's "exceeds grid limits" is read as a move."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])

    def shrink() -> None:
        google.add("Survey", [Tab("data", _rows(8), row_count=8, column_count=2)], spreadsheet_id=identity)

    google.fault(Fault(kind="values", what="call", after=4, then=shrink))
    sheet = _open(session, identity)
    with pytest.raises(Moved):
        _all(sheet)
    assert google.requests[-1].status == 400


def test_a_tab_renamed_between_two_blocks_is_reported_as_missing(google: Sandbox, session: Session) -> None:
    """A tab that is renamed between two blocks is reported as missing, not as moved, with the list of tabs."""
    identity = google.add("Survey", [Tab("data", _rows(120), row_count=130, column_count=2)])

    def rename() -> None:
        google.add("Survey", [Tab("other", _rows(8))], spreadsheet_id=identity)

    google.fault(Fault(kind="values", what="call", after=4, then=rename))
    sheet = _open(session, identity)
    with pytest.raises(WorksheetNotFound, match="renamed or removed") as caught:
        _all(sheet)
    assert '"data"' in caught.value.hint


@pytest.mark.parametrize(("rows", "columns"), [(10_000_000, 1), (1_000_000, 10), (384_615, 26), (2_000, 5_000)])
@pytest.mark.parametrize("cell_bytes", [1, 20, 500])
def test_ten_million_cells_need_fewer_requests_than_a_minutes_quota(rows: int, columns: int, cell_bytes: int) -> None:
    """However long the cells are, the largest workbook needs fewer than 60 requests."""
    asked: list[tuple[int, int]] = []

    def ask(first: int, last: int) -> Block:
        asked.append((first, last))
        return Block([], (last - first + 1) * columns * cell_bytes)

    seen = sum(len(block) for block in read(rows, columns, ask, Limits()))
    assert seen == rows
    assert len(asked) < 58


@given(st.integers(200, 5000), st.integers(1, 30), st.integers(2, 100))
def test_no_request_covers_more_cells_than_the_limit(rows: int, columns: int, height: int) -> None:
    """However small the replies are, a block never has more cells than Google returns for one request."""
    limits = Limits(cells=height * columns, size=10**12, blocks=rows, pause=0)
    asked: list[int] = []

    def ask(first: int, last: int) -> Block:
        asked.append(last - first + 1)
        return Block([], 20)

    list(read(rows, columns, ask, limits))
    assert max(asked) <= height


@pytest.mark.parametrize("row_bytes", [100, 1000, 10_000])
def test_blocks_grow_towards_the_size_that_google_advises(row_bytes: int) -> None:
    """Where the quota allows it, later blocks are close to 2 MB, however large a row is."""
    rows, sizes = 40_000_000 // row_bytes, []

    def ask(first: int, last: int) -> Block:
        sizes.append((last - first + 1) * row_bytes)
        return Block([], sizes[-1])

    list(read(rows, 1000, ask, Limits(cells=10**9)))
    assert max(sizes) <= 2_100_000
    assert sizes[len(sizes) // 2] > 1_800_000


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 60), st.integers(1, 2000))
def test_blocks_cover_every_row_once(rows: int, blocks: int, cells: int, size: int) -> None:
    """For every grid and every limit, the blocks together make up the grid."""
    limits = Limits(cells=cells, size=size, blocks=blocks, pause=0)

    def ask(first: int, last: int) -> Block:
        return Block([[str(number)] for number in range(first, last + 1)], 30 * (last - first + 1))

    every = [row for block in read(rows, 1, ask, limits) for row in block]
    assert every == [[str(number)] for number in range(1, rows + 1)]


def _paced(monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], Callable[[float], None]]:
    slept: list[float] = []
    now = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return slept, pass_by


def test_requests_are_kept_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the rest of the pause is waited for, so a slow reply costs no extra time."""
    slept, pass_by = _paced(monkeypatch)
    pace = Pace(1.0)
    pace.wait()
    pass_by(0.25)
    pace.wait()
    pass_by(5)
    pace.wait()
    assert slept == pytest.approx([0, 0.75, 0])


def test_memory_does_not_grow_with_the_sheet(session: Session) -> None:
    """Eight times the rows need no more memory, because each block is freed before the next is read."""

    def peak(count: int) -> int:
        limits = Limits(cells=2000, size=400_000, blocks=count, pause=0)
        request = _Request(session, "id", None, None, "stored", 100, limits, Pace(0))

        def ask(first: int, last: int) -> Block:
            rows: list[Row] = [[str(number), f"{number:0400d}"] for number in range(first, last + 1)]
            return Block(rows, 420 * len(rows))

        tracemalloc.start()
        grid = read(count, 2, ask, limits)
        sheet = Sheet(request, "t", SheetTab("t", 0, count, 2, 0), Header(("a", "b")), _chained(next(grid), grid), 0)
        total = sum(len(page.rows) for page in sheet.pages())
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == count
        return highest

    small = peak(2_500)
    assert peak(20_000) < 1.2 * small
