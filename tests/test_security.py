"""What SECURITY.md promises is tested: every test that it names exists, and every measure names one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| may ", "| ---"))]


def test_a_test_that_is_named_exists() -> None:
    """A measure whose test was renamed or removed is noticed."""
    folders = [folder for folder in (ROOT / "tests").iterdir() if folder.is_dir() and folder.name != "node"]
    files = [*(ROOT / "tests").glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    tests = set(re.findall(r"^ *def (test_\w+)", text, re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)`", TEXT)) - tests == set()


def test_every_measure_names_a_test() -> None:
    """Nothing is said to be stopped that no test tries."""
    assert len(ROWS) > 10
    assert [row for row in ROWS if not re.search(r"`test_\w+`", row)] == []
