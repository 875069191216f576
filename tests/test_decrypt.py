"""Pages of tokens become pages of values, every cell is counted, and the verdict on the keys is right."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.errors import ColumnNotFound, KeyMissing, KeyWrong, SheetEmpty, SheetRefused
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.table import CellFailure, ColumnCount, Format, Header, Page, Reason, Secret
from tests import encryption

PRIVATE, OLDER, FOREIGN = bytes(range(1, 33)), bytes(range(33, 65)), bytes(range(65, 97))
LEGACY, PASSPHRASE = "your_secret_key1", "correct horse battery staple"
KEYS = ciphers_of(
    {
        Format.SEALED_BOX: [Secret(encryption.key_text(key)) for key in (PRIVATE, OLDER)],
        Format.LEGACY_CBC: [Secret(LEGACY)],
        Format.CRYPTOJS_PASSPHRASE: [Secret(PASSPHRASE)],
    }
)
SEALED, WRONGLY_SEALED = encryption.sealed_box("Ana", PRIVATE), encryption.sealed_box("Ana", FOREIGN)
CBC, WRONG_CBC = (
    encryption.legacy_cbc("Ana", LEGACY, bytes(16)),
    encryption.legacy_cbc("Ana", "another_secret_x", bytes(16)),
)
JS, WRONG_JS = encryption.cryptojs("Ana", PASSPHRASE, bytes(8)), encryption.cryptojs("Ana", "wrong", bytes(8))
CUT = SEALED[:40]
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)]
MISSING = frozenset({"No Data"})

Columns = Sequence[str] | Literal["auto"]


class Run:
    """One sheet that has been decrypted, with what came out of it."""

    def __init__(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[str]],
        columns: Columns = "auto",
        keys: Mapping[Format, object] = KEYS,
        *,
        cuts: Sequence[int] = (),
        blank: bool = False,
    ) -> None:
        chosen = {format_: KEYS[format_] for format_ in keys}
        self.decryption = Decryption(Header(tuple(names)), chosen, Rules(columns, MISSING, blank))
        self.rows: list[list[str]] = []
        for start, end in pairwise([0, *sorted(cuts), len(rows)]):
            page = Page(start + 2, [list(row) for row in rows[start:end]])
            before = [list(row) for row in page.rows]
            self.rows += self.decryption.page(page)
            assert page.rows == before

    @property
    def count(self) -> ColumnCount:
        """The counts of the only column."""
        (count,) = self.decryption.counts().values()
        return count


def column(cells: Sequence[str], columns: Columns = ("a",), *, cuts: Sequence[int] = (), blank: bool = False) -> Run:
    """Decrypt a sheet of the one column `a`."""
    return Run(["a"], [[cell] for cell in cells], columns, cuts=cuts, blank=blank)


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
    """Blank, missing value, token, else readable: each cell counts once, and what is no token stays as it is."""
    run = column([cell])
    assert run.rows == [[value]]
    counts = {name: getattr(run.count, name) for name in ("decrypted", "blank", "missing", "not_encrypted", "failed")}
    assert counts == dict.fromkeys(counts, 0) | {counted: 1}


def test_a_missing_value_comes_before_the_formats() -> None:
    """A text that stands for an unanswered question is kept, even where it looks like a token or an error."""
    decryption = Decryption(Header(("a",)), KEYS, Rules(["a"], frozenset({SEALED, "#N/A"})))
    assert decryption.page(Page(2, [[SEALED], ["#N/A"], [""]])) == [[SEALED], ["#N/A"], [""]]
    count = decryption.counts()["a"]
    assert (count.missing, count.blank, count.failed) == (2, 1, 0)


def test_decrypted_text_is_not_read_again() -> None:
    """A value that looks like a missing value, an error or a token is a value."""
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
    """A cell that cannot be decrypted is named by the sheet's own row number; the others are decrypted all the same."""
    run = column([SEALED, JS, CBC, cell, SEALED, JS, CBC])
    assert run.decryption.failures() == [CellFailure(5, "a", reason)]
    assert run.decryption.failure_count() == 1
    assert [row for (row,) in run.rows] == ["Ana", "Ana", "Ana", cell, "Ana", "Ana", "Ana"]
    run.decryption.judge_keys()


@pytest.mark.parametrize("columns", [("a",), "auto"])
def test_cells_that_fail_can_become_blank(columns: Columns) -> None:
    """With `blank` every cell that fails is blank, retyped ones included, and nothing else is."""
    cells = [SEALED, JS, CBC, WRONGLY_SEALED, CUT, "#ERROR!", WRONG_CBC, "readable", "No Data", ""]
    run = column(cells, columns, blank=True)
    assert [row for (row,) in run.rows] == ["Ana", "Ana", "Ana", "", "", "", "", "readable", "No Data", ""]
    assert run.count.failed == 4


def test_a_token_without_a_key_is_a_failure_of_its_own() -> None:
    """A token whose format has no key is told as that, unless it is cut off; a wrong key is never blamed."""
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
    """Only the configured columns are decrypted, in whatever order they are named."""
    run = Run(["x", "b", "y", "a"], [[SEALED, SEALED, "1", JS]], ["a", "b", "a"])
    assert run.rows == [[SEALED, "Ana", "1", "Ana"]]
    assert list(run.decryption.counts()) == ["a", "b"]


def test_an_empty_sheet_is_no_error() -> None:
    """A header without rows gives no rows, zero counts, no failures and no verdict."""
    run = column([])
    assert (run.rows, run.count) == ([], ColumnCount(0, 0, 0, 0, 0, {}, []))
    assert (run.decryption.failures(), run.decryption.failure_count()) == ([], 0)
    run.decryption.judge_keys()


class TestFailures:
    """Which failures are named, and how many there are."""

    def test_the_first_100_are_named_and_all_are_counted(self) -> None:
        """Beyond 100 failures only the count goes on."""
        run = column([SEALED, *[CUT] * 250])
        assert [failure.row for failure in run.decryption.failures()] == list(range(3, 103))
        assert run.decryption.failure_count() == run.count.failed == 250

    @pytest.mark.parametrize("cuts", [(), (100,), (7, 150, 200)])
    def test_the_first_are_first_by_row_whatever_their_format(self, cuts: Sequence[int]) -> None:
        """The named failures are those of the first rows, also where later rows fail in an earlier format."""
        cells = [SEALED, CBC, JS, *[JS[:-4]] * 150, *[CUT] * 150, *["#ERROR!"] * 150]
        run = Run(["a", "b"], [[cell, cell] for cell in cells], ["a", "b"], cuts=cuts)
        expected = [CellFailure(row, name, Reason.DAMAGED) for row in range(5, 55) for name in "ab"]
        assert run.decryption.failures() == expected
        assert run.decryption.failure_count() == 900

    def test_tokens_outside_the_header_are_failures_too(self) -> None:
        """A token to the right of the header is lost from the CSV: it is named, up to 100 of them, and counted."""
        decryption = Decryption(Header(("a",)), KEYS, Rules(["a"], MISSING))
        overflow = {row: [SEALED, "text", CUT, ""] for row in range(2, 82)}
        decryption.page(Page(2, [[SEALED] for _ in range(200)], overflow=overflow))
        failures = decryption.failures()
        assert failures == [CellFailure(row, "", Reason.OUTSIDE) for row in range(2, 52) for _ in range(2)]
        assert decryption.failure_count() == 160
        assert decryption.counts()["a"].failed == 0


class TestVerdict:
    """When the key is called wrong or missing."""

    def test_every_sealed_box_failing_means_a_wrong_key(self) -> None:
        """The error names the column and the fingerprints of the keys, and no value."""
        run = Run(["a", "phone"], [[SEALED, WRONGLY_SEALED]] * 3, ["a", "phone"])
        with pytest.raises(KeyWrong) as caught:
            run.decryption.judge_keys()
        fingerprints = KEYS[Format.SEALED_BOX].fingerprints
        assert caught.value.message == (
            f'column "phone": keys {", ".join(fingerprints)} did not decrypt 3 of 3 tokens (sealed-box)'
        )
        assert caught.value.exit_code == 4

    def test_one_sealed_box_that_opens_proves_the_key(self) -> None:
        """One that opens is proof enough, however many fail."""
        column([*[WRONGLY_SEALED] * 99, SEALED]).decryption.judge_keys()

    @pytest.mark.parametrize(("right", "wrong"), [(CBC, WRONG_CBC), (JS, WRONG_JS), (CBC, WRONG_JS), (JS, WRONG_CBC)])
    @pytest.mark.parametrize(
        ("fitting", "failing", "verdict"), [(1, 1, True), (5, 5, True), (6, 5, False), (0, 1, True)]
    )
    def test_half_of_the_unauthenticated_tokens_failing_means_a_wrong_key(
        self, right: str, wrong: str, fitting: int, failing: int, verdict: bool
    ) -> None:
        """At least half of a column's unauthenticated tokens mean a wrong key; just under half do not."""
        run = column([*[right] * fitting, *[wrong] * failing])
        if not verdict:
            run.decryption.judge_keys()
            return
        with pytest.raises(KeyWrong) as caught:
            run.decryption.judge_keys()
        wrong_format = Format.LEGACY_CBC if wrong is WRONG_CBC else Format.CRYPTOJS_PASSPHRASE
        assert f"key {KEYS[wrong_format].fingerprints[0]} did not decrypt {failing} of {fitting + failing}" in str(
            caught.value
        )

    def test_sealed_boxes_do_not_vouch_for_other_formats(self) -> None:
        """In a mixed column each kind is judged by itself."""
        with pytest.raises(KeyWrong, match="legacy-cbc"):
            column([*[SEALED] * 50, WRONG_CBC]).decryption.judge_keys()
        with pytest.raises(KeyWrong, match="sealed-box"):
            column([*[CBC] * 50, WRONGLY_SEALED]).decryption.judge_keys()

    def test_a_damaged_token_says_nothing_of_the_key(self) -> None:
        """Cut-off tokens are failures of their own: alone they blame no key, and they hide no wrong one."""
        run = column([CUT, "v2:", JS[:-4]])
        run.decryption.judge_keys()
        assert run.decryption.failure_count() == 3
        with pytest.raises(KeyWrong, match="1 of 1"):
            column([CUT, CUT, WRONGLY_SEALED]).decryption.judge_keys()
        with pytest.raises(KeyWrong, match="2 of 4"):
            column([JS, JS, WRONG_JS, WRONG_JS, JS[:-4]]).decryption.judge_keys()

    @pytest.mark.parametrize(
        ("cell", "format_", "kind"),
        [
            (SEALED, Format.SEALED_BOX, "private_keys"),
            (JS, Format.CRYPTOJS_PASSPHRASE, "passphrases"),
            (CBC, Format.LEGACY_CBC, "legacy_secrets"),
        ],
    )
    @pytest.mark.parametrize("columns", [("a",), "auto"])
    def test_no_key_for_a_columns_tokens_is_a_missing_key(
        self, cell: str, format_: Format, kind: str, columns: Columns
    ) -> None:
        """The error says which kind of key is to be added for which column."""
        for keys in ({}, {other: 0 for other in Format if other is not format_}):
            run = Run(["a"], [[cell]], columns, keys)
            with pytest.raises(KeyMissing, match=f'column "a": .* 1 of 1 tokens \\({format_}\\)') as caught:
                run.decryption.judge_keys()
            assert kind in caught.value.hint

    def test_a_wrong_and_a_missing_key_name_the_wrong_one(self) -> None:
        """Where one format has no key and the other a wrong one, the key that is there is named."""
        run = Run(["a"], [[JS], [WRONG_CBC]], ["a"], {Format.LEGACY_CBC: 0})
        with pytest.raises(KeyWrong, match=KEYS[Format.LEGACY_CBC].fingerprints[0]):
            run.decryption.judge_keys()

    def test_no_key_at_all_is_said_also_where_there_are_no_tokens(self) -> None:
        """Without any key, `auto` says so, rather than that there was nothing to decrypt."""
        with pytest.raises(KeyMissing, match="no key is configured"):
            Run(["a"], [["text"]], "auto", {}).decryption.judge_keys()


class TestAuto:
    """`auto` decides by what really decrypts."""

    def test_every_column_that_holds_tokens_is_decrypted(self) -> None:
        """Columns of each format are found among others, and the others stay as they are."""
        row = ["1", SEALED, "Ana", JS, CBC, "", "No Data", "+57 300 1234567"]
        run = Run("idsnjcbmp", [[*row, HASHES[number]] for number in range(4)], "auto")
        assert run.rows == [["1", "Ana", "Ana", "Ana", "Ana", *row[5:], HASHES[number]] for number in range(4)]
        assert list(run.decryption.counts()) == ["d", "n", "j"]
        run.decryption.judge_keys()

    def test_hashes_that_look_like_legacy_tokens_stay_untouched(self) -> None:
        """A column of hashes is neither decrypted, blanked, counted nor a failure; a warning names it."""
        run = Run(["name", "hash"], [[SEALED, digest] for digest in HASHES], "auto", blank=True)
        assert [row[1] for row in run.rows] == HASHES
        assert list(run.decryption.counts()) == ["name"]
        assert (run.decryption.failures(), run.decryption.failure_count()) == ([], 0)
        assert [warning for warning in run.decryption.warnings() if '"hash" looks encrypted' in warning]
        run.decryption.judge_keys()

    def test_a_wrong_key_is_noticed(self) -> None:
        """Where nothing decrypts, the key is wrong: it is not taken for a sheet without tokens."""
        for wrong, format_ in (
            (WRONGLY_SEALED, Format.SEALED_BOX),
            (WRONG_CBC, Format.LEGACY_CBC),
            (WRONG_JS, Format.CRYPTOJS_PASSPHRASE),
        ):
            run = Run(["id", "name"], [["1", wrong], ["2", ""]], "auto")
            assert run.rows == [["1", wrong], ["2", ""]]
            with pytest.raises(KeyWrong, match=KEYS[format_].fingerprints[0]):
                run.decryption.judge_keys()

    def test_a_wrong_key_of_one_marked_column_is_noticed(self) -> None:
        """A column of sealed boxes that fail stops the run, although another column decrypts."""
        with pytest.raises(KeyWrong, match='column "b"'):
            Run(["a", "b"], [[SEALED, WRONGLY_SEALED]], "auto").decryption.judge_keys()

    @pytest.mark.parametrize("keys", [KEYS, {Format.LEGACY_CBC: 0}])
    @pytest.mark.parametrize("answer", ["v2:hello", "v2: better than before", "U2FsdGVkX1+ is my password"])
    def test_an_answer_that_begins_as_a_token_does_not_stop_the_run(
        self, answer: str, keys: Mapping[Format, object]
    ) -> None:
        """A readable column in which somebody wrote what looks like a mark is still a readable column."""
        run = Run(["name", "comment"], [[CBC, "good"], [CBC, answer], [CBC, "bad"]], "auto", keys, blank=True)
        assert run.rows == [["Ana", "good"], ["Ana", answer], ["Ana", "bad"]]
        run.decryption.judge_keys()
        assert list(run.decryption.counts()) == ["name"]
        assert run.decryption.failure_count() == 0
        alone = Run(["comment"], [[answer]], "auto", keys)
        alone.decryption.judge_keys()

    @pytest.mark.parametrize("token", [SEALED, JS, CBC])
    def test_a_column_whose_tokens_start_in_a_later_page_is_decrypted(self, token: str) -> None:
        """Pages of blank and readable cells come first, and the tokens behind them are decrypted."""
        cells = ["", "No Data", "readable", "", token, token]
        for cuts in ((), (2,), (4,), (1, 2, 3, 4, 5)):
            run = column(cells, "auto", cuts=cuts)
            assert [row for (row,) in run.rows] == ["", "No Data", "readable", "", "Ana", "Ana"]
            run.decryption.judge_keys()
            assert run.count == ColumnCount(2, 2, 1, 1, 0, run.count.formats, run.count.key_fingerprints)

    def test_a_retyped_token_is_named(self) -> None:
        """In a column that holds tokens, `#ERROR!` is a token that somebody retyped, and not a readable answer."""
        run = Run(["a", "sum"], [[CBC, "#REF!"], ["#ERROR!", "#REF!"], [CBC, "3"]], "auto")
        assert run.decryption.failures() == [CellFailure(3, "a", Reason.SHEET_ERROR)]
        assert (run.count.failed, run.count.not_encrypted) == (1, 0)

    def test_a_column_that_changes_its_mind_between_pages_is_refused(self) -> None:
        """Where pages were written differently than the whole sheet asks for, the run fails and says what to do."""
        later_failing = column([CBC, *HASHES], "auto", cuts=(1,))
        assert later_failing.rows[0] == ["Ana"]
        later_fitting = column([CBC, WRONG_CBC, WRONG_CBC, *[CBC] * 20], "auto", cuts=(3,))
        assert later_fitting.rows[0] == [CBC]
        with pytest.raises(KeyWrong, match='column "a"'):  # nothing else decrypts: the key is what is wrong
            later_failing.decryption.judge_keys()
        with pytest.raises(SheetRefused, match='column "a"') as caught:
            later_fitting.decryption.judge_keys()
        assert 'in place of columns = "auto"' in caught.value.hint

    def test_it_is_refused_too_where_another_column_decrypts(self) -> None:
        """A page of chance hits is not left in the CSV because another column proves the key."""
        rows = [[SEALED, CBC], *([SEALED, digest] for digest in HASHES)]
        with pytest.raises(SheetRefused, match='column "hash"'):
            Run(["name", "hash"], rows, "auto", cuts=(1,)).decryption.judge_keys()
        whole = Run(["name", "hash"], rows, "auto")
        assert [row[1] for row in whole.rows] == [CBC, *HASHES]
        whole.decryption.judge_keys()

    def test_a_legacy_column_under_a_wrong_key_is_no_column_of_hashes(self) -> None:
        """Tokens that no key decrypts end the run, although another column decrypts; hexadecimal digests do not."""
        run = Run(["name", "phone"], [[SEALED, WRONG_CBC], [SEALED, WRONG_CBC]], "auto")
        with pytest.raises(KeyWrong, match='column "phone"'):
            run.decryption.judge_keys()
        digests = Run(["name", "hash"], [[SEALED, digest] for digest in HASHES], "auto")
        digests.decryption.judge_keys()
        assert "looks encrypted" in "".join(digests.decryption.warnings())

    def test_columns_of_one_name_are_counted_apart(self) -> None:
        """Blank and duplicate names may stand in the header; the counts of none of them are lost."""
        run = Run(["a", "", "a", ""], [[SEALED, JS, CUT, SEALED], [SEALED, JS, SEALED, ""]], "auto")
        counts = run.decryption.counts()
        assert list(counts) == ["a", "", "a (column 3)", " (column 4)"]
        assert [count.decrypted for count in counts.values()] == [2, 2, 1, 1]

    @pytest.mark.parametrize("row", [[SEALED, "x", "x"], ["x", SEALED, "x"], ["x", SEALED, JS], [SEALED, JS, CBC]])
    def test_the_name_of_every_decrypted_column_is_among_the_counts(self, row: list[str]) -> None:
        """Who leaves out decrypted columns by the names in the counts leaves out every one, whichever it is."""
        run = Run(["a", "a", "a"], [row], "auto")
        assert "a" in run.decryption.counts()


class TestHeader:
    """A configured column is found exactly once."""

    def test_a_column_is_found_by_its_exact_name(self) -> None:
        """The name counts as it is written, blanks around it included."""
        assert Header(("id", " name", "name", "")).index_of("name") == 2
        assert Header(("id", "")).index_of("") == 1

    def test_a_column_that_is_not_there_gets_a_suggestion(self) -> None:
        """Only a name that is nearly the same is suggested: a first row that is no header holds people's answers."""
        header = Header(("id", "phone_number", "name"))
        with pytest.raises(ColumnNotFound, match="not found in row 1") as caught:
            header.index_of("phone_numbr")
        assert caught.value.hint == 'did you mean "phone_number"?'
        with pytest.raises(ColumnNotFound, match="which has 3 columns") as caught:
            Header(("1", "Maria Garcia", "+57 300 1234567")).index_of("name")
        assert not {"Maria", "+57"} & set((caught.value.hint + caught.value.message).split())

    def test_a_column_that_is_there_twice_is_refused(self) -> None:
        """Which of two columns is meant is not guessed."""
        with pytest.raises(ColumnNotFound, match='"a" appears twice'):
            Decryption(Header(("a", "b", "a")), KEYS, Rules(["a"], MISSING))

    @pytest.mark.parametrize("columns", [("name",), "auto"])
    @pytest.mark.parametrize("token", [SEALED, JS, CBC])
    def test_a_sheet_without_a_header_is_refused_and_no_token_is_shown(self, columns: Columns, token: str) -> None:
        """A first row of tokens is no header: nothing of it is said, and no row of answers becomes the header."""
        with pytest.raises(SheetEmpty, match="no header") as caught:
            Decryption(Header(("1", token)), KEYS, Rules(columns, MISSING))
        assert token not in caught.value.message + caught.value.hint

    def test_a_name_may_begin_as_a_token_does(self) -> None:
        """A column called `v2:name` is a column."""
        run = Run(["v2:name"], [[SEALED]], ["v2:name"])
        assert run.rows == [["Ana"]]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CELLS = st.one_of(
    st.sampled_from(
        [SEALED, WRONGLY_SEALED, CBC, WRONG_CBC, JS, WRONG_JS, CUT, JS[:-4], "", "No Data", "#ERROR!", HASHES[0]]
    ),
    TEXT,
    TEXT.map(lambda text: encryption.legacy_cbc(text, LEGACY, bytes(16))),
    TEXT.map(lambda text: encryption.cryptojs(text, PASSPHRASE, bytes(8))),
    TEXT.map(lambda text: encryption.sealed_box(text, OLDER, bytes(32))),
)
SHEETS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12)
CUTS = st.lists(st.integers(0, 12), max_size=4)


def _outcome(run: Run) -> tuple[object, ...]:
    decryption = run.decryption
    return run.rows, decryption.counts(), decryption.failures(), decryption.failure_count(), decryption.notes()


def _verdict(run: Run) -> str:
    try:
        run.decryption.judge_keys()
    except (KeyWrong, KeyMissing, SheetRefused) as error:
        return str(error)
    return ""


@given(SHEETS, CUTS, st.booleans())
def test_splitting_into_pages_never_changes_the_result(rows: list[list[str]], cuts: list[int], blank: bool) -> None:
    """Rows, counts, failures and the verdict are the same however the sheet is cut into pages."""
    cuts = [min(cut, len(rows)) for cut in cuts]
    whole = Run("abc", rows, ["c", "a"], blank=blank)
    split = Run("abc", rows, ["c", "a"], cuts=cuts, blank=blank)
    assert _outcome(whole) == _outcome(split)
    assert _verdict(whole) == _verdict(split)


@given(SHEETS, CUTS, st.booleans())
def test_splitting_an_auto_sheet_changes_nothing_unnoticed(rows: list[list[str]], cuts: list[int], blank: bool) -> None:
    """With `auto`, a sheet that is cut into pages comes out the same, or is refused."""
    cuts = [min(cut, len(rows)) for cut in cuts]
    whole, split = Run("abc", rows, "auto", blank=blank), Run("abc", rows, "auto", cuts=cuts, blank=blank)
    if not _verdict(split):
        assert _outcome(whole) == _outcome(split)
        assert not _verdict(whole)


@given(SHEETS, CUTS, st.sampled_from(["auto", "abc", "b"]), st.booleans())
def test_the_counts_add_up_to_the_rows(rows: list[list[str]], cuts: list[int], columns: str, blank: bool) -> None:
    """For every column, the five counts add up to the rows; rows come out as many and as wide as they went in."""
    chosen: Columns = "auto" if columns == "auto" else list(columns)
    run = Run("abc", rows, chosen, cuts=[min(cut, len(rows)) for cut in cuts], blank=blank)
    assert [len(row) for row in run.rows] == [3] * len(rows)
    counts = run.decryption.counts()
    for count in counts.values():
        total = count.decrypted + count.blank + count.missing + count.not_encrypted + count.failed
        assert total == len(rows)
        assert sum(count.formats.values()) >= count.decrypted
    assert run.decryption.failure_count() == sum(count.failed for count in counts.values())
    assert len(run.decryption.failures()) == run.decryption.failure_count()


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=8), st.sampled_from(["auto", "abc"]))
def test_whatever_was_encrypted_comes_out_as_it_went_in(rows: list[tuple[str, str, str]], columns: str) -> None:
    """Any texts in any of the formats come back, named or found by `auto`."""
    encrypted = [
        [
            encryption.sealed_box(a, PRIVATE, bytes(32)),
            encryption.legacy_cbc(b, LEGACY),
            encryption.cryptojs(c, PASSPHRASE),
        ]
        for a, b, c in rows
    ]
    run = Run("abc", encrypted, "auto" if columns == "auto" else list(columns), cuts=[len(rows) // 2])
    assert run.rows == [list(row) for row in rows]
    run.decryption.judge_keys()


def test_an_ambiguous_cell_is_reported_as_such() -> None:
    """Where two legacy secrets seem to fit, the token stays and the reason says why."""
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


def _messages(run: Run) -> Iterator[str]:
    decryption = run.decryption
    yield from decryption.warnings()
    yield from decryption.notes()
    yield from map(repr, decryption.failures())
    yield from map(repr, decryption.counts().items())
    try:
        decryption.judge_keys()
    except (KeyWrong, KeyMissing, SheetRefused) as error:
        yield from (error.message, error.hint, repr(error))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8), CUTS)
def test_no_value_token_or_secret_is_ever_said(rows: list[list[str]], cuts: list[int]) -> None:
    """Whatever the cells hold, no warning, note, failure, count or error holds a token, a marked value or a secret."""
    secret_values = [f"Rodríguez {number}" for number in range(3)]
    rows = [*rows, *([encryption.sealed_box(value, PRIVATE, bytes(32)), value] for value in secret_values)]
    run = Run(["a", "b"], rows, "auto", cuts=[min(cut, len(rows)) for cut in cuts])
    said = "\n".join(_messages(run))
    private = base64.urlsafe_b64encode(PRIVATE).decode().rstrip("=")
    cells = [cell for row in rows for cell in row if len(cell) >= 40]
    for forbidden in (*cells, *secret_values, private, LEGACY, PASSPHRASE):
        assert forbidden not in said
