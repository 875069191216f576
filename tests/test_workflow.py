"""The workflow that runs the suite on other systems is valid, and does only what the README says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import require

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github/workflows/test.yml"


def _is_valid(workflow: Path) -> bool:
    """Check a workflow against GitHub's own schema, of which check-jsonschema has a copy."""
    require.module("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_workflow_is_valid() -> None:
    """GitHub would accept it."""
    assert _is_valid(WORKFLOW)


@pytest.mark.parametrize(("right", "wrong"), [("runs-on", "run-on"), ("timeout-minutes: 60", "timeout-minutes: soon")])
def test_a_broken_workflow_is_noticed(right: str, wrong: str, tmp_path: Path) -> None:
    """The check can fail."""
    broken = tmp_path / "test.yml"
    broken.write_text(WORKFLOW.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    assert not _is_valid(broken)


def test_the_workflow_runs_only_the_readmes_test_line() -> None:
    """A user who follows the README gets the same as the workflow."""
    lines = WORKFLOW.read_text(encoding="utf-8").splitlines()
    runs = [line.partition("run: ")[2] for line in lines if "run: " in line]
    assert len(runs) == 1
    assert runs[0] in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
