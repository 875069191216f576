"""Fixtures of the sandbox's tests: one sandbox for a file, and a client that is signed in."""

from collections.abc import Iterator

import pytest

from sheets_decrypt.sandbox.google import Cell, Formula, Sandbox, Tab
from tests.sandbox.client import Client


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox for the module."""
    with Sandbox(tmp_path_factory.mktemp("google")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(google: Sandbox) -> Iterator[Client]:
    """A signed-in client that may read and write."""
    with Client(google) as signed_in:
        yield signed_in


@pytest.fixture
def sheet(google: Sandbox) -> str:
    """A spreadsheet with two tabs."""
    rows: list[list[Cell]] = [["name", "n"], ["Ana", 7.0], [], ["", True, Formula("=1/2", 0.5)]]
    return google.add("Survey", [Tab("data", rows), Tab("T'itle", [], gid=42)])
