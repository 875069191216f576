"""Fixtures of the sending half's tests: a Google, and a survey whose runtime serves many tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sheets_decrypt.sandbox.google import Sandbox, Tab
from sheets_decrypt.twilio.export import export, write
from tests.twilio.runtime import Runtime, running
from tests.twilio.survey import HEADER, TAB, Other, Survey, environment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests come first: then one process runs all of them, and starts each runtime once."""
    items.sort(key=lambda item: Path(__file__).parent not in item.path.parents)


@pytest.fixture(scope="session")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A stand-in for Google."""
    with Sandbox(tmp_path_factory.mktemp("google")) as started:
        yield started


@pytest.fixture(scope="session")
def started(google: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    """A survey whose runtime serves every test of this process: starting one takes a second."""
    folder = tmp_path_factory.mktemp("functions")
    write(folder, export(HEADER))
    spreadsheet = google.add("Survey", [Tab(TAB, [HEADER])])
    with running(folder, environment(google, spreadsheet)) as runtime:
        yield Survey(google, spreadsheet, runtime)


@pytest.fixture
def runtime(started: Survey) -> Runtime:
    """The runtime of that survey; it has a public key."""
    return started.runtime


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
def other(started: Survey) -> Other:
    """Return the runtime with other settings, on the same Sheet, which is empty."""
    started.google.clear_faults()
    started.refill([HEADER])
    return started.runtime.with_settings
