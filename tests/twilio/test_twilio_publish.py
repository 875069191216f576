"""The publishing function, in Twilio's own local runtime; nothing is faked but Google's servers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from sheets_decrypt.sandbox.google import Fault, Kind, Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests.twilio.runtime import Answer, Execution, Runtime, execute, running
from tests.twilio.test_twilio_encrypt import ANSWERS, PUBLIC_KEY, decrypted

TAB: Final = "it's data"
HEADER: Final = ["name", "phone", "village"]
TOKEN: Final = "v2:" + "A" * 88
LONG_STALL: Final = 20.0  # seconds; Twilio ends a function after 10


@dataclass(frozen=True)
class Survey:
    """A Sheet, and a runtime that publishes to it.

    Args:
        google: The stand-in for Google.
        spreadsheet: The Sheet's id.
        runtime: Serves the functions.
    """

    google: Sandbox
    spreadsheet: str
    runtime: Runtime

    def publish(self, parameters: Mapping[str, str] | Sequence[tuple[str, str]]) -> Answer:
        """Call the function."""
        return self.runtime.call("publish_to_sheet", parameters)

    def rows(self) -> list[list[Any]]:
        """The rows under the header."""
        return [list(row) for row in self.google.rows(self.spreadsheet, TAB)[1:]]

    def asked(self, kind: Kind) -> int:
        """How many requests of a kind Google has got."""
        return sum(request.kind == kind for request in self.google.requests)

    def refill(self, rows: Sequence[list[str]]) -> None:
        """Put other rows into the tab, the header included."""
        self.google.replace_rows(self.spreadsheet, TAB, rows)


def environment(google: Sandbox, spreadsheet: str, **changes: str | None) -> dict[str, str]:
    """Give the functions' environment variables; a change to None leaves one out."""
    settings: dict[str, str | None] = {
        "ENCRYPTION_PUBLIC_KEY": PUBLIC_KEY,
        "GOOGLE_CLIENT_EMAIL": google.client_email,
        "GOOGLE_PRIVATE_KEY": json.dumps(json.loads(google.key_file.read_text())["private_key"]),
        "GOOGLE_SHEET_ID": spreadsheet,
        "GOOGLE_SHEET_TAB": TAB,
        "SANDBOX_PORT": str(google.direct_port),
        "SANDBOX_CA": str(google.ca_bundle),
    }
    return {name: value for name, value in {**settings, **changes}.items() if value is not None}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A stand-in for Google."""
    with Sandbox(tmp_path_factory.mktemp("google")) as started:
        yield started


@pytest.fixture(scope="module")
def started(google: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    """A survey whose runtime serves every test of this file."""
    folder = tmp_path_factory.mktemp("functions")
    write(folder, export(HEADER))
    spreadsheet = google.add("Survey", [Tab(TAB, [HEADER])])
    with running(folder, environment(google, spreadsheet)) as runtime:
        yield Survey(google, spreadsheet, runtime)


@pytest.fixture
def survey(started: Survey) -> Survey:
    """The survey with an empty Sheet, a Google that works, and no access token left from another test."""
    started.google.clear_faults()
    started.google.revoke_tokens()
    started.google.share(started.spreadsheet)
    started.refill([HEADER])
    started.publish({"name": "makes the runtime sign in again"})
    started.refill([HEADER])
    started.google.requests.clear()
    return started


Start = Callable[..., AbstractContextManager[Runtime]]


@pytest.fixture
def start(google: Sandbox, started: Survey, tmp_path: Path) -> Start:
    """Start another runtime with other environment variables, on the same Sheet."""
    write(tmp_path, export(HEADER))
    started.google.clear_faults()
    started.refill([HEADER])

    def begin(*, fork: bool = False, **changes: str | None) -> AbstractContextManager[Runtime]:
        return running(tmp_path, environment(google, started.spreadsheet, **changes), fork=fork)

    return begin


def failed(answer: Answer, *says: str) -> bool:
    """Tell whether the flow's failure path is taken, and the reason says so."""
    return (
        answer.status == 500
        and answer.body["status"] == "failed"
        and all(word in answer.body["error"] for word in says)
    )


# ---------------------------------------------------------------- the row


def test_a_row_is_written_under_the_headers_names(survey: Survey) -> None:
    """The order of the parameters does not matter, and the reply names the row."""
    answer = survey.publish({"village": "Ait Ben", "phone": "+212 5", "name": "Ana"})
    assert answer == Answer(200, {"status": "written", "missing_columns": "", "repeated_columns": "", "row": 2})
    assert survey.rows() == [["Ana", "+212 5", "Ait Ben"]]


def test_the_header_is_read_anew_for_each_row(survey: Survey) -> None:
    """Columns that somebody moves between two respondents do not mix up the answers."""
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
    """Somebody moves the header between reading it and appending; the team is told to repair the Sheet."""
    moved = [["", "", *HEADER]]
    survey.google.fault(Fault(Kind.APPEND, "call", then=lambda: survey.refill(moved)))
    assert failed(survey.publish({"name": "Ana"}), "in the wrong place")


@pytest.mark.parametrize("header", ["name ", " name", "caf\u00e9", "cafe\u0301"])
def test_a_name_is_found_despite_blanks_around_it_and_however_its_accents_are_stored(
    survey: Survey, header: str
) -> None:
    """Nobody sees these differences in a Sheet, and no answer is lost for one."""
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
def test_a_tab_may_be_called_anything(google: Sandbox, start: Start, title: str) -> None:
    """The title is quoted for Sheets and encoded for the address."""
    spreadsheet = google.add("Other", [Tab("first", [["x"]]), Tab(title, [HEADER])])
    with start(GOOGLE_SHEET_ID=spreadsheet, GOOGLE_SHEET_TAB=f'"{title}"') as runtime:
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
    """The answer is in the Sheet, and the log tells the team what to repair."""
    survey.refill([["name", "phone", "name"]])
    answer = survey.publish({"name": "Ana", "phone": "1"})
    assert (answer.body["status"], answer.body["repeated_columns"]) == ("written", "name")
    assert survey.rows() == [["Ana", "1", ""]]
    assert 'stand in the header more than once, and the first column was taken: "name"' in survey.runtime.log


def test_two_parameters_for_one_column_do_not_overwrite_each_other(survey: Survey) -> None:
    """The second one counts as one without a column."""
    answer = survey.publish([("name", "Ana"), ("name ", "Berta")])
    assert answer.body["missing_columns"] == "name "
    assert survey.rows() == [["Ana", "", ""]]


def test_a_call_of_which_nothing_has_a_column_fails(survey: Survey) -> None:
    """An empty row would be no answer, and the respondent must not be thanked for it."""
    assert failed(survey.publish({"nome": "Ana", "": "x"}), "no parameter has a column", '"nome"')
    assert survey.rows() == []


@pytest.mark.parametrize("rows", [[], [[]], [["", "  "]], [["", ""], ["name", "phone"]]])
def test_a_tab_without_a_header_row_fails(survey: Survey, rows: list[list[str]]) -> None:
    """Without names nobody can say which answer belongs where."""
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


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_EMAIL", "GOOGLE_PRIVATE_KEY", "GOOGLE_SHEET_ID", "GOOGLE_SHEET_TAB"])
@pytest.mark.parametrize("value", [None, '"  "'])
def test_a_missing_setting_is_named(start: Start, name: str, value: str | None) -> None:
    """Whoever sets it up reads in the log which one it is."""
    with start(**{name: value}) as runtime:
        assert failed(runtime.call("publish_to_sheet", {"name": "Ana"}), name)
        assert f"the environment variable {name} is not set" in runtime.log


@pytest.mark.parametrize(
    "form",
    [
        json.dumps,  # the runtime reads \n in double quotes as real line breaks
        lambda pem: json.dumps(pem)[1:-1],  # literal \n, as copied from the key file
        lambda pem: f"'{json.dumps(pem)}'",  # copied with its quotes
        lambda pem: pem.replace("\n", " "),  # as some forms paste it
        lambda pem: json.dumps(pem.replace("\n", "\r\n")),
    ],
    ids=["real line breaks", "literal line breaks", "with quotes", "one line", "windows"],
)
def test_the_private_key_is_read_however_it_was_pasted(
    google: Sandbox, start: Start, form: Callable[[str], str]
) -> None:
    """Consoles and files change line breaks, and no respondent should pay for it."""
    pem = json.loads(google.key_file.read_text())["private_key"]
    with start(GOOGLE_PRIVATE_KEY=form(pem)) as runtime:
        assert runtime.call("publish_to_sheet", {"name": "Ana"}).body.get("error") is None


def test_a_damaged_private_key_fails_and_is_not_shown(google: Sandbox, start: Start) -> None:
    """The error says where to copy it from."""
    pem = json.dumps(json.loads(google.key_file.read_text())["private_key"])[1:-1]
    for damaged in (pem.replace("MII", "MIX", 1), pem[:-80], "x" * 40):
        with start(GOOGLE_PRIVATE_KEY=damaged) as runtime:
            answer = runtime.call("publish_to_sheet", {"name": "Ana"})
            assert failed(answer, "GOOGLE_PRIVATE_KEY is not a private key")
            assert damaged[40:60] not in (runtime.log + str(answer.body)) or damaged == "x" * 40


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"GOOGLE_SHEET_TAB": "dato"}, "check GOOGLE_SHEET_TAB"),
        ({"GOOGLE_SHEET_ID": "1nosuchspreadsheet"}, "check GOOGLE_SHEET_ID"),
        ({"GOOGLE_CLIENT_EMAIL": "somebody@else.iam.gserviceaccount.com"}, "copy GOOGLE_CLIENT_EMAIL"),
        ({"SANDBOX_PORT": "9"}, "Google did not answer"),
    ],
)
def test_a_wrong_setting_fails_with_the_next_step(start: Start, changes: dict[str, str], says: str) -> None:
    """The log tells what to check."""
    with start(**changes) as runtime:
        assert failed(runtime.call("publish_to_sheet", {"name": "Ana"}), says)


def test_a_sheet_that_is_not_shared_or_only_to_be_read_fails(survey: Survey) -> None:
    """Publishing needs an Editor."""
    survey.google.share(survey.spreadsheet, shared=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "share the Sheet as Editor")
    survey.google.share(survey.spreadsheet, editable=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "not as Viewer")
    assert survey.rows() == []


# ---------------------------------------------------------------- faults at Google
#
# Every call here is given up after ten seconds, as Twilio does: a function that takes longer fails its test.


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.VALUES, Kind.APPEND])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_google_is_asked_again_and_the_row_is_there_once(survey: Survey, kind: Kind, status: int) -> None:
    """With 429 nothing was written, and after a 503 the row is looked for, so that every step may be repeated."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, status=status, times=2))
    assert survey.publish({"name": TOKEN}).status == 200
    assert survey.rows() == [[TOKEN, "", ""]]


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.TOKEN, 503), (Kind.VALUES, 429), (Kind.APPEND, 429), (Kind.APPEND, 503)]
)
def test_a_google_that_stays_busy_is_an_error_in_time_and_no_row(survey: Survey, kind: Kind, status: int) -> None:
    """The flow's failure path is taken before Twilio ends the function."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, status=status, times=None))
    assert failed(survey.publish({"name": TOKEN}), str(status))
    assert survey.rows() == []
    assert survey.asked(kind) > 1


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.VALUES])
@pytest.mark.parametrize("what", ["stall", "drip", "reset", "truncate", "html", "page"])
def test_reading_is_repeated_whatever_went_wrong(survey: Survey, kind: Kind, what: str) -> None:
    """A single fault before the row is appended costs the respondent nothing."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, what, seconds=LONG_STALL))
    assert survey.publish({"name": "Ana"}).status == 200
    assert survey.rows() == [["Ana", "", ""]]


@pytest.mark.parametrize(
    ("kind", "what"), [(Kind.TOKEN, "stall"), (Kind.VALUES, "stall"), (Kind.VALUES, "reset"), (Kind.TOKEN, "html")]
)
def test_a_google_that_never_answers_is_an_error_in_time_and_no_row(survey: Survey, kind: Kind, what: str) -> None:
    """Whatever stands between Twilio and Google."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, what, seconds=LONG_STALL, times=None))
    assert failed(survey.publish({"name": "Ana"}), "Google did not answer")
    assert survey.asked(Kind.APPEND) == 0


def test_a_retry_after_that_is_too_long_ends_the_tries(survey: Survey) -> None:
    """Asking earlier than Google wants would not help."""
    survey.google.fault(Fault(Kind.VALUES, status=429, times=None, retry_after="60"))
    assert failed(survey.publish({"name": "Ana"}), "429", "tries: 1")


def test_a_short_retry_after_is_kept(survey: Survey) -> None:
    """The next try comes when Google said."""
    survey.google.fault(Fault(Kind.APPEND, status=429, retry_after="1"))
    assert survey.publish({"name": "Ana"}).status == 200
    assert survey.asked(Kind.APPEND) == 2


@pytest.mark.parametrize("what", ["lost", "stall", "truncate", "drip"])
def test_a_row_whose_answer_was_lost_is_found_again_and_not_sent_twice(survey: Survey, what: str) -> None:
    """Google had written it; the token in it proves that it is this one."""
    survey.refill([HEADER, ["No Data", "older", ""]])
    survey.google.fault(Fault(Kind.APPEND, what, seconds=LONG_STALL))
    answer = survey.publish({"name": "", "phone": TOKEN, "village": "x"})
    assert answer.body == {"status": "written", "missing_columns": "", "repeated_columns": "", "row": 3}
    assert survey.rows() == [["No Data", "older", ""], ["No Data", TOKEN, "x"]]
    assert survey.asked(Kind.APPEND) == 1


def test_a_lost_row_is_found_in_a_column_beyond_z(survey: Survey) -> None:
    """The column's letters go on with AA."""
    for column, letters in ((25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")):
        survey.google.clear_faults()
        survey.refill([[f"question {number}" for number in range(703)]])
        survey.google.fault(Fault(Kind.APPEND, "lost"))
        assert survey.publish({f"question {column}": TOKEN}).body["row"] == 2
        assert f"!{letters}%3A{letters}" in survey.google.requests[-1].path


@pytest.mark.parametrize("what", ["reset", "html", "status", "page"])
def test_an_append_without_an_answer_is_never_sent_a_second_time(survey: Survey, what: str) -> None:
    """Nobody can know that it was not written, so the flow fails rather than risk two rows."""
    survey.google.fault(Fault(Kind.APPEND, what, status=500))
    assert failed(survey.publish({"name": TOKEN}), "answer was lost")
    assert survey.asked(Kind.APPEND) == 1
    assert survey.rows() == []


def test_a_row_that_was_written_and_answered_503_is_not_sent_twice(survey: Survey) -> None:
    """A front server may give up while the row is being written; the token in it proves that it is there."""
    survey.google.fault(Fault(Kind.APPEND, status=503, then=lambda: survey.refill([HEADER, [TOKEN, "", ""]])))
    assert survey.publish({"name": TOKEN}).body["row"] == 2
    assert survey.rows() == [[TOKEN, "", ""]]
    assert survey.asked(Kind.APPEND) == 1


def test_a_row_that_comes_late_after_a_503_is_found_whatever_a_later_try_met(survey: Survey) -> None:
    """Once a try may have written the row, it is looked for before every further one."""
    late = Fault(Kind.APPEND, status=429, then=lambda: survey.refill([HEADER, [TOKEN, "", ""]]))
    survey.google.fault(Fault(Kind.APPEND, status=503), late)
    assert survey.publish({"name": TOKEN}).body["row"] == 2
    assert survey.rows() == [[TOKEN, "", ""]]
    assert survey.asked(Kind.APPEND) == 2


def test_after_a_503_a_row_that_cannot_be_looked_for_is_not_sent_twice(survey: Survey) -> None:
    """Without a token in the row, and where the Sheet cannot be read, nobody knows that it is not there."""
    survey.google.fault(Fault(Kind.APPEND, status=503))
    assert failed(survey.publish({"name": "Ana"}), "503", "the row was not found")
    survey.google.fault(Fault(Kind.APPEND, status=503), Fault(Kind.VALUES, status=403, times=None, after=1))
    assert failed(survey.publish({"name": TOKEN}), "503", "the row was not found")
    assert survey.asked(Kind.APPEND) == 2
    assert survey.rows() == []


@pytest.mark.parametrize("value", ["Ana", "v2:Ana"])
def test_a_lost_row_without_a_token_is_not_guessed_at(survey: Survey, value: str) -> None:
    """Another respondent may have said the same; the row counts as not written, and is there once."""
    survey.refill([HEADER, [value, "", ""]])
    survey.google.fault(Fault(Kind.APPEND, "lost"))
    assert failed(survey.publish({"name": value}), "answer was lost")
    assert survey.rows() == [[value, "", ""], [value, "", ""]]


def test_a_lost_row_that_appears_late_is_still_found(survey: Survey) -> None:
    """Google may still be writing when the connection breaks."""
    survey.google.fault(Fault(Kind.APPEND, "reset"))
    looks = iter([None, [HEADER, [TOKEN, "", ""]]])

    def appear() -> None:
        rows = next(looks, None)
        if rows:
            survey.refill(rows)

    survey.google.fault(Fault(Kind.VALUES, "call", times=None, after=1, then=appear))
    assert survey.publish({"name": TOKEN}).body["row"] == 2
    assert survey.rows() == [[TOKEN, "", ""]]


def test_a_token_that_google_withdrew_is_replaced(survey: Survey) -> None:
    """A container that Twilio keeps for hours signs in again by itself."""
    survey.google.revoke_tokens()
    assert survey.publish({"name": "Ana"}).status == 200
    assert (survey.asked(Kind.TOKEN), survey.asked(Kind.APPEND)) == (1, 1)


def test_one_sign_in_serves_the_following_calls(survey: Survey) -> None:
    """A row costs two requests: the header and the append."""
    for _ in range(3):
        survey.publish({"name": "Ana"})
    assert (survey.asked(Kind.TOKEN), survey.asked(Kind.VALUES), survey.asked(Kind.APPEND)) == (0, 3, 3)


def test_no_value_is_ever_logged_or_quoted_in_an_error(survey: Survey) -> None:
    """Whatever goes wrong, the log holds names and reasons."""
    said = "Rosalind-said-this"
    answers = [survey.publish({"name": said}), survey.publish({"name": said, "nome": said})]
    for what in ("status", "reset", "html", "lost"):
        survey.google.fault(Fault(Kind.APPEND, what, status=400))
        answers.append(survey.publish({"name": said}))
    answers.append(survey.publish([("name", said), ("name", said)]))
    answers.append(survey.publish({"nome": said}))
    assert sum(answer.status == 500 for answer in answers) == 6
    assert said not in survey.runtime.log + str(answers)


# ---------------------------------------------------------------- the whole way


def flow_of(columns: Sequence[str], plain: Sequence[str]) -> tuple[dict[str, Any], list[str], Mapping[str, str]]:
    """Export a survey; give its flow, its question widgets and the files."""
    files = export(columns, plain=plain)
    flow: dict[str, Any] = json.loads(files["studio_flow.json"])
    asked = [state["name"] for state in flow["states"] if state["type"] == "send-and-wait-for-reply"]
    return flow, asked, files


COLUMNS: Final = ["name", "Full name", "நகரம்", "encrypt", "__proto__"]
PLAIN: Final = ["Village, or town"]


def thanked(execution: Execution) -> bool:
    """Tell whether the respondent was thanked."""
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
            assert order.visited[-3:] == ("publish", "row_written", "thank_you") or "encrypt" in order.visited
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
    assert done.visited == (*asked, "encrypt", "publish", "row_written", "thank_you")
    row = google.rows(spreadsheet, TAB)[1][::-1]
    assert [decrypted(str(cell)) for cell in row[:-1]] == [f"answer {number}" for number in range(5)]
    assert row[-1] == "answer 5"


def test_two_hundred_respondents_at_once_get_a_row_each(survey: Survey) -> None:
    """Every row is there once, none is shifted, and no answer stands in another's row."""
    flow, asked, _ = flow_of(HEADER[:2], HEADER[2:])
    runtime = replace(survey.runtime, patience=120.0)  # this machine's cores are not Twilio's

    def answer(number: int) -> Execution:
        given = (f"name {number}", f"phone {number}", f"village {number}")
        return execute(flow, runtime, dict(zip(asked, given, strict=True)))

    with ThreadPoolExecutor(200) as respondents:
        done = list(respondents.map(answer, range(200)))
    assert all(map(thanked, done))
    rows = [[str(cell) for cell in row] for row in survey.rows()]
    assert sorted((decrypted(name), decrypted(phone), village) for name, phone, village in rows) == sorted(
        (f"name {number}", f"phone {number}", f"village {number}") for number in range(200)
    )


def test_a_respondent_whose_row_was_not_written_is_not_thanked(survey: Survey) -> None:
    """Neither where the encryption fails nor where Google does."""
    flow, asked, _ = flow_of(HEADER, [])
    survey.google.fault(Fault(Kind.APPEND, "status", status=500))
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-2:] == ("publish", "not_saved")
    assert not thanked(done)
    assert survey.rows() == []


def test_a_respondent_whose_answers_cannot_be_encrypted_is_not_thanked(survey: Survey, start: Start) -> None:
    """Nothing reaches the Sheet unencrypted in its place."""
    flow, asked, _ = flow_of(HEADER, [])
    with start(ENCRYPTION_PUBLIC_KEY=None) as runtime:
        done = execute(flow, runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-2:] == ("encrypt", "not_saved")
    assert not thanked(done)
    assert survey.rows() == []


def test_a_missing_column_is_noted_in_the_flow_and_the_respondent_is_thanked(survey: Survey) -> None:
    """The row is written, so that the thanks are true, and the flow's log names the column."""
    survey.refill([["name", "phone"]])
    flow, asked, _ = flow_of(HEADER, [])
    done = execute(flow, survey.runtime, dict.fromkeys(asked, "x"))
    assert done.visited[-2:] == ("note_missing_columns", "thank_you")
    assert done.variables == {"missing_columns": "village", "row": "2"}
    assert thanked(done)
