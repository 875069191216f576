"""The human-readable report beside an output."""

from dataclasses import replace
from pathlib import Path

import pytest

from sheets_decrypt.errors import KeyWrong, VaultUnusable
from sheets_decrypt.runs.record import Output, Record, Result, local_time
from sheets_decrypt.runs.report import lines as lines_of
from sheets_decrypt.runs.report import write_report
from sheets_decrypt.table import CellFailure, ColumnCount, Reason, Secret
from tests import mounts, quick_vault
from tests.survey import CSV, ENCRYPTED, HEADER, World, assert_nothing_leaked, csv_of

REPORT = "surveys/baseline.report.txt"


def _run(**more: object) -> Record:
    run = Record(job="baseline", spreadsheet_id="1AbC", host="pc", user="ana", worksheet="data", rows_written=3)
    return replace(run, **more)  # type: ignore[arg-type]


def _lines(run: Record) -> list[str]:
    """Return a report's lines below the title and the time, which are the same in every report."""
    title, rule, blank, when, *more = lines_of(run)
    assert (title, rule, blank) == ("baseline", "========", "")
    assert when == f"Run      {local_time(run.finished)} on pc by ana"
    return more


CSV_FILE, WORKBOOK = (Output(f"/v/a.{kind}", "gocryptfs at /v", "0" * 64, 9) for kind in ("csv", "xlsx"))
TAB = 'Sheet    tab "data"'


def test_a_report_is_read_from_top_to_bottom() -> None:
    """It has the result, the files, each column's cells, what stayed encrypted, warnings and notes, and what to do."""
    failing = [CellFailure(row, "name", Reason.WRONG_KEY) for row in range(2, 62)]
    columns = {"name": ColumnCount(1, 2, 3, 4, 61, {}, ()), "phone": ColumnCount(0, 0, 0, 0, 0, {}, ())}
    run = _run(output=CSV_FILE, also=[WORKBOOK], columns=columns, failures=failing, failure_count=61)
    run = replace(run, warnings=("look",), notes=("know",))
    assert _lines(run.finish(Result.PARTIAL, 3)) == [
        "Result   wrote 3 rows; 1 cell decrypted, 61 not",
        TAB,
        "Files    /v/a.csv",
        "         /v/a.xlsx",
        "",
        "Columns",
        "  name: 1 decrypted, 2 blank, 3 not answered, 4 readable in the Sheet, 61 not decrypted",
        "  phone: no rows",
        "",
        "Not decrypted",
        *(f'  row {row}, column "name": {Reason.WRONG_KEY.explanation}' for row in range(2, 52)),
        "  and 11 more cells",
        "",
        "Warnings",
        "  look",
        "",
        "Good to know",
        "  know",
        "",
        "What to do",
        "  Look at the cells named above in the Sheet. In the file they are as the Sheet has them, or blank.",
        "  If many of them have the same reason, ask whoever set up the survey whether the key is complete.",
        "  Look into the warnings above; docs/troubleshooting.md explains them.",
    ]


def test_a_report_of_a_run_without_a_problem_is_short() -> None:
    """A file has no tab, and two cells use the plural."""
    run = _run(output=CSV_FILE, columns={"name": ColumnCount(2, 0, 0, 0, 0, {}, ())}, worksheet="")
    assert _lines(run.finish(Result.UNCHANGED, 0)) == [
        "Result   nothing changed since the run before: 3 rows; 2 cells decrypted",
        "File     /v/a.csv",
        "",
        "Columns",
        "  name: 2 decrypted",
        "",
        "What to do",
        "  Nothing: the file is ready to open.",
    ]


def test_a_file_with_an_undecrypted_cell_is_not_called_ready() -> None:
    """The last section says what to do about the cell, even without a warning."""
    failing = [CellFailure(2, "name", Reason.WRONG_KEY)]
    steps = _lines(_run(output=CSV_FILE, failures=failing, failure_count=1).finish(Result.PARTIAL, 3))[-3:]
    assert [step.split()[0] for step in steps] == ["What", "Look", "If"]


def test_a_report_of_a_failure_names_the_cells_only_if_useful() -> None:
    """With a wrong key every cell fails, so none is named; the 51st cell is counted as one more."""
    failing = [CellFailure(2, "name", Reason.WRONG_KEY)] * 51
    wrong = _run(failures=failing, failure_count=51).fail(KeyWrong("the key is wrong", hint="ask"))
    unchanged = "  Nothing was written: the existing file, if any, is unchanged."
    assert _lines(wrong) == ["Result   failed: the key is wrong", TAB, "", "What to do", "  ask", unchanged]
    later = _run(output=CSV_FILE, failures=failing, failure_count=51).fail(VaultUnusable("full"))
    cells = [f'  row 2, column "name": {Reason.WRONG_KEY.explanation}'] * 50
    assert _lines(later) == [
        "Result   failed: full",
        TAB,
        "File     /v/a.csv",
        *("", "Not decrypted", *cells, "  and 1 more cell"),
        *("", "What to do", "  see docs/troubleshooting.md", "  The file that is named above is in place."),
    ]


def test_a_report_replaces_only_a_report_or_an_empty_file(tmp_path: Path) -> None:
    """An empty file with its name may be replaced; the refusal names any other file, with the next step."""
    vault = quick_vault.create(tmp_path / "v", Secret("x"))
    for content in (b"", b"\xef\xbb\xbfa\r\n=\r\n"):
        with vault.replace("a.report.txt") as file:
            file.write(content)
        run = _run(output=Output("/v/caf\udce9.csv", "gocryptfs at /v", "0" * 64, 9))
        write_report(vault, "a.csv", run.finish(Result.WRITTEN, 0))
    with vault.read("a.report.txt") as file:
        assert b"File     /v/caf\\udce9.csv\r\n" in file.read()  # a name that is not UTF-8
    with vault.replace("a.report.txt") as file:
        file.write(b"a note")
    with pytest.raises(VaultUnusable) as caught:
        write_report(vault, "a.csv", _run().finish(Result.WRITTEN, 0))
    assert caught.value.message == f"{vault.path('a.report.txt')} is not a report of this program"
    assert caught.value.hint == "rename it; the next run writes a report"


def _report(world: World, name: str = REPORT) -> list[str]:
    data = world.csv(name)
    assert data is not None
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n")
    assert_nothing_leaked(data, world.survey)
    return data.decode("utf-8-sig").split("\r\n")


def test_a_run_leaves_a_report_beside_its_output(world: World) -> None:
    """It says when, where, how many rows, what was decrypted in each column, and that nothing is left to do."""
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
    """It names row, column and reason, never a value."""
    sheet = [list(row) for row in world.survey.sheet]
    sheet[3][HEADER.index("name")] = str(sheet[3][HEADER.index("name")])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    assert world.pull().code == 3
    lines = _report(world)
    assert "  name: 5 decrypted, 1 not decrypted" in lines
    assert any(line.startswith('  row 4, column "name": ') for line in lines)
    assert any("Look at the cells named above in the Sheet" in line for line in lines)


def test_a_run_that_failed_reports_what_to_do(world: World) -> None:
    """If nothing was written, it has the error, the next step, and that the file is unchanged."""
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
    """The result of the run does not change."""
    with world.vault.replace(f"{REPORT}/in the way") as file:
        file.write(b"x")
    done = world.pull()
    assert (done.code, world.csv()) == (0, world.whole())
    assert "warning: baseline: the report could not be written" in done.err


def test_a_report_does_not_replace_another_file(world: World) -> None:
    """A file with that name written by a person is kept, and the result of the run does not change."""
    with world.vault.replace(REPORT) as file:
        file.write(b"what I noted of the baseline\n====\n")
    done = world.pull()
    assert (done.code, world.csv()) == (0, world.whole())
    assert "warning: baseline: the report could not be written: surveys/baseline.report.txt" in done.err
    assert world.csv(REPORT) == b"what I noted of the baseline\n====\n"


def test_a_report_of_a_renamed_job_is_replaced(world: World) -> None:
    """The old report is recognised even if its job name has letters beyond ASCII."""
    with world.vault.replace(REPORT) as file:
        file.write("".join(f"{line}\r\n" for line in ("Ménages-2025", "============")).encode("utf-8-sig"))
    assert world.pull().code == 0
    assert _report(world)[0] == "baseline"


def test_a_dry_run_leaves_no_report(world: World) -> None:
    """A dry run writes nothing."""
    assert world.pull("--dry-run").code == 0
    assert world.csv(REPORT) is None


def test_a_column_cannot_forge_a_line_of_the_report(world: World) -> None:
    """A column name with line breaks or direction marks stays on its line, escaped."""
    name = "na\r\nWhat to do\n  send it to \u202eus"
    header = [name if cell == "name" else cell for cell in HEADER]
    world.google.replace_rows(world.spreadsheet, "data", [header, *world.survey.sheet[1:]])
    world.configure(columns=[name, "phone", "address"])
    assert world.pull().code == 0
    lines = _report(world)
    assert lines.count("What to do") == 1
    assert any("\\u000d\\u000aWhat to do" in line and "\\u202e" in line for line in lines)


def test_decrypt_file_leaves_a_report(world: World, tmp_path: Path) -> None:
    """`decrypt-file` leaves a report and a history beside its output."""
    file = tmp_path / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    with mounts.gocryptfs(tmp_path) as drive:
        options = (file, "--columns", ",".join(ENCRYPTED), "--config", world.path, "--output", drive.point / "a.csv")
        assert world.run("decrypt-file", *options).code == 0
        report = (drive.point / "a.report.txt").read_text(encoding="utf-8-sig")
        assert "wrote 6 rows; 18 cells decrypted" in report
        assert sorted(path.name for path in drive.point.iterdir()) == ["a.csv", "a.csv.runs.jsonl", "a.report.txt"]


def test_a_report_says_what_is_in_place_after_a_failure(world: World) -> None:
    """The de-identified CSV could not be written, but the vault's CSV was."""
    folder = world.folder / "open"
    folder.mkdir()
    world.configure(deidentified={"output": str(folder / "second.csv")})
    (folder / "second.csv").mkdir()
    assert world.pull().code == 7
    lines = _report(world)
    assert lines[4].startswith("Result   failed: the de-identified csv was not written")
    assert "  The file that is named above is in place." in lines
    assert not any("Nothing was written" in line for line in lines)
