"""`decrypt-file`: what was downloaded, in the forms in which Excel and Sheets write it."""

from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from tests import mounts, systems
from tests.survey import ENCRYPTED, Done, World, csv_of


@pytest.fixture
def downloaded(world: World) -> Path:
    """Return the sheet as a person downloads it, in a folder of its own."""
    path = world.folder / "download/survey.csv"
    path.parent.mkdir()
    path.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet], mark=False))
    return path


def _decrypt(world: World, *arguments: object, **more: str) -> Done:
    names = ",".join(ENCRYPTED)
    return world.run("decrypt-file", "--columns", names, *arguments, environment=world.survey.environment() | more)


def test_a_downloaded_csv_is_decrypted_beside_itself(world: World, downloaded: Path, tmp_path: Path) -> None:
    """The default name is the old one, the keys come from the environment, and no one is asked."""
    with mounts.gocryptfs(tmp_path) as drive:
        there = drive.point / "survey.csv"
        there.write_bytes(downloaded.read_bytes())
        done = _decrypt(world, there)
        assert done.code == 0
        assert done.out.startswith(f"survey.csv: wrote 6 rows to {drive.point / 'survey_decrypted.csv'}")
        assert (drive.point / "survey_decrypted.csv").read_bytes() == world.whole()
        beside = ["survey_decrypted.csv", "survey_decrypted.csv.runs.jsonl", "survey_decrypted.report.txt"]
        assert sorted(path.name for path in drive.point.iterdir()) == ["survey.csv", *beside]
        assert _decrypt(world, there).out.startswith("survey.csv: nothing changed")
        output = drive.point / "a folder/b.csv"
        again = _decrypt(world, downloaded, "--output", output, "--json", "--encoding", "utf-8")
        assert again.code == 0
        assert again.records()[0]["output"]["path"] == str(output)
        assert _decrypt(world, downloaded, "--output", output, "--quiet") == Done(0, "", "")
    assert world.google.requests == []


def test_a_downloaded_csv_is_not_decrypted_onto_a_plain_disk(world: World, downloaded: Path) -> None:
    """The default output is beside the input; where that is not a vault, nothing is written and no secret is read."""
    done = _decrypt(world, downloaded, SHEETS_DECRYPT_PASSPHRASE_COMMAND="touch asked", SHEETS_DECRYPT_PASSPHRASE="")
    assert done.code == 7
    assert ("encrypted" if systems.WINDOWS else "not encrypted") in done.err  # whether C: is, BitLocker knows
    assert list(downloaded.parent.iterdir()) == [downloaded]
    assert not (world.folder / "asked").exists()


@pytest.mark.parametrize("arguments", [["a.csv", "--output", "X:a_decrypted.csv"], ["X:a.csv"]])
def test_an_output_that_depends_on_a_drives_current_folder_is_refused(world: World, arguments: list[str]) -> None:
    r"""`X:a.csv` is another file for each program that is run; the whole path is shown."""
    done = _decrypt(world, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "hint: write the path from the drive's root, such as X:\\a_decrypted.csv" in done.err


def test_a_csv_is_never_replaced_by_its_own_decryption(world: World, downloaded: Path, tmp_path: Path) -> None:
    """The tokens would be lost."""
    with mounts.gocryptfs(tmp_path) as drive:
        there = drive.point / "survey.csv"
        there.write_bytes(downloaded.read_bytes())
        done = _decrypt(world, there, "--output", there)
        assert done.code == 2
        assert "is the file that is to be decrypted" in done.err
        assert there.read_bytes() == downloaded.read_bytes()


def test_a_csv_is_decrypted_with_the_keys_of_a_configuration(world: World, downloaded: Path, tmp_path: Path) -> None:
    """Without keys in the environment, those of the configuration are used, or of the job that is named."""
    with mounts.gocryptfs(tmp_path) as drive:
        for options in ([], ["--job", "baseline"]):
            output = drive.point / f"{len(options)}.csv"
            done = world.run(
                "decrypt-file", downloaded, "--columns", "auto", "--output", output, "--config", world.path, *options
            )
            assert done.code == 0
            assert output.read_bytes() == world.whole()
    done = world.run("decrypt-file", downloaded, "--columns", "auto", environment={"SHEETS_DECRYPT_CONFIG": "none"})
    assert (done.code, "the configuration none cannot be read" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 9, "has no header"),
        (b",,\r\n1,2,3\r\n", 9, "has no header"),
        (b"id,name,phone,address\r\n1,\xff,3,4\r\n", 9, "is not UTF-8 text"),
        (b'id,name,phone,address\r\n1,"torn', 9, "is not a CSV"),
        (b'"torn', 9, "is not a CSV"),
        (b"id,name,phone\r\n", 9, '"address" not found in row 1'),
        (None, 2, "no such file"),
    ],
)
def test_a_bad_csv_is_refused(
    world: World, downloaded: Path, tmp_path: Path, content: bytes | None, code: int, words: str
) -> None:
    """Each is one clear line with a hint, and the former output is as it was."""
    if content is None:
        downloaded.unlink()
    else:
        downloaded.write_bytes(content)
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        output.write_bytes(b"former")
        done = _decrypt(world, downloaded, "--output", output)
        assert done.code == code
        *_, error, hint = done.err.splitlines()
        assert words in error
        assert hint.startswith("hint: ")
        assert output.read_bytes() == b"former"
        assert {path.name for path in drive.point.iterdir()} - {"a.csv.runs.jsonl", "a.report.txt"} == {"a.csv"}


def test_what_excel_saves_as_csv_or_text_is_decrypted_as_it_is(world: World, downloaded: Path, tmp_path: Path) -> None:
    """Semicolons, or tabs in UTF-16; the run says what the file was taken for, for people and in its record."""
    rows = [[str(cell) for cell in row] for row in world.survey.sheet]
    tabs, semicolons = ("\r\n".join(separator.join(row) for row in rows) + "\r\n" for separator in "\t;")
    files = {
        "CSV separated by semicolons, UTF-8": semicolons.encode("utf-8-sig"),
        "CSV separated by tabs, UTF-16": tabs.encode("utf-16"),
    }
    with mounts.gocryptfs(tmp_path) as drive:
        for kind, content in files.items():
            downloaded.write_bytes(content)
            output = drive.point / f"{len(content)}.csv"
            done = _decrypt(world, downloaded, "--output", output)
            assert (done.code, output.read_bytes()) == (0, world.whole())
            assert f"note: survey.csv: read as {kind}\n" in done.err
            assert f"read as {kind}" in _decrypt(world, downloaded, "--output", output, "--json").records()[0]["notes"]


def test_an_excel_workbook_is_decrypted_as_it_is(world: World, downloaded: Path, tmp_path: Path) -> None:
    """By its content, whatever it is called; the run says which worksheet was read, and so does its record."""
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["not this one"])
    sheet = workbook.create_sheet("Answers")
    for row in world.survey.sheet:
        sheet.append(row)
    workbook.save(downloaded)
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        done = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answers")
        assert (done.code, output.read_bytes()) == (0, world.whole())
        assert 'note: survey.csv: read as Excel workbook, worksheet "Answers" (of 2)\n' in done.err
        again = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answers", "--json").records()[0]
        assert (again["worksheet"], again["status"]) == ("Answers", "unchanged")
        assert 'read as Excel workbook, worksheet "Answers" (of 2)' in again["notes"]
        missing = _decrypt(world, downloaded, "--output", output, "--worksheet", "Answer")
        assert (missing.code, 'did you mean "Answers"?' in missing.err) == (2, True)


def test_a_code_page_is_used_only_where_it_is_asked_for(world: World, downloaded: Path, tmp_path: Path) -> None:
    """A guess that is wrong would damage names in silence; the error names the option."""
    downloaded.write_bytes(downloaded.read_bytes().replace(b",ok\r\n", ",Zoë\r\n".encode("cp1252")))
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "a.csv"
        refused = _decrypt(world, downloaded, "--output", output)
        assert (refused.code, "add --input-encoding cp1252" in refused.err) == (9, True)
        done = _decrypt(world, downloaded, "--output", output, "--input-encoding", "cp1252")
        assert (done.code, output.read_bytes()) == (0, world.whole().replace(b",ok\r\n", ",Zoë\r\n".encode()))


def test_the_file_is_looked_at_before_the_vault(world: World) -> None:
    """A name that was mistyped is the first error, also where the output is not on a vault."""
    done = _decrypt(world, world.folder / "nothing.csv")
    assert (done.code, "nothing.csv cannot be read: no such file" in done.err) == (2, True)


def test_a_path_with_spaces_needs_quotes(world: World, downloaded: Path) -> None:
    """The rest of it arrives as a second file."""
    done = _decrypt(world, downloaded.parent / "survey", "of May.csv")
    assert done.code == 2
    assert "error: unexpected argument" in done.err
    assert "hint: put paths with spaces in quotes" in done.err


def test_columns_that_are_none_are_a_usage_error(world: World, downloaded: Path) -> None:
    """At least one column must be named."""
    done = world.run("decrypt-file", downloaded, "--columns", ",")
    assert done.code == 2
    assert "columns: name at least one column" in done.err


def test_what_is_no_file_is_refused(world: World) -> None:
    """A folder is not decrypted."""
    for path in (".", Path.cwd().anchor):
        done = _decrypt(world, path)
        assert (done.code, "is not a file" in done.err) == (2, True)
