"""Respondents on their whole way: the exported flow, both functions and the Sheet; only Google and Sync are faked."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from sheets_decrypt.sandbox.google import Fault, Kind, Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests.twilio.runtime import Execution, execute, questions, running
from tests.twilio.survey import HEADER, TAB, Start, Survey, environment
from tests.twilio.test_encrypt import ANSWERS, decrypted


def flow_of(columns: Sequence[str], plain: Sequence[str]) -> tuple[dict[str, Any], list[str], Mapping[str, str]]:
    """Export a survey; give its flow, its question widgets and the files."""
    files = export(columns, plain=plain)
    flow: dict[str, Any] = json.loads(files["studio_flow.json"])
    return flow, questions(flow), files


WRITTEN: Final = ("encrypt", "publish", "row_written", "thank_you", "watches_queue")
COLUMNS: Final = ["name", "Full name", "நகரம்", "encrypt", "__proto__"]
PLAIN: Final = ["Village, or town"]


def thanked(execution: Execution) -> bool:
    """Return whether the respondent was thanked."""
    return any(text.startswith("Thank you") for text in execution.said)


@pytest.mark.parametrize("fork", [False, True], ids=["one process", "a process for each call"])
def test_what_respondents_say_arrives_encrypted_in_their_own_row(google: Sandbox, tmp_path: Path, fork: bool) -> None:
    """Through the exported flow, both functions and the Sheet, every answer decrypts to itself."""
    flow, asked, files = flow_of(COLUMNS, PLAIN)
    write(tmp_path, files)
    spreadsheet = google.add("Whole", [Tab(TAB, [[*COLUMNS, *PLAIN]])])
    google.clear_faults()
    respondents = ANSWERS[:3] if fork else ANSWERS
    with running(tmp_path, environment(google, spreadsheet), fork=fork) as runtime:
        for answer in respondents:
            given = dict.fromkeys(asked, answer) | {asked[1]: None, asked[-1]: "=plain()"}
            order = execute(flow, runtime, given)
            assert order.visited == (*asked[:2], *WRITTEN)
            assert thanked(order)
    rows = google.rows(spreadsheet, TAB)[1:]
    assert len(rows) == len(respondents)
    for row, answer in zip(rows, respondents, strict=True):
        # Silence at the second question ends the asking: the first answer is kept, the rest is "No Data".
        assert decrypted(str(row[0])) == answer
        assert row[1:] == ["No Data"] * 5


def test_every_column_gets_its_own_answer(google: Sandbox, tmp_path: Path) -> None:
    """With all questions answered, each cell decrypts to that column's answer; plain ones are readable."""
    flow, asked, files = flow_of(COLUMNS, PLAIN)
    write(tmp_path, files)
    spreadsheet = google.add("Columns", [Tab(TAB, [[*reversed([*COLUMNS, *PLAIN])]])])
    google.clear_faults()
    with running(tmp_path, environment(google, spreadsheet)) as runtime:
        done = execute(flow, runtime, {widget: f"answer {number}" for number, widget in enumerate(asked)})
    assert done.visited == (*asked, *WRITTEN)
    row = google.rows(spreadsheet, TAB)[1][::-1]
    assert [decrypted(str(cell)) for cell in row[:-1]] == [f"answer {number}" for number in range(5)]
    assert row[-1] == "answer 5"


def test_a_respondent_whose_row_was_not_written_is_not_thanked(survey: Survey) -> None:
    """Neither where the encryption fails nor where Google does."""
    flow, asked, _ = flow_of(HEADER, [])
    survey.google.fault(Fault(Kind.APPEND, "status", status=500))
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("publish", "row_written", "not_saved")
    assert not thanked(done)
    assert survey.rows() == []


def test_a_respondent_whose_answers_cannot_be_encrypted_is_not_thanked(survey: Survey, start: Start) -> None:
    """Nothing reaches the Sheet unencrypted in its place."""
    flow, asked, _ = flow_of(HEADER, [])
    with start(ENCRYPTION_PUBLIC_KEY=None) as runtime:
        done = execute(flow, runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("count_encrypt", "encrypt_again", "not_saved")
    assert done.visited.count("encrypt") == 9
    assert not thanked(done)
    assert survey.rows() == []


def test_a_missing_column_is_noted_in_the_flow_and_the_respondent_is_thanked(survey: Survey) -> None:
    """The row is written, so that the thanks are true, and the flow's log names the column."""
    survey.refill([["name", "phone"]])
    flow, asked, _ = flow_of(HEADER, [])
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("note_missing_columns", "thank_you", "watches_queue")
    assert done.variables == {"missing_columns": "village", "row": "2"}
    assert thanked(done)
