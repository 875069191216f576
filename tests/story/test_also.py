"""Further outputs of one run: a workbook and a dataset beside the CSV, under the same promise."""

import hashlib
import io

import openpyxl  # type: ignore[import-untyped]

from sheets_decrypt.runs.lock import one_run
from tests import mounts, systems
from tests.survey import CSV, ENCRYPTED, HEADER, World, csv_of

ALSO = ("surveys/baseline.xlsx", "surveys/stata/baseline.dta")


def _workbook(data: bytes | None) -> list[list[str]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data or b""), read_only=True).worksheets[0]
    return [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]


def _dataset(data: bytes | None) -> list[list[str]]:
    table = systems.library("pandas").read_stata(io.BytesIO(data or b""))
    return [list(table.columns), *(list(row) for row in table.itertuples(index=False))]


def test_a_run_writes_a_workbook_and_a_dataset_beside_the_csv(world: World) -> None:
    """All hold the same texts, the record lists each, and a run that changes nothing leaves all alone."""
    world.configure(also=list(ALSO))
    dry = world.pull("--dry-run")
    assert f"would write 6 rows to {CSV} in the Cryptomator vault {world.vault_folder} and 2 more files" in dry.out
    done = world.pull("--json")
    assert (done.code, world.csv()) == (0, world.whole())
    assert _workbook(world.csv(ALSO[0])) == _dataset(world.csv(ALSO[1])) == [list(HEADER), *world.survey.answers]
    [record] = done.records()
    for output, name in zip([record["output"], *record["also"]], [CSV, *ALSO], strict=True):
        data = world.csv(name) or b""
        assert (output["sha256"], output["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert output["path"].startswith(name)
    assert world.history()[0]["also"] == record["also"]
    modified = [world.vault.modified(name) for name in (CSV, *ALSO)]
    again = world.pull("--json")
    assert again.records()[0]["status"] == "unchanged"
    assert [world.vault.modified(name) for name in (CSV, *ALSO)] == modified


def test_a_workbook_alone_is_judged_by_its_rows(world: World) -> None:
    """As an output it is left alone, replaced, and not replaced by a shrunken one, as a CSV is."""
    world.configure(output=ALSO[0])
    assert world.pull().code == 0
    assert "nothing changed" in world.pull().out
    before = world.csv(ALSO[0])
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:4])
    done = world.pull()
    assert done.code == 9
    assert "3 rows, and the file that it would replace has 6" in done.err
    assert world.csv(ALSO[0]) == before
    assert world.pull("--allow-shrink").code == 0


def test_an_answer_that_a_workbook_cannot_hold_holds_back_every_file(world: World) -> None:
    """All or none: the CSV that was before stays too, and the row is named."""
    world.configure(also=[ALSO[0]])
    assert world.pull().code == 0
    before = world.csv(), world.csv(ALSO[0])
    world.google.replace_rows(world.spreadsheet, "data", [*world.survey.sheet, ["7", "", "", "", "x" * 40_000]])
    done = world.pull()
    assert done.code == 9
    assert 'row 8 of column "free" is longer than the 32,767 characters' in done.err
    assert (world.csv(), world.csv(ALSO[0])) == before


def test_outputs_on_a_drive_may_be_in_several_folders_of_it(world: World) -> None:
    """And not on another vault, nor outside of it: that is refused before a key is read."""
    del world.settings["vault"]
    (world.folder / "second").mkdir()
    with mounts.gocryptfs(world.folder) as drive, mounts.gocryptfs(world.folder / "second") as second:
        output, also = drive.point / "csv/a.csv", drive.point / "excel/a.xlsx"
        world.configure(output=str(output), also=str(also))
        assert world.pull().code == 0
        assert _workbook(also.read_bytes()) == [list(HEADER), *world.survey.answers]
        world.keep("private_keys", "not a key")
        for elsewhere, code, words in (
            (world.folder / "a.xlsx", 7, "encrypted" if systems.WINDOWS else "which is not encrypted"),
            (second.point / "a.xlsx", 2, "put all outputs of a job into one vault"),
        ):
            world.configure(output=str(output), also=[str(elsewhere)])
            done = world.pull()
            assert (done.code, words in done.err) == (code, True)
            assert not elsewhere.exists()


def test_another_run_of_any_of_the_files_is_refused(world: World) -> None:
    """Two jobs, or a job and `decrypt-file`, never write one workbook at the same time."""
    world.configure(also=list(ALSO))
    with one_run(world.vault.identity(ALSO[0])):
        done = world.pull()
    assert done.code == 8
    assert ALSO[0] in done.err
    assert world.csv() is None


def test_a_file_is_decrypted_into_several(world: World) -> None:
    """`decrypt-file --also`; the same file twice is refused."""
    file = world.folder / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    with mounts.gocryptfs(world.folder) as drive:
        options = (file, "--columns", ",".join(ENCRYPTED), "--config", world.path, "--output", drive.point / "a.csv")
        done = world.run("decrypt-file", *options, "--also", drive.point / "a.xlsx", "--also", drive.point / "a.dta")
        assert done.code == 0
        assert _workbook((drive.point / "a.xlsx").read_bytes()) == [list(HEADER), *world.survey.answers]
        assert _dataset((drive.point / "a.dta").read_bytes()) == [list(HEADER), *world.survey.answers]
        if not systems.WINDOWS:
            (drive.point / "link.csv").symlink_to("a.csv")
        for same in ("a.csv", "A.CSV" if systems.WINDOWS else "link.csv"):
            twice = world.run("decrypt-file", *options, "--also", drive.point / same)
            assert twice.code == 2
            assert "is written twice" in twice.err


def test_check_looks_at_every_output(world: World) -> None:
    """One that is not in the vault is found before a pull."""
    del world.settings["vault"]
    with mounts.gocryptfs(world.folder) as drive:
        world.configure(output=str(drive.point / "a.csv"), also=[str(drive.point / "a.xlsx")])
        done = world.run("check", "--config", world.path, "--no-network", "--json")
        vault = next(line for line in done.records() if line["name"] == "vault")
        assert "a.xlsx" in vault["message"]
        world.configure(output=str(drive.point / "a.csv"), also=[str(world.folder / "a.xlsx")])
        done = world.run("check", "--config", world.path, "--no-network", "--json")
        vault = next(line for line in done.records() if line["name"] == "vault")
        assert (vault["outcome"], vault["exit_code"]) == ("error", 7)
