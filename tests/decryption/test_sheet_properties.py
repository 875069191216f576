"""Properties that hold for every sheet, however it is cut into pages."""

import base64
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import Cipher
from sheets_decrypt.decryption.pending import decrypt_here
from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.errors import KeyMissing, KeyWrong
from sheets_decrypt.table import Column, Header, Page
from tests import encryption
from tests.decryption.sheets import (
    CBC,
    CUT,
    HASHES,
    JS,
    KEYS,
    LEGACY,
    MISSING,
    OLDER,
    PASSPHRASE,
    PRIVATE,
    SEALED,
    WRONG_CBC,
    WRONG_JS,
    WRONGLY_SEALED,
    Columns,
    Run,
)

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
    except (KeyWrong, KeyMissing) as error:
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
@example([[SEALED, CBC, SEALED], [SEALED, "0", SEALED], [SEALED, "0", SEALED]], [1], False)
def test_splitting_an_auto_sheet_changes_nothing_unnoticed(rows: list[list[str]], cuts: list[int], blank: bool) -> None:
    """With `auto`, a sheet that is cut into pages gives the same result, or failures that name the cells."""
    cuts = [min(cut, len(rows)) for cut in cuts]
    whole, split = Run("abc", rows, "auto", blank=blank), Run("abc", rows, "auto", cuts=cuts, blank=blank)
    if not split.decryption.failure_count() and not _verdict(split):
        assert _outcome(whole) == _outcome(split)
        assert not _verdict(whole)


@given(SHEETS, CUTS, st.sampled_from(["auto", "abc", "b"]), st.booleans())
def test_the_counts_add_up_to_the_rows(rows: list[list[str]], cuts: list[int], columns: str, blank: bool) -> None:
    """For every column, the five counts add up to the rows; the number and width of the rows do not change."""
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
def test_every_encrypted_text_is_decrypted_unchanged(rows: list[tuple[str, str, str]], columns: str) -> None:
    """Any texts in any of the formats are decrypted unchanged, named or found by `auto`."""
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


def _messages(run: Run) -> Iterator[str]:
    decryption = run.decryption
    yield from decryption.warnings()
    yield from decryption.notes()
    yield from map(repr, decryption.failures())
    yield from map(repr, decryption.counts().items())
    try:
        decryption.judge_keys()
    except (KeyWrong, KeyMissing) as error:
        yield from (error.message, error.hint, repr(error))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8), CUTS)
def test_no_value_token_or_secret_is_ever_shown(rows: list[list[str]], cuts: list[int]) -> None:
    """No warning, note, failure, count or error shows a token, a marked value or a secret, whatever the cells hold."""
    secret_values = [f"Rodríguez {number}" for number in range(3)]
    rows = [*rows, *([encryption.sealed_box(value, PRIVATE, bytes(32)), value] for value in secret_values)]
    run = Run(["a", "b"], rows, "auto", cuts=[min(cut, len(rows)) for cut in cuts])
    said = "\n".join(_messages(run))
    private = base64.urlsafe_b64encode(PRIVATE).decode().rstrip("=")
    cells = [cell for row in rows for cell in row if len(cell) >= 40]
    for forbidden in (*cells, *secret_values, private, LEGACY, PASSPHRASE):
        assert forbidden not in said


def test_cells_are_counted_on_every_page() -> None:
    """The same page twice doubles all counts on which the verdict rests."""
    cells = ["", "No Data", "readable", SEALED, CBC, JS, WRONGLY_SEALED, WRONG_CBC, WRONG_JS, CUT, JS[:-4], HASHES[0]]
    once, twice = (
        Run("a", [[cell] for cell in cells * times], ["a"], cuts=[len(cells)] * (times - 1)) for times in (1, 2)
    )
    one, two = once.decryption._tallies[0], twice.decryption._tallies[0]
    for name in ("rows", "blank", "missing", "not_encrypted", "digests"):
        assert getattr(two, name) == 2 * getattr(one, name) > 0
    for name in ("reasons", "seen", "failed", "damaged", "fitted"):
        assert dict(getattr(two, name)) == {key: 2 * count for key, count in getattr(one, name).items()}


@given(SHEETS)
def test_a_page_may_be_decrypted_in_several_parts(rows: list[list[str]]) -> None:
    """Its results are joined in order, as those of several processes are."""

    def in_parts(cipher: Cipher, bodies: Sequence[bytes]) -> list["Future[Column]"]:
        return [future for body in bodies for future in decrypt_here(cipher, [body])]

    page = Page(2, [list(row) for row in rows])
    whole, parts = (
        Decryption(Header(tuple("abc")), KEYS, Rules("abc", MISSING), way) for way in (decrypt_here, in_parts)
    )
    assert whole.page(page) == parts.page(page)
    assert whole.counts() == parts.counts()
