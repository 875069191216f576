"""A downloaded CSV becomes a header and pages of rows."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, SheetRefused
from sheets_decrypt.input import csv_file
from sheets_decrypt.input.csv_file import CsvFile
from tests.survey import csv_of


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a.csv"
    path.write_bytes(content)
    return path


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2).filter(any), min_size=1, max_size=5), mark=st.booleans())
def test_whatever_is_written_as_a_csv_is_read_back(tmp_path: Path, rows: list[list[str]], mark: bool) -> None:
    """Quotes, commas, line breaks and every script are read back, with and without a byte order mark."""
    header = ["a", "b"]
    with CsvFile(_file(tmp_path, csv_of([header, *rows], mark=mark))) as file:
        assert file.header.names == ("a", "b")
        assert file.row_total is None
        assert [row for page in file.pages() for row in page.rows] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["a", "é", ",", "\r\n", "\n", '"', '""', " "]), max_size=30).map("".join))
def test_a_file_is_read_as_the_csv_module_reads_it(tmp_path: Path, text: str) -> None:
    """The rows are the csv module's records, with or without quotes; blank lines are blank rows, except at the end."""
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
    """Short rows are filled and named, blank lines are blank rows, and cells right of the header are set apart."""
    with CsvFile(_file(tmp_path, b"a,b\r\n1\r\n\r\n1,2,3,\r\n1,2,,\r\n")) as file:
        [page] = file.pages()
    assert page.rows == [["1", ""], ["", ""], ["1", "2"], ["1", "2"]]
    assert page.first_row == 2
    assert page.overflow == {4: ["3", ""]}
    assert page.short == [2, 3]


@pytest.mark.parametrize("content", [b"a,b,c\r\n1,2,3\r\n4,5", b"a,b\n1,2\n3", b'a,b,c\n"1","2","3"\n"4","5"'])
def test_a_file_that_ends_in_the_middle_of_a_row_is_refused(tmp_path: Path, content: bytes) -> None:
    """An incomplete download is not taken for the whole sheet."""
    with CsvFile(_file(tmp_path, content)) as file, pytest.raises(SheetRefused, match="is cut off in row"):
        list(file.pages())


def test_blank_lines_at_the_end_are_not_rows(tmp_path: Path) -> None:
    """Blank lines that an editor leaves at the end of a file are not answers."""
    with CsvFile(_file(tmp_path, b"a,b\r\n1,2\r\n\r\n\r\n")) as file:
        assert [page.rows for page in file.pages()] == [[["1", "2"]]]


def test_rows_come_page_by_page(tmp_path: Path) -> None:
    """A large file is never completely in memory, and no row is lost between pages."""
    with CsvFile(_file(tmp_path, b"n\n" + b"".join(b"%d\n" % number for number in range(12_001)))) as file:
        pages = list(file.pages())
    assert [(page.first_row, len(page.rows)) for page in pages] == [(2, 5000), (5002, 5000), (10002, 2001)]
    assert [row[0] for page in pages for row in page.rows] == [str(number) for number in range(12_001)]


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b",,\r\n1,2,3", b" ; ;\r\n1;2;3", b"\xef\xbb\xbf", b"sep=;", b"sep=;\r\n"]
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes) -> None:
    """The first line must name the columns."""
    with pytest.raises(SheetEmpty, match="has no header"):
        CsvFile(_file(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words", "advice"),
    [
        (b'"geheim', r"is not a CSV \(near line 1\): a quoted cell has no end", "download it again"),
        (b'a\n"geheim" x\n', r"is not a CSV \(near line 2\): a quoted cell has no end", "download it again"),
        (b"\xffgeheim\n", r"is not UTF-8 text \(near line 1\)", "--input-encoding cp1252"),
        (b"a\ngeheim\xff\n", r"is not UTF-8 text \(near line [12]\)", "--input-encoding cp1252"),
        (b"\xef\xbb\xbfa\ngeheim\xff\n", r"is not UTF-8 text \(near line [12]\)", "download it again"),
        ("a\ngeheim".encode("utf-16")[:-1], r"is not UTF-16 text \(near line [12]\)", "download it again"),
    ],
)
def test_a_file_that_is_not_a_csv_is_refused_without_showing_a_value(
    tmp_path: Path, content: bytes, words: str, advice: str
) -> None:
    """The error names the file and the line, but never the content."""
    with pytest.raises(SheetRefused, match=words) as caught, CsvFile(_file(tmp_path, content)) as file:
        list(file.pages())
    assert advice in caught.value.hint
    assert "geheim" not in caught.value.message + caught.value.hint
    assert caught.value.__context__ is None


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of gigabytes without a line break is refused after the longest line that a sheet can have."""
    monkeypatch.setattr(csv_file, "_LONGEST_LINE", 100)
    with CsvFile(_file(tmp_path, b"a\n" + b"x" * 98 + b"\n")) as file:
        assert [page.rows for page in file.pages()] == [[["x" * 98]]]
    with (
        CsvFile(_file(tmp_path, b"a\n" + b"x" * 200)) as file,
        pytest.raises(SheetRefused, match="line 2 does not end"),
    ):
        list(file.pages())


def test_a_page_of_wide_rows_has_fewer_rows(tmp_path: Path) -> None:
    """Short rows under a very wide header are filled up, and a page still has at most a million cells."""
    with CsvFile(_file(tmp_path, b"a," * 499_999 + b"a\n" + b"1\n" * 5)) as file:
        assert [len(page.rows) for page in file.pages()] == [2, 2, 1]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error says whether the file is missing or is a folder."""
    with pytest.raises(ConfigurationError, match="no such file"):
        CsvFile(tmp_path / "nothing.csv")
    with pytest.raises(ConfigurationError, match="is a directory"):
        CsvFile(tmp_path)
