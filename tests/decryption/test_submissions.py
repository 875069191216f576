"""Tokens that were copied or moved between rows still decrypt, and their rows are named."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.decryption import submissions
from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.decryption.submissions import Submissions
from sheets_decrypt.table import Header, Page
from tests import encryption
from tests.decryption.sheets import KEYS, MISSING, PRIVATE, WRONGLY_SEALED

ROWS = [encryption.sealed_row([f"name {number}", f"phone {number}"], PRIVATE) for number in range(4)]
COPIED = "encrypted cells of one submission are in several rows: copied or moved"


def warnings(rows: list[list[str]], page_rows: int = 100) -> list[str]:
    """Decrypt a sheet with the columns `a` and `b`, or only `a`."""
    names = "ab"[: len(rows[0])]
    decryption = Decryption(Header(tuple(names)), KEYS, Rules(list(names), MISSING))
    for start in range(0, len(rows), page_rows):
        decryption.page(Page(start + 2, rows[start : start + page_rows]))
    decryption.judge_keys()
    return decryption.warnings()


@pytest.mark.parametrize("page_rows", [1, 2, 100])
def test_tokens_that_were_swapped_are_named(page_rows: int) -> None:
    """Two rows that swapped one of their answers are both named, on one page or on two."""
    rows = [list(row) for row in ROWS]
    rows[0][1], rows[3][1] = rows[3][1], rows[0][1]
    assert warnings(rows, page_rows) == [f"rows 2, 5: {COPIED}"]


@pytest.mark.parametrize("page_rows", [1, 3, 100])
def test_tokens_that_were_copied_are_named(page_rows: int) -> None:
    """When one or all of a row's answers are in another row too, each row that has them is named."""
    assert warnings([*ROWS, ROWS[1]], page_rows) == [f"rows 3, 6: {COPIED}"]
    assert warnings([ROWS[0], [ROWS[0][0], ROWS[1][1]], ROWS[2]], page_rows) == [f"rows 2, 3: {COPIED}"]
    assert warnings([[row[0]] for row in (*ROWS, ROWS[2])], page_rows) == [f"rows 4, 6: {COPIED}"]


def test_an_answer_moved_to_a_row_without_one_is_named() -> None:
    """The row that the answer came from still has its other answer."""
    assert warnings([[ROWS[0][0], ""], ["", ROWS[0][1]]]) == [f"rows 2, 3: {COPIED}"]


def test_an_ordinary_sheet_names_no_row() -> None:
    """Neither rows of our function nor tokens with one key each, as other programs make them, are named."""
    assert warnings([*ROWS, ["", "No Data"]]) == []
    assert warnings([[encryption.sealed_box(f"{cell}{row}", PRIVATE) for cell in "ab"] for row in range(5)]) == []


def test_swapped_whole_rows_cannot_be_detected() -> None:
    """Swapping all tokens of two rows looks like another order of the rows; the README says so."""
    assert warnings([ROWS[1], ROWS[0], *ROWS[2:]]) == []


def test_tokens_that_do_not_open_prove_nothing() -> None:
    """Respondents may write the same token twice."""
    assert not [line for line in warnings([*ROWS, ["", WRONGLY_SEALED], ["", WRONGLY_SEALED]]) if "rows" in line]


@given(
    st.lists(st.lists(st.integers(0, 9) | st.none(), min_size=3, max_size=3), max_size=12),
    st.integers(1, 5),
    st.sampled_from([1, 2, 500_000]),
)
def test_exactly_the_rows_that_share_a_key_are_named(
    rows: list[list[int | None]], page_rows: int, at_once: int
) -> None:
    """The result is the same however the sheet is cut into pages, and the keys into parts that are compared at once."""
    keys = [number.to_bytes(8, "little") * 4 for number in range(10)]
    found = Submissions()
    for start in range(0, len(rows), page_rows):
        page = rows[start : start + page_rows]
        columns = []
        for index in range(3):
            places = [place for place, row in enumerate(page) if row[index] is not None]
            columns.append((places, [keys[page[place][index] or 0] for place in places]))
        found.note(start + 2, [column for column in columns if column[0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submissions, "_AT_ONCE", at_once)
        repeated = found.repeated()
    used = [{key for key in row if key is not None} for row in rows]
    shared = {place for one, other in itertools.combinations(range(len(rows)), 2) if used[one] & used[other]
              for place in (one, other)}  # fmt: skip
    assert repeated.count == len(shared)
    assert repeated.first == [place + 2 for place in sorted(shared)][:10]


def test_rows_after_ten_million_keys_are_named_and_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet has no more cells; a file can have more, and then only the first ones are compared."""
    monkeypatch.setattr(submissions, "_MOST", 3)
    found = Submissions()
    keys = [number.to_bytes(8, "little") * 4 for number in (1, 2, 2, 1)]
    for start in (2, 6):
        found.note(start, [(range(4), keys)])
    assert (len(found._keys), len(found._rows)) == (3, 3)
    assert found.repeated().first == [3, 4]
    assert found.not_compared.first == [5, 6, 7, 8, 9]


def test_a_row_costs_twelve_bytes() -> None:
    """Memory is bounded: 120 MB for the ten million cells that a sheet may have."""
    found = Submissions()
    keys = [random.Random(number).randbytes(32) for number in range(1000)]
    found.note(2, [(range(1000), keys)] * 3)
    held = (found._keys, found._rows)
    assert [len(each) for each in held] == [1000, 1000]
    assert sum(each.itemsize for each in held) == 12
    assert found.repeated().count == 0
