"""A cell of a workbook is read as the text that it stores."""

from datetime import datetime, timedelta
from pathlib import Path

import openpyxl.utils.datetime  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.input.xlsx.dates import Moment, iso, moment_of
from sheets_decrypt.input.xlsx.file import XlsxFile
from tests.input.xlsx.books import HEADER, book, cells_of, packed, parts, row, rows_of, text

DAY, CLOCK, BOTH = Moment(day=True, clock=False), Moment(day=False, clock=True), Moment(day=True, clock=True)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("30123456789", "30123456789"),
        ("3.0123456789E10", "30123456789"),
        ("30123456789.0", "30123456789"),
        ("1E+21", "1000000000000000000000"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("-0", "0"),
        (" 7\n", "7"),
        ("007", "7"),
        ("not a number", "not a number"),
    ],
)
def test_a_number_has_every_digit_and_no_exponent(tmp_path: Path, stored: str, shown: str) -> None:
    """A phone number that was typed as a number is read as its digits."""
    for kind in ("", ' t="n"'):
        assert cells_of(tmp_path, f'<c r="A2"{kind}><v>{stored}</v></c>') == [shown, "", ""]


def test_every_kind_of_cell_is_read(tmp_path: Path) -> None:
    """Booleans, errors, saved values of formulas, and shared or inline texts are read."""
    cells = (
        ('<c r="A2" t="b"><v>1</v></c>', '<c r="B2" t="b"><v>0</v></c>', '<c r="C2" t="e"><v>#NAME?</v></c>'),
        ('<c r="A2" t="str"><f>A1</f><v>x</v></c>', '<c r="B2"><f>1+1</f><v>2</v></c>', '<c r="C2" t="s"><v>1</v></c>'),
        ('<c r="A2" t="d"><v>2024-02-29T13:05:00</v></c>', '<c r="B2" s="0"/>', text("C2", "&lt;é&gt;")),
    )  # fmt: skip
    strings = ["<t>first</t>", "<t xml:space='preserve'> second </t>"]
    assert [cells_of(tmp_path, *three, strings=strings) for three in cells] == [
        ["TRUE", "FALSE", "#NAME?"],
        ["x", "2", " second "],
        ["2024-02-29T13:05:00", "", "<é>"],
    ]


def test_texts_are_put_together_and_unescaped(tmp_path: Path) -> None:
    """Formatted runs belong to a text, phonetic readings do not, and characters that XML cannot hold are restored."""
    strings = [
        "<r><t>Mül</t></r><r><rPr><b/></rPr><t>ler</t></r>",
        "<t>課長</t><rPh sb='0' eb='2'><t>カチョウ</t></rPh>",
        "<t>one_x000D_\ntwo _x005F_x000D_ _xD83C__xDF3E_ _x12_</t>",
    ]
    shared = (f'<c r="{letter}2" t="s"><v>{number}</v></c>' for number, letter in enumerate("ABC"))
    found = ["Müller", "課長", "one\r\ntwo _x000D_ \U0001f33e _x12_"]
    assert cells_of(tmp_path, *shared, strings=strings) == found
    in_place = (f'<c r="{letter}2" t="inlineStr"><is>{strings[number]}</is></c>' for number, letter in enumerate("ABC"))
    assert cells_of(tmp_path, *in_place) == found


def test_a_number_or_boolean_in_a_column_is_known_as_retyped(tmp_path: Path) -> None:
    """A token that Excel turned into a number is therefore named, as in a Google Sheet."""
    rows = HEADER + row(2, text("A2", "x")) + row(3, '<c r="A3"><v>5</v></c>', '<c r="C3" t="b"><v>1</v></c>')
    with XlsxFile(book(tmp_path, packed(parts(rows)))) as file:
        [page] = file.pages()
    assert page.retyped == {0: [3], 2: [3]}


@pytest.mark.parametrize(
    ("code", "serial", "shown"),
    [
        ("dd/mm/yyyy", "45351", "2024-02-29"),
        ("[$-409]d-mmm-yy;@", "45351", "2024-02-29"),
        ("mmmm", "45351", "2024-02-29"),
        ("yyyy-mm-dd", "45351.5", "2024-02-29 12:00:00"),
        ("m/d/yy h:mm AM/PM", "45351.545138888891", "2024-02-29 13:05:00"),
        ("m/d/yy h:mm", "45351", "2024-02-29 00:00:00"),
        ("hh:mm", "0.39583333333333331", "09:30:00"),
        ("hh:mm", "45351.5", "2024-02-29 12:00:00"),
        ("mm:ss.0", "1.1585648148148149E-3", "00:01:40.100"),
        ("[h]:mm:ss", "1.25", "30:00:00"),
        ("[mm]:ss", "0.5", "12:00:00"),
        ("dd/mm/yyyy", "1", "1900-01-01"),
        ("dd/mm/yyyy", "59", "1900-02-28"),
        ("dd/mm/yyyy", "60", "1900-02-29"),
        ("dd/mm/yyyy", "61", "1900-03-01"),
        ("dd/mm/yyyy", "2958465", "9999-12-31"),
        ("dd/mm/yyyy", "2958466", "2958466"),
        ("dd/mm/yyyy", "30123456789", "30123456789"),
        ("dd/mm/yyyy", "-1", "-1"),
        ("dd/mm/yyyy", "0.5", "0.5"),
        ("hh:mm", "-0.5", "-0.5"),
        ("dd/mm/yyyy", "nan", "NaN"),
        ("dd/mm/yyyy", "1e999", "1e999"),
        ("0.00", "45351", "45351"),
        ("0 &quot;days&quot;", "45351", "45351"),
        ("[Red]0;[DBNum1]0", "45351", "45351"),
        ("General", "45351", "45351"),
        ("#,##0\\d", "45351", "45351"),
        ("0.00E+00", "45351", "45351"),
        ("@", "45351", "45351"),
        ("0_d*y", "45351", "45351"),
    ],
)
def test_a_date_is_iso_and_other_numbers_are_unchanged(tmp_path: Path, code: str, serial: str, shown: str) -> None:
    """Excel's display of a date depends on the computer; a phone number in a column of dates is not lost."""
    assert cells_of(tmp_path, f'<c r="A2" s="1"><v>{serial}</v></c>', codes=[code])[0] == shown


def test_days_may_be_counted_from_1904(tmp_path: Path) -> None:
    """Old workbooks of Excel for Mac count from 1904."""
    cell = '<c r="A2" s="1"><v>43889</v></c>'
    for value in ("1", "true"):
        assert cells_of(tmp_path, cell, codes=["d/m/yy"], properties=f'date1904="{value}"')[0] == "2024-02-29"


@pytest.mark.parametrize(("number", "moment"), [(14, DAY), (17, DAY), (22, BOTH), (18, CLOCK), (46, CLOCK), (31, DAY)])
def test_built_in_formats_are_known(number: int, moment: Moment) -> None:
    """A workbook does not define the built-in formats."""
    assert moment_of(number, None) == moment
    assert moment_of(0, None) is moment_of(2, None) is moment_of(49, None) is None


@given(st.integers(61 * 86_400, 2_958_466 * 86_400 - 1))
def test_dates_are_those_that_openpyxl_finds(seconds: int) -> None:
    """Dates are equal to the second, from March 1900 to the year 9999."""
    serial = seconds / 86_400
    expected = openpyxl.utils.datetime.from_excel(serial)
    assert isinstance(expected, datetime)
    found = iso(repr(serial), BOTH, since_1904=False)
    assert found is not None
    assert abs(datetime.fromisoformat(found) - expected) <= timedelta(milliseconds=1)


def test_the_run_says_how_many_cells_were_dates(tmp_path: Path) -> None:
    """A note gives the number, because dates are not written as Excel shows them."""
    rows = HEADER + row(2, '<c r="A2" s="1"><v>45351</v></c>', '<c r="B2" s="1"><v>45352</v></c>')
    with XlsxFile(book(tmp_path, packed(parts(rows, codes=["d/m/yy"])))) as file:
        list(file.pages())
        assert [note.partition(",")[0] for note in file.notes()] == ["2 cells hold dates or times"]
    with XlsxFile(book(tmp_path, packed(parts(HEADER)))) as file:
        list(file.pages())
        assert file.notes() == file.warnings() == []


def test_formulas_without_a_saved_value_are_named(tmp_path: Path) -> None:
    """A program that does not calculate saves no values, but Excel does. A formula with a blank value has one."""
    rows = (
        HEADER + row(2, '<c r="A2"><f>1+1</f></c>', '<c r="B2" t="str"><f>""</f><v></v></c>') + row(3, text("A3", "x"))
    )
    with XlsxFile(book(tmp_path, packed(parts(rows)))) as file:
        [page] = file.pages()
        assert page.rows == [["", "", ""], ["x", "", ""]]
        [warning] = file.warnings()
    assert "formulas without a saved value are blank, in row 2" in warning


def test_a_row_of_formulas_without_values_is_named_in_the_warning(tmp_path: Path) -> None:
    """Such a row is named even at the end of the worksheet, where blank rows are left out."""
    rows = HEADER + row(2, text("A2", "x")) + row(3, '<c r="A3"><f>1+1</f></c>')
    with XlsxFile(book(tmp_path, packed(parts(rows)))) as file:
        assert [page.rows for page in file.pages()] == [[["x", "", ""]]]
        assert "row 3" in file.warnings()[0]


def test_rows_and_columns_are_where_excel_shows_them(tmp_path: Path) -> None:
    """Gaps are blank, trailing blank rows are left out, and cells to the right of the header are set apart."""
    rows = (
        HEADER
        + row(2, text("B2", "x"), '<c r="D2" s="0"/>')
        + row(5, text("A5", ""), text("E5", "beyond"))
        + row(6, text("A6", "y"))
        + row(7, '<c r="A7" s="0"/>', text("B7", ""))
        + row(9)
    )
    with XlsxFile(book(tmp_path, packed(parts(rows)))) as file:
        [page] = file.pages()
    blank = ["", "", ""]
    assert (page.first_row, page.rows) == (2, [["", "x", ""], blank, blank, blank, ["y", "", ""]])
    assert page.overflow == {5: ("", "beyond")}


def test_cell_references_may_be_left_out(tmp_path: Path) -> None:
    """Rows and cells without a reference follow each other."""
    rows = "<row><c t='str'><v>a</v></c><c t='str'><v>b</v></c></row><row><c><v>1</v></c></row>"
    assert rows_of(book(tmp_path, packed(parts(rows)))) == [["a", "b"], ["1", ""]]


def test_a_large_worksheet_comes_page_by_page(tmp_path: Path) -> None:
    """No row is lost between pages or between blocks of the file."""
    rows = [[str(number), f"é{number}"] for number in range(12_001)]
    xml = row(1, text("A1", "n"), text("B1", "t")) + "".join(
        row(number, f'<c r="A{number}"><v>{n}</v></c>', text(f"B{number}", t)) for number, (n, t) in enumerate(rows, 2)
    )
    with XlsxFile(book(tmp_path, packed(parts(xml)))) as file:
        pages = list(file.pages())
    assert [(page.first_row, len(page.rows)) for page in pages] == [(2, 5000), (5002, 5000), (10002, 2001)]
    assert [found for page in pages for found in page.rows] == rows
