"""Completion in bash, as docs/commands.md sets it up: with the program's own script, in a real shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import require
from tests.pseudo_terminal import at_a_terminal
from tests.survey import clean_environment

SETUP = re.findall(
    r"^(eval .*)$", Path(__file__).parents[2].joinpath("docs/commands.md").read_text("utf-8"), re.MULTILINE
)
# For each line of words: what bash offers for the last of them, in one line.
ASK = """
while IFS= read -r line; do
    IFS='|' read -ra COMP_WORDS <<< "$line"
    COMP_WORDS[-1]="${COMP_WORDS[-1]%.}"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    "_${COMP_WORDS[0]//-/_}_completion" "${COMP_WORDS[0]}" < /dev/null
    echo "${COMPREPLY[*]}"
done
"""
OFFERED = {
    ("sheets-decrypt", "s"): "secret schedule status sandbox",
    ("sheets-decrypt", "status", "--config", "jobs.toml", "--job", ""): "baseline midline pilot",
    ("sheets-decrypt", "schedule", "install", "--config", "jobs.toml", "--job", "m"): "midline",
    ("pull-and-decrypt", "--config", "jobs.toml", "--job", "b"): "baseline",
    ("sheets-decrypt", "status", "--config", "nowhere.toml", "--job", ""): "",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a configuration of three jobs."""
    job = 'spreadsheet = "12345abcde"\ncolumns = ["name"]\noutput = "X:/{name}.csv"\n'
    lines = [f"[jobs.{name}]\n{job.format(name=name)}" for name in ("baseline", "midline", "pilot")]
    file = tmp_path / "jobs.toml"
    file.write_text("".join(lines), encoding="utf-8")
    return file


def _environment(folder: Path) -> dict[str, str]:
    programs = Path(sys.executable).parent
    return clean_environment(folder) | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def test_bash_completes_commands_options_and_jobs(path: Path) -> None:
    """What was begun is completed; without a configuration no job is offered, and nothing is printed in between."""
    require.patience("a shell asks several times")
    lines = "".join(f"{'|'.join(words)}.\n" for words in OFFERED)  # the point keeps an empty last word
    done = subprocess.run(
        [require.program("bash"), "-c", "\n".join([*SETUP, ASK])],
        env=_environment(path.parent), cwd=path.parent, input=lines, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert dict(zip(OFFERED, done.stdout.split("\n"), strict=False)) == OFFERED


def test_the_tab_key_completes_a_job(path: Path) -> None:
    """A person types the beginning of a job's name and Tab, and the command runs with the whole name."""
    typed = "\n".join([*SETUP, f"sheets-decrypt status --config {path} --job bas\t", "exit", ""])
    environment = _environment(path.parent) | {"PS1": "ready> ", "TERM": "dumb", "COLUMNS": "300"}
    bash = [require.program("bash"), "--norc", "--noprofile", "-i"]
    _, seen = at_a_terminal(bash, environment, after=b"ready> ", keys=typed.encode())
    assert b"--job baseline" in seen
    assert b"never ran" in seen
