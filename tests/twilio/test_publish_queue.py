"""Many respondents at once, in Twilio's own local runtime, with Google's quota and Sync's limits.

Both are stand-ins, and everything else is real. SHEETS_DECRYPT_LONG=1: two hundred respondents, and sixty with a
process for each call.
"""

import itertools
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from sheets_decrypt.sandbox.google import Fault, Kind, Quota, Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests.long import LONG, scaled
from tests.twilio.runtime import Answer, Execution, Runtime, execute, questions, running, sync
from tests.twilio.survey import HEADER, TAB, TOKEN, environment
from tests.twilio.test_encrypt import decrypted

PROCESSES: Final = 12  # at once, of Node; two hundred would need 12 GB
_SERVICES: Final = itertools.count(1)
PATIENCE: Final = 120.0  # seconds: this machine's cores are not Twilio's


@dataclass(frozen=True)
class Queue:
    """A survey with Sync.

    Args:
        google: The stand-in for Google, with its quota.
        spreadsheet: The Sheet's id.
        runtime: Serves the functions.
        flow: The exported flow.
    """

    google: Sandbox
    spreadsheet: str
    runtime: Runtime
    flow: dict[str, Any]

    def with_settings(self, **changes: str) -> "Queue":
        """Return the same survey, whose functions see other settings."""
        return replace(self, runtime=self.runtime.with_settings(**changes))

    def publish(self, parameters: dict[str, str]) -> Answer:
        """Call the function as the flow does."""
        return self.runtime.call("publish_to_sheet", parameters)

    def rows(self) -> list[list[str]]:
        """The rows under the header."""
        return [[str(cell) for cell in row] for row in self.google.rows(self.spreadsheet, TAB)[1:]]

    def finish(self, number: int) -> Execution:
        """Lead one respondent to the end of the flow."""
        given = (f"name {number}", f"phone {number}", f"village {number}")
        return execute(self.flow, self.runtime, dict(zip(questions(self.flow), given, strict=True)))

    def crowd(self, respondents: int, at_once: int) -> Sequence[Execution]:
        """Let so many respondents finish, at most `at_once` at the same time."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.finish, range(respondents)))


@contextmanager
def surveying(folder: Path, *, fork: bool = False) -> Iterator[Queue]:
    """Serve a survey with Sync until the block ends."""
    functions = folder / "functions"
    files = export(HEADER[:2], plain=HEADER[2:])
    write(functions, files)
    with Sandbox(folder / "google", quota=Quota()) as google, sync(folder / "sync") as more:
        spreadsheet = google.add("Survey", [Tab(TAB, [HEADER])])
        with running(functions, environment(google, spreadsheet, **more), fork=fork) as runtime:
            yield Queue(google, spreadsheet, replace(runtime, patience=PATIENCE), json.loads(files["studio_flow.json"]))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """A survey with Sync, in one process, for several tests."""
    with surveying(tmp_path_factory.mktemp("survey")) as queue:
        yield queue


@pytest.fixture
def queue(started: Queue) -> Queue:
    """The survey with an empty Sheet and a Sync service of its own, so that the next turn is due at once."""
    started.google.replace_rows(started.spreadsheet, TAB, [HEADER])
    return started.with_settings(SYNC_SERVICE_SID=f"IS{next(_SERVICES):032}")


def submission(number: int = 0) -> str:
    """Name a set of answers as `encrypt_fields` does."""
    return f"{int(time.time() * 1000)}-{number:016x}"


def thanked(execution: Execution) -> bool:
    """Return whether the respondent was thanked, and got no other message."""
    return [text[:9] for text in execution.said] == ["Thank you"]


@pytest.mark.parametrize(
    ("respondents", "fork"),
    [(scaled(20, 200), False), *([(60, True)] if LONG else [])],
    ids=lambda value: {True: "a process for each call", False: "one process"}.get(value, f"{value} respondents"),
)
def test_respondents_who_finish_at_once_get_a_row_each(tmp_path: Path, respondents: int, fork: bool) -> None:
    """Every row is there once, no answer is in another's row, and Google's quota is kept."""
    with surveying(tmp_path, fork=fork) as queue:
        began = time.monotonic()
        done = queue.crowd(respondents, PROCESSES if fork else respondents)
        seconds = time.monotonic() - began
        rows = queue.rows()
    asked = [request.status for request in queue.google.requests if request.kind in {Kind.VALUES, Kind.APPEND}]
    print(f"{respondents} respondents in {seconds:.0f} s, {len(asked)} requests to Google")
    assert all(map(thanked, done))
    assert sorted((decrypted(name), decrypted(phone), village) for name, phone, village in rows) == sorted(
        (f"name {number}", f"phone {number}", f"village {number}") for number in range(respondents)
    )
    assert 429 not in asked


def test_one_respondent_is_thanked_when_the_row_is_written(queue: Queue) -> None:
    """The reply says in which row, as it does without Sync."""
    answer = queue.publish({"name": TOKEN, "phone": "1", "nome": "x", "_submission": submission()})
    assert answer == Answer(
        200, {"status": "written_with_missing_columns", "missing_columns": "nome", "repeated_columns": "", "row": 2}
    )
    assert queue.rows() == [[TOKEN, "1", ""]]
    assert 'have no column, so their values are not in the Sheet: "nome"' in queue.runtime.log


def test_a_submission_that_comes_again_is_not_written_again(queue: Queue) -> None:
    """The flow calls once more where an answer of the function was lost."""
    answers = {"name": TOKEN, "_submission": submission()}
    assert queue.publish(answers).body["status"] == "written"
    assert queue.publish({**answers, "_tries": "1"}).body["status"] in {"kept", "kept_watch"}
    assert queue.publish({"_deliver": "yes", **answers}).body == {"status": "finished", "round": 0}
    assert queue.rows() == [[TOKEN, "", ""]]


def test_answers_that_are_too_long_for_one_item_arrive_whole(queue: Queue) -> None:
    """They are kept in parts; so is every letter."""
    long = {"name": os.urandom(20_000).hex(), "phone": "🌾é" * 10_000, "village": "x"}
    assert queue.publish({**long, "_submission": submission()}).body["status"] == "written"
    assert queue.rows() == [list(long.values())]


@pytest.mark.parametrize("setting", ["SYNC_SERVICE_SID", "AUTH_TOKEN"])
def test_with_a_wrong_setting_of_sync_the_row_is_written_directly(queue: Queue, setting: str) -> None:
    """The team is alerted; the respondent's answers are in the Sheet."""
    wrong, before = queue.with_settings(**{setting: "wrong"}), len(queue.runtime.log)
    assert wrong.publish({"name": TOKEN, "_submission": submission()}).body["status"] == "written"
    assert queue.rows() == [[TOKEN, "", ""]]
    assert "check SYNC_SERVICE_SID" in queue.runtime.log[before:]


def test_without_sync_a_call_that_died_is_looked_after_and_not_repeated(queue: Queue) -> None:
    """The row may be in the Sheet: then the respondent is thanked, and otherwise told so; it is never sent again."""
    alone = queue.with_settings(SYNC_SERVICE_SID="")
    again = {"name": TOKEN, "_submission": submission(), "_tries": "1"}
    lost = alone.publish(again)
    assert (lost.status, lost.body["status"]) == (200, "failed")
    assert "its row was not found" in lost.body["error"]
    queue.google.replace_rows(queue.spreadsheet, TAB, [HEADER, [TOKEN, "", ""]])
    assert alone.publish(again).body["row"] == 2
    assert queue.rows() == [[TOKEN, "", ""]]


def test_an_answer_that_google_does_not_take_is_kept_and_the_team_is_told(queue: Queue) -> None:
    """Nothing of the answer is logged. The row comes when the next turn is due, for which only the long form waits."""
    before = len(queue.runtime.log)
    queue.google.fault(Fault(Kind.APPEND, status=429))
    answer = queue.publish({"name": TOKEN, "phone": "Rosalind-said-this", "_submission": submission()})
    assert answer.body == {"status": "kept_watch"}
    says = "the quota is used up (tries: 1); 1 answers or more are kept in Sync, and sent later"
    assert says in queue.runtime.log[before:]
    if LONG:  # it takes twenty seconds
        deliver = {"_deliver": "yes", "_submission": submission()}
        while queue.publish(deliver).body["status"] == "waiting":
            pass
        assert queue.rows() == [[TOKEN, "Rosalind-said-this", ""]]
        assert "answers or more wait in Sync, the oldest for" in queue.runtime.log[before:]
    assert "Rosalind" not in queue.runtime.log
