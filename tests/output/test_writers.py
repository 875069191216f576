"""What every writer must do, whatever it writes: one contract for CSVs, Excel workbooks and Stata datasets."""

import csv
import io
import re
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.config import Kind
from sheets_decrypt.errors import SheetRefused
from sheets_decrypt.output.stata import StataText
from sheets_decrypt.output.stata_names import variable_names
from sheets_decrypt.output.workbook import WorkbookText
from sheets_decrypt.output.writers import Writer, rows_of, writer_of
from tests import systems

Rows = Sequence[Sequence[str]]
KINDS: Final = tuple(Kind)


def written(kind: Kind, names: Sequence[str], *pages: Rows) -> bytes:
    """Return a file of these pages."""
    writer = writer_of(kind, "utf-8", "off")
    pieces = [writer.header(names), *(writer.columns(list(zip(*rows, strict=True))) for rows in pages), *writer.end()]
    return b"".join(pieces)


def _read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _read_workbook(data: bytes) -> list[list[str]]:
    """Read with another library, which leaves Excel's escapes for the caller."""
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    rows = list(sheet.iter_rows())
    assert {cell.data_type for row in rows for cell in row if cell.value is not None} <= {"s", "inlineStr"}
    return [[_unescaped(str(cell.value or "")) for cell in row] for row in rows]


def _unescaped(text: str) -> str:
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _read_stata(data: bytes) -> list[list[str]]:
    """Read with another library; the labels are the Sheet's names."""
    with systems.library("pandas").read_stata(io.BytesIO(data), iterator=True) as reader:
        table = reader.read()
        labels = reader.variable_labels()
    rows = [[_of_bytes(cell) for cell in row] for row in table.itertuples(index=False)]
    return [[labels[name] for name in table.columns], *rows]


def _of_bytes(cell: str) -> str:
    """Return the text of what pandas shows as the bytes of a text with a NUL in it."""
    return eval(cell).decode() if re.fullmatch(r"b(['\"]).*\\x00.*\1", cell, re.DOTALL) else cell


READ: Final[Mapping[Kind, Callable[[bytes], list[list[str]]]]] = {
    Kind.CSV: _read_csv,
    Kind.WORKBOOK: _read_workbook,
    Kind.STATA: _read_stata,
}
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
    """Every cell is the text that it was: no number, date, formula or blank is made of it."""
    names, pages = table
    assert READ[kind](written(kind, names, *pages)) == [names, *(row for page in pages for row in page)]


@pytest.mark.parametrize("kind", KINDS)
@given(table=tables())
def test_the_same_rows_are_the_same_bytes(kind: Kind, table: tuple[list[str], list[list[list[str]]]]) -> None:
    """At another time, and in pages of another size, so that an unchanged file is left alone."""
    names, pages = table
    rows = [row for page in pages for row in page]
    assert written(kind, names, *pages) == written(kind, names, rows)


@pytest.mark.parametrize("kind", KINDS)
@given(table=tables())
def test_the_rows_of_a_file_are_counted(kind: Kind, table: tuple[list[str], list[list[list[str]]]]) -> None:
    """A former file says how many rows it has, by which a shrunken one is refused."""
    names, pages = table
    assert rows_of(kind, io.BytesIO(written(kind, names, *pages))) == sum(map(len, pages))


@pytest.mark.parametrize("kind", [Kind.WORKBOOK, Kind.STATA])
@given(data=st.binary(max_size=40))
def test_something_else_is_not_counted(kind: Kind, data: bytes) -> None:
    """A file that somebody put under the output's name is no reason to crash, and is known to be something else."""
    assert rows_of(kind, io.BytesIO(data)) is None


@pytest.mark.parametrize("kind", [Kind.WORKBOOK, Kind.STATA])
@example(places=[-4], byte=8, cut=0)  # where the directory of a ZIP file is
@given(
    places=st.lists(st.integers(-30, 3000), min_size=1, max_size=4), byte=st.integers(0, 255), cut=st.integers(0, 3000)
)
def test_a_damaged_file_is_no_reason_to_crash(kind: Kind, places: list[int], byte: int, cut: int) -> None:
    """Whatever is broken in it, it has some number of rows or none, and is replaced."""
    data = bytearray(written(kind, ["a", "b"], [["1", "x"], ["2", "y"]]))
    for place in places:
        data[place % len(data)] = byte
    assert (rows_of(kind, io.BytesIO(bytes(data[: cut % len(data)] if byte % 2 else data))) or 0) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_can_be_looked_for(kind: Kind) -> None:
    """Tokens outside of the configured columns are found whatever is written."""
    writer: Writer = writer_of(kind, "utf-8-sig", "smart")
    writer.header(["a", "b"])
    writer.columns([["1"], ["v2:ABC=+/"]])
    assert b"v2:ABC=+/" in writer.plain


# Excel


def test_the_header_of_a_workbook_is_frozen() -> None:
    """And every cell has the format "Text", so that it stays one when somebody edits it."""
    data = written(Kind.WORKBOOK, ["id", "phone"], [["007", ""]])
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert sheet.freeze_panes == "A2"
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    assert [cell.value for cell in sheet[2]] == ["007", None]


def test_blanks_at_the_ends_of_a_cell_are_kept() -> None:
    """Excel drops them unless it is told not to, which other readers do not mind."""
    writer = WorkbookText()
    writer.header(["a"])
    writer.columns([[" a", "b\t", "c", " "]])
    assert writer.plain.count(b'<t xml:space="preserve">') == 3
    assert b"<t>c</t>" in writer.plain


def test_a_workbook_holds_what_excel_holds() -> None:
    """One column, row or character more is refused, with a next step, and what just fits is not."""
    with pytest.raises(SheetRefused, match="16,385 columns") as refusal:
        WorkbookText().header(["x"] * 16_385)
    assert ".csv" in refusal.value.hint
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


def test_a_large_page_and_small_ones_are_the_same_workbook() -> None:
    """Compression does not depend on how the rows arrive."""
    rows = [[str(number), f"name {number % 97}" * 5] for number in range(3_000)]
    parts = [rows[start : start + 7] for start in range(0, len(rows), 7)]
    assert written(Kind.WORKBOOK, ["a", "b"], rows) == written(Kind.WORKBOOK, ["a", "b"], *parts)


# Stata


def test_a_dataset_holds_what_stata_holds() -> None:
    """More variables than Stata/SE takes are refused."""
    with pytest.raises(SheetRefused, match="32,768 columns"):
        StataText().header(["x"] * 32_768)


def test_a_dataset_says_where_each_of_its_parts_is() -> None:
    """The map at its beginning holds the place of every section, also where texts are long."""
    data = written(Kind.STATA, ["a", "b"], [["x", "y" * 3000], ["", "z"]])
    places = struct.unpack("<14Q", data.partition(b"<map>")[2][: 14 * 8])
    names = [
        *("stata_dta", "map", "variable_types", "varnames", "sortlist", "formats", "value_label_names"),
        *("variable_labels", "characteristics", "data", "strls", "value_labels", "/stata_dta"),
    ]
    for place, name in zip(places, names, strict=False):
        assert data[place:].startswith(f"<{name}>".encode())
    assert places[-1] == len(data)


@pytest.mark.parametrize(("longest", "kind"), [("x" * 2045, 2045), ("é" * 1023, 32_768), ("", 1), ("a\0", 32_768)])
def test_a_text_is_a_strl_only_where_it_must_be(longest: str, kind: int) -> None:
    """Up to 2,045 bytes a column can be sorted and merged by."""
    data = written(Kind.STATA, ["a"], [["x"], [longest]])
    types = data.partition(b"<variable_types>")[2][:2]
    assert int.from_bytes(types, "little") == kind


def test_one_long_answer_does_not_make_every_row_as_wide(tmp_path: Path) -> None:
    """A respondent who writes much would fill the vault with padding, and then no run writes anything."""
    rows = [["short", "Ana"]] * 2000 + [["x" * 2000, "y" * 255]]
    data = written(Kind.STATA, ["comment", "name"], rows)
    assert len(data) < 700_000
    types = data.partition(b"<variable_types>")[2][:4]
    assert [int.from_bytes(types[place : place + 2], "little") for place in (0, 2)] == [32_768, 255]
    (tmp_path / "a.dta").write_bytes(data)
    table, _ = systems.library("pyreadstat").read_dta(tmp_path / "a.dta")
    assert [list(row) for row in table.itertuples(index=False)] == rows


def test_a_wide_dataset_is_written_in_pieces() -> None:
    """A page of wide texts is never in memory with its padding: it would be gigabytes."""
    writer = StataText()
    writer.header(["a", "b", "c"])
    writer.columns([["x" * 2000] * 2000] * 3)
    pieces = list(map(len, writer.end()))
    assert sum(pieces) > 12_000_000
    assert max(pieces) < 2_000_000


def test_a_second_library_reads_a_dataset(tmp_path: Path) -> None:
    """ReadStat, which R's haven uses too, reads texts, long ones and labels."""
    rows = [["007", "x" * 3000], ["", ""], ["é", "y"]]
    (tmp_path / "a.dta").write_bytes(written(Kind.STATA, ["Código", "Comentario libre"], rows))
    table, meta = systems.library("pyreadstat").read_dta(tmp_path / "a.dta")
    assert [list(row) for row in table.itertuples(index=False)] == rows
    assert meta.column_labels == ["Código", "Comentario libre"]
    assert meta.column_names == ["Código", "Comentario_libre"]


def test_a_header_that_a_workbook_cannot_hold_is_named_by_its_place() -> None:
    """The name itself would fill the screen, the history and the report."""
    with pytest.raises(SheetRefused, match="cell B1 is longer than") as caught:
        WorkbookText().header(["id", "x" * 40_000])
    assert "xxx" not in caught.value.message


# Stata's names


@given(st.lists(st.text(max_size=50), max_size=30))
def test_names_are_valid_and_unique(names: list[str]) -> None:
    """Whatever the Sheet's names are."""
    made = variable_names(names)
    assert len(set(made)) == len(made) == len(names)
    assert all(re.fullmatch(r"[^\W\d]\w{0,31}", name) for name in made)


def test_names_that_are_all_alike_are_numbered_without_counting_each_anew() -> None:
    """As many as a Sheet holds take no longer than others: an editor would keep every run waiting for minutes."""
    looked = 0

    def count(*_: object) -> None:
        nonlocal looked
        looked += 1

    names = [char * 31 + "x" for char in "ab"] * 3000
    sys.setprofile(count)
    try:
        made = variable_names(names)
    finally:
        sys.setprofile(None)
    assert len(set(made)) == len(names)
    assert looked < 500 * len(names)  # 150 for each; counting anew it was 3,000


def test_names_are_those_of_the_sheet_where_they_can_be() -> None:
    """A name that is valid stays; others are recognised."""
    names = ["id", "Nom de l'enquêté", "2nd phone", "id", "", "if", "str5", "x" * 40, "x" * 33, "???", "_n"]
    assert variable_names(names) == [
        *("id", "Nom_de_l_enquêté", "_2nd_phone", "id_2", "v5", "_if", "_str5", "x" * 32, "x" * 30 + "_2", "v10"),
        "__n",
    ]
