"""The extension of an output decides its format, and unknown extensions are refused."""

from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.config import Kind, kind_of
from sheets_decrypt.errors import ConfigurationError
from tests.survey import ENCRYPTED, World, csv_of


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "b.c.xlsx", "survey.Dta"])
def test_the_extension_decides_the_format(name: str) -> None:
    """The extension is case-insensitive, and only the last one counts."""
    assert kind_of(Path("X:/surveys") / name) == Kind(Path(name).suffix.lower())


@pytest.mark.parametrize("name", ["a.xls", "a", "a.csv.gpg", ".csv", "a.txt"])
def test_an_unknown_extension_is_refused_with_a_next_step(name: str) -> None:
    """A CSV is never written under the name of another format."""
    with pytest.raises(ConfigurationError, match=name) as refusal:
        kind_of(Path(name))
    assert ".xlsx (Excel)" in refusal.value.hint


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("output", {"output": "surveys/baseline.xls"}),
        ("deidentified.output", {"deidentified": {"output": "second.txt"}}),
    ],
)
def test_a_configuration_with_an_unknown_extension_is_refused(world: World, key: str, settings: dict[str, Any]) -> None:
    """The key is named, with a next step, before a key is read or Google is contacted."""
    world.keep("private_keys", "not a key")
    world.configure(**settings)
    done = world.run("config", "validate", "--config", world.path)
    assert done.code == 2
    assert f"jobs.baseline.{key}: " in done.err
    assert ".dta (Stata)" in done.err


def test_decrypt_file_refuses_an_unknown_extension(world: World, tmp_path: Path) -> None:
    """`decrypt-file --output o.xls` is refused before a key is read."""
    file = tmp_path / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    world.keep("private_keys", "not a key")
    options = ("--columns", ",".join(ENCRYPTED), "--config", world.path)
    done = world.run("decrypt-file", file, *options, "--output", tmp_path / "o.xls")
    assert done.code == 2
    assert "o.xls: .xls files cannot be written" in done.err
    assert not (tmp_path / "o.xls").exists()


def test_a_one_off_run_refuses_a_missing_extension(world: World) -> None:
    """`--output survey` reports that the extension is missing."""
    url = world.google.url(world.spreadsheet, "data")
    done = world.run("pull", "--spreadsheet", url, "--columns", "name", "--output", world.folder / "survey")
    assert done.code == 2
    assert "survey: a file extension is missing" in done.err
