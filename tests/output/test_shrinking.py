"""When a previous CSV may be replaced: which cells count as decrypted, in a run's record and in the CSV itself."""

import hashlib
from collections.abc import Mapping

import pytest

from sheets_decrypt.errors import SheetShrunk
from sheets_decrypt.output.shrinking import NewCounts, ReplacePolicy, refuse_shrunken
from sheets_decrypt.table import ColumnCount, FormerCounts, Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault
from tests.encryption import legacy_cbc

NAME = "a.csv"
NONE_GONE = ReplacePolicy(max_shrink=0, missing_values=frozenset({"No Data"}))
TOKEN = legacy_cbc("Ana", "geheim-5521", bytes(range(16)))


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> CryptomatorVault:
    """Return an open vault; each test puts the previous CSV in place."""
    return quick_vault.create(tmp_path_factory.mktemp("vault") / "v", Secret("x"))


def _put(vault: CryptomatorVault, content: str, name: str = NAME) -> str:
    """Make this the previous CSV, and return its digest."""
    with vault.replace(name) as file:
        file.write(content.encode())
    return hashlib.sha256(content.encode()).hexdigest()


def _count(decrypted: int, *, not_encrypted: int = 0) -> ColumnCount:
    return ColumnCount(decrypted, 0, 0, not_encrypted, 0, {}, ())


def _refused(
    vault: CryptomatorVault,
    new: Mapping[str, ColumnCount],
    policy: ReplacePolicy = NONE_GONE,
    former: FormerCounts | None = None,
    *,
    rows: int = 9,
) -> str:
    """Return the reason why the CSV is not replaced, or an empty string if it may be."""
    try:
        refuse_shrunken(vault, NAME, NewCounts(rows, new), policy, former)
    except SheetShrunk as error:
        lost = "cells were cleared or overwritten" if error.message.startswith("column") else "rows were deleted"
        hint = f"check whether {lost} in the sheet; if that is right, run once with --allow-shrink"
        return error.message if error.hint == hint else f"another hint: {error.hint}"
    return ""


# As the runs counted


@pytest.mark.parametrize("name", ["a.xlsx", "a.dta"])
def test_a_file_that_cannot_be_counted_has_the_rows_of_the_previous_run(vault: CryptomatorVault, name: str) -> None:
    """Someone saved the workbook with a password, and three rows do not replace a hundred."""
    _put(vault, "not what the program wrote", name)
    with pytest.raises(SheetShrunk, match="the sheet has 3 rows, and the file that it would replace has 100"):
        refuse_shrunken(vault, name, NewCounts(3, {}), NONE_GONE, FormerCounts("another digest", 100, {}))
    refuse_shrunken(vault, name, NewCounts(0, {}), NONE_GONE, None)  # nothing is known, so nothing can be missed


def test_a_column_with_fewer_cells_than_the_previous_run_is_refused(vault: CryptomatorVault) -> None:
    """No more cells than allowed may be gone, and other readable cells in the sheet do not count."""
    former = FormerCounts(_put(vault, "name\r\nAna\r\nBo\r\nCy\r\n"), 3, {"name": 3})
    assert _refused(vault, {"name": _count(3)}, former=former) == ""
    assert _refused(vault, {"name": _count(4)}, former=former) == ""
    assert _refused(vault, {"name": _count(2, not_encrypted=1)}, former=former) == (
        'column "name": 2 cells decrypt, and the file that it would replace has 3 of them'
    )


def test_a_column_that_is_no_longer_found_is_missed_only_with_auto(
    vault: CryptomatorVault,
) -> None:
    """With `auto` a column without a token has lost all of them; removing a configured name is a decision."""
    former = FormerCounts(_put(vault, "name,phone\r\nAna,1\r\n"), 1, {"name": 1, "phone": 1})
    found = ReplacePolicy(max_shrink=0, found_columns=True)
    assert _refused(vault, {"name": _count(1)}, found, former).startswith('column "phone": 0 cells decrypt')
    assert _refused(vault, {"name": _count(1), "phone": _count(1)}, found, former) == ""
    assert _refused(vault, {"name": _count(1)}, NONE_GONE, former) == ""
    assert _refused(vault, {"name": _count(0)}, NONE_GONE, former).startswith('column "name": 0 cells decrypt')


def test_a_new_column_has_lost_nothing(vault: CryptomatorVault) -> None:
    """Cells that the previous run did not count cannot be missed."""
    former = FormerCounts(_put(vault, "name\r\nAna\r\n"), 1, {"name": 1})
    assert _refused(vault, {"name": _count(1), "phone": _count(0)}, former=former) == ""


def test_a_csv_changed_since_the_last_run_misses_no_more_cells_than_it_has(vault: CryptomatorVault) -> None:
    """Someone corrected it by hand, so the last run's counts apply only as far as the cells are still readable."""
    _put(vault, "name\r\nAna\r\nBo\r\n")
    former = FormerCounts("of another file", 2, {"name": 5})
    assert _refused(vault, {"name": _count(2)}, former=former) == ""
    assert _refused(vault, {"name": _count(0, not_encrypted=2)}, former=former).endswith("has 2 of them")
    fewer = FormerCounts("of another file", 2, {"name": 1})
    assert _refused(vault, {"name": _count(1, not_encrypted=1)}, former=fewer) == ""
    assert _refused(vault, {"name": _count(0, not_encrypted=2)}, former=fewer).endswith("has 1 of them")


@pytest.mark.parametrize("name", ["a.xlsx", "a.dta"])
def test_a_workbook_or_dataset_changed_since_the_last_run_has_that_runs_cells(
    vault: CryptomatorVault, name: str
) -> None:
    """Excel or Stata saved the file again, and its new content is not read."""
    _put(vault, "saved by another program", name)
    former = FormerCounts("of another file", 3, {"name": 3})
    with pytest.raises(SheetShrunk, match=r'column "name": 2 cells decrypt, .* has 3 of them'):
        refuse_shrunken(vault, name, NewCounts(3, {"name": _count(2, not_encrypted=1)}), NONE_GONE, former)
    refuse_shrunken(vault, name, NewCounts(3, {"name": _count(3)}), NONE_GONE, former)


# As the CSV says


def test_a_readable_cell_of_the_csv_is_one_that_was_decrypted(vault: CryptomatorVault) -> None:
    """Blanks, unanswered questions, tokens that stayed and missing cells do not count; a guarded formula does."""
    lines = ["id,name", "1,Ana", "2,", "3,No Data", f"4,{TOKEN}", f"5,'{TOKEN}", "6", "7,'=1+1", '8,"a\r\nb"', "9,Ana"]
    _put(vault, "\r\n".join([*lines, ""]))
    assert _refused(vault, {"name": _count(4)}) == ""
    assert _refused(vault, {"name": _count(3)}).endswith(
        "3 cells decrypt, and the file that it would replace has 4 of them"
    )
    # Text that someone typed in place of a token is also readable, and cannot be told from an answer.
    assert _refused(vault, {"name": _count(1, not_encrypted=3)}) == ""


def test_a_byte_order_mark_does_not_hide_a_column(vault: CryptomatorVault) -> None:
    """The first column of a CSV for Excel is found by its own name."""
    _put(vault, "\ufeffname\r\nAna\r\n")
    assert _refused(vault, {"name": _count(0)}).startswith('column "name": 0 cells decrypt')


def test_a_column_that_the_csv_does_not_have_cannot_be_missed(vault: CryptomatorVault) -> None:
    """Such a column is decrypted for the first time, and one that was cleared is still missed."""
    _put(vault, "name\r\nAna\r\n")
    assert _refused(vault, {"phone": _count(0)}) == ""
    assert _refused(vault, {"phone": _count(0), "name": _count(0)}).startswith('column "name"')


@pytest.mark.parametrize("content", ["", "\r\n", "name\r\n"])
def test_a_csv_without_a_row_has_nothing_to_lose(vault: CryptomatorVault, content: str) -> None:
    """The CSV has neither rows nor cells."""
    _put(vault, content)
    assert _refused(vault, {"name": _count(0)}, rows=0) == ""


def test_a_csv_whose_cells_cannot_be_read_is_compared_by_its_rows(vault: CryptomatorVault) -> None:
    """A cell longer than any that a reader accepts is not ours, but the rows are still compared."""
    _put(vault, "name\r\n" + "x" * 200_000 + "\r\nAna\r\n")
    assert _refused(vault, {"name": _count(0)}, rows=2) == ""
    assert _refused(vault, {"name": _count(0)}, rows=1).startswith("the sheet has 1 rows")


def test_bytes_that_are_not_utf8_count_as_readable_cells(vault: CryptomatorVault) -> None:
    """Someone saved the CSV in another encoding; its cells are counted, and no run ends in a traceback."""
    with vault.replace(NAME) as file:
        file.write("name\r\nZoë\r\n".encode("latin-1"))
    assert _refused(vault, {"name": _count(0)}).endswith("has 1 of them")


# What is not compared


def test_nothing_is_compared_where_loss_is_allowed_or_no_csv_exists(vault: CryptomatorVault) -> None:
    """These are `--allow-shrink` and a first run."""
    _put(vault, "name\r\nAna\r\nBo\r\n")
    assert _refused(vault, {"name": _count(0)}, ReplacePolicy(max_shrink=None), rows=0) == ""
    vault.remove(NAME)
    assert _refused(vault, {"name": _count(0)}, rows=0) == ""
