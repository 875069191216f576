"""The contract of every writer, for CSVs, Excel workbooks and Stata datasets."""

import io
import zipfile
from typing import Final
from xml.etree import ElementTree as ET

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]

from sheets_decrypt.config import Kind
from sheets_decrypt.errors import SheetRefused
from sheets_decrypt.output import workbook
from sheets_decrypt.output.workbook import WorkbookText
from sheets_decrypt.output.writers import Writer, rows_of, writer_of
from tests.output.files import KINDS, READ, written

TEXTS: Final = st.text() | st.sampled_from(
    [
        "",
        "0012",
        "+57 300 555 0001",
        "1e5",
        "=1+1",
        "TRUE",
        " a ",
        "\t",
        "a\r\nb\rc\n",
        "_x0041_",
        "__x000D_x",
        "\0",
        "a\0b",
        "\x1b[1m",
        "\ufffe\uffff",
        "é<&>\"'",
        "😀" * 9,
        "x" * 2045,
        "é" * 1023,
        "2026-01-31",
        "v2:abc",
    ]
)
NAMES: Final = st.lists(st.text(alphabet="abcé _1", min_size=1, max_size=9).filter(str.strip), min_size=2, max_size=4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[list[str]]]]:
    """Draw a header and pages of rows."""
    names = [" ".join(name.split()) for name in draw(NAMES)]
    rows = st.lists(TEXTS, min_size=len(names), max_size=len(names))
    return names, draw(st.lists(st.lists(rows, max_size=4), max_size=3))


@pytest.mark.parametrize("kind", KINDS)
@given(table=tables())
def test_any_text_is_read_back_by_another_program(kind: Kind, table: tuple[list[str], list[list[list[str]]]]) -> None:
    """Every cell is read as the same text, never as a number, date, formula or blank."""
    names, pages = table
    assert READ[kind](written(kind, names, *pages)) == [names, *(row for page in pages for row in page)]


@pytest.mark.parametrize("kind", KINDS)
@given(table=tables())
def test_the_same_rows_are_the_same_bytes(kind: Kind, table: tuple[list[str], list[list[list[str]]]]) -> None:
    """The time and the size of pages do not matter, so an unchanged file is left alone."""
    names, pages = table
    rows = [row for page in pages for row in page]
    assert written(kind, names, *pages) == written(kind, names, rows)


@pytest.mark.parametrize("kind", KINDS)
@given(table=tables())
def test_the_rows_of_a_file_are_counted(kind: Kind, table: tuple[list[str], list[list[list[str]]]]) -> None:
    """The number of rows in the previous file is known, so a shrunken one is refused."""
    names, pages = table
    assert rows_of(kind, io.BytesIO(written(kind, names, *pages))) == sum(map(len, pages))


@pytest.mark.parametrize("kind", [Kind.WORKBOOK, Kind.STATA])
@given(data=st.binary(max_size=40))
def test_something_else_is_not_counted(kind: Kind, data: bytes) -> None:
    """A file that someone put under the output's name causes no crash, and is recognised as something else."""
    assert rows_of(kind, io.BytesIO(data)) is None


@pytest.mark.parametrize("kind", [Kind.WORKBOOK, Kind.STATA])
@example(places=[-4], byte=8, cut=0)  # where the directory of a ZIP file is
@given(
    places=st.lists(st.integers(-30, 3000), min_size=1, max_size=4), byte=st.integers(0, 255), cut=st.integers(0, 3000)
)
def test_a_damaged_file_causes_no_crash(kind: Kind, places: list[int], byte: int, cut: int) -> None:
    """Whatever is broken in it, the file has some number of rows or none, and is replaced."""
    data = bytearray(written(kind, ["a", "b"], [["1", "x"], ["2", "y"]]))
    for place in places:
        data[place % len(data)] = byte
    assert (rows_of(kind, io.BytesIO(bytes(data[: cut % len(data)] if byte % 2 else data))) or 0) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_can_be_found_in_what_was_written(kind: Kind) -> None:
    """Tokens outside the configured columns are found in every kind of file; before the first page there are none."""
    writer: Writer = writer_of(kind, "utf-8-sig", "smart")
    assert writer.plain == b""
    writer.header(["a", "b"])
    writer.columns([["1"], ["v2:ABC=+/"]])
    assert b"v2:ABC=+/" in writer.plain


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_without_a_row_adds_none(kind: Kind) -> None:
    """The page has columns without cells."""
    writer = writer_of(kind, "utf-8", "off")
    data = b"".join([writer.header(["a", "b"]), writer.columns([[], []]), *writer.end()])
    assert READ[kind](data) == [["a", "b"]]


@pytest.mark.parametrize(("kind", "shown"), [(Kind.CSV, b"\xed\xa0\xbd"), (Kind.STATA, b"\xed\xa0\xbd")])
def test_a_lone_surrogate_does_not_stop_a_file(kind: Kind, shown: bytes) -> None:
    """The surrogate is written unchanged."""
    assert shown in written(kind, ["a"], [["\ud83d"]])


# Excel


def test_the_header_of_a_workbook_is_frozen() -> None:
    """Every cell also has the format "Text", so that it stays text when someone edits it."""
    data = written(Kind.WORKBOOK, ["id", "phone"], [["007", ""]])
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert sheet.freeze_panes == "A2"
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    assert [cell.value for cell in sheet[2]] == ["007", None]


def test_blanks_at_the_ends_of_a_cell_are_kept() -> None:
    """Excel drops them unless the file says to keep them; other readers keep them anyway."""
    writer = WorkbookText()
    writer.header(["a"])
    writer.columns([[" a", "b\t", "c", " "]])
    assert writer.plain.count(b'<t xml:space="preserve">') == 3
    assert b"<t>c</t>" in writer.plain


def test_a_workbook_holds_what_excel_holds() -> None:
    """One column, row or character too many is refused, with a next step; exactly the limit is not."""
    with pytest.raises(SheetRefused, match="16,385 columns") as refusal:
        WorkbookText().header(["x"] * 16_385)
    assert refusal.value.hint == "name an output that ends in .csv or .dta, which hold it"
    assert WorkbookText().header(["x"] * 16_384)
    full = WorkbookText()
    full.header(["a"])
    full._rows = 1_048_575
    full.columns([["just fits"]])
    with pytest.raises(SheetRefused, match="more rows than an excel workbook holds: 1,048,576"):
        full.columns([["one more"]])
    long = WorkbookText()
    long.header(["a", "b"])
    long.columns([["x" * 32_767, "😀" * 16_383], ["", ""]])
    with pytest.raises(SheetRefused, match='row 5 of column "b" is longer than the 32,767 characters'):
        long.columns([["", ""], ["", "😀" * 16_384]])


def test_a_workbook_that_would_outgrow_its_zip_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page beyond the limit is refused, and one that just fits is not."""
    writer = WorkbookText()
    writer.header(["a"])
    monkeypatch.setattr(workbook, "_LARGEST", 2 * len('<row r="2"><c r="A2" s="1"/></row>'))
    writer.columns([["", ""]])
    with pytest.raises(SheetRefused, match=r"^the sheet is too large for an excel workbook$"):
        writer.columns([[""]])


def test_a_worksheet_has_text_only_in_its_cells() -> None:
    """The first row is frozen, the columns are wide enough to read, and Excel flags no text that is a number."""
    data = written(Kind.WORKBOOK, ["a", "b", "c"], [["]]>", " x ", ""], ["_x0041_", "\x07", "&<"]])
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        roots = {name: ET.fromstring(parts.read(name)) for name in parts.namelist()}
    sheet = roots["xl/worksheets/sheet1.xml"]
    texts = [
        (each.tag, text) for root in roots.values() for each in root.iter() for text in (each.text, each.tail) if text
    ]
    assert {tag.rpartition("}")[2] for tag, _ in texts} == {"t"}
    assert [text for _, text in texts] == ["a", "b", "c", "]]>", " x ", "_x005F_x0041_", "_x0007_", "&<"]
    assert [cell.attrib["s"] for cell in sheet.iter() if cell.tag.endswith("}c")] == [
        *"222",
        *"111",
        *"111",
    ]  # 2 is bold
    found = [(each.tag.rpartition("}")[2], each.attrib) for each in sheet.iter()]
    assert found[1:6] == [
        ("sheetViews", {}),
        ("sheetView", {"tabSelected": "1", "workbookViewId": "0"}),
        ("pane", {"ySplit": "1", "topLeftCell": "A2", "activePane": "bottomLeft", "state": "frozen"}),
        ("sheetFormatPr", {"defaultRowHeight": "15"}),
        ("cols", {}),
    ]
    assert found[6] == ("col", {"min": "1", "max": "3", "width": "18", "customWidth": "1"})
    assert found[-2:] == [("ignoredErrors", {}), ("ignoredError", {"sqref": "A1:C3", "numberStoredAsText": "1"})]


def test_every_column_of_a_worksheet_has_its_own_letters() -> None:
    """The letters run from A to XFD, as another library counts them."""
    assert list(map(workbook._letters, range(16_384))) == list(map(get_column_letter, range(1, 16_385)))


@pytest.mark.parametrize("shift", range(len("</row>")))
def test_the_rows_of_a_large_worksheet_are_counted_wherever_it_is_cut(shift: int) -> None:
    """The file is read in pieces of a megabyte, which may end within a row's closing tag."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b" " * shift + b"</row>" * 180_000)
    assert rows_of(Kind.WORKBOOK, io.BytesIO(file.getvalue())) == 179_999


def test_a_large_page_and_small_ones_are_the_same_workbook() -> None:
    """Compression does not depend on how the rows arrive."""
    rows = [[str(number), f"name {number % 97}" * 5] for number in range(3_000)]
    parts = [rows[start : start + 7] for start in range(0, len(rows), 7)]
    assert written(Kind.WORKBOOK, ["a", "b"], rows) == written(Kind.WORKBOOK, ["a", "b"], *parts)


def test_a_header_that_a_workbook_cannot_hold_is_named_by_its_cell() -> None:
    """The name itself would fill the screen, the history and the report."""
    with pytest.raises(SheetRefused, match="cell B1 is longer than") as caught:
        WorkbookText().header(["id", "x" * 40_000])
    assert "xxx" not in caught.value.message
