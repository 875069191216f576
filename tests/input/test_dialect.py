"""A CSV is read as Excel and Google Sheets write it: comma, semicolon or tab; UTF-8, UTF-16, or a named encoding."""

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError, SheetRefused
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.input.dialect import ENCODINGS, dialect_of

PATH = Path("a.csv")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
CELL = st.text(st.one_of(st.sampled_from(",;\t\"'\r\n=é"), st.characters(exclude_categories=["Cs"])), max_size=8)


def _read(folder: Path, content: bytes, encoding: str | None = None) -> tuple[list[list[str]], str]:
    """Return the header and the rows of a file, and the dialect that was found."""
    path = folder / "a.csv"
    path.write_bytes(content)
    with CsvFile(path, encoding) as file:
        return [list(file.header.names), *(row for page in file.pages() for row in page.rows)], file.words


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3).filter(any), max_size=4),
    separator=st.sampled_from(list(SEPARATORS)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    end=st.sampled_from(["\r\n", "\n"]),
    announced=st.booleans(),
    minimal=st.booleans(),
)
def test_whatever_the_csv_module_writes_in_any_dialect_is_read_back(
    tmp_path: Path, rows: list[list[str]], separator: str, encoding: str, end: str, announced: bool, minimal: bool
) -> None:
    """Every separator is read in every encoding, with and without `sep=`, even if cells contain others."""
    table = [["id", "Name; first, last\tor both", "phone"], *rows]
    text = io.StringIO(newline="")
    text.write(f"sep={separator}{end}" if announced else "")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerow(table[0])
    # Python 3.11 leaves a lone CR without quotes where lines end with LF.
    rest = csv.writer(
        text, delimiter=separator, lineterminator=end,
        quoting=csv.QUOTE_MINIMAL if minimal and end == "\r\n" else csv.QUOTE_ALL,
    )  # fmt: skip
    rest.writerows(table[1:])
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    name = "UTF-16" if encoding.startswith("utf-16") else "UTF-8"
    found = _read(tmp_path, mark + text.getvalue().encode(encoding))
    assert found == (table, f"CSV separated by {SEPARATORS[separator]}, {name}")


@pytest.mark.parametrize(
    ("start", "separator"),
    [
        ("a,b;c,d\n1;2;3;4;5", ","),
        ("a;b,c;d\n1,2,3,4,5", ";"),
        ("a\tb\tc,d", "\t"),
        ("a,b;c", ","),
        ('"a;b;c","d"', ","),
        ('"a;"";b;c",d', ","),
        ('"a\n;;;",b\n;;;', ","),
        ('"never closed;;;', ","),
        ('5" pipe,6" pipe;b,c', ","),
        ("a", ","),
        ("", ","),
        ('"a"|"b"', ","),
        ("\n;;;;", ","),
    ],
)
def test_the_separator_is_the_headers_most_frequent_one_outside_quotes(start: str, separator: str) -> None:
    """Separators in quotes or on later lines do not count, and the comma wins a tie."""
    assert dialect_of(PATH, start.encode(), None).separator == separator


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"sep=;\r\na;b,c\r\n1;2\r\n", "CSV separated by semicolons, UTF-8"),
        (b'"sep=;"\na;b,c\n1;2\n', "CSV separated by semicolons, UTF-8"),
        (b"SEP=|\na|b,c\n1|2\n", 'CSV separated by "|", UTF-8'),
        (b"\xef\xbb\xbfsep=\t\r\na\tb,c\r\n1\t2\r\n", "CSV separated by tabs, UTF-8"),
        ("\ufeffsep=;\r\na;b,c\r\n1;2\r\n".encode("utf-16-le"), "CSV separated by semicolons, UTF-16"),
    ],
)
def test_a_first_line_that_announces_the_separator_is_used_and_skipped(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """Excel reads such a file in the same way; the header still counts as row 1."""
    assert _read(tmp_path, content) == ([["a", "b,c"], ["1", "2"]], words)


def test_a_column_name_may_look_like_the_separator_line(tmp_path: Path) -> None:
    """Only a line with nothing else on it announces a separator."""
    assert _read(tmp_path, b"sep=;,b\n1,2\n")[0] == [["sep=;", "b"], ["1", "2"]]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_named_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    """Characters in the computer's code page are read as they were written."""
    letters = bytes([0xE4, 0xE9, 0xEE]).decode(encoding)
    assert _read(tmp_path, f"a;b\r\n{letters};1\r\n".encode(encoding), encoding)[0] == [["a", "b"], [letters, "1"]]


def test_a_file_with_a_recognisable_encoding_is_not_read_in_another(tmp_path: Path) -> None:
    """A byte order mark, or UTF-8 from end to end, is trusted, because names would be silently damaged otherwise."""
    for start in ("\ufeffa\n".encode(), "\ufeffa\n".encode("utf-16-le")):
        with pytest.raises(ConfigurationError, match="byte order mark") as caught:
            _read(tmp_path, start, "cp1252")
        assert caught.value.hint == "leave out --input-encoding"
    for content in ("a\nZoë\n".encode(), b"a\n" + b"x" * (1 << 20) + "ë\n".encode()):
        with pytest.raises(SheetRefused, match="is UTF-8, not cp1252"):
            _read(tmp_path, content, "cp1252")


def test_a_file_in_ascii_may_be_given_any_encoding(tmp_path: Path) -> None:
    """ASCII text is the same in all of them."""
    assert _read(tmp_path, b"a\nb\n", "cp1252") == ([["a"], ["b"]], "CSV of one column, cp1252")


def test_bytes_that_are_invalid_in_the_named_encoding_are_refused(tmp_path: Path) -> None:
    """Such bytes show that the encoding is wrong."""
    with pytest.raises(SheetRefused, match=r"is not cp1252 text \(near line [12]\)"):
        _read(tmp_path, b"a\n\x81\xe9\n", "cp1252")


def test_a_large_file_in_utf_16_is_read_page_by_page(tmp_path: Path) -> None:
    """No row is lost where the decoder's blocks meet."""
    rows = [[str(number), "Zoë \U0001f33e" * (number % 7)] for number in range(12_001)]
    text = "\r\n".join("\t".join(row) for row in [["n", "text"], *rows]) + "\r\n"
    assert _read(tmp_path, text.encode("utf-16")) == ([["n", "text"], *rows], "CSV separated by tabs, UTF-16")
