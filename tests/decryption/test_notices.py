"""What the user should know about the sheet is reported, with rows and columns and never a value."""

from collections.abc import Sequence
from typing import Literal

import pytest

from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.table import CellFailure, Format, Header, Page, Reason, Secret
from tests import encryption

PRIVATE = bytes(range(1, 33))
KEYS = ciphers_of(
    {
        Format.SEALED_BOX: [Secret(encryption.key_text(PRIVATE))],
        Format.LEGACY_CBC: [Secret("your_secret_key1")],
        Format.CRYPTOJS_PASSPHRASE: [Secret("passphrase")],
    }
)
SEALED = encryption.sealed_box("Ana", PRIVATE)
JS = encryption.cryptojs("Ana", "passphrase")
CBC = encryption.legacy_cbc("Ana", "your_secret_key1")
WRONG_CBC = encryption.legacy_cbc("Ana", "another_secret_x", bytes(16))


def watch(names: str, *pages: Page, columns: Sequence[str] | Literal["auto"] = ("a",)) -> Decryption:
    """Decrypt the pages of a sheet whose columns have one-letter names."""
    decryption = Decryption(Header(tuple(names)), KEYS, Rules(columns, frozenset({"No Data"})))
    for page in pages:
        decryption.page(page)
    return decryption


def test_an_ordinary_sheet_gives_no_warning() -> None:
    """Tokens, blanks and missing values in the columns to decrypt need no attention."""
    page = Page(2, [[SEALED, "text"], ["", "1"], ["No Data", ""], [JS, "x"]])
    assert watch("ab", page).warnings() == []


@pytest.mark.parametrize(("cells", "words"), [(1, "1 cell is"), (3, "3 cells are")])
def test_readable_cells_are_a_privacy_warning(cells: int, words: str) -> None:
    """Answers that should be secret but are readable in the sheet are counted, and not shown."""
    warnings = watch("a", Page(2, [[SEALED], *[["Rodríguez"]] * cells])).warnings()
    assert warnings == [f'privacy: column "a": {words} readable in the sheet and should have been encrypted']


def test_retyped_cells_are_named() -> None:
    """Cells of a decrypted column that came as numbers are named by row; those of other columns are not."""
    pages = [
        Page(2, [[SEALED, "5"], ["5730", "6"]], retyped={0: [3], 1: [2, 3]}),
        Page(4, [["12", "7"]], retyped={0: [4]}),
    ]
    (warning,) = [warning for warning in watch("ab", *pages).warnings() if "retyped" in warning]
    assert warning == 'column "a": rows 3, 4 came as a number or a boolean: someone retyped the cell'


def test_auto_names_retyped_cells_only_in_columns_that_hold_tokens() -> None:
    """Numbers in a column of numbers are not reported."""
    page = Page(2, [[SEALED, "5"], ["5730", "6"]], retyped={0: [3], 1: [2, 3]})
    warnings = [warning for warning in watch("ab", page, columns="auto").warnings() if "retyped" in warning]
    assert warnings == ['column "a": row 3 came as a number or a boolean: someone retyped the cell']


def test_auto_names_retyped_cells_only_of_the_right_column() -> None:
    """Of two columns with the same name, only the rows of the one that holds tokens are named."""
    page = Page(2, [[SEALED, "5"], ["5730", "6"]], retyped={0: [3], 1: [2, 3]})
    warnings = [warning for warning in watch("aa", page, columns="auto").warnings() if "retyped" in warning]
    assert warnings == ['column "a": row 3 came as a number or a boolean: someone retyped the cell']


def test_of_many_rows_the_first_ten_are_named() -> None:
    """A long list of rows is cut, and the rest is counted, over all pages."""
    pages = [Page(first, [[JS]] * 10, shifted=range(first, first + 10)) for first in (2, 12)]
    (warning,) = watch("a", *pages).warnings()
    assert warning.startswith("rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 10 more: the row starts further right")


def test_data_to_the_right_of_the_header_is_named() -> None:
    """Data beyond the header is left out of the CSV and reported, and a token in it is also a failure."""
    decryption = watch("a", Page(2, [[JS], [JS], [JS]], overflow={3: ["x"], 4: [JS, "", CBC, "v2:"]}))
    assert decryption.warnings() == [
        "rows 3, 4: data to the right of the header is left out of the csv: the trace of a shifted row"
    ]
    assert decryption.failures() == [CellFailure(4, "", Reason.OUTSIDE)] * 3
    assert decryption.failure_count() == 3


@pytest.mark.parametrize("token", [SEALED, JS])
def test_tokens_in_a_column_that_is_not_configured_are_named_once(token: str) -> None:
    """A column that holds marked tokens and is not decrypted may have been forgotten."""
    pages = [Page(2, [[JS, "", "x"]]), Page(3, [[JS, token, "v2:x"], [JS, token, CBC]]), Page(5, [[JS, token, ""]])]
    assert watch("abc", *pages).warnings() == [
        'column "b" holds encrypted tokens and is not among the columns to decrypt'
    ]


def test_a_column_that_looks_encrypted_and_is_not_decrypted_by_auto_is_named() -> None:
    """Cells that look like legacy tokens and do not decrypt may be under another key, so the user is asked."""
    warnings = watch("ab", Page(2, [[JS, WRONG_CBC], [JS, "x"]]), columns="auto").warnings()
    assert warnings == [
        'column "b": some answers look encrypted but no key decrypts them; if it is encrypted, name it in columns'
    ]


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (["one", "one", "one"], False),
        (["one", "one", "two"], True),
        (["one", "two", "two"], True),
        (["one", "two", "three"], False),  # one each, as in another program's tokens
        (["one", "two", ""], False),
        (["one", "one", ""], False),
        (["one", "one", "cut"], False),
    ],
)
def test_rows_whose_tokens_come_from_several_submissions_are_named(cells: list[str], named: bool) -> None:
    """Tokens of one call share their ephemeral key, so a row in which only some share one was put together."""
    ephemerals = {name: bytes([number]) * 32 for number, name in enumerate(["one", "two", "three"], start=1)}
    row = [encryption.sealed_box(cell, PRIVATE, ephemerals[cell]) if cell in ephemerals else "" for cell in cells]
    row = ["v2:" if cell == "cut" else token for cell, token in zip(cells, row, strict=True)]
    decryption = watch("abc", Page(2, [["", "", ""]]), Page(3, [["", "", ""], row]), columns="abc")
    expected = ["row 4: rearranged: its encrypted cells come from several submissions"]
    assert decryption.warnings() == (expected if named else [])


def test_a_column_that_was_moved_down_by_a_cell_is_named() -> None:
    """Its keys come in the same order as those of the other columns, but in other rows."""
    submissions = [
        encryption.sealed_row(["Ana", "+57", "Calle"], PRIVATE),
        encryption.sealed_row(["Li", "+86", "Lu"], PRIVATE),
    ]
    (a1, b1, c1), (a2, b2, c2) = submissions
    decryption = watch("abc", Page(2, [[a1, "", c1], [a2, b1, c2], ["", b2, ""]]), columns="abc")
    assert decryption.warnings() == [
        "row 3: rearranged: its encrypted cells come from several submissions",
        "rows 2, 3, 4: encrypted cells of one submission are in several rows: copied or moved",
    ]


def test_every_report_says_which_values_are_not_authenticated() -> None:
    """Columns in formats without authentication are named, without a count; sealed boxes need no such note."""
    decryption = watch("abc", Page(2, [[SEALED, JS, CBC], [SEALED, CBC, "x"]]), columns="abc")
    assert decryption.notes() == [
        'columns "b", "c": values in an older encryption format: edits made in the sheet cannot be detected'
    ]
    assert watch("a", Page(2, [[CBC], [CBC]]), columns="a").notes()[0].startswith('column "a": values in an older')
    assert watch("a", Page(2, [[SEALED]]), columns="a").notes() == []


def test_rows_that_are_short_or_shifted_are_named() -> None:
    """Each such row is named by its number, with the consequence for the CSV."""
    page = Page(2, [[JS], [JS], [JS]], shifted=[3], short=[2, 4])
    assert watch("a", page).warnings() == [
        "row 3: the row starts further right than the rows around it: it may have been appended shifted",
        "rows 2, 4: the row has fewer cells than the header; those that are missing are blank",
    ]


def test_a_row_of_one_submission_is_not_rearranged_because_others_are_not() -> None:
    """The other row's tokens have a key each, as other programs make them."""
    own = [encryption.sealed_box(cell, PRIVATE) for cell in "ab"]
    page = Page(2, [encryption.sealed_row(["Ana", "+57", "Calle"], PRIVATE), [*own, ""]])
    assert watch("abc", page, columns="abc").warnings() == []
