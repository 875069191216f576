"""What the tests of the story start from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.sandbox.google import GeneratedRows, Sandbox, Tab
from tests.story.refusals import FORMER
from tests.survey import CSV, HEADER, World


@pytest.fixture
def former(world: World) -> World:
    """Provide a world whose vault holds a CSV of an earlier run."""
    with world.vault.replace(CSV) as file:
        file.write(FORMER)
    return world


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide a world whose sheet is so large that it is read in two blocks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    with Sandbox(tmp_path / "google") as google:
        world = World.make(tmp_path, google, rows=1)
        token = str(world.survey.sheet[1][1])

        def row(number: int) -> list[Any]:
            return list(HEADER) if number == 1 else [str(number), token if number < 9 else "", "", "", "free " * 9]

        tab = Tab("data", GeneratedRows(45_000, row, len(HEADER)), row_count=45_000)
        world.spreadsheet = google.add("Large", [tab])
        world.settings["spreadsheet"] = world.spreadsheet
        world.configure()
        yield world
