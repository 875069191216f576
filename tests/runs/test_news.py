"""Messages about a run use a fixed vocabulary and reveal nothing that could be used as an oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import CellsRefused, KeyMissing, KeyWrong, NotShared, RunUnderWay, VaultLocked
from sheets_decrypt.runs.news import Event, News, body, news_of, title
from sheets_decrypt.runs.record import Record, Result
from sheets_decrypt.runs.state import JobState
from tests.unattended_parts import record

EVIL = '<a href="https://example.org/x">'


def _record(**more: object) -> Record:
    return Record(job="baseline", spreadsheet_id="12345abcde", **more)  # type: ignore[arg-type]


def _news(run: Record, before: JobState = JobState(), patience: int = 3) -> News:  # noqa: B008  (frozen)
    return news_of(patience, run, before, before.after(run, patience))


@given(count=st.integers(1, 10_000), other=st.integers(1, 10_000), rows=st.integers(0, 10_000))
def test_the_number_of_failed_cells_and_its_consequence_are_not_reported(count: int, other: int, rows: int) -> None:
    """One cell or all, a CSV with tokens, a wrong key, `on_error = "fail"`: the words and the code are the same."""
    wrong = KeyWrong(f'column "phone": key 1a2b did not decrypt {count} of {other} tokens', hint=f"{count}")
    runs = [
        _record(failure_count=count, rows_read=rows, rows_written=rows).finish(Result.PARTIAL, 3),
        _record(failure_count=other).finish(Result.PARTIAL, 3),
        _record(failure_count=count).fail(wrong),
        _record().fail(wrong),
        _record(failure_count=other).fail(CellsRefused(f"{other} cells could not be decrypted, the first in row 2")),
        _record(failure_count=count).fail(KeyMissing("no key")),
    ]
    said = {(news.code, title(news), body(news)) for news in map(_news, runs)}
    assert len(said) == 1
    [(code, subject, text)] = said
    assert code == 3
    assert not set("0123456789") & set(subject + text)


def test_messages_do_not_reveal_whether_the_csv_changed() -> None:
    """Otherwise an editor who replaces one token with another would learn whether the two answers are equal."""
    written = _record(rows_read=6).finish(Result.WRITTEN, 0)
    unchanged = _record(rows_read=6).finish(Result.UNCHANGED, 0)
    assert _news(written) == _news(unchanged)
    assert "rows: 6" in body(_news(written))


def test_no_text_from_the_sheet_is_in_a_message() -> None:
    """Tab titles, column names and Google's own texts appear in errors and hints, but in no message."""
    run = _record(worksheet=EVIL, warnings=[EVIL], notes=[EVIL])
    news = _news(run.fail(NotShared(f"tab {EVIL}", hint=f"did you mean {EVIL}?")))
    assert "example.org" not in body(news) + title(news)
    assert "exit code 5: Google refused" in body(news)
    assert "next step: on the computer that ran it: sheets-decrypt status --job baseline" in body(news)


@pytest.mark.parametrize(("code", "event"), [(0, Event.SUCCESS), (3, Event.FAILURE), (6, Event.FAILURE)])
def test_each_result_is_an_event(code: int, event: Event) -> None:
    """A run without failed cells is a success, and every other run is a failure."""
    assert _news(record(code)).event is event


def test_a_recovery_follows_a_failure_that_was_reported() -> None:
    """After a reported failure the next good run is a recovery, and the one after that is not."""
    state = JobState().after(record(6), 3)
    assert _news(record(0), state).event is Event.RECOVERY
    assert _news(record(0), state.after(record(0), 3)).event is Event.SUCCESS


def _locked(runs: int, state: JobState, patience: int) -> JobState:
    for _ in range(runs):
        state = state.after(record(7, locked=True), patience)
    return state


STEP = "on the computer that ran it: sheets-decrypt status --job baseline"
GOOGLE = "Google could not be reached or had no quota left; try later"


@pytest.mark.parametrize(
    ("run", "news"),
    [
        (record(0), News("baseline", 0, "done", Event.SUCCESS, rows=6)),
        (record(3), News("baseline", 3, "cells could not be decrypted", Event.FAILURE, next_step=STEP)),
        (record(6), News("baseline", 6, f"failed with exit code 6: {GOOGLE}", Event.FAILURE, next_step=STEP)),
        (record(77), News("baseline", 77, "failed with exit code 77: ", Event.FAILURE, next_step=STEP)),
        (
            record(7, locked=True),
            News("baseline", 0, "skipped: the vault was locked, 1 run", None, next_step="unlock the vault"),
        ),
        (
            record(8),
            News("baseline", 8, "another run was under way, 1 run; it may hang", None, next_step=STEP, beat=False),
        ),
    ],
)
def test_the_message_after_a_first_run_is_complete(run: Record, news: News) -> None:
    """The message has the job, the code, the result in words, the rows after a success, and the next step."""
    assert _news(run) == news


def test_a_lasting_condition_is_a_failure_with_the_number_of_runs() -> None:
    """The code and the number of runs go to the heartbeat and to people."""
    locked = _news(record(7, locked=True), _locked(2, JobState(), 3))
    unlock = "unlock the vault"
    assert locked == News("baseline", 7, "the vault was locked, 3 runs in a row", Event.FAILURE, next_step=unlock)
    busy = _news(record(8), JobState(busy_runs=2))
    status = "another run was under way, 3 runs in a row; it may hang"
    assert busy == News("baseline", 8, status, Event.FAILURE, next_step=STEP)
    assert _news(record(0), JobState(reported=True)) == News("baseline", 0, "done", Event.RECOVERY, rows=6)


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_locked_vault_is_reported_once_it_has_lasted(patience: int) -> None:
    """Until `locked_after` runs the heartbeat gets "skipped", then a failure; each further multiple sends a message."""
    state, events, codes = JobState(), [], []
    for _ in range(2 * patience + 1):
        run = _record().fail(VaultLocked("locked"))
        news = _news(run, state, patience)
        events.append(news.event)
        codes.append(news.code)
        assert news.status.startswith("skipped") == (news.code == 0)
        state = state.after(run, patience)
    assert codes == [0] * (patience - 1) + [7] * (patience + 2)
    assert [number for number, event in enumerate(events, 1) if event] == [
        patience,
        2 * patience,
        *([3] * (patience == 1)),
    ]


@pytest.mark.parametrize(("locked", "event"), [(2, Event.SUCCESS), (3, Event.RECOVERY), (4, Event.RECOVERY)])
def test_the_end_of_a_locked_vault_is_news_only_if_it_was_reported(locked: int, event: Event) -> None:
    """It is news from exactly `locked_after` runs on."""
    assert _news(record(0), _locked(locked, JobState(), 3)).event is event


@pytest.mark.parametrize("code", [3, 6])
def test_a_failure_before_a_locked_night_is_not_forgotten(code: int) -> None:
    """It was reported, so the next good run is a recovery even if the vault was locked in between."""
    state = _locked(1, JobState().after(record(code), 3), 3)
    assert _news(record(0), state).event is Event.RECOVERY


def test_a_busy_run_is_reported_once_the_condition_has_lasted() -> None:
    """Nothing is sent until `locked_after` runs, then a failure is; the other run's success is a recovery."""
    run = _record().fail(RunUnderWay("another run is under way"))
    states = [JobState()]
    for _ in range(4):
        states.append(states[-1].after(run, 3))
    news = [_news(run, state) for state in states[:4]]
    assert [one.event for one in news] == [None, None, Event.FAILURE, None]
    assert [one.beat for one in news] == [False, False, True, True]
    assert {one.code for one in news} == {8}
    assert "another run was under way, 4 runs in a row" in news[3].status
    assert _news(record(0), states[4]).event is Event.RECOVERY
    assert _news(record(0), states[2]).event is Event.SUCCESS


def test_a_failure_ends_a_series_of_busy_runs() -> None:
    """It is reported at once, under its own code."""
    state = JobState().after(_record().fail(RunUnderWay("another run is under way")), 3)
    news = _news(record(6), state)
    assert (news.code, news.event) == (6, Event.FAILURE)
    assert state.after(record(6), 3).busy_runs == 0
