"""The rules of the house hold: each is broken in a copy of the package, and the tool must report it."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.long import LONG

pytestmark = pytest.mark.system("posix", "the rules for the source are the same everywhere, and are checked once")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sheets_decrypt"
ONE_WAY = "data flows one way"
GOOGLES = "only google/ imports Google's libraries"
PURE = "are pure"
POOL = "only the two stories choose the pool"
SANDBOX = "nothing imports the sandbox but the command line"
# (file of the copy, line to add to it, contract that must break)
BREAKS = [
    ("runs/state.py", "import gspread", GOOGLES),
    ("cli/pull.py", "import google.auth", GOOGLES),
    ("vault/drive.py", "from google.oauth2 import service_account", GOOGLES),
    ("a_new_room/inside.py", "import gspread.client", GOOGLES),
    ("decryption/columns.py", "from pathlib import Path", PURE),
    ("decryption/verdict.py", "import subprocess", PURE),
    ("decryption/sheet.py", "import socket", PURE),
    ("decryption/ciphers/legacy_cbc.py", "import io", PURE),
    ("decryption/ciphers/sealed_box.py", "from time import time", PURE),
    ("decryption/a_new_module.py", "import os", PURE),
    ("decryption/sheet.py", "from sheets_decrypt.decryption import pool", POOL),
    ("output/csv_text.py", "import sqlite3", PURE),
    ("table.py", "import logging", PURE),
    ("cells.py", "import os", PURE),
    ("story/pull.py", "from sheets_decrypt import sandbox", SANDBOX),
    ("check.py", "from sheets_decrypt.sandbox.google import Sandbox", SANDBOX),
    ("a_new_room/inside.py", "from sheets_decrypt.sandbox import google", SANDBOX),
    ("vault/drive.py", "from sheets_decrypt import story", ONE_WAY),
    ("vault/drive.py", "def late():\n    from sheets_decrypt.story.pull import pull", ONE_WAY),
    ("errors.py", "from sheets_decrypt.table import Header", ONE_WAY),
    ("google/retry.py", "from sheets_decrypt.runs import record", ONE_WAY),
    ("decryption/ciphers/trial.py", "from sheets_decrypt.cli import terminal", ONE_WAY),
    ("a_new_module.py", "import json", ONE_WAY),
]


# An ordinary run tries one break of each contract; each takes a quarter of a second.
TRIED = BREAKS if LONG else list({contract: (name, line, contract) for name, line, contract in BREAKS}.values())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its rules."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(PACKAGE, folder / "sheets_decrypt", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _lint(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment on the copy."""
    program = Path(sys.executable).with_name(command[0])
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={"PYTHONPATH": "", "COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def broken(request: pytest.FixtureRequest, house: Path) -> Iterator[Path]:
    """Add a line to a file of the copy for one test."""
    name, line = request.param
    file = house / "sheets_decrypt" / name
    former = file.read_text(encoding="utf-8") if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    new = not (file.parent / "__init__.py").exists()
    if new:
        (file.parent / "__init__.py").touch()
    file.write_text(f"{former or ''}\n{line}\n", encoding="utf-8")
    yield house
    if former is not None:
        file.write_text(former, encoding="utf-8")
    elif new:
        shutil.rmtree(file.parent)
    else:
        file.unlink()


def test_the_house_keeps_its_rules(house: Path) -> None:
    """The copy is as clean as the original, so the added line causes the breaks below."""
    done = _lint(house, "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("broken", "contract"),
    [((name, line), contract) for name, line, contract in TRIED],
    indirect=["broken"],
    ids=[f"{name}: {line.split(chr(10))[-1].strip()}" for name, line, _ in TRIED],
)
def test_a_broken_rule_is_noticed(broken: Path, contract: str) -> None:
    """An import that a room may not have breaks the contract that forbids it."""
    done = _lint(broken, "lint-imports", "--no-cache")
    assert done.returncode == 1, done.stdout
    assert re.search(rf"{re.escape(contract)}.* BROKEN", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("name", "line", "rule"),
    [
        ("story/pull.py", "print('done')", "T201"),
        ("runs/record.py", "import sys\n\nsys.exit(1)", "TID251"),
        ("vault/drive.py", "import os\n\nos._exit(1)", "TID251"),
        ("schedule/cron.py", "exit(1)", "PLR1722"),
        ("input/csv_file.py", "import tempfile", "TID251"),
    ],
)
def test_a_module_that_prints_or_exits_is_noticed(house: Path, name: str, line: str, rule: str) -> None:
    """Only `cli/terminal.py` prints and exits, and nothing is staged in a temporary folder."""
    text = (house / "sheets_decrypt" / name).read_text(encoding="utf-8") + f"\n{line}\n"
    program = Path(sys.executable).with_name("ruff")
    command = [str(program), "check", "--output-format=concise", "--stdin-filename", f"sheets_decrypt/{name}", "-"]
    done = subprocess.run(command, cwd=house, input=text, capture_output=True, text=True, check=False)
    assert f" {rule} " in done.stdout


def _names(file: Path) -> set[str]:
    """Return every name and attribute that a module uses."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(
    "file",
    [
        *(file for file in (PACKAGE / "decryption").rglob("*.py") if not file.name.startswith("pool")),
        PACKAGE / "output/csv_text.py",
        PACKAGE / "cells.py",
        PACKAGE / "table.py",
    ],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_a_pure_module_needs_no_import_to_reach_outside(file: Path) -> None:
    """A pure module uses neither `open` nor any import that the linter cannot see."""
    assert not _names(file) & {"open", "input", "print", "exec", "eval", "compile", "__import__", "import_module"}


def test_only_the_terminal_reaches_the_standard_streams() -> None:
    """No other module of the package uses them, raises SystemExit or asks the user."""
    streams = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "SystemExit", "input", "quit"}
    found = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if _names(file) & streams}
    assert found <= {"cli/terminal.py"}
