"""`columns = "auto"` selects the columns that really decrypt."""

from collections.abc import Mapping

import pytest

from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.errors import KeyWrong
from sheets_decrypt.table import CellFailure, ColumnCount, Format, Header, Page, Reason
from tests.decryption.sheets import (
    CBC,
    CUT,
    HASHES,
    JS,
    KEYS,
    MISSING,
    SEALED,
    WRONG_CBC,
    WRONG_JS,
    WRONGLY_SEALED,
    Run,
    column,
)


def test_every_column_that_holds_tokens_is_decrypted() -> None:
    """Columns of each format are found among others, and the others stay unchanged."""
    row = ["1", SEALED, "Ana", JS, CBC, "", "No Data", "+57 300 1234567"]
    run = Run("idsnjcbmp", [[*row, HASHES[number]] for number in range(4)], "auto")
    assert run.rows == [["1", "Ana", "Ana", "Ana", "Ana", *row[5:], HASHES[number]] for number in range(4)]
    assert list(run.decryption.counts()) == ["d", "n", "j"]
    run.decryption.judge_keys()


def test_hashes_that_look_like_legacy_tokens_stay_untouched() -> None:
    """A column of hashes is not decrypted, blanked, counted or a failure; a warning names it."""
    run = Run(["name", "hash"], [[SEALED, digest] for digest in HASHES], "auto", blank=True)
    assert [row[1] for row in run.rows] == HASHES
    assert list(run.decryption.counts()) == ["name"]
    assert (run.decryption.failures(), run.decryption.failure_count()) == ([], 0)
    assert [warning for warning in run.decryption.warnings() if 'column "hash": some answers look' in warning]
    run.decryption.judge_keys()


def test_a_wrong_key_is_noticed() -> None:
    """Where nothing decrypts, the key is wrong, and the sheet is not taken for one without tokens."""
    for wrong, format_ in (
        (WRONGLY_SEALED, Format.SEALED_BOX),
        (WRONG_CBC, Format.LEGACY_CBC),
        (WRONG_JS, Format.CRYPTOJS_PASSPHRASE),
    ):
        run = Run(["id", "name"], [["1", wrong], ["2", ""]], "auto")
        assert run.rows == [["1", wrong], ["2", ""]]
        with pytest.raises(KeyWrong, match=KEYS[format_].fingerprints[0]):
            run.decryption.judge_keys()


def test_a_wrong_key_of_one_marked_column_is_noticed() -> None:
    """A column of sealed boxes that fail stops the run, although another column decrypts."""
    with pytest.raises(KeyWrong, match='column "b"'):
        Run(["a", "b"], [[SEALED, WRONGLY_SEALED]] * 10, "auto").decryption.judge_keys()


@pytest.mark.parametrize("keys", [KEYS, {Format.LEGACY_CBC: 0}])
@pytest.mark.parametrize("answer", ["v2:hello", "v2: better than before", "U2FsdGVkX1+ is my password"])
def test_an_answer_that_begins_like_a_token_does_not_stop_the_run(answer: str, keys: Mapping[Format, object]) -> None:
    """A readable column in which someone wrote something like a mark is still a readable column."""
    run = Run(["name", "comment"], [[CBC, "good"], [CBC, answer], [CBC, "bad"]], "auto", keys, blank=True)
    assert run.rows == [["Ana", "good"], ["Ana", answer], ["Ana", "bad"]]
    run.decryption.judge_keys()
    assert list(run.decryption.counts()) == ["name"]
    assert run.decryption.failure_count() == 0
    alone = Run(["comment"], [[answer]], "auto", keys)
    alone.decryption.judge_keys()


@pytest.mark.parametrize("token", [SEALED, JS, CBC])
def test_a_column_whose_tokens_start_in_a_later_page_is_decrypted(token: str) -> None:
    """Pages of blank and readable cells come first, and the tokens after them are decrypted."""
    cells = ["", "No Data", "readable", "", token, token]
    for cuts in ((), (2,), (4,), (1, 2, 3, 4, 5)):
        run = column(cells, "auto", cuts=cuts)
        assert [row for (row,) in run.rows] == ["", "No Data", "readable", "", "Ana", "Ana"]
        run.decryption.judge_keys()
        assert run.count == ColumnCount(2, 2, 1, 1, 0, run.count.formats, run.count.key_fingerprints)


def test_a_retyped_token_is_named() -> None:
    """In a column that holds tokens, `#ERROR!` is a token that someone retyped, not a readable answer."""
    run = Run(["a", "sum"], [[CBC, "#REF!"], ["#ERROR!", "#REF!"], [CBC, "3"]], "auto")
    assert run.decryption.failures() == [CellFailure(3, "a", Reason.SHEET_ERROR)]
    assert (run.count.failed, run.count.not_encrypted) == (1, 0)


def test_a_column_found_late_keeps_its_first_tokens_and_says_so() -> None:
    """Tokens on a page before the column was known to decrypt stay, each as a failure; later ones decrypt."""
    run = column([CBC, WRONG_CBC, WRONG_CBC, *[CBC] * 20], "auto", cuts=(3,), blank=True)
    assert [row for (row,) in run.rows] == [CBC, WRONG_CBC, WRONG_CBC, *["Ana"] * 20]
    run.decryption.judge_keys()
    assert run.decryption.failures() == [
        CellFailure(2, "a", Reason.FOUND_LATE),
        CellFailure(3, "a", Reason.WRONG_KEY),
        CellFailure(4, "a", Reason.WRONG_KEY),
    ]
    assert (run.count.decrypted, run.count.failed) == (20, 3)
    assert [warning for warning in run.decryption.warnings() if "found out later that it is encrypted" in warning]


def test_a_lone_token_left_among_readable_answers_is_a_failure() -> None:
    """Among readable answers it could have decrypted by chance, but tokens on later pages show that it did not."""
    run = column([CBC, "x", "x", CBC, CBC], "auto", cuts=(3,))
    assert [row for (row,) in run.rows] == [CBC, "x", "x", "Ana", "Ana"]
    assert run.decryption.failures() == [CellFailure(2, "a", Reason.FOUND_LATE)]
    assert [warning for warning in run.decryption.warnings() if "found out later that it is encrypted" in warning]


def test_an_answer_that_later_rows_cast_doubt_on_is_a_failure() -> None:
    """A page of one token decrypts; where the rest of the column proves readable, the cell is reported."""
    run = column([CBC, "0", "0"], "auto", cuts=(1,))
    assert [row for (row,) in run.rows] == ["Ana", "0", "0"]
    run.decryption.judge_keys()
    assert run.decryption.failures() == [CellFailure(2, "a", Reason.FOUND_EARLY)]
    assert run.decryption.failure_count() == 1
    assert (run.count.decrypted, run.count.not_encrypted, run.count.failed) == (0, 2, 1)
    below = column(["", CBC, "0", "0"], "auto", cuts=(2,))
    assert below.decryption.failures() == [CellFailure(3, "a", Reason.FOUND_EARLY)]
    assert column([CBC, "0", "0"], "auto").rows == [[CBC], ["0"], ["0"]]


def test_a_column_that_was_rewritten_stays_among_the_decrypted_ones() -> None:
    """Chance hits on an early page are not hidden: later cells that fail are failures, and no digest is blanked."""
    rows = [[SEALED, CBC], *([SEALED, digest] for digest in HASHES)]
    split = Run(["name", "hash"], rows, "auto", cuts=(1,), blank=True)
    assert [row[1] for row in split.rows] == ["Ana", *HASHES]
    split.decryption.judge_keys()
    assert list(split.decryption.counts()) == ["name", "hash"]
    assert split.decryption.failure_count() == len(HASHES)
    whole = Run(["name", "hash"], rows, "auto")
    whole.decryption.judge_keys()
    assert [row[1] for row in whole.rows] == [CBC, *HASHES]
    assert list(whole.decryption.counts()) == ["name"]


@pytest.mark.parametrize(("right", "wrong"), [(CBC, WRONG_CBC), (JS, WRONG_JS)])
def test_most_of_the_tokens_must_decrypt(right: str, wrong: str) -> None:
    """At exactly half, a column without sealed boxes is left unchanged; with one more it is decrypted."""
    for count in (1, 2, 5):
        half = column([*[right] * count, *[wrong] * count], "auto")
        assert half.rows == [*[[right]] * count, *[[wrong]] * count]
        more = column([*[right] * (count + 1), *[wrong] * count], "auto")
        assert more.rows == [*[["Ana"]] * (count + 1), *[[wrong]] * count]


@pytest.mark.parametrize("token", [CBC, JS])
def test_one_token_among_readable_answers_may_decrypt_by_chance(token: str) -> None:
    """Without authentication, one answer in 256 would, so it is left where readable answers outnumber it."""
    assert column([token, "readable"], "auto").rows == [["Ana"], ["readable"]]
    assert column([token, "", "", ""], "auto").rows == [["Ana"], [""], [""], [""]]
    alone = column([token, "readable", "readable"], "auto")
    assert alone.rows == [[token], ["readable"], ["readable"]]
    assert [warning for warning in alone.decryption.warnings() if "some answers look encrypted" in warning]
    assert column([token, token, *["readable"] * 9], "auto").rows == [["Ana"], ["Ana"], *[["readable"]] * 9]


def test_columns_that_may_hold_tokens_are_known_before_they_are_decrypted() -> None:
    """The writer of the other columns asks for every page that has begun, and a column once among them stays."""
    names = ("id", "name", "comment", "hash")
    pages = [[["1", "readable", "", "x"]], [["2", SEALED, WRONGLY_SEALED, HASHES[0]]], [["3", "readable", "", "x"]]]
    auto = Decryption(Header(names), KEYS, Rules("auto", MISSING))
    named = Decryption(Header(names), KEYS, Rules(["name"], MISSING))
    found = []
    for first_row, rows in enumerate(pages, start=2):
        for decryption in (auto, named):
            decryption.submit(Page(first_row, rows))
            decryption.look_elsewhere(Page(first_row, rows))
        found.append([[decryption.may_hold_tokens(index) for index in range(4)] for decryption in (auto, named)])
    later = [[False, True, True, True], [False, True, True, False]]
    assert found == [[[False] * 4, [False, True, False, False]], later, later]


def test_a_legacy_column_with_a_wrong_key_is_not_taken_for_hashes() -> None:
    """Tokens that no key decrypts end the run, although another column decrypts; hexadecimal digests do not."""
    run = Run(["name", "phone"], [[SEALED, WRONG_CBC]] * 10, "auto")
    with pytest.raises(KeyWrong, match='column "phone"'):
        run.decryption.judge_keys()
    digests = Run(["name", "hash"], [[SEALED, digest] for digest in HASHES], "auto")
    digests.decryption.judge_keys()
    assert "look encrypted" in "".join(digests.decryption.warnings())


def test_columns_with_the_same_name_are_counted_separately() -> None:
    """The header may have blank and duplicate names, and the counts of every such column are kept."""
    run = Run(["a", "", "a", ""], [[SEALED, JS, CUT, SEALED], [SEALED, JS, SEALED, ""]], "auto")
    counts = run.decryption.counts()
    assert list(counts) == ["a", "", "a (column 3)", " (column 4)"]
    assert [count.decrypted for count in counts.values()] == [2, 2, 1, 1]


@pytest.mark.parametrize("row", [[SEALED, "x", "x"], ["x", SEALED, "x"], ["x", SEALED, JS], [SEALED, JS, CBC]])
def test_the_name_of_every_decrypted_column_is_among_the_counts(row: list[str]) -> None:
    """Code that leaves out decrypted columns by the names in the counts leaves out every one of them."""
    run = Run(["a", "a", "a"], [row], "auto")
    assert "a" in run.decryption.counts()


def test_a_column_left_encrypted_does_not_affect_blanks_in_another() -> None:
    """With `blank`, cells that cannot be decrypted become blank only in the columns that are decrypted."""
    run = Run(["a", "b"], [[WRONG_CBC, SEALED], ["x", CUT]], "auto", blank=True)
    assert run.rows == [[WRONG_CBC, "Ana"], ["x", ""]]
