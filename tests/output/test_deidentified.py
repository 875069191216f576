"""The second CSV never contains a decrypted column, wherever it is."""

import csv
import errno
import io
import os
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from sheets_decrypt.config import Kind, parse
from sheets_decrypt.errors import ColumnNotFound, ConfigurationError, VaultUnusable
from sheets_decrypt.output.deidentified import OpenSecondCsv, kept
from sheets_decrypt.output.delivery import delivery
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.output.writers import writer_of
from sheets_decrypt.sandbox.google import Cell
from sheets_decrypt.table import Header, Secret
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.plain_folder import PlainFolder
from sheets_decrypt.vault.replacement import RenamePolicy
from tests import mounts, quick_vault
from tests.survey import CSV, ENCRYPTED, HEADER, VAULT_PASSPHRASE, World, assert_nothing_leaked, csv_of


def _second(world: World, **more: Any) -> Path:
    """Configure a second CSV outside the vault."""
    folder = world.folder / "analysis"
    folder.mkdir(exist_ok=True)
    job = {name: more.pop(name) for name in list(more) if name not in {"keep", "drop"}}
    world.configure(deidentified={"output": "analysis/second.csv", **more}, **job)
    return folder / "second.csv"


def _columns(world: World, *names: str) -> bytes:
    places = [HEADER.index(name) for name in names]
    return csv_of([names, *([row[place] for place in places] for row in world.survey.answers)])


def test_the_second_csv_holds_every_column_that_is_not_decrypted(world: World) -> None:
    """By default decrypted columns are left out, and the rest is outside the vault, readable only by the user."""
    second = _second(world)
    done = world.pull()
    assert done.code == 0
    assert f"note: baseline: the de-identified csv has 2 columns: {second}" in done.err
    assert second.read_bytes() == _columns(world, "id", "free")
    assert_nothing_leaked(second.read_bytes(), world.survey)
    # on Windows anyone who can read the folder can read it
    assert os.name == "nt" or second.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in second.parent.iterdir()] == ["second.csv"]
    assert world.csv() == world.whole()


@pytest.mark.parametrize(
    ("choice", "columns"),
    [({"drop": ["free"]}, ["id"]), ({"keep": ["free"]}, ["free"]), ({"keep": ["free", "id"]}, ["id", "free"]),
     ({"drop": ["free", "name"]}, ["id"]), ({"drop": ["free"], "keep": ["id"]}, ["id"])],
)  # fmt: skip
def test_columns_are_chosen(world: World, choice: dict[str, object], columns: list[str]) -> None:
    """`drop` leaves out more columns, `keep` names the only ones; both keep the sheet's order."""
    second = _second(world, **choice)
    assert world.pull().code == 0
    assert second.read_bytes() == _columns(world, *columns)


def test_with_auto_the_columns_to_keep_are_named(world: World) -> None:
    """The columns that `auto` decrypts are known only after the last row; keeping one is refused and both CSVs stay."""
    second = _second(world, columns="auto", keep=["id"])
    assert world.pull().code == 0
    assert second.read_bytes() == _columns(world, "id")
    before = world.csv(), second.read_bytes()
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:-1])
    for name in ENCRYPTED:
        _second(world, columns="auto", max_shrink=1, keep=["id", name])
        done = world.pull()
        assert done.code == 2
        assert f'column "{name}" holds tokens' in done.err
        assert (world.csv(), second.read_bytes()) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("keep", [None, ["id"]])
def test_a_byte_order_mark_in_a_name_leaks_no_column(world: World, encoding: str, keep: list[str] | None) -> None:
    """A sheet imported from a CSV may have U+FEFF before its first name; that column is still left out."""
    sheet: list[list[Cell]] = [[row[1], row[0], *row[2:]] for row in world.survey.sheet]
    sheet[0][0] = "\ufeffname"
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    choice = {"keep": keep} if keep else {}
    second = _second(world, columns=["\ufeffname", "phone", "address"], encoding=encoding, **choice)
    assert world.pull().code == 0
    assert_nothing_leaked(second.read_bytes(), world.survey)
    header = second.read_text(encoding=encoding).splitlines()[0]
    assert header == ("id" if keep else "id,free")


def test_cells_with_everything_that_a_csv_can_hold_are_unchanged(world: World) -> None:
    """Quotes, line breaks of all kinds, guarded formulas and blanks are the same in both CSVs."""
    cells = [
        'say "hi"',
        "a,b",
        "line\nbreak",
        "carriage\rreturn",
        "both\r\n",
        "=SUM(A1)",
        "",
        " x ",
        "\ufeffmark",
        "é🙂",
    ]
    rows = world.survey.sheet[1:] * 2
    sheet: list[list[Cell]] = [list(HEADER), *([*row[:4], cell] for row, cell in zip(rows, cells, strict=False))]
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    second = _second(world)
    assert world.pull().code == 0
    first = world.csv()
    assert first is not None
    read = csv.reader(io.StringIO(first.decode("utf-8-sig"), newline=""))
    assert second.read_bytes() == csv_of([row[0], row[4]] for row in read)
    assert "'=SUM(A1)" in second.read_text(encoding="utf-8-sig")


def test_a_first_csv_replaced_in_the_vault_leaks_no_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version, with names in place of IDs, replaces the first CSV right after its rename."""
    sheet = [[row[1], row[0], *row[2:]] for row in world.survey.sheet]
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    assert world.pull().code == 0
    older = _encrypted_csv(world).read_bytes()
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    second = _second(world)
    replace, place, exchanged = os.replace, _encrypted_csv(world), list[bytes]()

    def exchanging(old: Any, new: Any, **folders: Any) -> None:
        replace(old, new, **folders)
        if Path(new).name == place.name:
            exchanged.append(place.read_bytes())
            place.write_bytes(older)

    monkeypatch.setattr(os, "replace", exchanging)
    assert world.pull().code == 0
    assert exchanged
    assert_nothing_leaked(second.read_bytes(), world.survey)
    assert second.read_bytes() == _columns(world, "id", "free")


def _encrypted_csv(world: World) -> Path:
    """Return the file in the vault's folder that holds the CSV, which is the only one of its size."""
    size = 68 + 28 + len(world.csv() or b"")  # cryptomator-format: a header, and one chunk with nonce and tag
    (place,) = (path for path in world.vault_folder.rglob("*.c9r") if path.is_file() and path.stat().st_size == size)
    return place


def test_a_column_that_shows_tokens_late_is_never_in_the_second_csv(world: World) -> None:
    """With "auto" a column may look readable for thousands of rows; none of it is left anywhere."""
    second = _second(world, columns="auto", keep=["id", "free"])
    assert world.pull().code == 0
    before = world.csv(), second.read_bytes()
    rows: list[list[Cell]] = [["1", "", "", "", f"readable-{number}"] for number in range(7000)]
    tokens = [[*row[:4], row[1]] for row in world.survey.sheet[1:]] * 40
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER), *rows, *tokens])
    done = world.pull()
    assert done.code == 2
    assert 'column "free" holds tokens' in done.err
    assert (world.csv(), second.read_bytes()) == before
    assert [path.name for path in second.parent.iterdir()] == ["second.csv"]


def test_a_full_disk_for_the_second_csv_does_not_hold_back_the_first(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The vault's CSV is written, the run says what failed, and the previous second CSV is unchanged."""
    small = tmp_path_factory.mktemp("small")
    with mounts.tmpfs(small, "64k"):
        world.configure(deidentified={"output": str(small / "second.csv")})
        assert world.pull().code == 0
        before = (small / "second.csv").read_bytes()
        sheet: list[list[Cell]] = [list(row) for row in world.survey.sheet]
        sheet[1][4] = "x" * 40_000
        sheet[2][4] = "x" * 40_000
        world.google.replace_rows(world.spreadsheet, "data", sheet)
        done = world.pull()
        assert done.code == 7
        assert "no space left" in done.err
        assert "hint: free some space in the vault, then run again" in done.err
        assert (world.csv() or b"").count(b"x" * 40_000) == 2
        assert (small / "second.csv").read_bytes() == before
        assert [path.name for path in small.iterdir()] == ["second.csv"]


def test_an_unchanged_second_csv_is_left_alone(world: World) -> None:
    """A second run touches neither CSV; a second CSV that someone removed or changed is written again."""
    second = _second(world)
    world.pull()
    before = second.stat()
    assert world.pull("--json").records()[0]["status"] == "unchanged"
    after = second.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    good = second.read_bytes()
    second.unlink()
    world.pull()
    assert second.read_bytes() == good
    second.write_bytes(b"x")
    world.pull()
    assert second.read_bytes() == good


def test_a_dry_run_writes_no_second_csv(world: World) -> None:
    """A dry run leaves nothing."""
    second = _second(world)
    assert world.pull("--dry-run").code == 0
    assert not second.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"columns": ["nobody"]}, 9), ({"drop": ["nobody"]}, 9), ({"keep": ["nobody"]}, 9), ({"on_error": "fail"}, 9),
     ({"keys": {"private_keys": [{"file": "keys/nowhere"}]}}, 4)],
)  # fmt: skip
def test_a_failed_run_leaves_both_csvs_as_they_were(world: World, change: dict[str, object], code: int) -> None:
    """Whatever stops a run, the previous CSVs stay."""
    second = _second(world)
    world.pull()
    before = world.csv(), second.read_bytes()
    sheet = [list(row) for row in world.survey.sheet]
    sheet[1][1], sheet[2][4] = str(sheet[1][1])[:-8] + "AAAAAAA=", "changed"
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    _second(world, **change)
    assert world.pull().code == code
    assert (world.csv(), second.read_bytes()) == before


def test_a_second_csv_that_cannot_be_written_does_not_hold_back_the_first(world: World) -> None:
    """For a missing folder, a file in its place or the inside of a locked vault, the run says so and exits with 7."""
    other = world.folder / "other"
    quick_vault.create(other, Secret(VAULT_PASSPHRASE))
    (world.folder / "file").touch()
    for output, words in (
        (other / "d" / "x.csv", "locked Cryptomator vault"),
        (world.vault_folder / "x.csv", "locked Cryptomator vault"),
        (world.folder / "nowhere" / "x.csv", "nowhere not found"),
        (world.folder / "file" / "x.csv", "file"),
    ):
        world.configure(deidentified={"output": str(output)})
        done = world.pull()
        assert done.code == 7
        assert done.out.startswith(f"baseline: 6 rows in {CSV} in the Cryptomator vault ")
        assert "error: baseline: the de-identified csv was not written: deidentified.output: " in done.err
        assert words in done.err
        assert "hint: name a file in a folder that exists and that you can write" in done.err
        assert world.csv() == world.whole()
        assert not output.exists()
        assert not output.parent.is_dir() or "x.csv" not in "".join(map(str, output.parent.rglob("*")))
    shown = world.run("status", "--config", world.path).out
    assert "skipped" not in shown
    assert "the de-identified csv was not written" in shown
    assert [run["output"]["path"].startswith(CSV) for run in world.history()] == [True] * 4


BASE: dict[str, Any] = {"spreadsheet": "12345abcde", "columns": ["name"], "output": "a.csv"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deidentified": {"output": "b.csv", "keep": ["name"]}}, 'deidentified.keep: column "name" is decrypted'),
        ({"columns": "auto", "deidentified": {"output": "b.csv"}}, 'with columns = "auto", name the columns to keep'),
        ({"deidentified": {"output": "b.csv", "keep": ["x"], "drop": ["x"]}}, "is to be kept and dropped"),
        ({"deidentified": {"output": "a.csv"}}, "jobs.a.deidentified.output: name another file"),
        ({"deidentified": {"output": "../conf/./a.csv"}}, "jobs.a.deidentified.output: name another file"),
        ({"deidentified": {"output": "taken.csv"}}, "name another file"),
        ({"deidentified": {"output": "taken_second.csv"}}, "name another file"),
        ({"output": "taken.csv"}, "name another file"),
        ({"output": "taken_second.csv"}, "name another file"),
        ({"deidentified": {"outptu": "b.csv"}}, "outptu"),
    ],
)  # fmt: skip
def test_a_configuration_that_would_leak_or_overwrite_something_is_refused(
    change: dict[str, object], words: str
) -> None:
    """A problem that is visible in the configuration is refused there, and two outputs never share a file."""
    other = BASE | {"output": "taken.csv", "deidentified": {"output": "taken_second.csv"}}
    with pytest.raises(ConfigurationError) as caught:
        parse({"jobs": {"z": other, "a": BASE | change}}, folder=Path("/conf"))
    assert words in caught.value.message


def test_the_same_name_in_two_vaults_is_two_files() -> None:
    """A path inside a vault is not the same file as that path outside it."""
    vaults = {name: {"cryptomator": name, "passphrase": {"prompt": True}} for name in ("one", "two")}
    jobs = {
        "a": BASE | {"vault": "one", "deidentified": {"output": "a.csv"}},
        "b": BASE | {"vault": "two"},
    }
    parse({"vaults": vaults, "jobs": jobs}, folder=Path("/conf"))
    with pytest.raises(ConfigurationError, match="name another file"):
        parse({"vaults": vaults, "jobs": jobs | {"c": BASE | {"vault": "two"}}}, folder=Path("/conf"))


def test_every_decrypted_column_is_left_out_even_where_names_repeat() -> None:
    """Columns are chosen by position, so a decrypted column is not kept because another has the same name."""
    header = Header(("id", "name", "", "id"))
    job = BASE | {"deidentified": {"output": "b.csv"}}
    choice = parse({"jobs": {"a": job}}, folder=Path("/c")).jobs["a"].deidentified
    assert choice is not None
    assert kept(header, choice, {"name"}) == [0, 2, 3]
    assert kept(header, choice, {"name", "id", ""}) == []


def test_a_choice_that_cannot_be_met_names_its_key_and_the_next_step() -> None:
    """The error is for a name that is not in the header exactly once, or is decrypted, in `keep` or in `drop`."""
    job = BASE | {"deidentified": {"output": "b.csv", "keep": ["id"], "drop": ["old"]}}
    choice = parse({"jobs": {"a": job}}, folder=Path("/c")).jobs["a"].deidentified
    assert choice is not None
    for header, problem in (
        (("id", "old", "old"), 'deidentified.drop: "old" appears twice in the header'),
        (("id", "id", "old"), 'deidentified.keep: "id" appears twice in the header'),
    ):
        with pytest.raises(ColumnNotFound) as missing:
            kept(Header(header), choice, {"name"})
        assert (missing.value.message, missing.value.hint) == (
            problem,
            "use a different name for each column in the sheet",
        )
    with pytest.raises(ConfigurationError) as tokens:
        kept(Header(("id", "old")), choice, {"id"})
    assert tokens.value.message == (
        'deidentified.keep: column "id" holds tokens and is decrypted, so it cannot be kept there'
    )
    assert tokens.value.hint == "remove it from keep"


def test_the_error_says_why_a_second_csv_cannot_be_renamed(tmp_path: Path) -> None:
    """Everything was written by then, and the reason and the next step are those of the vault's error."""

    def refuse(_folder: OpenFolder, _old: str, _new: str) -> None:
        raise OSError(errno.ENOSPC, "no room for a name")

    job = parse({"jobs": {"a": BASE | {"deidentified": {"output": "b.csv"}}}}, folder=tmp_path).jobs["a"]
    assert job.deidentified is not None
    folder = PlainFolder(tmp_path, policy=RenamePolicy(rename=refuse))
    text = writer_of(Kind.CSV, "utf-8", "smart")
    with pytest.raises(VaultUnusable) as caught, delivery(folder, "b.csv", ReplacePolicy(max_shrink=None)) as csv:  # noqa: PT012 — the block is what is tested
        second = OpenSecondCsv(csv, text, [0], Header(("id", "name")), job.deidentified)
        second.begin()
        second.commit()
    assert caught.value.message.startswith("the de-identified csv was not written: ")
    assert caught.value.hint == "free some space in the vault, then run again"
    assert list(tmp_path.iterdir()) == []


def test_check_finds_a_missing_folder(world: World) -> None:
    """The check reports what a run would report."""
    world.configure(deidentified={"output": str(world.folder / "nowhere" / "x.csv")})
    for more in ([], ["--no-network"]):
        done = world.run("check", "--config", world.path, *more)
        assert done.code == 7
        assert "second csv: deidentified.output: " in done.out
        assert "nowhere not found" in done.out


def test_check_tries_the_second_csv(world: World) -> None:
    """A missing column or folder is found before a pull."""
    second = world.folder / "analysis" / "second.csv"
    second.parent.mkdir()
    world.configure(deidentified={"output": str(second), "drop": ["free_text"]})
    done = world.run("check", "--config", world.path)
    assert done.code == 9
    assert 'second csv: deidentified.drop: "free_text" not found in row 1' in done.out
    world.configure(deidentified={"output": str(second), "drop": ["free"]})
    done = world.run("check", "--config", world.path)
    assert (done.code, f"second csv: {second}: 1 columns" in done.out) == (0, True)
    done = world.run("check", "--config", world.path, "--no-network")
    assert "its columns were not tried" in done.out


def test_a_second_workbook_that_cannot_hold_an_answer_holds_nothing_back(world: World, tmp_path: Path) -> None:
    """The vault's CSV is written completely, and the run says which cell is too long for the second file."""
    second = tmp_path / "second.xlsx"
    world.configure(deidentified={"output": str(second)})
    assert world.pull().code == 0
    assert openpyxl.load_workbook(second).active.max_row == 7
    before = second.read_bytes()
    world.google.replace_rows(world.spreadsheet, "data", [*world.survey.sheet, ["7", "", "", "", "x" * 40_000]])
    done = world.pull()
    assert done.code == 7
    assert "the de-identified csv was not written: row 8" in done.err
    assert b"x" * 40_000 in (world.csv() or b"")
    assert second.read_bytes() == before
