"""The promises of SECURITY.md are tested: every test it names exists, and every measure names one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| may ", "| ---"))]


def test_every_named_test_exists() -> None:
    """A renamed or removed test is noticed."""
    folders = [folder for folder in (ROOT / "tests").iterdir() if folder.is_dir() and folder.name != "node"]
    files = [*(ROOT / "tests").glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    tests = set(re.findall(r"^ *def (test_\w+)", text, re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)`", TEXT)) - tests == set()


def test_every_measure_names_a_test() -> None:
    """No attack is said to be stopped unless a test tries it."""
    assert len(ROWS) > 10
    assert [row for row in ROWS if not re.search(r"`test_\w+`", row)] == []
