"""Pages of tokens become pages of values, and every cell is counted."""

from collections.abc import Sequence

import pytest

from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.errors import ColumnNotFound, SheetEmpty
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.table import CellFailure, ColumnCount, Format, Header, Page, Reason, Secret
from tests import encryption
from tests.decryption.sheets import (
    CBC,
    CUT,
    JS,
    KEYS,
    MISSING,
    OLDER,
    PRIVATE,
    SEALED,
    WRONG_CBC,
    WRONG_JS,
    WRONGLY_SEALED,
    Columns,
    Run,
    column,
)


@pytest.mark.parametrize(
    ("cell", "value", "counted"),
    [
        ("", "", "blank"),
        ("No Data", "No Data", "missing"),
        (SEALED, "Ana", "decrypted"),
        (encryption.sealed_box("Ana", OLDER), "Ana", "decrypted"),
        (JS, "Ana", "decrypted"),
        (CBC, "Ana", "decrypted"),
        (encryption.sealed_box("", PRIVATE), "", "decrypted"),
        ("Ana María", "Ana María", "not_encrypted"),
        ("no data", "no data", "not_encrypted"),
        (" ", " ", "not_encrypted"),
        (" " + SEALED, " " + SEALED, "failed"),
        (SEALED.upper(), SEALED.upper(), "failed"),
        (CBC[:-1], CBC[:-1], "failed"),
        (CBC + "\n", CBC + "\n", "failed"),
        ("a_name_that_is_long_but_no_token", "a_name_that_is_long_but_no_token", "not_encrypted"),
        ("word " * 20, "word " * 20, "not_encrypted"),
        ("+57 300 1234567", "+57 300 1234567", "not_encrypted"),
        ("1e5", "1e5", "not_encrypted"),
        ("TRUE", "TRUE", "not_encrypted"),
        ("#hashtag", "#hashtag", "not_encrypted"),
        (WRONGLY_SEALED, WRONGLY_SEALED, "failed"),
        (WRONG_JS, WRONG_JS, "failed"),
        (WRONG_CBC, WRONG_CBC, "failed"),
        (CUT, CUT, "failed"),
        ("v2:", "v2:", "failed"),
        ("#ERROR!", "#ERROR!", "failed"),
        ("#NAME?", "#NAME?", "failed"),
    ],
)
def test_the_first_reading_that_fits_a_cell_decides(cell: str, value: str, counted: str) -> None:
    """A cell is blank, a missing value, a token or else readable: it counts once, and only a token is changed."""
    run = column([cell])
    assert run.rows == [[value]]
    counts = {name: getattr(run.count, name) for name in ("decrypted", "blank", "missing", "not_encrypted", "failed")}
    assert counts == dict.fromkeys(counts, 0) | {counted: 1}


def test_a_missing_value_comes_before_the_formats() -> None:
    """A text that means an unanswered question is kept, even where it looks like a token or an error."""
    decryption = Decryption(Header(("a",)), KEYS, Rules(["a"], frozenset({SEALED, "#N/A"})))
    assert decryption.page(Page(2, [[SEALED], ["#N/A"], [""]])) == [[SEALED], ["#N/A"], [""]]
    count = decryption.counts()["a"]
    assert (count.missing, count.blank, count.failed) == (2, 1, 0)


def test_decrypted_text_is_not_read_again() -> None:
    """A decrypted value that looks like a missing value, an error or a token is still a value."""
    texts = ["No Data", "#ERROR!", CBC, "damaged", "wrong key or damaged"]
    run = column([encryption.sealed_box(text, PRIVATE) for text in texts])
    assert run.rows == [[text] for text in texts]
    assert (run.count.decrypted, run.decryption.failure_count()) == (5, 0)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (WRONGLY_SEALED, Reason.WRONG_KEY),
        (WRONG_JS, Reason.WRONG_KEY),
        (WRONG_CBC, Reason.WRONG_KEY),
        (CUT, Reason.DAMAGED),
        (JS[:-4], Reason.DAMAGED),
        ("#REF!", Reason.SHEET_ERROR),
    ],
)
def test_a_failure_is_named_by_row_column_and_reason(cell: str, reason: Reason) -> None:
    """A cell that cannot be decrypted is named by the sheet's own row number; the other cells are still decrypted."""
    run = column([SEALED, JS, CBC, cell, SEALED, JS, CBC])
    assert run.decryption.failures() == [CellFailure(5, "a", reason)]
    assert run.decryption.failure_count() == 1
    assert [row for (row,) in run.rows] == ["Ana", "Ana", "Ana", cell, "Ana", "Ana", "Ana"]
    run.decryption.judge_keys()


@pytest.mark.parametrize("columns", [("a",), "auto"])
def test_cells_that_fail_can_become_blank(columns: Columns) -> None:
    """With `blank`, every cell that fails is blank, retyped ones included, and no other cell is."""
    cells = [SEALED, JS, CBC, WRONGLY_SEALED, CUT, "#ERROR!", WRONG_CBC, "readable", "No Data", ""]
    run = column(cells, columns, blank=True)
    assert [row for (row,) in run.rows] == ["Ana", "Ana", "Ana", "", "", "", "", "readable", "No Data", ""]
    assert run.count.failed == 4


def test_a_token_without_a_key_has_its_own_failure_reason() -> None:
    """A token whose format has no key is reported as such, unless it is cut off; a wrong key is never blamed."""
    run = Run(
        ["a"], [[SEALED], [JS], [CBC], [CBC], ["U2FsdGVkX18"]], ["a"], {Format.SEALED_BOX: 0, Format.LEGACY_CBC: 0}
    )
    assert run.decryption.failures() == [CellFailure(3, "a", Reason.NO_KEY), CellFailure(6, "a", Reason.DAMAGED)]
    run.decryption.judge_keys()


def test_counts_say_formats_and_keys() -> None:
    """A column's counts name each format that was seen and each key that fitted."""
    run = column([SEALED, SEALED, encryption.sealed_box("b", OLDER), JS, CBC, WRONG_CBC, CUT])
    assert run.count.formats == {"sealed-box": 4, "cryptojs-passphrase": 1, "legacy-cbc": 2}
    assert run.count.key_fingerprints == [
        *KEYS[Format.CRYPTOJS_PASSPHRASE].fingerprints,
        *KEYS[Format.LEGACY_CBC].fingerprints,
        *KEYS[Format.SEALED_BOX].fingerprints,
    ]
    assert len(set(run.count.key_fingerprints)) == 4


def test_other_columns_are_left_alone() -> None:
    """Only the configured columns are decrypted, whatever the order of their names."""
    run = Run(["x", "b", "y", "a"], [[SEALED, SEALED, "1", JS]], ["a", "b", "a"])
    assert run.rows == [[SEALED, "Ana", "1", "Ana"]]
    assert list(run.decryption.counts()) == ["a", "b"]


def test_an_empty_sheet_is_not_an_error() -> None:
    """A header without rows gives no rows, zero counts, no failures and no verdict."""
    run = column([])
    assert (run.rows, run.count) == ([], ColumnCount(0, 0, 0, 0, 0, {}, []))
    assert (run.decryption.failures(), run.decryption.failure_count()) == ([], 0)
    run.decryption.judge_keys()


class TestFailures:
    """The first failures are named, and all are counted."""

    def test_the_first_100_are_named_and_all_are_counted(self) -> None:
        """After 100 failures, further ones are only counted."""
        run = column([SEALED, *[CUT] * 250])
        assert [failure.row for failure in run.decryption.failures()] == list(range(3, 103))
        assert run.decryption.failure_count() == run.count.failed == 250

    @pytest.mark.parametrize("cuts", [(), (100,), (7, 150, 200)])
    def test_the_first_failures_are_first_by_row_in_any_format(self, cuts: Sequence[int]) -> None:
        """The named failures are those of the first rows, even where later rows fail in an earlier format."""
        cells = [SEALED, CBC, JS, *[JS[:-4]] * 150, *[CUT] * 150, *["#ERROR!"] * 150]
        run = Run(["a", "b"], [[cell, cell] for cell in cells], ["a", "b"], cuts=cuts)
        expected = [CellFailure(row, name, Reason.DAMAGED) for row in range(5, 55) for name in "ab"]
        assert run.decryption.failures() == expected
        assert run.decryption.failure_count() == 900

    def test_tokens_outside_the_header_are_failures_too(self) -> None:
        """A token to the right of the header is lost from the CSV, so up to 100 are named and all are counted."""
        decryption = Decryption(Header(("a",)), KEYS, Rules(["a"], MISSING))
        overflow = {row: [SEALED, "text", CUT, ""] for row in range(2, 82)}
        decryption.page(Page(2, [[SEALED] for _ in range(200)], overflow=overflow))
        failures = decryption.failures()
        assert failures == [CellFailure(row, "", Reason.OUTSIDE) for row in range(2, 52) for _ in range(2)]
        assert decryption.failure_count() == 160
        assert decryption.counts()["a"].failed == 0


def test_an_ambiguous_cell_is_reported_as_such() -> None:
    """Where two legacy secrets seem to fit, the token stays, and the reason says why."""
    secrets = ["first_secret_key", "other_secret_key"]
    ciphers = ciphers_of({Format.LEGACY_CBC: [Secret(secret) for secret in secrets]})
    decryption = Decryption(Header(("a",)), ciphers, Rules(["a"], MISSING))
    token = encryption.legacy_for_two(*secrets)
    good = [
        [encryption.legacy_cbc(f"answer {number}", secrets[0], number.to_bytes(16, "little"))] for number in range(3)
    ]
    rows = decryption.page(Page(2, [*good, [token]]))
    assert rows == [["answer 0"], ["answer 1"], ["answer 2"], [token]]
    assert decryption.failures() == [CellFailure(5, "a", Reason.AMBIGUOUS)]
    decryption.judge_keys()


def test_only_formats_with_secrets_get_a_cipher() -> None:
    """A format without secrets, or with an empty list of them, has no cipher."""
    ciphers = ciphers_of({Format.LEGACY_CBC: [Secret("x")], Format.SEALED_BOX: []})
    assert list(ciphers) == [Format.LEGACY_CBC]
    assert ciphers_of({}) == {}


class TestHeader:
    """A configured column is found exactly once."""

    def test_a_column_is_found_by_its_exact_name(self) -> None:
        """The name must match exactly, including blanks around it."""
        assert Header(("id", " name", "name", "")).index_of("name") == 2
        assert Header(("id", "")).index_of("") == 1

    def test_a_missing_column_gets_a_suggestion(self) -> None:
        """Only a nearly identical name is suggested, as a first row that is not a header holds people's answers."""
        header = Header(("id", "phone_number", "name"))
        with pytest.raises(ColumnNotFound, match="not found in row 1") as caught:
            header.index_of("phone_numbr")
        assert caught.value.hint == 'did you mean "phone_number"?'
        with pytest.raises(ColumnNotFound, match="which has 3 columns") as caught:
            Header(("1", "Maria Garcia", "+57 300 1234567")).index_of("name")
        assert not {"Maria", "+57"} & set((caught.value.hint + caught.value.message).split())

    @pytest.mark.parametrize(
        ("names", "message", "hint"),
        [
            (["NAME ", "phone"], '"NAME " and "phone" not found in row 1', 'did you mean "Name" and "Phone"?'),
            (["Name", "phone"], '"phone" not found in row 1', 'did you mean "Phone"?'),
            (
                ["phone", "street"],
                '"phone" and "street" not found',
                'did you mean "Phone"? check the others against row 1',
            ),
            (["B", "AC"], '"B" and "AC" not found in row 1, which has 3 columns', "not by Excel's letters"),
            (["Name;Phone number"], "not found in row 1", "separate the columns by commas"),
        ],
    )
    def test_all_missing_columns_are_named_at_once(self, names: list[str], message: str, hint: str) -> None:
        """Case does not prevent a suggestion, and what people type in place of names is recognised."""
        with pytest.raises(ColumnNotFound) as caught:
            Header(("id", "Name", "Phone")).indices_of(names)
        assert message in caught.value.message
        assert hint in caught.value.hint

    def test_a_column_that_appears_twice_is_refused(self) -> None:
        """The program does not guess which of two columns is meant."""
        with pytest.raises(ColumnNotFound, match='"a" appears twice'):
            Decryption(Header(("a", "b", "a")), KEYS, Rules(["a"], MISSING))

    @pytest.mark.parametrize("columns", [("name",), "auto"])
    @pytest.mark.parametrize("token", [SEALED, JS, CBC])
    def test_a_sheet_without_a_header_is_refused_and_no_token_is_shown(self, columns: Columns, token: str) -> None:
        """A first row of tokens is not a header: none of it is shown, and no row of answers becomes the header."""
        with pytest.raises(SheetEmpty) as caught:
            Decryption(Header(("1", token)), KEYS, Rules(columns, MISSING))
        assert caught.value.message == "the first row holds encrypted tokens: the sheet has no header"
        assert caught.value.hint == "insert a first row with the columns' names"

    def test_a_name_may_begin_like_a_token(self) -> None:
        """A column called `v2:name` is an ordinary column."""
        run = Run(["v2:name"], [[SEALED]], ["v2:name"])
        assert run.rows == [["Ana"]]
