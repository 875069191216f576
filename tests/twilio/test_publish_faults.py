"""What goes wrong at Google while a row is published directly; nothing is faked but Google's servers.

Every call here is given up after ten seconds, as Twilio does: a function that takes longer fails its test.
"""

import pytest

from sheets_decrypt.sandbox.google import Fault, Kind
from tests import require
from tests.long import scaled
from tests.twilio.survey import HEADER, LONG_STALL, TOKEN, Survey, failed

BUSY = [
    *((Kind.APPEND, 503), (Kind.APPEND, 429), (Kind.TOKEN, 503)),
    *((Kind.VALUES, 429), (Kind.VALUES, 503), (Kind.TOKEN, 429)),
]


@pytest.mark.parametrize(("kind", "status"), scaled(BUSY[:3], BUSY))
def test_a_busy_google_is_asked_again_and_the_row_is_there_once(survey: Survey, kind: Kind, status: int) -> None:
    """With 429 nothing was written, and after a 503 the row is looked for, so that every step may be repeated."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, status=status, times=2))
    assert survey.publish({"name": TOKEN}).status == 200
    assert survey.rows() == [[TOKEN, "", ""]]


def test_a_google_that_stays_busy_is_an_error_in_time_and_no_row(survey: Survey) -> None:
    """The flow's failure path is taken before Twilio ends the function; test_load has the other requests."""
    survey.google.fault(Fault(Kind.APPEND, status=429, times=None))
    assert failed(survey.publish({"name": TOKEN}), "429")
    assert survey.rows() == []
    assert survey.asked(Kind.APPEND) > 1


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.VALUES])
@pytest.mark.parametrize("what", scaled(["reset", "page"], ["stall", "drip", "reset", "truncate", "html", "page"]))
def test_reading_is_repeated_whatever_went_wrong(survey: Survey, kind: Kind, what: str) -> None:
    """A single fault before the row is appended costs the respondent nothing."""
    if kind is Kind.TOKEN:
        survey.google.revoke_tokens()
    survey.google.fault(Fault(kind, what, seconds=LONG_STALL))
    assert survey.publish({"name": "Ana"}).status == 200
    assert survey.rows() == [["Ana", "", ""]]


@pytest.mark.parametrize(("kind", "what"), [(Kind.VALUES, "stall"), (Kind.TOKEN, "html")])
def test_a_google_that_never_answers_is_an_error_in_time_and_no_row(survey: Survey, kind: Kind, what: str) -> None:
    """Whatever is between Twilio and Google; test_load has it for each request, with a clock of its own."""
    require.patience("the function tries for eight seconds")
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


@pytest.mark.parametrize("what", scaled(["truncate"], ["lost", "truncate", "drip"]))
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


@pytest.mark.parametrize("what", scaled(["reset"], ["reset", "html"]))
def test_an_append_without_an_answer_is_never_sent_a_second_time(survey: Survey, what: str) -> None:
    """It may have been written, so the flow fails rather than risk two rows."""
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
    """Without a token in the row, and where the Sheet cannot be read, it may be there."""
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
