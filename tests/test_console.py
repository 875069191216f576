"""Detecting whether a stream is a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sheets_decrypt.config import SecretSource
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system.console import is_terminal
from tests.survey import PROGRAM, clean_environment


def test_the_null_device_is_not_a_terminal() -> None:
    """Windows' own `isatty` reports `NUL`, like every device, as a terminal."""
    with open(os.devnull, encoding="utf-8") as nothing:  # noqa: PTH123  (NUL is not a path)
        assert not is_terminal(nothing)


def test_a_missing_or_closed_stream_is_not_a_terminal(tmp_path: Path) -> None:
    """Without a console, as under pythonw.exe, the stream does not exist at all."""
    file = (tmp_path / "file").open("w", encoding="utf-8")
    assert not is_terminal(file)
    file.close()
    assert not is_terminal(file)
    assert not is_terminal(None)


def test_a_secret_is_not_asked_for_at_the_null_device(tmp_path: Path) -> None:
    """`secret set NAME < NUL` ends; on Windows it used to wait for keys that no one presses."""
    done = subprocess.run(
        [*PROGRAM, "secret", "set", "name"],
        env=clean_environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert (done.returncode, "the secret is empty" in done.stderr) == (4, True)


def test_a_prompt_without_any_stream_is_an_error_but_not_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduled run under pythonw.exe has no standard input at all."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(KeyMissing, match="this run has no terminal"):
        resolve(SecretSource(prompt=True))
