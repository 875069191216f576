"""Rows become a CSV that every reader accepts."""

import csv
import importlib
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sheets_decrypt.output.csv_text import LONGEST_EXCEL_CELL, CsvText, RecordCount
from sheets_decrypt.sandbox.google import Tab
from tests import systems
from tests.output.csv_cells import CELLS, HEADER, READABLE, README, ROWS, read
from tests.survey import World


def test_guarded_cells_are_counted_over_pages() -> None:
    """The count covers all pages, and only rows that need it are rewritten."""
    text = CsvText("utf-8", "smart")
    assert text.rows([["=1", "b"], ["a", "-5"]]) == b"'=1,b\r\na,-5\r\n"
    assert text.rows([["@x", "+y"]]) == b"'@x,'+y\r\n"
    assert text.guarded_cells == 3


def test_rows_are_not_changed_in_place() -> None:
    """The guard rewrites a copy."""
    row = ["=1", "b"]
    CsvText("utf-8", "smart").rows([row])
    assert row == ["=1", "b"]


def test_the_byte_order_mark_is_written_once() -> None:
    """`utf-8-sig` begins with one byte order mark, only before the header; `utf-8` has none."""
    with_mark, without = CsvText("utf-8-sig", "smart"), CsvText("utf-8", "smart")
    assert with_mark.header(["né"]) == b"\xef\xbb\xbf" + "né\r\n".encode()
    assert without.header(["né"]) == "né\r\n".encode()
    assert with_mark.rows([["é"]]) == without.rows([["é"]]) == "é\r\n".encode()


def test_lines_end_according_to_rfc_4180() -> None:
    """Every record ends with CR LF; a line break within a cell stays unchanged, in quotes."""
    text = CsvText("utf-8", "off")
    assert text.rows([["a\nb", "c\rd"], ['e"f', "g,h"]]) == b'"a\nb","c\rd"\r\n"e""f","g,h"\r\n'
    assert text.rows([]) == b""
    assert text.rows([[""]]) == b'""\r\n'
    assert text.rows([["", ""]]) == b",\r\n"


@given(st.sampled_from(["utf-8", "utf-8-sig"]), st.lists(CELLS, min_size=3, max_size=3), ROWS)
def test_any_text_is_read_back_by_a_csv_reader(encoding: str, names: list[str], rows: list[list[str]]) -> None:
    """Any text is read back as it was written, including line breaks and NUL."""
    text = CsvText(encoding, "off")  # type: ignore[arg-type]
    data = text.header(names) + text.rows(rows)
    if encoding == "utf-8-sig":
        assert data.startswith(b"\xef\xbb\xbf")
        data = data[3:]
    assert read(data) == [names, *rows]


@given(st.integers(1, 3), st.data())
def test_a_cell_is_quoted_only_where_it_must_be(width: int, data: st.DataObject) -> None:
    """The bytes are the csv module's, which quotes what RFC 4180 requires and the only cell of an empty line."""
    rows = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6))
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    assert CsvText("utf-8", "off").rows(rows) == written.getvalue().encode()


@given(ROWS, st.integers(0, 8))
def test_pages_give_the_same_bytes_as_one(rows: list[list[str]], cut: int) -> None:
    """However the rows are cut into pages, the bytes and the count of guarded cells are the same."""
    whole, split = CsvText("utf-8", "smart"), CsvText("utf-8", "smart")
    assert whole.rows(rows) == split.rows(rows[:cut]) + split.rows(rows[cut:])
    assert whole.guarded_cells == split.guarded_cells


def test_a_lone_surrogate_is_written_unchanged() -> None:
    """Text that UTF-8 cannot hold does not stop the run."""
    assert CsvText("utf-8", "smart").rows([["\ud83d"]]) == b"\xed\xa0\xbd\r\n"


@example(encoding="utf-8", rows=[['"a"\n', "b\n", '"']], cuts=list(range(40)), ended=True)
@given(st.sampled_from(["utf-8", "utf-8-sig"]), ROWS, st.lists(st.integers(0, 200), max_size=6), st.booleans())
def test_records_are_counted_as_a_reader_counts_them(
    encoding: str, rows: list[list[str]], cuts: list[int], ended: bool
) -> None:
    """However a CSV is cut into pieces, its records are counted as csv.reader does, with or without a last line end."""
    text = CsvText(encoding, "smart")  # type: ignore[arg-type]
    data = text.header(HEADER) + text.rows(rows)
    data = data if ended else data.removesuffix(b"\r\n")
    count = RecordCount()
    for start, end in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
        count.add(data[start:end])
    assert count.rows == len(read(data)) - 1 == len(rows)


def test_a_csv_of_one_column_is_counted_with_its_blanks() -> None:
    """A blank cell alone in its row is a record."""
    text = CsvText("utf-8", "off")
    count = RecordCount()
    count.add(text.header(["a"]) + text.rows([[""], ["x"], [""]]))
    assert count.rows == 3


@pytest.mark.parametrize("data", [b"", b"a,b", b"a,b\r\n", b"\xef\xbb\xbfa\r\n", b'"a\r\nb"\r\n'])
def test_an_empty_file_or_only_a_header_has_no_rows(data: bytes) -> None:
    """A CSV without rows has a count of zero, whatever its header is."""
    count = RecordCount()
    count.add(data)
    count.add(b"")
    assert count.rows == 0


# What Excel cuts off


@given(st.data())
def test_every_cell_that_excel_cuts_is_named(data: st.DataObject) -> None:
    """A cell of more than 32,767 UTF-16 units is listed with its row and column; a shorter one is not."""
    limit = LONGEST_EXCEL_CELL
    long = [st.just("x" * (limit + 1)), st.just("🌾" * (limit // 2 + 1)), st.just("=" + "x" * limit)]
    short = [
        st.just("x" * limit),
        st.just("é" * limit),
        st.just("🌾" * (limit // 2)),
        CELLS,
        st.just("x" * (limit // 2)),
    ]
    drawn = st.one_of(
        *(cell.map(lambda cell: (cell, True)) for cell in long),
        *(cell.map(lambda cell: (cell, False)) for cell in short),
    )
    rows = data.draw(st.lists(st.lists(drawn, min_size=2, max_size=2), max_size=5))
    cut = data.draw(st.integers(0, 5))
    text = CsvText("utf-8", "off")
    text.header(["a", "b"])
    for page in (rows[:cut], rows[cut:]):
        text.rows([[cell for cell, _ in row] for row in page])
    expected = [
        (row, place) for row, cells in enumerate(rows, 2) for place, (_, is_long) in enumerate(cells) if is_long
    ]
    assert sorted(text.long_cells) == expected


@pytest.mark.parametrize(
    ("long", "named"),
    [
        (1, "1 cell longer than 32,767 characters (row 2 of 'free'): "),
        (3, "3 cells longer than 32,767 characters (row 2 of 'free', row 4 of 'free', row 6 of 'free'): "),
        (4, "4 cells longer than 32,767 characters (row 2 of 'free', row 4 of 'free', row 6 of 'free', …): "),
    ],
)
def test_a_warning_names_the_first_long_cells(long: int, named: str) -> None:
    """It counts them and names the Sheet's row and column of three, never a value; without any there is no warning."""
    text = CsvText("utf-8", "smart")
    text.rows([["free", "n"], *(row for number in range(long) for row in (["x" * 40_000, str(number)], ["", "short"]))])
    [warning] = text.warnings(["free", "n"])
    assert warning.startswith(named)
    assert "xx" not in warning
    assert CsvText("utf-8", "smart").warnings(["free"]) == []


def test_the_guards_mark_counts_as_excel_counts_it() -> None:
    """A cell of exactly 32,767 characters that gets a leading `'` is one too long."""
    text = CsvText("utf-8", "smart")
    text.rows([["=" * LONGEST_EXCEL_CELL]])
    assert text.long_cells == [(1, 0)]


def test_a_run_names_what_excel_cuts(world: World) -> None:
    """The record has a warning with the Sheet's row, and the CSV holds the whole cell."""
    world.survey.sheet[3][4] = "x" * 40_000
    world.configure(spreadsheet=world.google.add("Long", [Tab("data", world.survey.sheet)]))
    done = world.pull("--json")
    assert done.code == 0
    assert [
        warning for warning in done.records()[0]["warnings"] if "32,767" in warning and "row 4 of 'free'" in warning
    ]
    assert b"x" * 40_000 in (world.csv() or b"")


# How the README reads it


@pytest.mark.parametrize(("program", "module"), [("Python", "csv"), ("pandas", "pandas")])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(READABLE, min_size=3, max_size=3), max_size=4))
def test_the_readmes_code_reads_every_cell_unchanged(
    tmp_path: Path, program: str, module: str, rows: list[list[str]]
) -> None:
    """The README's code for Python and pandas changes no blank, line break, missing value or number."""
    text = CsvText("utf-8-sig", "smart")
    file = tmp_path / "baseline.csv"
    file.write_bytes(text.header(HEADER) + text.rows(rows))
    expected = read(file.read_bytes()[3:])
    [line] = re.findall(rf"\| {program} \| `(.*?)` \|", README.read_text(encoding="utf-8"))
    names = {module: systems.library(module) if module == "pandas" else importlib.import_module(module)}
    exec(line.replace("X:/surveys/baseline.csv", file.as_posix()), names)
    found: Any = names["rows"]
    if module == "pandas":
        found = [list(found.columns), *found.to_numpy().tolist()]
    assert found == expected
