"""Tables lose nothing, on a screen of any width and off one."""

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from sheets_decrypt.cli.listing import listing, plain
from tests.cli.screens import assert_in_order, seen_at

TEXTS = st.text(alphabet="ab 界é-/.\n", max_size=60)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4)


def _table(rows: list[tuple[str, str, str]]) -> Table:
    table = listing("time", "job", "result")
    for row in rows:
        table.add_row(*row)
    return table


@given(rows=ROWS, width=st.integers(10, 200))
def test_every_word_is_seen_whole(rows: list[tuple[str, str, str]], width: int) -> None:
    """Whatever the cells are, each word is in one piece and in its order; longer words than a line stay whole."""
    words = seen_at(width, _table(rows), whole=False)
    for row in rows:
        for value in row:
            assert_in_order(value.split(), words)


@given(rows=ROWS)
def test_off_a_screen_nothing_is_wrapped(rows: list[tuple[str, str, str]]) -> None:
    """A line of a file is a row, but for the line breaks that are in the values."""
    lines = plain(_table(rows))
    assert len(lines) == 1 + sum(max(value.count("\n") for value in row) + 1 for row in rows)
    assert lines[0].split() == ["time", "job", "result"]
