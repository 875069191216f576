"""What is printed in encodings other than UTF-8, and paths that this environment cannot spell."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.long import LONG, scaled
from tests.survey import PROGRAM, World, clean_environment

JOB = "Enquête"
COMMANDS = [("pull",), ("--help",), *([("pull", "--json"), ("status",), ("check", "--no-network")] if LONG else [])]


@pytest.mark.parametrize("encoding", scaled(["cp437"], ["cp437", "cp850", "cp1252", "utf-16-le", "utf-8"]))
def test_the_encoding_that_the_environment_names_is_used(world: World, encoding: str) -> None:
    """A console of Windows has a code page; what it lacks becomes a question mark, and nothing fails."""
    world.configure({JOB: {}})
    environment = world.environment() | {"PYTHONIOENCODING": encoding}
    for options in COMMANDS:
        named = [] if options == ("--help",) else ["--config", str(world.path)]
        done = subprocess.run([*PROGRAM, *options, *named], env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode(encoding)
        assert JOB in text or options == ("--help",)
        assert "unexpected" not in done.stderr.decode(encoding)


def test_without_a_name_it_is_utf_8(world: World) -> None:
    """A file that a pull's output is redirected into is UTF-8 on every system, whatever its locale or code page."""
    world.configure({JOB: {}})
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "sheets_decrypt", "pull", "--config", str(world.path)],
        env=world.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert JOB in done.stdout.decode("utf-8")


@pytest.mark.system("posix", "names of files are text on Windows")
@pytest.mark.parametrize("options", [("demo", "--folder"), ("init", "--output")], ids=" ".join)
def test_a_path_that_the_environment_cannot_spell_is_no_bug(options: tuple[str, ...], tmp_path: Path) -> None:
    """With LC_ALL=C and without UTF-8 mode an accented path is bytes: the hint says what to set."""
    environment = clean_environment(tmp_path) | {"PYTHONUTF8": "0", "LC_ALL": "C"}
    rest = [
        "--spreadsheet", "https://docs.google.com/spreadsheets/d/1AbCdEfGhIjKlMnOpQrStUvWxYz", "--columns", "a",
        "--job", "a", "--private-key", "keyring:a/b",
    ]  # fmt: skip
    done = subprocess.run(
        [*PROGRAM, *options, str(tmp_path / "é" / "a"), *(rest if options[0] == "init" else [])],
        env=environment, cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, b"unexpected" in done.stderr) == (2, False)
    assert b"LC_ALL=C.UTF-8" in done.stderr or options[0] == "init"
