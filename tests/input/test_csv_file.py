"""A CSV that was downloaded becomes a header and pages of rows."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, SheetRefused
from sheets_decrypt.input.csv_file import CsvFile
from tests.survey import csv_of


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a.csv"
    path.write_bytes(content)
    return path


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2).filter(any), min_size=1, max_size=5), mark=st.booleans())
def test_whatever_is_written_as_a_csv_is_read_back(tmp_path: Path, rows: list[list[str]], mark: bool) -> None:
    """Quotes, commas, line breaks and every script, with and without a byte order mark."""
    header = ["a", "b"]
    with CsvFile(_file(tmp_path, csv_of([header, *rows], mark=mark))) as file:
        assert file.header.names == ("a", "b")
        assert file.row_total is None
        assert [row for page in file.pages() for row in page.rows] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["a", "é", ",", "\r\n", "\n", '"', '""', " "]), max_size=30).map("".join))
def test_a_file_is_read_as_the_csv_module_reads_it(tmp_path: Path, text: str) -> None:
    """Lines with quotes and without give the csv module's records; blank lines are blank rows, at the end none."""
    try:
        expected = list(csv.reader(io.StringIO("a,b\n" + text, newline=""), strict=True))[1:]
    except csv.Error:
        expected = None
    while expected and not expected[-1]:
        expected.pop()
    with CsvFile(_file(tmp_path, ("a,b\n" + text).encode())) as file:
        if expected is None:
            with pytest.raises(SheetRefused):
                list(file.pages())
            return
        try:
            rows = [row for page in file.pages() for row in page.rows]
        except SheetRefused as error:
            assert "cut off" in error.message  # noqa: PT017  (such a file may be read as well)
            return
    assert rows == [[*row, "", ""][:2] for row in expected]


def test_rows_are_as_wide_as_the_header(tmp_path: Path) -> None:
    """Short rows are filled and named, blank lines are blank rows, and what lies to the right is set apart."""
    with CsvFile(_file(tmp_path, b"a,b\r\n1\r\n\r\n1,2,3,\r\n1,2,,\r\n")) as file:
        [page] = file.pages()
    assert page.rows == [["1", ""], ["", ""], ["1", "2"], ["1", "2"]]
    assert page.first_row == 2
    assert page.overflow == {4: ["3", ""]}
    assert page.short == [2, 3]


@pytest.mark.parametrize("content", [b"a,b,c\r\n1,2,3\r\n4,5", b"a,b\n1,2\n3", b'a,b,c\n"1","2","3"\n"4","5"'])
def test_a_file_that_ends_in_the_middle_of_a_row_is_refused(tmp_path: Path, content: bytes) -> None:
    """A download that broke off is not taken for the whole sheet."""
    with CsvFile(_file(tmp_path, content)) as file, pytest.raises(SheetRefused, match="is cut off in row"):
        list(file.pages())


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    """What an editor leaves at the end of a file is not an answer."""
    with CsvFile(_file(tmp_path, b"a,b\r\n1,2\r\n\r\n\r\n")) as file:
        assert [page.rows for page in file.pages()] == [[["1", "2"]]]


def test_rows_come_page_by_page(tmp_path: Path) -> None:
    """A large file is never in memory as a whole, and no row is lost between pages."""
    with CsvFile(_file(tmp_path, b"n\n" + b"".join(b"%d\n" % number for number in range(12_001)))) as file:
        pages = list(file.pages())
    assert [(page.first_row, len(page.rows)) for page in pages] == [(2, 5000), (5002, 5000), (10002, 2001)]
    assert [row[0] for page in pages for row in page.rows] == [str(number) for number in range(12_001)]


@pytest.mark.parametrize("content", [b"", b"\r\n", b",,\r\n1,2,3"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes) -> None:
    """Its first line must name the columns."""
    with pytest.raises(SheetEmpty, match="has no header"):
        CsvFile(_file(tmp_path, content))


@pytest.mark.parametrize("content", [b'"geheim', b"\xffgeheim\n", b'a\n"geheim" x\n', b"a\ngeheim\xff\n"])
def test_what_is_no_csv_is_refused_without_a_value(tmp_path: Path, content: bytes) -> None:
    """The file and the line are named, never what is in it."""
    with (
        pytest.raises(SheetRefused, match=r"is not a csv in utf-8 \(near line [1-3]\)") as caught,
        CsvFile(_file(tmp_path, content)) as file,
    ):
        list(file.pages())
    assert "geheim" not in caught.value.message + caught.value.hint
    assert caught.value.__suppress_context__


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """It may be missing, or a folder."""
    with pytest.raises(ConfigurationError, match="no such file"):
        CsvFile(tmp_path / "nothing.csv")
    with pytest.raises(ConfigurationError, match="is a directory"):
        CsvFile(tmp_path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        ("name\tphone\r\n".encode("utf-16"), "UTF-16 text"),
        (b"\xfe\xff\x00n\x00a", "UTF-16 text"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    """What people download or save by mistake is named, and how to get the CSV is the hint."""
    with pytest.raises(SheetRefused, match=f"is {kind}, not a csv in utf-8") as caught:
        CsvFile(_file(tmp_path, content))
    assert "Comma-separated values" in caught.value.hint
