"""The requirements of a Stata dataset beyond the contract of every writer."""

import io
import re
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.config import Kind
from sheets_decrypt.errors import SheetRefused
from sheets_decrypt.output.stata import StataText
from sheets_decrypt.output.stata_names import variable_label, variable_names
from sheets_decrypt.output.writers import rows_of
from tests import systems
from tests.output.files import READ, written


def test_a_dataset_holds_what_stata_holds() -> None:
    """A dataset with more variables than Stata/SE accepts is refused."""
    with pytest.raises(SheetRefused) as refusal:
        StataText().header(["x"] * 32_768)
    assert refusal.value.message == "the sheet has 32,768 columns, and a stata dataset holds 32,767"
    assert refusal.value.hint == "name an output that ends in .csv, which holds them"
    assert StataText().header(["x"] * 32_767) == b""


def test_a_dataset_maps_the_position_of_each_part() -> None:
    """The map at the beginning holds the position of every section, even where texts are long."""
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
def test_a_text_is_a_strl_only_where_necessary(longest: str, kind: int) -> None:
    """A column of up to 2,045 bytes can be used to sort and merge."""
    data = written(Kind.STATA, ["a"], [["x"], [longest]])
    types = data.partition(b"<variable_types>")[2][:2]
    assert int.from_bytes(types, "little") == kind


def test_one_long_answer_does_not_make_every_row_as_wide(tmp_path: Path) -> None:
    """A single long answer would otherwise fill the vault with padding, and then no run could write anything."""
    rows = [["short", "Ana"]] * 2000 + [["x" * 2000, "y" * 255]]
    data = written(Kind.STATA, ["comment", "name"], rows)
    assert len(data) < 700_000
    types = data.partition(b"<variable_types>")[2][:4]
    assert [int.from_bytes(types[place : place + 2], "little") for place in (0, 2)] == [32_768, 255]
    (tmp_path / "a.dta").write_bytes(data)
    table, _ = systems.library("pyreadstat").read_dta(tmp_path / "a.dta")
    assert [list(row) for row in table.itertuples(index=False)] == rows


def test_a_long_text_makes_a_strl_where_padding_would_take_four_times_the_space() -> None:
    """With one row less, it is a text that can be used to sort and merge."""
    width, reference, gso = 1000, 8, 20 + 1  # bytes: a text, its reference in each row, and what a strL adds to it
    most = 4 * (width + gso) // (width - 4 * reference)  # rows: width * rows <= 4 * (width + gso + reference * rows)
    for rows, kind in ((most, width), (most + 1, 32_768)):
        data = written(Kind.STATA, ["a"], [["x" * width]], [[""]] * (rows - 1))
        assert int.from_bytes(data.partition(b"<variable_types>")[2][:2], "little") == kind


def test_long_texts_of_a_wide_dataset_are_found_in_every_piece() -> None:
    """Each row refers to its own long text, even where it is written apart from the first."""
    rows = [[f"{row}" + "z" * 3000, *["x" * 2045] * 9] for row in range(60)]
    assert READ[Kind.STATA](written(Kind.STATA, list("abcdefghij"), rows))[1:] == rows


def test_a_dataset_that_another_system_saved_is_counted() -> None:
    """The byte order does not matter; a file that breaks off after the number is not counted."""
    start = b"<stata_dta><header><release>118</release><byteorder>%s</byteorder><K>\0\2</K><N>"
    for order, name in ((b"MSF", "big"), (b"LSF", "little")):
        number = (1_000_003).to_bytes(8, name)  # type: ignore[arg-type]
        assert rows_of(Kind.STATA, io.BytesIO(start % order + number + b"</N>")) == 1_000_003
        assert rows_of(Kind.STATA, io.BytesIO(start % order + number)) is None


def test_a_name_does_not_hide_the_number_of_rows() -> None:
    """The number that is looked for comes before the names."""
    assert rows_of(Kind.STATA, io.BytesIO(written(Kind.STATA, ["</K><N>12345678</N>"], [["x"]] * 3))) == 3


def test_a_wide_dataset_is_written_in_pieces() -> None:
    """A page of wide texts is never in memory with its padding, which would be gigabytes."""
    writer = StataText()
    writer.header(["a", "b", "c"])
    writer.columns([["x" * 2000] * 2000] * 3)
    pieces = list(map(len, writer.end()))
    assert sum(pieces) > 12_000_000
    assert max(pieces) < 2_000_000


def test_a_second_library_reads_a_dataset(tmp_path: Path) -> None:
    """ReadStat, which R's haven also uses, reads texts, long texts and labels."""
    rows = [["007", "x" * 3000], ["", ""], ["é", "y"]]
    (tmp_path / "a.dta").write_bytes(written(Kind.STATA, ["Código", "Comentario libre"], rows))
    table, meta = systems.library("pyreadstat").read_dta(tmp_path / "a.dta")
    assert [list(row) for row in table.itertuples(index=False)] == rows
    assert meta.column_labels == ["Código", "Comentario libre"]
    assert meta.column_names == ["Código", "Comentario_libre"]


# Stata's names


def test_a_label_is_a_name_on_one_line() -> None:
    """A label has no NUL, which would end it, and is no longer than Stata accepts."""
    assert variable_label(" a\0b \n c" + "d" * 99) == "a b c" + "d" * 75


@given(st.lists(st.text(max_size=50), max_size=30))
def test_names_are_valid_and_unique(names: list[str]) -> None:
    """The names are valid and unique, whatever the Sheet's names are."""
    made = variable_names(names)
    assert len(set(made)) == len(made) == len(names)
    assert all(re.fullmatch(r"[^\W\d]\w{0,31}", name) for name in made)


def test_many_similar_names_are_numbered_quickly() -> None:
    """As many as a Sheet holds take no longer than others; otherwise an editor could delay every run by minutes."""
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
    assert looked < 500 * len(names)  # 150 for each; it was 3,000 when each was counted again


def test_names_are_the_sheets_names_where_possible() -> None:
    """A valid name is unchanged, and the others remain recognisable."""
    names = ["id", "Nom de l'enquêté", "2nd phone", "id", "", "if", "str5", "x" * 40, "x" * 33, "???", "_n", "XX"]
    assert variable_names(names) == [
        *("id", "Nom_de_l_enquêté", "_2nd_phone", "id_2", "v5", "_if", "_str5", "x" * 32, "x" * 30 + "_2", "v10"),
        *("__n", "XX"),
    ]
