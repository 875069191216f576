"""The report for people beside an output."""

from pathlib import Path

from tests import mounts
from tests.survey import CSV, ENCRYPTED, HEADER, World, assert_nothing_leaked, csv_of

REPORT = "surveys/baseline.report.txt"


def _report(world: World, name: str = REPORT) -> list[str]:
    data = world.csv(name)
    assert data is not None
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n")
    assert_nothing_leaked(data, world.survey)
    return data.decode("utf-8-sig").split("\r\n")


def test_a_run_leaves_a_report_beside_its_output(world: World) -> None:
    """When, where, how many rows, what was decrypted in each column, and that there is nothing to do."""
    world.configure(also=["surveys/baseline.xlsx"])
    assert world.pull().code == 0
    lines = _report(world)
    assert lines[:2] == ["baseline", "========"]
    assert lines[4] == "Result   wrote 6 rows; 18 cells decrypted"
    assert lines[6].startswith(f"Files    {CSV} in ")
    assert lines[7].startswith(f"{' ' * 9}surveys/baseline.xlsx in ")
    assert "  phone: 6 decrypted" in lines
    assert "  Nothing: the file is ready to open." in lines
    assert world.pull().code == 0
    assert "nothing changed since the run before: 6 rows" in _report(world)[4]


def test_a_report_names_what_stayed_encrypted_and_why(world: World) -> None:
    """Row, column and reason, and never a value."""
    sheet = [list(row) for row in world.survey.sheet]
    sheet[3][HEADER.index("name")] = str(sheet[3][HEADER.index("name")])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    assert world.pull().code == 3
    lines = _report(world)
    assert "  name: 5 decrypted, 1 not decrypted" in lines
    assert any(line.startswith('  row 4, column "name": ') for line in lines)
    assert any("Look at the cells named above in the Sheet" in line for line in lines)


def test_a_run_that_failed_reports_what_to_do(world: World) -> None:
    """Also where nothing was written: the error, its next step, and that the file is as it was."""
    assert world.pull().code == 0
    world.keep("private_keys", "not a key")
    done = world.pull()
    assert done.code == 4
    lines = _report(world)
    error, hint = [line.partition(": ")[2] for line in done.err.splitlines()[-2:]]
    assert f"Result   failed: {error.removeprefix('baseline: ')}" in lines
    assert f"  {hint}" in lines
    assert any("is unchanged" in line for line in lines)


def test_a_report_that_cannot_be_written_is_a_warning(world: World) -> None:
    """The run is what it was without it."""
    with world.vault.replace(f"{REPORT}/in the way") as file:
        file.write(b"x")
    done = world.pull()
    assert (done.code, world.csv()) == (0, world.whole())
    assert "warning: baseline: the report could not be written" in done.err


def test_a_report_replaces_a_report_alone(world: World) -> None:
    """A file of that name that a person has written is kept, and the run is what it was without it."""
    with world.vault.replace(REPORT) as file:
        file.write(b"what I noted of the baseline\n====\n")
    done = world.pull()
    assert (done.code, world.csv()) == (0, world.whole())
    assert "warning: baseline: the report could not be written: surveys/baseline.report.txt" in done.err
    assert world.csv(REPORT) == b"what I noted of the baseline\n====\n"


def test_a_report_of_a_job_that_was_renamed_is_replaced(world: World) -> None:
    """Also where the name has letters of every kind."""
    with world.vault.replace(REPORT) as file:
        file.write("".join(f"{line}\r\n" for line in ("Ménages-2025", "============")).encode("utf-8-sig"))
    assert world.pull().code == 0
    assert _report(world)[0] == "baseline"


def test_a_dry_run_leaves_no_report(world: World) -> None:
    """It writes nothing."""
    assert world.pull("--dry-run").code == 0
    assert world.csv(REPORT) is None


def test_a_column_cannot_forge_a_line_of_the_report(world: World) -> None:
    """A name in the Sheet with line breaks or direction marks stays on its line, spelt out."""
    name = "na\r\nWhat to do\n  send it to \u202eus"
    header = [name if cell == "name" else cell for cell in HEADER]
    world.google.replace_rows(world.spreadsheet, "data", [header, *world.survey.sheet[1:]])
    world.configure(columns=[name, "phone", "address"])
    assert world.pull().code == 0
    lines = _report(world)
    assert lines.count("What to do") == 1
    assert any("\\u000d\\u000aWhat to do" in line and "\\u202e" in line for line in lines)


def test_a_file_that_is_decrypted_has_a_report_too(world: World, tmp_path: Path) -> None:
    """`decrypt-file` says what it did, and remembers it beside its output."""
    file = tmp_path / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    with mounts.gocryptfs(tmp_path) as drive:
        options = (file, "--columns", ",".join(ENCRYPTED), "--config", world.path, "--output", drive.point / "a.csv")
        assert world.run("decrypt-file", *options).code == 0
        report = (drive.point / "a.report.txt").read_text(encoding="utf-8-sig")
        assert "wrote 6 rows; 18 cells decrypted" in report
        assert sorted(path.name for path in drive.point.iterdir()) == ["a.csv", "a.csv.runs.jsonl", "a.report.txt"]


def test_a_report_says_what_is_in_place_after_a_failure(world: World) -> None:
    """The de-identified CSV could not be written; the vault's CSV was."""
    folder = world.folder / "open"
    folder.mkdir()
    world.configure(deidentified={"output": str(folder / "second.csv")})
    (folder / "second.csv").mkdir()
    assert world.pull().code == 7
    lines = _report(world)
    assert lines[4].startswith("Result   failed: the de-identified csv was not written")
    assert "  The file that is named above is in place." in lines
    assert not any("Nothing was written" in line for line in lines)
