"""The row that the publishing function writes, in Twilio's own local runtime; nothing is faked but Google's servers."""

import pytest

from sheets_decrypt.sandbox.google import Fault, Kind, Sandbox, Tab
from tests.twilio.runtime import Answer
from tests.twilio.survey import HEADER, Other, Survey, failed

# ---------------------------------------------------------------- the row


def test_a_row_is_written_under_the_headers_names(survey: Survey) -> None:
    """The order of the parameters does not matter, and the reply names the row."""
    answer = survey.publish({"village": "Ait Ben", "phone": "+212 5", "name": "Ana"})
    assert answer == Answer(200, {"status": "written", "missing_columns": "", "repeated_columns": "", "row": 2})
    assert survey.rows() == [["Ana", "+212 5", "Ait Ben"]]


def test_the_header_is_read_anew_for_each_row(survey: Survey) -> None:
    """Columns that are moved between two respondents do not mix up the answers."""
    survey.publish({"name": "Ana", "phone": "1"})
    survey.refill([["phone", "", "name"], ["1", "", "Ana"]])
    survey.publish({"name": "Berta", "phone": "2"})
    assert survey.rows() == [["1", "", "Ana"], ["2", "", "Berta"]]


def test_values_stay_the_text_that_they_are(survey: Survey) -> None:
    """Nothing becomes a formula, a number, a date or a boolean."""
    values = [
        "=1+1",
        "+5",
        "-5",
        "007",
        "1e5",
        "TRUE",
        "2024-01-02",
        "'quoted",
        " blanks ",
        "a\nb\r\nc",
        "🌾",
        "שלום",
        "@x",
    ]
    for value in values:
        survey.publish({"name": value})
    assert [row[0] for row in survey.rows()] == values


def test_an_unanswered_question_becomes_no_data(survey: Survey) -> None:
    """`missing_values` of the configuration expects exactly this; a column without a parameter stays empty."""
    survey.publish({"name": "", "phone": "1"})
    assert survey.rows() == [["No Data", "1", ""]]


def test_a_row_goes_below_the_last_one_also_where_its_first_cells_are_empty(survey: Survey) -> None:
    """Rows never land further right, and never on another row."""
    for parameters in ({"village": "x"}, {"name": "y"}, {"phone": "z"}):
        survey.publish(parameters)
    assert survey.rows() == [["", "", "x"], ["y", "", ""], ["", "z", ""]]


def test_a_blank_first_cell_in_the_header_fails_before_anything_is_written(survey: Survey) -> None:
    """Google would put the row above the header, or further right."""
    survey.refill([["", "name", "phone"], ["", "Ana", "1"]])
    assert failed(survey.publish({"name": "Berta", "phone": "2"}), "cell A1 is blank")
    assert survey.asked(Kind.APPEND) == 0


def test_a_row_that_lands_in_the_wrong_place_is_a_failure(survey: Survey) -> None:
    """The header is moved between reading it and appending; the team is asked to repair the Sheet."""
    moved = [["", "", *HEADER]]
    survey.google.fault(Fault(Kind.APPEND, "call", then=lambda: survey.refill(moved)))
    assert failed(survey.publish({"name": "Ana"}), "in the wrong place")


@pytest.mark.parametrize("header", ["name ", " name", "caf\u00e9", "cafe\u0301"])
def test_a_name_is_found_despite_blanks_around_it_and_however_its_accents_are_stored(
    survey: Survey, header: str
) -> None:
    """These differences cannot be seen in a Sheet, and no answer is lost for one."""
    survey.refill([["phone", header]])
    assert survey.publish({"caf\u00e9" if "caf" in header else "name": "Ana"}).body["status"] == "written"
    assert survey.rows() == [["", "Ana"]]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "length", "Full name", "request", "நகரம்"])
def test_a_column_may_be_called_anything(survey: Survey, name: str) -> None:
    """Also what means something to JavaScript or to Twilio."""
    survey.refill([["phone", name]])
    assert survey.publish({name: "Ana"}).body["status"] == "written"
    assert survey.rows() == [["", "Ana"]]


@pytest.mark.parametrize("title", ["A1", "it's", "''", "data!B2", "data 1", "Données/été", "100%", "a&b=c?d#e"])
def test_a_tab_may_be_called_anything(google: Sandbox, other: Other, title: str) -> None:
    """The title is quoted for Sheets and encoded for the address."""
    spreadsheet = google.add("Other", [Tab("first", [["x"]]), Tab(title, [HEADER])])
    runtime = other(GOOGLE_SHEET_ID=spreadsheet, GOOGLE_SHEET_TAB=title)
    assert runtime.call("publish_to_sheet", {"name": "Ana"}).body["row"] == 2
    assert google.rows(spreadsheet, title)[1][0] == "Ana"


# ---------------------------------------------------------------- columns that are not there


def test_a_parameter_without_a_column_is_named_and_the_row_is_written(survey: Survey) -> None:
    """The reply says so in a way that a flow can branch on, and the log names the columns; neither shows a value."""
    answer = survey.publish({"name": "Ana", "Age, in years": "forty-one", "__proto__": "fifty-one"})
    assert answer.status == 200
    assert answer.body["status"] == "written_with_missing_columns"
    assert answer.body["missing_columns"] == "Age, in years,__proto__"
    assert survey.rows() == [["Ana", "", ""]]
    assert 'row 2: these parameters have no column, so their values are not in the Sheet: "Age, in years"' in (
        survey.runtime.log
    )
    assert "ty-one" not in survey.runtime.log + str(answer.body)


def test_a_name_that_the_header_holds_twice_is_written_once_and_reported(survey: Survey) -> None:
    """The answer is in the Sheet, and the log says what to repair."""
    survey.refill([["name", "phone", "name"]])
    answer = survey.publish({"name": "Ana", "phone": "1"})
    assert (answer.body["status"], answer.body["repeated_columns"]) == ("written", "name")
    assert survey.rows() == [["Ana", "1", ""]]
    assert 'appear in the header more than once, and the first column was taken: "name"' in survey.runtime.log


def test_two_parameters_for_one_column_do_not_overwrite_each_other(survey: Survey) -> None:
    """The second one counts as one without a column."""
    answer = survey.publish([("name", "Ana"), ("name ", "Berta")])
    assert answer.body["missing_columns"] == "name "
    assert survey.rows() == [["Ana", "", ""]]


def test_names_that_differ_in_case_are_two_columns(survey: Survey) -> None:
    """Each parameter goes under its own name; without that column it is named, and takes no other's place."""
    survey.refill([["name", "Name"]])
    survey.publish({"Name": "Ana", "name": "Berta"})
    assert survey.rows() == [["Berta", "Ana"]]
    survey.refill([["name"]])
    answer = survey.publish({"Name": "Ana", "name": "Berta"})
    assert answer.body["missing_columns"] == "Name"
    assert survey.rows() == [["Berta"]]


def test_blanks_in_the_middle_of_a_name_make_another_column(survey: Survey) -> None:
    """Only those at its ends are passed over."""
    survey.refill([["full name", "full  name "]])
    survey.publish({"full  name": "Ana", " full name": "Berta"})
    assert survey.rows() == [["Berta", "Ana"]]


def test_a_call_of_which_nothing_has_a_column_fails(survey: Survey) -> None:
    """An empty row would be no answer, and the respondent must not be thanked for it."""
    assert failed(survey.publish({"nome": "Ana", "": "x"}), "no parameter has a column", '"nome"')
    assert survey.rows() == []


@pytest.mark.parametrize("rows", [[], [[]], [["", "  "]], [["", ""], ["name", "phone"]]])
def test_a_tab_without_a_header_row_fails(survey: Survey, rows: list[list[str]]) -> None:
    """Without names no answer has a place."""
    survey.refill(rows)
    assert failed(survey.publish({"name": "Ana"}), "no header row")
    assert survey.asked(Kind.APPEND) == 0


# ---------------------------------------------------------------- parameters that cannot be written


def test_a_parameter_given_twice_fails_and_is_named(survey: Survey) -> None:
    """The widget has the same key twice; one of the answers would be lost."""
    assert failed(survey.publish([("name", "Ana"), ("name", "Berta")]), '"name" is given more than once')
    assert survey.rows() == []


def test_json_is_written_as_text_and_what_is_no_single_value_fails(survey: Survey) -> None:
    """A caller that sends JSON gets the same promises."""
    call = survey.runtime.call_json
    assert call("publish_to_sheet", {"name": 0, "phone": None, "village": False}).status == 200
    assert survey.rows() == [["0", "No Data", "false"]]
    assert failed(call("publish_to_sheet", {"name": {"first": "Ana"}}), '"name" is not a single value')
    assert failed(call("publish_to_sheet", {"name": ["Ana"]}), '"name" is given more than once')


def test_a_call_without_parameters_fails(survey: Survey) -> None:
    """A widget whose parameters were lost would else write an empty row."""
    assert failed(survey.publish({}), "no parameters")


def test_a_value_longer_than_a_cell_fails_and_is_named(survey: Survey) -> None:
    """Google would refuse the row without saying which value it was; one that just fits is written."""
    assert failed(survey.publish({"name": "x" * 50_001}), '"name" is longer')
    assert survey.publish({"name": "x" * 50_000}).status == 200
    assert [len(row[0]) for row in survey.rows()] == [50_000]
