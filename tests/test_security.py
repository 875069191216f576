"""What SECURITY.md promises is tested: every test that it names exists, and every measure names one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TESTS = {
    name
    for file in (ROOT / "tests").rglob("*.py")
    if "node_modules" not in file.parts
    for name in re.findall(r"^ *def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| may ", "| ---"))]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", TEXT))))
def test_a_test_that_is_named_exists(name: str) -> None:
    """A measure whose test was renamed or removed is noticed."""
    assert name in TESTS


@pytest.mark.parametrize("row", ROWS)
def test_every_measure_names_a_test(row: str) -> None:
    """Nothing is said to be stopped that no test tries."""
    assert re.search(r"`test_\w+`", row), row
