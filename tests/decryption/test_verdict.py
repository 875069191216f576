"""When the key is called wrong or missing, and which cells never decide it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import NO_KEY, KeyMissing, KeyWrong
from sheets_decrypt.table import CellFailure, Format, Reason
from tests.decryption.sheets import (
    CBC,
    CUT,
    HASHES,
    JS,
    KEYS,
    SEALED,
    WRONG_CBC,
    WRONG_JS,
    WRONGLY_SEALED,
    Columns,
    Run,
    column,
)

KINDS = [
    (SEALED, WRONGLY_SEALED, Format.SEALED_BOX),
    (JS, WRONG_JS, Format.CRYPTOJS_PASSPHRASE),
    (CBC, WRONG_CBC, Format.LEGACY_CBC),
]
PLANTED = [WRONGLY_SEALED, WRONG_JS, WRONG_CBC]


class TestNewSurvey:
    """A wrong key is found where nothing in the sheet decrypts, even with a single row."""

    @pytest.mark.parametrize("rows", [1, 2, 5, 50])
    @pytest.mark.parametrize(("_right", "wrong", "format_"), KINDS)
    @pytest.mark.parametrize("columns", [("name", "phone"), "auto"])
    def test_a_wrong_key_is_found(self, rows: int, _right: str, wrong: str, format_: Format, columns: Columns) -> None:
        """The error names the column and the keys, but no count, because a count helps to guess an answer."""
        run = Run(["id", "name", "phone"], [["1", wrong, ""]] * rows, columns)
        with pytest.raises(KeyWrong) as caught:
            run.decryption.judge_keys()
        keys = KEYS[format_].fingerprints
        assert caught.value.message == (
            f'column "name": key{"s" if len(keys) > 1 else ""} {", ".join(keys)} did not decrypt its tokens ({format_})'
        )
        assert (caught.value.exit_code, str(rows) in caught.value.hint) == (4, False)

    @pytest.mark.parametrize("columns", [("name", "phone"), "auto"])
    def test_a_few_odd_cells_do_not_hide_it(self, columns: Columns) -> None:
        """Readable, blank, damaged and hexadecimal cells among the tokens do not hide a wrong key."""
        odd = ["readable", "", "No Data", CUT, "#ERROR!", HASHES[0]]
        rows = [[WRONG_CBC, WRONGLY_SEALED], *[[cell, cell] for cell in odd], *[[WRONG_CBC, WRONGLY_SEALED]] * 3]
        with pytest.raises(KeyWrong, match='column "name"'):
            Run(["name", "phone"], rows, columns).decryption.judge_keys()

    @pytest.mark.parametrize("columns", [("a",), "auto"])
    def test_at_least_half_of_a_columns_answers_must_be_tokens(self, columns: Columns) -> None:
        """Below half, the column is readable, and the token in it is an answer that looks like one."""
        with pytest.raises(KeyWrong):
            column([WRONGLY_SEALED, "readable", "", ""], columns).decryption.judge_keys()
        column([WRONGLY_SEALED, "readable", "readable", ""], columns).decryption.judge_keys()

    def test_digests_are_answers_like_any_other(self) -> None:
        """Among three digests a token is a fourth of the answers, and may be an answer itself."""
        column([WRONGLY_SEALED, *HASHES[:3]]).decryption.judge_keys()

    def test_a_damaged_token_says_nothing_about_the_key(self) -> None:
        """Cut-off tokens are failures, but they never make a key wrong and never hide a wrong one."""
        run = column([CUT, "v2:", JS[:-4]])
        run.decryption.judge_keys()
        assert run.decryption.failure_count() == 3
        for cells in ([CUT, CUT, CUT, WRONGLY_SEALED], [JS, JS, WRONG_JS, WRONG_JS, JS[:-4]]):
            with pytest.raises(KeyWrong):
                column(cells).decryption.judge_keys()

    @pytest.mark.parametrize(("cell", "_wrong", "format_"), KINDS)
    @pytest.mark.parametrize("columns", [("a",), "auto"])
    def test_no_key_for_a_columns_tokens_is_a_missing_key(
        self, cell: str, _wrong: str, format_: Format, columns: Columns
    ) -> None:
        """The error says which kind of key must be added for which column."""
        kind = {Format.SEALED_BOX: "private_keys", Format.LEGACY_CBC: "legacy_secrets"}.get(format_, "passphrases")
        for keys in ({}, {other: 0 for other in Format if other is not format_}):
            run = Run(["a"], [[cell]], columns, keys)
            with pytest.raises(KeyMissing, match=f'column "a": no key .* its tokens \\({format_}\\)') as caught:
                run.decryption.judge_keys()
            option = f"--{kind.removesuffix('s').replace('_', '-')}-from"
            assert caught.value.hint == f"add the key to {kind} in [keys]; decrypt-file has {option} as well"

    def test_a_wrong_and_a_missing_key_name_the_wrong_one(self) -> None:
        """Where one format has no key and the other a wrong one, the error names the wrong key."""
        run = Run(["a"], [[JS], [WRONG_CBC]], ["a"], {Format.LEGACY_CBC: 0})
        with pytest.raises(KeyWrong, match=KEYS[Format.LEGACY_CBC].fingerprints[0]):
            run.decryption.judge_keys()

    def test_tokens_of_two_formats_are_named_together(self) -> None:
        """The message names both formats and all of their keys, and the hint names both places in the configuration."""
        with pytest.raises(KeyWrong) as caught:
            column([WRONG_JS, WRONG_CBC]).decryption.judge_keys()
        names = [KEYS[format_].fingerprints[0] for format_ in (Format.CRYPTOJS_PASSPHRASE, Format.LEGACY_CBC)]
        assert caught.value.message == (
            f'column "a": keys {", ".join(names)} did not decrypt its tokens (cryptojs-passphrase, legacy-cbc)'
        )
        assert caught.value.hint == (
            "this is not the key that the answers were encrypted for (passphrases and legacy_secrets); look for quotes"
            " or blanks around it, or ask who set up Twilio for the right one"
        )
        with pytest.raises(KeyMissing, match="cryptojs-passphrase, legacy-cbc") as missing:
            Run(["a"], [[JS], [CBC]], ["a"], {}).decryption.judge_keys()
        assert missing.value.hint == (
            "add the key to passphrases and legacy_secrets in [keys];"
            " decrypt-file has --passphrase-from and --legacy-secret-from as well"
        )

    def test_no_key_at_all_is_reported_even_without_tokens(self) -> None:
        """Without any key, `auto` says that none is configured, even if the sheet has no tokens."""
        with pytest.raises(KeyMissing, match=r"^no key is configured$") as caught:
            Run(["a"], [["text"]], "auto", {}).decryption.judge_keys()
        assert caught.value.hint == NO_KEY


class TestKnownKey:
    """Where something decrypts, only many tokens make a key wrong, because an answer may look like a token."""

    @pytest.mark.parametrize(
        ("columns", "failing", "blank", "wrong"),
        [
            (("a", "phone"), 1, 0, False),
            (("a", "phone"), 2, 0, True),
            (("a", "phone"), 2, 2, True),
            (("a", "phone"), 2, 3, False),
            ("auto", 9, 0, False),
            ("auto", 10, 0, True),
            ("auto", 10, 10, True),
            ("auto", 10, 11, False),
        ],
    )
    @pytest.mark.parametrize(("_right", "token", "_format"), KINDS)
    def test_tokens_that_are_half_of_the_rows_mean_a_wrong_key(
        self, columns: Columns, failing: int, blank: int, wrong: bool, _right: str, token: str, _format: Format
    ) -> None:
        """Two tokens in a named column, or ten in one that `auto` found; fewer give a warning that names the column."""
        rows = [*[[SEALED, token]] * failing, *[[SEALED, ""]] * blank]
        decryption = Run(["a", "phone"], rows, columns).decryption
        if wrong:
            with pytest.raises(KeyWrong, match='column "phone"'):
                decryption.judge_keys()
            return
        decryption.judge_keys()
        assert [warning for warning in decryption.warnings() if 'column "phone"' in warning]
        assert decryption.failure_count() == (0 if columns == "auto" else failing)

    def test_a_missing_key_is_found_by_the_same_rule(self) -> None:
        """Two tokens without a key that are half of the rows mean a missing key; one is a failure of its cell."""
        run = Run(["a", "phone"], [[SEALED, CBC]] * 2, ["a", "phone"], {Format.SEALED_BOX: 0})
        with pytest.raises(KeyMissing, match='column "phone"'):
            run.decryption.judge_keys()
        one = Run(["a", "phone"], [[SEALED, CBC]], ["a", "phone"], {Format.SEALED_BOX: 0}).decryption
        one.judge_keys()
        assert one.failures() == [CellFailure(2, "phone", Reason.NO_KEY)]

    @pytest.mark.parametrize("rows", [1, 2, 3, 5, 50])
    @pytest.mark.parametrize(("right", "_wrong", "_format"), KINDS)
    @pytest.mark.parametrize("planted", PLANTED)
    @pytest.mark.parametrize("columns", [("a",), "auto"])
    def test_one_planted_token_is_never_a_wrong_key(
        self, rows: int, right: str, _wrong: str, _format: Format, planted: str, columns: Columns
    ) -> None:
        """Beside one row or many, of its column's own format or another, a planted token causes at most one failure."""
        decryption = column([*[right] * rows, planted], columns).decryption
        decryption.judge_keys()
        assert decryption.failure_count() <= 1

    @pytest.mark.parametrize("rows", [1, 2, 5, 9, 500])
    @pytest.mark.parametrize(("right", "_wrong", "_format"), KINDS)
    @pytest.mark.parametrize("planted", PLANTED)
    @pytest.mark.parametrize("other", ["", "a good answer"])
    def test_planted_tokens_in_a_readable_column_do_not_stop_a_pull(
        self, rows: int, right: str, _wrong: str, _format: Format, planted: str, other: str
    ) -> None:
        """With `auto`, nine answers that look like tokens stay unchanged, even in a column that others left blank."""
        comments = [*[planted] * min(rows, 9), *[other] * (rows - 9)]
        run = Run(["name", "comment"], [[right, comment] for comment in comments], "auto", blank=True)
        run.decryption.judge_keys()
        assert run.rows == [["Ana", comment] for comment in comments]
        assert list(run.decryption.counts()) == ["name"]
        assert run.decryption.failure_count() == 0
        assert [warning for warning in run.decryption.warnings() if 'column "comment": some answers look' in warning]

    def test_one_sealed_box_that_opens_proves_the_key(self) -> None:
        """One sealed box that opens is proof enough, however many fail."""
        column([*[WRONGLY_SEALED] * 99, SEALED]).decryption.judge_keys()

    @pytest.mark.parametrize(("right", "wrong"), [(CBC, WRONG_CBC), (JS, WRONG_JS), (CBC, WRONG_JS), (JS, WRONG_CBC)])
    @pytest.mark.parametrize(
        ("fitting", "failing", "verdict"), [(5, 5, True), (6, 5, False), (1, 1, False), (1, 2, True), (11, 10, False)]
    )
    def test_half_of_the_unauthenticated_tokens_failing_means_a_wrong_key(
        self, right: str, wrong: str, fitting: int, failing: int, verdict: bool
    ) -> None:
        """The key is wrong if at least half of a column's unauthenticated tokens fail, but not for a single cell."""
        run = column([*[right] * fitting, *[wrong] * failing])
        if not verdict:
            run.decryption.judge_keys()
            return
        format_ = Format.LEGACY_CBC if wrong is WRONG_CBC else Format.CRYPTOJS_PASSPHRASE
        with pytest.raises(KeyWrong, match=f"key {KEYS[format_].fingerprints[0]} did not decrypt"):
            run.decryption.judge_keys()

    def test_sealed_boxes_do_not_vouch_for_other_formats(self) -> None:
        """In a mixed column each kind is judged separately; a single token is a failure with a warning."""
        with pytest.raises(KeyWrong, match="legacy-cbc"):
            column([*[SEALED] * 10, *[WRONG_CBC] * 10]).decryption.judge_keys()
        with pytest.raises(KeyWrong, match="sealed-box"):
            column([*[CBC] * 10, *[WRONGLY_SEALED] * 10]).decryption.judge_keys()
        one = column([*[CBC] * 50, WRONGLY_SEALED]).decryption
        one.judge_keys()
        assert one.warnings() == [
            'column "a": none of its tokens (sealed-box) decrypt: were they encrypted for another key?'
        ]
        assert one.failure_count() == 1

    def test_two_formats_of_a_column_that_fail_are_named_together(self) -> None:
        """Where they are too few to call the key wrong, one warning names both formats."""
        rows = [[JS, cell] for cell in (WRONG_JS, WRONG_CBC, *["readable"] * 9)]
        decryption = Run(["name", "phone"], rows, ["name", "phone"]).decryption
        decryption.judge_keys()
        which = "few or none of its tokens (cryptojs-passphrase, legacy-cbc) decrypt"
        assert decryption.warnings()[1:] == [f'column "phone": {which}: were they encrypted for another key?']


@given(
    st.lists(st.sampled_from([SEALED, JS, CBC]), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 19), st.sampled_from([*PLANTED, CUT, "v2:", HASHES[0], "#ERROR!"])), max_size=9),
    st.sampled_from(["", "No Data", "readable"]),
    st.lists(st.integers(0, 20), max_size=3),
)
def test_nine_respondents_cannot_stop_a_pull(
    names: list[str], planted: list[tuple[int, str]], other: str, cuts: list[int]
) -> None:
    """With `auto` and the right keys, any nine cells of a readable column stop no pull, however few rows there are."""
    comments = [other] * len(names)
    for row, cell in planted:
        comments[row % len(names)] = cell
    cuts = [min(cut, len(names)) for cut in cuts]
    run = Run(["name", "comment"], [list(row) for row in zip(names, comments, strict=True)], "auto", cuts=cuts)
    run.decryption.judge_keys()
    assert run.rows == [["Ana", comment] for comment in comments]
    assert run.decryption.failure_count() == 0
