"""Cells that were cleared or overwritten in the sheet never replace the only readable copy in silence."""

from collections.abc import Callable

import pytest

from sheets_decrypt.sandbox.google import Cell
from tests import mounts
from tests.survey import ENCRYPTED, HEADER, World, csv_of

NAME = HEADER.index("name")
PHONE = HEADER.index("phone")


def _change(world: World, place: int, new: Callable[[Cell], Cell], *, rows: int) -> None:
    sheet = [list(row) for row in world.survey.sheet]
    for row in sheet[1 : 1 + rows]:
        row[place] = new(row[place])
    world.google.replace_rows(world.spreadsheet, "data", sheet)


@pytest.fixture
def world(world: World) -> World:
    """Provide a survey that was pulled once."""
    assert world.pull().code == 0
    return world


@pytest.mark.parametrize("place", [NAME, PHONE])
@pytest.mark.parametrize("text", ["", "No Data", "someone typed this"])
@pytest.mark.parametrize("columns", [list(ENCRYPTED), "auto"])
def test_a_cleared_column_is_refused_before_anything_is_replaced(
    world: World, place: int, text: str, columns: object
) -> None:
    """Blank, "No Data" and plain text in place of the tokens end with 9, and the former CSV stays."""
    world.configure(columns=columns)
    _change(world, place, lambda _: text, rows=6)
    done = world.pull()
    assert done.code == 9
    assert f'column "{HEADER[place]}": 0 cells decrypt, and the file that it would replace has 6 of them' in done.err
    assert "--allow-shrink" in done.err
    assert world.csv() == world.whole()
    assert world.pull("--allow-shrink").code == 0
    assert world.csv() != world.whole()


def test_a_column_may_lose_as_many_cells_as_the_configuration_allows(world: World) -> None:
    """`max_shrink` counts for the decrypted cells of each column as it does for rows."""
    world.configure(max_shrink=0.34)
    _change(world, NAME, lambda _: "", rows=2)
    assert world.pull().code == 0
    _change(world, NAME, lambda _: "", rows=4)
    done = world.pull()
    assert done.code == 9
    assert "2 cells decrypt, and the file that it would replace has 4 of them" in done.err


@pytest.mark.parametrize("text", ["", "No Data"])
def test_cleared_cells_are_noticed_without_a_history(world: World, text: str) -> None:
    """Whoever can delete the history has not switched this off: the CSV itself is counted."""
    for name in [name for name in world.vault.names("surveys") if name.endswith(".jsonl")]:
        world.vault.remove(f"surveys/{name}")
    _change(world, NAME, lambda _: text, rows=6)
    assert world.pull().code == 9
    assert world.csv() == world.whole()


@pytest.mark.parametrize("ending", ["csv", "xlsx", "dta"])
@pytest.mark.parametrize("text", ["someone typed this", ""])
def test_what_cannot_be_compared_is_kept(world: World, ending: str, text: str) -> None:
    """Without a history nothing shows all that was cleared or overwritten, so a copy of the former file stays."""
    world.configure(output=f"a.{ending}", max_shrink=0.99)
    assert world.pull().code == 0
    former = world.csv(f"a.{ending}")
    world.vault.remove(f"a.{ending}.runs.jsonl")
    _change(world, NAME, lambda _: text, rows=5)
    done = world.pull()
    assert done.code == 0
    [copy] = [name for name in world.vault.names("") if "kept" in name]
    assert world.csv(copy) == former
    assert f"no earlier run of a.{ending} is on record" in done.err
    assert f"the former file was kept as {copy}" in done.err


def test_what_may_be_lost_is_not_kept(world: World) -> None:
    """`max_shrink = 1` allows any loss."""
    world.configure(max_shrink=1)
    world.vault.remove("surveys/baseline.csv.runs.jsonl")
    _change(world, NAME, lambda _: "someone typed this", rows=5)
    assert world.pull().code == 0
    assert not [name for name in world.vault.names("surveys") if "kept" in name]


def test_a_file_that_the_last_run_counted_is_not_kept(world: World) -> None:
    """`keep = 0` holds from the second run on, and --allow-shrink asks for no copy."""
    _change(world, PHONE, lambda _: "", rows=1)
    assert world.pull("--allow-shrink").code == 0
    world.vault.remove("surveys/baseline.csv.runs.jsonl")
    _change(world, PHONE, lambda _: "", rows=2)
    assert world.pull("--allow-shrink").code == 0
    assert not [name for name in world.vault.names("surveys") if "kept" in name]


def test_cleared_cells_are_noticed_after_the_file_was_saved_by_another_program(world: World) -> None:
    """A workbook that somebody opened and saved has other bytes, and is still the only readable copy."""
    world.configure(output="a.xlsx")
    assert world.pull().code == 0
    saved = (world.csv("a.xlsx") or b"") + b"\0"
    with world.vault.replace("a.xlsx") as file:
        file.write(saved)
    _change(world, NAME, lambda _: "", rows=6)
    assert world.pull().code == 9
    assert world.csv("a.xlsx") == saved


@pytest.mark.parametrize(("ending", "text"), [("csv", "someone typed this"), ("xlsx", "")])
def test_a_download_with_cleared_cells_replaces_nothing(world: World, ending: str, text: str) -> None:
    """`decrypt-file` compares as a pull does."""
    with mounts.gocryptfs(world.folder) as drive:
        file, output = world.folder / "download.csv", drive.point / f"a.{ending}"
        rows = [[str(cell) for cell in row] for row in world.survey.sheet]
        file.write_bytes(csv_of(rows))
        options = (file, "--columns", ",".join(ENCRYPTED), "--config", world.path, "--output", output)
        assert world.run("decrypt-file", *options).code == 0
        former = output.read_bytes()
        file.write_bytes(csv_of([rows[0], *([*row[:NAME], text, *row[NAME + 1 :]] for row in rows[1:])]))
        done = world.run("decrypt-file", *options)
        assert done.code == 9
        assert 'column "name": 0 cells decrypt' in done.err
        assert output.read_bytes() == former


def test_a_column_that_is_no_longer_decrypted_on_purpose_is_not_counted(world: World) -> None:
    """Who takes a column out of the configuration need not give --allow-shrink."""
    world.configure(columns=["name", "address"])
    done = world.pull()
    assert done.code == 0


def test_failing_cells_count_as_gone(world: World) -> None:
    """Tokens that someone damaged do not replace the answers that were decrypted from them."""
    _change(world, NAME, lambda token: str(token)[:-8] + "AAAAAAA=", rows=3)
    assert world.pull().code == 9
    assert world.csv() == world.whole()
