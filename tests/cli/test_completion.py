"""Completion in bash, as docs/commands.md sets it up: with the program's own script, in a real shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import require
from tests.pseudo_terminal import at_a_terminal
from tests.survey import World

SETUP = re.findall(
    r"^(eval .*)$", Path(__file__).parents[2].joinpath("docs/commands.md").read_text("utf-8"), re.MULTILINE
)
ASK = """
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_${1//-/_}_completion" "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _environment(world: World) -> dict[str, str]:
    programs = Path(sys.executable).parent
    return world.environment({"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"})


def _offered(world: World, *words: object) -> list[str]:
    """Return what bash offers for the last of these words."""
    done = subprocess.run(
        [require.program("bash"), "-c", "\n".join([*SETUP, ASK]), "bash", *map(str, words)],
        env=_environment(world), cwd=world.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sheets-decrypt", "sta"], ["status"]),
        (["sheets-decrypt", "schedule", "r"], ["remove", "run-now"]),
        (["sheets-decrypt", "status", "--fa"], ["--fail"]),
        (["sheets-decrypt", "status", "--config", "{path}", "--job", ""], ["baseline", "midline", "pilot"]),
        (["sheets-decrypt", "schedule", "install", "--config", "{path}", "--job", "m"], ["midline"]),
        (["pull-and-decrypt", "--config", "{path}", "--job", "b"], ["baseline"]),
        (["pull-and-decrypt", "--on-error", "b"], ["blank"]),
        (["sheets-decrypt", "status", "--config", "nowhere.toml", "--job", ""], []),
        (["pull-and-decrypt", "--secret"], []),
    ],
)
def test_bash_completes_commands_options_and_jobs(world: World, words: list[str], offered: list[str]) -> None:
    """What was begun is completed; without a configuration no job is offered, and nothing is printed in between."""
    world.configure({name: {"output": f"{name}.csv"} for name in ("baseline", "midline", "pilot")})
    assert _offered(world, *(word.format(path=world.path) for word in words)) == offered


def test_the_tab_key_completes_a_job(world: World) -> None:
    """A person types the beginning of a job's name and Tab, and the command runs with the whole name."""
    typed = "\n".join([*SETUP, f"sheets-decrypt status --config {world.path} --job bas\t", "exit", ""])
    environment = _environment(world) | {"PS1": "ready> ", "TERM": "dumb", "COLUMNS": "300"}
    bash = [require.program("bash"), "--norc", "--noprofile", "-i"]
    _, seen = at_a_terminal(bash, environment, after=b"ready> ", keys=typed.encode())
    assert b"--job baseline" in seen
    assert b"never ran" in seen
