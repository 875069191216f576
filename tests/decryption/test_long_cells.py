"""A cell of any text, up to the 50,000 characters that Sheets allows, ends in a value or a reason, in bounded time."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import systems
from tests.decryption.sheets import CBC, JS, SEALED, column

LONGEST = 50_000
MARKS = ["", " ", "'", "v2:", " v2:", "V2:", "v2", "U2FsdGVkX1", "U2FsdGVkX18", "U2FsdGVkX18" * 3, CBC, JS, SEALED]
PIECES = ["A", "=", '"', "'", " ", "\n", "\t", "\0", "v2:", "' ", "/+", "-_", "é", "\u3000", "\udcff", "0f", "🌾"]
ENDS = ["", " x", "=", "==", "===", "\0", '"', "é"]

SORT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from sheets_decrypt.decryption.columns import sort
for mark in (" v2:", "V2:", "'v2:"):
    for filling in ('"', "'", "'\\"", "x"):
        cell = (mark + filling * 50_000)[:49_990]
        found = sort([cell + " x"] * 3, 0, frozenset())
        assert found.not_encrypted == 3, found
"""


@pytest.mark.parametrize("mark", MARKS)
def test_any_long_cell_ends_in_a_value_or_a_reason(mark: str) -> None:
    """The cells repeat any character between any beginning and any end, alone and in a column of tokens."""
    cells = [(mark + piece * LONGEST)[: LONGEST - len(end)] + end for piece in PIECES for end in ENDS]
    for columns in (["a"], "auto"):
        run = column([*cells, SEALED], columns)
        run.decryption.judge_keys()
        assert [row for (row,) in run.rows] == [*cells, "Ana"]
        count = run.count
        assert count.not_encrypted + count.failed == len(cells)
        assert len(" ".join([*run.decryption.warnings(), *map(repr, run.decryption.failures())])) < 20_000


def test_no_cell_takes_more_time_than_its_length_allows() -> None:
    """The cells would make a backtracking search go over them again and again; a processor limit ends the program."""
    systems.only_on("posix", "Windows has no limit of a process's time")
    subprocess.run([sys.executable, "-c", SORT], check=True)


TEXTS = st.lists(st.sampled_from([*MARKS, *PIECES, *ENDS]) | st.text(max_size=9), max_size=9).map("".join)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["auto", "named"]), st.booleans())
def test_any_cells_end_in_a_value_or_a_reason(cells: list[str], columns: str, blank: bool) -> None:
    """The cells are beginnings of tokens, their remainders, and any text between them."""
    run = column([*cells, *[SEALED] * 2], "auto" if columns == "auto" else ["a"], blank=blank)
    for cell, (value,) in zip(cells, run.rows, strict=False):
        assert value in {cell, "", "Ana"}
    counts = run.decryption.counts()["a"]
    total = counts.decrypted + counts.blank + counts.missing + counts.not_encrypted + counts.failed
    assert total == len(cells) + 2
