"""Respondents on their whole way: the exported flow, both functions and the Sheet; only Google and Sync are faked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.sandbox.google import Fault, Kind, Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests import require
from tests.twilio.runtime import Execution, Runtime, execute, questions, running
from tests.twilio.survey import HEADER, TAB, Other, Survey, environment
from tests.twilio.test_encrypt import ANSWERS, decrypted


def flow_of(columns: Sequence[str], plain: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Export a survey; return its flow and its question widgets."""
    flow: dict[str, Any] = json.loads(export(columns, plain=plain)["studio_flow.json"])
    return flow, questions(flow)


WRITTEN: Final = ("encrypt", "publish", "row_written", "thank_you", "watches_queue")
COLUMNS: Final = ["name", "Full name", "நகரம்", "encrypt", "__proto__"]
PLAIN: Final = ["Village, or town"]


def thanked(execution: Execution) -> bool:
    """Return whether the respondent was thanked."""
    return any(text.startswith("Thank you") for text in execution.said)


def test_what_respondents_say_arrives_encrypted_in_their_own_row(google: Sandbox, other: Other) -> None:
    """Through the exported flow, both functions and the Sheet, every answer decrypts to itself."""
    spreadsheet = google.add("Whole", [Tab(TAB, [[*COLUMNS, *PLAIN]])])
    arrive_in_their_own_row(google, spreadsheet, other(GOOGLE_SHEET_ID=spreadsheet), ANSWERS)


def test_the_same_arrives_with_a_process_for_each_call(google: Sandbox, tmp_path: Path) -> None:
    """The runtime's other way to run a function; with Sync it does so in an ordinary run as well."""
    require.patience("a process of Node starts for each call")
    spreadsheet = google.add("Whole", [Tab(TAB, [[*COLUMNS, *PLAIN]])])
    google.clear_faults()
    write(tmp_path, export(COLUMNS, plain=PLAIN))
    with running(tmp_path, environment(google, spreadsheet), fork=True) as runtime:
        arrive_in_their_own_row(google, spreadsheet, runtime, ANSWERS[:3])


def arrive_in_their_own_row(google: Sandbox, spreadsheet: str, runtime: Runtime, answers: Sequence[str]) -> None:
    """Lead a respondent through the flow for each answer, and hold what is in the Sheet afterwards."""
    flow, asked = flow_of(COLUMNS, PLAIN)
    for answer in answers:
        given = dict.fromkeys(asked, answer) | {asked[1]: None, asked[-1]: "=plain()"}
        order = execute(flow, runtime, given)
        assert order.visited == (*asked[:2], *WRITTEN)
        assert thanked(order)
    rows = google.rows(spreadsheet, TAB)[1:]
    assert len(rows) == len(answers)
    for row, answer in zip(rows, answers, strict=True):
        # Silence at the second question ends the asking: the first answer is kept, the rest is "No Data".
        assert decrypted(str(row[0])) == answer
        assert row[1:] == ["No Data"] * 5


def test_every_column_gets_its_own_answer(google: Sandbox, other: Other) -> None:
    """With all questions answered, each cell decrypts to that column's answer; plain ones are readable."""
    flow, asked = flow_of(COLUMNS, PLAIN)
    spreadsheet = google.add("Columns", [Tab(TAB, [[*reversed([*COLUMNS, *PLAIN])]])])
    runtime = other(GOOGLE_SHEET_ID=spreadsheet)
    done = execute(flow, runtime, {widget: f"answer {number}" for number, widget in enumerate(asked)})
    assert done.visited == (*asked, *WRITTEN)
    row = google.rows(spreadsheet, TAB)[1][::-1]
    assert [decrypted(str(cell)) for cell in row[:-1]] == [f"answer {number}" for number in range(5)]
    assert row[-1] == "answer 5"


def test_a_respondent_whose_row_was_not_written_is_not_thanked(survey: Survey) -> None:
    """Neither where the encryption fails nor where Google does."""
    flow, asked = flow_of(HEADER, [])
    survey.google.fault(Fault(Kind.APPEND, "status", status=500))
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("publish", "row_written", "not_saved")
    assert not thanked(done)
    assert survey.rows() == []


def test_a_respondent_whose_answers_cannot_be_encrypted_is_not_thanked(survey: Survey, other: Other) -> None:
    """Nothing reaches the Sheet unencrypted in its place."""
    flow, asked = flow_of(HEADER, [])
    done = execute(flow, other(ENCRYPTION_PUBLIC_KEY=None), dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("count_encrypt", "encrypt_again", "not_saved")
    assert done.visited.count("encrypt") == 45
    assert not thanked(done)
    assert survey.rows() == []


def test_a_missing_column_is_noted_in_the_flow_and_the_respondent_is_thanked(survey: Survey) -> None:
    """The row is written, so that the thanks are true, and the flow's log names the column."""
    survey.refill([["name", "phone"]])
    flow, asked = flow_of(HEADER, [])
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-3:] == ("note_missing_columns", "thank_you", "watches_queue")
    assert done.variables == {"missing_columns": "village", "row": "2"}
    assert thanked(done)
