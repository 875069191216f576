"""A workbook is read as its program wrote it, whichever program that was."""

from datetime import date, datetime, time
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError, SheetEmpty, SheetRefused
from sheets_decrypt.input.table_file import open_table
from sheets_decrypt.input.xlsx.file import XlsxFile
from sheets_decrypt.output.workbook import WorkbookText
from sheets_decrypt.table import columns_of
from tests.input.xlsx.books import HEADER, MAIN, PART, book, packed, parts, relations, row, rows_of, text

# XML holds these unchanged: openpyxl writes no escapes, and every XML reader turns CR into LF.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff"), min_size=1, max_size=8
)
ANY = st.text(st.characters(exclude_categories=["Cs"]))
CELL = st.one_of(
    TEXT.filter(lambda value: not value.startswith("=")),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=4), streamed=st.booleans())
def test_workbooks_of_openpyxl_are_read_back(
    tmp_path: Path, rows: list[list[str | float | bool]], streamed: bool
) -> None:
    """Texts and booleans are equal, numbers equal as numbers; texts are shared, or inline where openpyxl streams."""
    workbook = openpyxl.Workbook(write_only=streamed)
    sheet = workbook.create_sheet("Answers") if streamed else workbook.worksheets[0]
    sheet.append(["a", "b", "c"])
    for line in rows:
        sheet.append([*line])
    workbook.save(tmp_path / "a.xlsx")
    found = rows_of(tmp_path / "a.xlsx")
    assert found[0] == ["a", "b", "c"]
    for line, cells in zip(rows, found[1:], strict=True):
        for cell, shown in zip(line, cells, strict=True):
            if isinstance(cell, (str, bool)):
                assert shown == (cell if isinstance(cell, str) else str(cell).upper())
            else:
                assert float(shown) == float(f"{cell:.16g}")  # the digits that openpyxl writes
                assert "e" not in shown.lower()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2).filter(any), max_size=4
    )
)
def test_workbooks_of_this_program_are_read_back(tmp_path: Path, rows: list[list[str]]) -> None:
    """A workbook that this program wrote is read exactly: line breaks, blanks, and characters that XML cannot hold."""
    writer = WorkbookText()
    pages = [writer.header(["a", "b"]), *([writer.columns(columns_of(rows))] if rows else []), *writer.end()]
    assert rows_of(book(tmp_path, b"".join(pages))) == [["a", "b"], *rows]


def test_every_type_of_openpyxl_is_read(tmp_path: Path) -> None:
    """Dates, times, errors and links are read, in a worksheet with merged cells, filters and frozen rows."""
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["when", "day", "at", "error", "phone"])
    sheet.append([datetime(2024, 2, 29, 13, 5), date(2024, 2, 29), time(9, 30), "#NAME?", 30123456789])  # noqa: DTZ001
    sheet.append(["merged", "gone"])
    sheet.merge_cells("A3:B3")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = "A1:E3"
    sheet["E3"].hyperlink = "https://example.org"
    sheet["E3"] = "007"
    workbook.save(tmp_path / "a.xlsx")
    assert rows_of(tmp_path / "a.xlsx")[1:] == [
        ["2024-02-29 13:05:00", "2024-02-29", "09:30:00", "#NAME?", "30123456789"],
        ["merged", "", "", "", "007"],
    ]


def test_the_first_worksheet_that_is_shown_is_read_unless_one_is_named(tmp_path: Path) -> None:
    """A hidden worksheet can be named; a chart is not a worksheet."""
    workbook = openpyxl.Workbook()
    workbook.create_chartsheet("Chart")
    for title in ("Hidden", "Answers", "Other"):
        workbook.create_sheet(title).append([title])
    del workbook["Sheet"]
    workbook["Hidden"].sheet_state = "hidden"
    path = tmp_path / "a.xlsx"
    workbook.save(path)
    with XlsxFile(path) as file:
        assert (file.worksheet, file.header.names) == ("Answers", ("Answers",))
        assert file.words == 'Excel workbook, worksheet "Answers" (of 3)'
    for title in ("Hidden", "Other"):
        assert rows_of(path, title) == [[title]]
    with pytest.raises(ConfigurationError, match="has no such worksheet") as caught:
        rows_of(path, "answers ")
    assert caught.value.hint == 'did you mean "Answers"? the worksheets are: "Hidden", "Answers", "Other"'


def test_a_workbook_is_recognised_by_its_content(tmp_path: Path) -> None:
    """Its name does not matter, and an option for the other kind of file is an error, not ignored."""
    path = tmp_path / "answers.csv"
    path.write_bytes(packed(parts(HEADER)))
    with open_table(path) as file:
        assert (file.words, file.worksheet) == ('Excel workbook, worksheet "Answers"', "Answers")
    with pytest.raises(ConfigurationError, match="is an Excel workbook") as caught:
        open_table(path, encoding="cp1252")
    assert caught.value.hint == "leave out --input-encoding"
    path.write_bytes(b"a;b\r\n")
    with open_table(path) as file:
        assert (file.words, file.worksheet) == ("CSV separated by semicolons, UTF-8", "")
        assert file.notes() == file.warnings() == []
    with pytest.raises(ConfigurationError, match="is not an Excel workbook") as caught:
        open_table(path, worksheet="Answers")
    assert caught.value.hint == "leave out --worksheet"


@pytest.mark.parametrize("rows", ["", row(2, text("A2", "a")), row(1, text("A1", " ")), row(1)])
def test_a_worksheet_without_a_header_is_refused(tmp_path: Path, rows: str) -> None:
    """Row 1 must name the columns; a blank row 1 above other rows is refused too."""
    with pytest.raises(SheetEmpty, match="has no header"):
        rows_of(book(tmp_path, packed(parts(rows))))


def test_other_spellings_of_the_same_workbook_are_read(tmp_path: Path) -> None:
    """The strict variant, prefixes, UTF-16, other cases, backslashes in names, and missing texts or styles are read."""
    usual = parts(HEADER + row(2, text("A2", "é")))
    strict = {
        name: part.replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main").replace(
            "schemas.openxmlformats.org/officeDocument/2006", "purl.oclc.org/ooxml/officeDocument"
        )
        for name, part in usual.items()
    }
    prefixed = usual | {PART: _prefixed(usual[PART])}
    wide: dict[str, str | bytes] = {name: part.encode("utf-16") for name, part in usual.items()}
    moved = usual | {"xl/_rels/workbook.xml.rels": relations(("worksheet", ".\\WorkSheets\\Sheet1.xml"))}
    bare = {name: part for name, part in moved.items() if "styles" not in name and "Strings" not in name}
    for content in (strict, prefixed, wide, moved, bare):
        assert rows_of(book(tmp_path, packed(content))) == [["a", "b", "c"], ["é", "", ""]]


def _prefixed(xml: str) -> str:
    """Return a worksheet whose elements have a prefix."""
    return xml.replace("</", "\0").replace("<", "<x:").replace("\0", "</x:").replace("xmlns=", "xmlns:x=")


def test_parts_after_the_rows_are_skipped(tmp_path: Path) -> None:
    """Filters, validations and extensions of other namespaces contain no answers."""
    after = '<x xmlns="urn:other"><row r="9"><c r="A9"><v>1</v></c></row></x><dataValidations count="0"/>'
    assert len(rows_of(book(tmp_path, packed(parts(HEADER, after=after))))) == 1


def test_the_expected_rows_come_from_the_worksheets_dimension(tmp_path: Path) -> None:
    """It is only for a progress bar, need not be true, and may be missing or something else."""
    for said, total in (('<dimension ref="A1:C50001"/>', 50_000), ('<dimension ref="A1"/>', None), ("", None)):
        content = parts(HEADER + row(2, text("A2", "x")))
        content[PART] = content[PART].replace("<sheetData>", f"{said}<sheetData>")
        with XlsxFile(book(tmp_path, packed(content))) as file:
            assert file.row_total == total
            assert [page.rows for page in file.pages()] == [[["x", "", ""]]]


def test_a_workbook_without_a_worksheet_is_refused(tmp_path: Path) -> None:
    """The workbook contains nothing but a chart."""
    content = parts(HEADER)
    content["xl/_rels/workbook.xml.rels"] = relations(("chartsheet", "worksheets/sheet1.xml"))
    with pytest.raises(SheetRefused, match="no worksheet"):
        rows_of(book(tmp_path, packed(content)))
