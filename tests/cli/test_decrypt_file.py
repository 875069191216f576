"""What a research assistant types with a downloaded workbook and the first function's secret, mistakes included."""

from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from tests import mounts
from tests.survey import ENCRYPTED, World

LEGACY = ("phone", "--legacy-secret-from", "file:keys/legacy_secrets")


@pytest.fixture
def workbook(world: World) -> Path:
    """Return the sheet as a workbook, behind a worksheet with remarks."""
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Read me"
    book.worksheets[0].append(["Ask Ada"])
    sheet = book.create_sheet("Answers")
    for row in world.survey.sheet:
        sheet.append(row)
    path = world.folder / "My survey.xlsx"
    book.save(path)
    return path


def test_options_say_where_the_secrets_are(world: World, workbook: Path, tmp_path: Path) -> None:
    """No configuration and no environment is needed, and an option comes before both."""
    with mounts.gocryptfs(tmp_path) as drive:
        csv, dataset = drive.point / "a.csv", drive.point / "a.dta"
        done = world.run(
            "decrypt-file", workbook, "--worksheet", "Answers", "--columns", ",".join(ENCRYPTED), "--output", csv,
            "--also", dataset, "--private-key-from", "file:keys/private_keys", "--passphrase-from", "env:WHERE",
            "--legacy-secret-from", "file:keys/legacy_secrets",
            environment={"SHEETS_DECRYPT_LEGACY_SECRET": "another one", "WHERE": world.survey.passphrase.reveal()},
        )  # fmt: skip
        assert (done.code, csv.read_bytes()) == (0, world.whole())
        assert f"wrote 6 rows to {csv} and 1 more file (" in done.out


def test_without_any_secret_the_options_are_named(world: World, workbook: Path) -> None:
    """`init` would ask for the Sheet's address and Google's key file, which a person with a download may not have."""
    done = world.run("decrypt-file", workbook, "--columns", "phone")
    assert (done.code, done.out) == (4, "")
    assert "error: no secret is named to decrypt with" in done.err
    assert "hint: say where it is: --legacy-secret-from file:" in done.err


@pytest.mark.parametrize("option", ["--secret", "--legacy-secret", "--private-key"])
def test_a_secret_as_an_option_is_answered_with_the_option_that_says_where_it_is(world: World, option: str) -> None:
    """The secret may follow, and is not repeated."""
    done = world.run("decrypt-file", "a.xlsx", "--columns", "phone", option, world.survey.legacy_secret.reveal())
    assert (done.code, done.out) == (2, "")
    assert "cannot be an option" in done.err
    assert "with --legacy-secret-from file:PATH" in done.err


def test_columns_that_another_worksheet_has_are_pointed_at(world: World, workbook: Path, tmp_path: Path) -> None:
    """The hint names the other worksheets; what was read up to the error is not counted."""
    with mounts.gocryptfs(tmp_path) as drive:
        done = world.run("decrypt-file", workbook, "--columns", *LEGACY, "--output", drive.point / "a.xlsx")
    assert done.code == 9
    assert 'error: My survey.xlsx: "phone" not found in row 1' in done.err
    assert '; --worksheet reads another one: "Answers"\n' in done.err
    assert "sep=" not in done.err


def test_a_default_output_on_a_plain_disk_is_answered_with_the_option(world: World, workbook: Path) -> None:
    """The default is beside the file that is read, which is usually the folder for downloads."""
    done = world.run("decrypt-file", workbook, "--worksheet", "Answers", "--columns", *LEGACY)
    assert done.code == 7
    assert "hint: name a file on the unlocked vault's drive, such as --output " in done.err


@pytest.mark.parametrize("typed", ["My survey", "my survey", "My survey.xls", "My surveys.xlsx"])
def test_a_file_is_guessed_from_a_name_without_its_ending(world: World, workbook: Path, typed: str) -> None:
    """Windows does not show endings, so people do not type them."""
    done = world.run("decrypt-file", world.folder / typed, "--columns", *LEGACY)
    assert done.code == 2
    assert f"error: {world.folder / typed} cannot be read: no such file" in done.err
    assert f'hint: did you mean "{workbook}"?' in done.err


def test_a_blank_after_a_comma_is_answered_with_quotes(world: World) -> None:
    """The rest of the list arrives as a second file."""
    done = world.run("decrypt-file", "a.xlsx", "--columns", "name,", "phone")
    assert (done.code, '--columns "name,phone"' in done.err) == (2, True)


@pytest.mark.parametrize("name", ["Windows-1252", "CP1252", "cp1252"])
def test_an_encoding_has_several_names(world: World, name: str) -> None:
    """Notepad and Excel do not call it cp1252."""
    done = world.run("decrypt-file", "nothing.csv", "--columns", "a", *LEGACY[1:], "--input-encoding", name)
    assert "nothing.csv cannot be read" in done.err
    other = world.run("decrypt-file", "nothing.csv", "--columns", "a", "--input-encoding", "ANSI")
    assert (other.code, "'cp1252'" in other.err) == (2, True)
