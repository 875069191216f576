"""Fixtures of the sending half's tests: a Google, a survey whose runtime serves a whole file, and other runtimes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sheets_decrypt.sandbox.google import Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests.twilio.runtime import Runtime, running
from tests.twilio.survey import HEADER, TAB, Start, Survey, environment


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


@pytest.fixture
def start(google: Sandbox, started: Survey, tmp_path: Path) -> Start:
    """Start another runtime with other environment variables, on the same Sheet."""
    write(tmp_path, export(HEADER))
    started.google.clear_faults()
    started.refill([HEADER])

    def begin(*, fork: bool = False, **changes: str | None) -> AbstractContextManager[Runtime]:
        return running(tmp_path, environment(google, started.spreadsheet, **changes), fork=fork)

    return begin
