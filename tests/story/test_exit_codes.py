"""Exit codes besides 0, and cells that stay encrypted."""

import os

import pytest

from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.sandbox.google import Cell
from sheets_decrypt.story.options import Options
from sheets_decrypt.story.pull import pull
from tests import survey
from tests.story.refusals import FORMER, refused
from tests.survey import ENCRYPTED, HEADER, World, assert_nothing_leaked, csv_of


def test_an_unexpected_error_names_no_value(former: World) -> None:
    """A bug in the middle of a run is recorded by its type and place, and leaves the former CSV."""

    def explode(done: int, total: int | None) -> None:
        raise ValueError(former.survey.answers[0][1])

    content = former.load()
    record = pull("baseline", content.jobs["baseline"], content, Options(progress=explode))
    assert record.exit_code == 1
    assert record.error is not None
    assert record.error.message.startswith("unexpected error: ValueError in explode, line ")
    assert_nothing_leaked(record.line(), former.survey)
    assert former.csv() == FORMER
    assert former.history()[0]["error"]["code"] == 1


def test_some_cells_stay_encrypted(world: World) -> None:
    """A damaged token stays unchanged, is named by row, column and reason, and the exit code is 3."""
    row = world.survey.sheet[2]
    row[1] = str(row[1])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    done = world.pull("--quiet")
    assert done.code == 3
    assert "but 1 cell could not be decrypted (17 cells decrypted" in done.out
    assert 'warning: baseline: row 3, column "name": ' in done.err
    world.survey.answers[1][1] = str(row[1])
    assert world.csv() == world.whole()
    [record] = world.history()
    assert (record["status"], record["failure_count"]) == ("partial", 1)
    assert record["failures"][0]["row"] == 3
    before = world.csv()
    assert world.pull().code == 3
    assert world.csv() == before


def test_many_failures_are_counted_and_the_first_named(world: World) -> None:
    """The record names the first hundred failures and counts the rest; the terminal names ten."""
    sheet: list[list[Cell]] = [list(HEADER), *(["1", world.survey.sheet[1][1], "", "", ""] for _ in range(150))]
    damaged = str(world.survey.sheet[1][1])[:-8]
    for row in sheet[2:]:
        row[1] = damaged
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    done = world.pull("--json")
    [record] = done.records()
    assert (record["failure_count"], len(record["failures"])) == (149, 100)
    assert done.err.splitlines()[-1] == "warning: baseline: and 139 more cells"


def test_cells_that_stay_encrypted_can_be_blank(world: World) -> None:
    """`on_error = "blank"` leaves no token in the CSV."""
    world.survey.sheet[2][1] = str(world.survey.sheet[2][1])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    world.configure(on_error="blank")
    assert world.pull().code == 3
    world.survey.answers[1][1] = ""
    assert world.csv() == world.whole()


def test_cells_that_stay_encrypted_can_fail_the_run(former: World) -> None:
    """`on_error = "fail"` writes nothing, exit code 9."""
    former.survey.sheet[2][1] = str(former.survey.sheet[2][1])[:-8]
    former.google.replace_rows(former.spreadsheet, "data", former.survey.sheet)
    former.configure(on_error="fail")
    refused(former, 9, "1 cells could not be decrypted, the first in row 3")


@pytest.mark.parametrize(
    ("name", "text", "column"),
    [
        ("private_keys", sealing.generate()[0].reveal(), "name"),
        ("legacy_secrets", "another secret..", "phone"),
        ("passphrases", "another passphrase", "address"),
    ],
    ids=ENCRYPTED,
)
def test_a_wrong_key_writes_nothing(former: World, name: str, text: str, column: str) -> None:
    """A key that does not fit is exit code 4, with the key's fingerprint and the column."""
    former.keep(name, text)
    rows = survey.make(40)  # a wrong key without authentication seems to fit now and then
    sheet = [[*row[:1], *was[1:]] for was, row in zip(former.survey.sheet[1:] * 7, rows.sheet[1:], strict=False)]
    former.google.replace_rows(former.spreadsheet, "data", [list(HEADER), *sheet])
    done = refused(former, 4, f'column "{column}": key ', "this is not the key")
    assert text not in done.err
    assert former.history()[0]["exit_code"] == 4


def test_a_missing_key_writes_nothing(former: World) -> None:
    """A column whose format has no key is exit code 4, and the hint names where the key belongs."""
    del former.keys["passphrases"]
    former.configure()
    refused(former, 4, 'column "address": no key is configured', "passphrases")


def test_no_key_at_all_is_told_before_google_is_asked(former: World) -> None:
    """Without [keys] there is nothing to ask for."""
    former.keys = {}
    former.configure()
    refused(former, 4, "no key is configured", "keygen")
    assert former.google.requests == []


def test_rows_that_fell_are_refused(former: World) -> None:
    """The former CSV stays where far fewer rows would replace it; `--allow-shrink` says that it is right."""
    former.pull()
    whole = former.csv()
    former.google.replace_rows(former.spreadsheet, "data", former.survey.sheet[:4])
    done = former.pull()
    assert done.code == 9
    assert "3 rows" in done.err
    assert "--allow-shrink" in done.err
    assert former.csv() == whole
    assert former.pull("--allow-shrink").code == 0
    assert former.csv() == csv_of([HEADER, *former.survey.answers[:3]])


def test_dated_copies_of_former_csvs_are_kept(world: World) -> None:
    """`keep = 2` leaves the two last former CSVs beside the new one, each with what it held."""
    world.configure(keep=2, max_shrink=1)
    for rows in (3, 4, 5, 6):
        world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:rows])
        assert world.pull().code == 0
        for path in world.vault_folder.rglob("*.c9r"):  # each run an hour after the one before
            os.utime(path, (1_700_000_000 + 3600 * rows,) * 2)
    names = [name for name in world.vault.names("surveys") if name.endswith("Z.csv")]
    assert len(names) == 2
    contents = [world.csv(f"surveys/{name}") for name in names]
    assert contents == [csv_of([HEADER, *world.survey.answers[: rows - 1]]) for rows in (4, 5)]
