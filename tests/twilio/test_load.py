"""A crowd that finishes at once: every answer gets into the Sheet once, whatever goes wrong meanwhile.

The figures are printed (`pytest -s`). SHEETS_DECRYPT_LONG=1 simulates larger crowds, more seeds, and every death twice.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.long import LONG, scaled
from tests.twilio.load import Crowd, simulate

SEEDS: Final = range(1, scaled(1, 6) + 1)
OUTAGE: Final = {"from": 30, "to": 930}  # fifteen minutes, from the middle of a crowd on
BROKEN: Final = {"from": 20, "to": 1820}  # half an hour until the team has mended it
PEOPLE: Final = scaled(40, 300)
HEADER: Final = ["name", "phone", "address", "number"]
LOST: Final = {"kind": "append", "mood": "swallowed", "to": 4}  # Google writes the first rows, and does not answer


def all_arrived(crowd: Crowd) -> None:
    """Hold that every row is there once, everybody was answered in time and thanked, and no execution was ended."""
    respondents = crowd["respondents"]
    assert (crowd["rows"], crowd["distinct"], crowd["twice"]) == (respondents, respondents, 0), crowd.line
    assert (crowd["thanked"], crowd["not_saved"]) == (respondents, 0), crowd.line
    assert crowd["first_word"] < 120, crowd.line
    assert (crowd["running"], crowd["stopped"]) == (0, 0), crowd.line
    assert crowd["longest_call"] <= 10, crowd.line


def google_was_spared(crowd: Crowd) -> None:
    """Hold that Google was asked at most 60 times a minute for each, refused requests counted."""
    assert max(crowd["reads_a_minute"], crowd["writes_a_minute"]) <= 60, crowd.line
    assert crowd["refused_by_google"] == 0, crowd.line


@pytest.mark.parametrize(
    "crowd",
    [
        {"respondents": 1, "seconds": 1},
        {"respondents": 60, "seconds": 60},
        {"respondents": scaled(300, 1000), "seconds": 60},
        {"respondents": scaled(200, 1000), "seconds": 60, "length": 2500},
        *([{"respondents": 5000, "seconds": 600}, {"respondents": 2000, "seconds": 60}] if LONG else []),
    ],
    ids=lambda crowd: (
        f"{crowd['respondents']} in {crowd['seconds']} s{' of long answers' if 'length' in crowd else ''}"
    ),
)
def test_a_crowd_is_answered_within_two_minutes_and_in_the_sheet_once(tmp_path: Path, crowd: dict[str, Any]) -> None:
    """No respondent is told "not saved", and Google is never asked more often than it allows."""
    for made in simulate(tmp_path, *({**crowd, "seed": seed} for seed in SEEDS)):
        all_arrived(made)
        google_was_spared(made)
        assert max(made["reads_a_minute"], made["writes_a_minute"]) <= 31, made.line  # an account serves two surveys
        assert made["longest_wait"] < 120


def test_who_finish_at_the_same_instant_are_all_saved(tmp_path: Path) -> None:
    """Twilio runs 30 functions at once; the flow calls again, and says that it is still saving, until each was run."""
    (made,) = simulate(tmp_path, {"respondents": scaled(400, 1000), "seconds": 1})
    all_arrived(made)
    google_was_spared(made)


def test_whatever_is_wrong_at_google_the_answers_are_kept_and_arrive_later(tmp_path: Path) -> None:
    """Everybody is thanked in time, the team is alerted, and no request storm is made; some answer nothing at all."""
    troubles = [{"mood": "down", **OUTAGE}, *({"mood": mood, **BROKEN} for mood in ("full", "lost", "renamed"))]
    crowd = {"respondents": PEOPLE, "seconds": 60, "silent": 7}
    crowds = [{**crowd, "moods": [trouble], "seed": seed} for trouble in troubles for seed in SEEDS]
    for made in simulate(tmp_path, *crowds):
        end = made.scenario["moods"][0]["to"]
        all_arrived(made)
        google_was_spared(made)
        assert made["longest_wait"] < 120, made.line
        assert end <= made["last_row"] < end + 300, made.line
        assert any("are kept in Sync" in error for error in made["errors"]), made.line
        assert any("answers or more wait in Sync, the oldest for" in line for line in made["lengths"]), made.line


def test_a_call_that_dies_at_any_await_loses_no_row_and_writes_none_twice(tmp_path: Path) -> None:
    """Each call of a small survey is killed before, after and during each of its requests, or frozen for minutes."""
    survey: dict[str, Any] = {"respondents": scaled(2, 4), "seconds": 3, "until": 7200}
    (undisturbed,) = simulate(tmp_path, survey)
    all_arrived(undisturbed)
    deaths = [
        {**survey, "dies": {"call": call, "await": at, **way}}
        for way in ({}, {"travels": True}, *([{"slow": True}, {"slow": True, "travels": True}] if LONG else []))
        for call, awaits in enumerate(undisturbed["awaits"])
        for at in range(1, (awaits or 0) + 1, scaled(4, 2) if "travels" in way else scaled(4, 1))
    ] + [
        {**survey, "dies": {"call": call, "await": at, "freeze": 230}}
        for call, awaits in enumerate(undisturbed["awaits"])
        for at in range(max(1, (awaits or 0) - scaled(6, 1000)), (awaits or 0) + 1)
    ]
    print(f"{len(deaths)} deaths")
    assert len(deaths) > 50
    for crowd in simulate(tmp_path, *deaths):
        all_arrived(crowd)


def test_a_crowd_whose_calls_die_by_chance_is_in_the_sheet_once(tmp_path: Path) -> None:
    """One call in ten is killed while Google is down; or six in ten, whose last request arrives late."""
    crowd = {"respondents": PEOPLE, "seconds": 60, "dies": {"share": 0.1}, "moods": [{"mood": "down", **OUTAGE}]}
    often = {"respondents": 300, "seconds": 60, "dies": {"share": 0.6, "within": 2, "travels": True}}
    for made in simulate(tmp_path, *({**each, "seed": seed} for each in (crowd, often) for seed in SEEDS)):
        all_arrived(made)


def test_while_sync_itself_is_down_the_flow_keeps_the_answers(tmp_path: Path) -> None:
    """The execution calls again, tells the respondent that it is still saving, and puts nothing in twice."""
    crowd = {"respondents": PEOPLE, "seconds": 60, "syncMoods": [{"mood": "down", "from": 20, "to": 320}]}
    for made in simulate(tmp_path, *({**crowd, "seed": seed} for seed in SEEDS)):
        all_arrived(made)
        assert made["one_moment"] > 0


def test_an_answer_of_google_that_says_nothing_proves_nothing(tmp_path: Path) -> None:
    """Rows are done only where Google names their range, and not there only where it shows the column."""
    survey = {"respondents": 5, "seconds": 5}
    empty, hidden = simulate(
        tmp_path,
        {**survey, "moods": [{"kind": "append", "mood": "empty", "to": 4}]},
        {**survey, "moods": [LOST, {"kind": "look", "mood": "empty", "to": 300}]},
    )
    all_arrived(empty)
    assert any("looked for in the Sheet later" in error for error in empty["errors"])
    all_arrived(hidden)
    assert hidden["last_row"] > 300


def test_while_an_append_takes_long_no_other_call_asks_google(tmp_path: Path) -> None:
    """A batch costs one read and one write, and nobody looks for rows whose call may still get its answer."""
    (made,) = simulate(tmp_path, {"respondents": 30, "seconds": 30, "moods": [{"mood": "slow"}]})
    all_arrived(made)
    assert made["reads_a_minute"] == made["writes_a_minute"] > 1


def test_rows_that_google_writes_minutes_later_are_not_sent_again(tmp_path: Path) -> None:
    """A request may last for three of them; until then the rows are only looked for."""
    late = {"kind": "append", "mood": "late", "to": 4}
    (made,) = simulate(tmp_path, {"respondents": 5, "seconds": 5, "moods": [late]})
    all_arrived(made)


def test_rows_are_found_though_two_columns_were_given_each_others_names(tmp_path: Path) -> None:
    """A lost row is known by each of its tokens, in whichever column they are."""
    swapped = {"from": 6, "header": ["phone", "name", *HEADER[2:]]}
    (made,) = simulate(tmp_path, {"respondents": 5, "seconds": 5, "moods": [LOST], "columns": [swapped]})
    all_arrived(made)


def test_what_sync_shows_or_takes_in_late_is_neither_passed_over_nor_sent_twice(tmp_path: Path) -> None:
    """Readers see some items seconds after later ones; others are put in again before they are put in."""
    lagging = {"respondents": 100, "seconds": 5, "syncLag": 3}
    late = {"respondents": 500, "seconds": 60, "syncMoods": [{"mood": "late", "to": 8}]}
    for made in simulate(tmp_path, *({**each, "seed": seed} for each in (lagging, late) for seed in SEEDS)):
        all_arrived(made)


def test_answers_in_many_parts_come_in_however_many_wait(tmp_path: Path) -> None:
    """Putting them together takes no longer than a call lasts, and a request weighs less than 2 MB."""
    down = {"mood": "down", "from": 2, "to": 100}
    long = {"respondents": scaled(60, 300), "seconds": 10, "length": 3000, "letter": "த", "moods": [down]}
    (made,) = simulate(tmp_path, long)
    all_arrived(made)
    assert 0 < made["largest_request"] < 2_000_000


def test_a_sync_that_answers_nonsense_loses_no_answer(tmp_path: Path) -> None:
    """An answer that does not say what it should counts as none, and so does 404 of a list that was made just now."""
    garbled = {"respondents": 20, "seconds": 20, "syncMoods": [{"mood": "garbled", "from": 5, "to": 60}]}
    missing = {"mood": 404, "match": "POST .*Items", "from": 2, "to": 12}
    for made in simulate(tmp_path, garbled, {"respondents": 20, "seconds": 10, "syncMoods": [missing]}):
        all_arrived(made)
        assert not any("check SYNC_SERVICE_SID" in error for error in made["errors"]), made["errors"]


def test_an_item_of_sync_that_cannot_be_read_stops_no_other_answer(tmp_path: Path) -> None:
    """Somebody put it in by hand, or deleted a part; the team is told which one it is."""
    broken = [{"id": "x"}, {"id": "x", "row": "!", "more": []}, {"id": "x", "row": "", "more": [99]}]
    survey = {"respondents": 10, "seconds": 10}
    crowds = simulate(tmp_path, *({**survey, "items": [{"at": 5, "data": data}]} for data in (None, *broken)))
    for made in crowds:
        all_arrived(made)
    for made in crowds[1:]:
        assert any("in Sync cannot be read, and is left out" in error for error in made["errors"])


def test_a_sync_that_does_not_recover_is_an_alert(tmp_path: Path) -> None:
    """What waits in it cannot be read; the flow ends within Studio's limits."""
    ill = {"mood": 503, "match": "GET .*written", "from": 3}
    (made,) = simulate(tmp_path, {"respondents": 3, "seconds": 9, "syncMoods": [ill]})
    assert (made["thanked"], made["running"], made["stopped"]) == (3, 0, 0)
    assert any("Sync did not say how far the answers are written" in error for error in made["errors"])


def test_without_sync_no_row_is_there_twice_and_who_is_not_thanked_is_told(tmp_path: Path) -> None:
    """As before there was a queue: who cannot be served within Google's quota is told so."""
    for made in simulate(tmp_path, {"respondents": 300, "seconds": 60, "sync": False}):
        assert made["twice"] == 0
        assert made["rows"] == made["thanked"] == 300 - made["not_saved"]
        assert made["rows"] >= 72  # what the functions of the release before wrote


FAILURES: Final = (
    *(("token", 503, "signing in failed: Google answered 503"), ("token", "silent", "Google did not answer")),
    *(("header", 429, "the quota is used up"), ("header", "silent", "Google did not answer")),
    *(("append", 429, "the quota is used up"), ("append", 503, "503, and the row was not found afterwards")),
    *(("append", 500, "answer was lost, and the row was not"), ("append", "silent", "answer was lost")),
)


def test_a_google_that_fails_for_good_is_an_error_in_time(tmp_path: Path) -> None:
    """Without Sync the respondent learns it before Twilio ends the function, and the row is not in the Sheet."""
    alone = {"respondents": 1, "seconds": 1, "sync": False}
    crowds = simulate(tmp_path, *({**alone, "moods": [{"kind": kind, "mood": mood}]} for kind, mood, _ in FAILURES))
    for (kind, mood, says), crowd in zip(FAILURES, crowds, strict=True):
        assert (crowd["rows"], crowd["thanked"], crowd["not_saved"]) == (0, 0, 1), crowd.line
        assert crowd["longest_call"] < 9.5, crowd.line
        assert crowd["calls"] == 2, crowd.line
        assert any(says in error for error in crowd["errors"]), crowd.line
        if mood in {500, "silent"}:
            assert crowd["writes_a_minute"] == (kind == "append"), crowd.line


def test_a_row_that_google_wrote_without_an_answer_is_found_in_time(tmp_path: Path) -> None:
    """Without Sync the one call waits, looks for the row by its token, and sends it only once."""
    crowd = {"respondents": 1, "seconds": 1, "sync": False, "moods": [{"kind": "append", "mood": "swallowed"}]}
    (made,) = simulate(tmp_path, crowd)
    all_arrived(made)
    assert (made["calls"], made["writes_a_minute"]) == (2, 1)
    assert made["longest_call"] < 9.5


def test_a_few_respondents_need_no_queue_in_the_flow(tmp_path: Path) -> None:
    """One who is alone is thanked when the row is written, by the same number of calls as before."""
    (crowd,) = simulate(tmp_path, {"respondents": 5, "seconds": 300})
    all_arrived(crowd)
    assert crowd["calls"] == 10
    assert crowd["lengths"] == []


def test_a_list_that_was_deleted_and_begins_anew_loses_no_answer(tmp_path: Path) -> None:
    """What comes later has smaller indexes than what is written."""
    (crowd,) = simulate(tmp_path, {"respondents": 60, "seconds": 600, "listsDeletedAt": 495})
    all_arrived(crowd)


def test_a_column_that_is_added_while_answers_wait_takes_no_other_place(tmp_path: Path) -> None:
    """Rows are placed by the header of the moment in which they are sent."""
    added = ["new", "name", "phone", "address", "number"]
    crowd = {"respondents": 30, "seconds": 30, "header": HEADER}
    headers = (["name", "phone", "x", "number"], [*added[1:], added[0]])
    renamed, grown = simulate(tmp_path, *({**crowd, "columns": [{"from": 15, "header": each}]} for each in headers))
    all_arrived(renamed)
    assert any('"address"' in warning for warning in renamed["warnings"])
    all_arrived(grown)
    assert grown["warnings"] == []


def test_answers_of_which_nothing_has_a_column_wait_until_one_has(tmp_path: Path) -> None:
    """The team is told which names are missing; none of the answers behind them is lost either."""
    renamed = [{"from": 10, "header": ["x"]}, {"from": 500, "header": HEADER}]
    (made,) = simulate(tmp_path, {"respondents": 30, "seconds": 30, "columns": renamed})
    all_arrived(made)
    assert any('the parameters are "name", "phone", "address", "number"' in error for error in made["errors"])


def test_what_waits_longer_than_an_execution_lasts_comes_in_with_the_next_answer(tmp_path: Path) -> None:
    """The watch ends in time for Studio's thousand steps, and the team is told what to do."""
    broken = [{"mood": "lost", "from": 0, "to": 6000}]
    (made,) = simulate(tmp_path, {"respondents": 2, "seconds": 14400, "until": 20000, "moods": broken})
    all_arrived(made)
    assert made["last_row"] > 7200
    assert any("the queue is not watched any more" in error for error in made["errors"])
    assert made["most_steps"] < 1000
