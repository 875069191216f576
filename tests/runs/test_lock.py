"""One run of a job at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from sheets_decrypt.errors import ConfigurationError, RunUnderWay
from sheets_decrypt.runs.lock import one_run
from tests.survey import World


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the locks of these tests in their own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_second_run_of_the_same_target_is_refused() -> None:
    """The lock belongs to the target: another target is free, and the same one is free again afterwards."""
    with one_run("a.csv"):
        with pytest.raises(RunUnderWay, match=r"another run that writes a\.csv is under way") as caught:
            one_run("a.csv").__enter__()
        assert caught.value.exit_code == 8
        with one_run("b.csv"):
            pass
    with one_run("a.csv"):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A killed run leaves no lock behind, because the system releases it."""
    code = "import os, signal\nfrom sheets_decrypt.runs.lock import one_run\n\
with one_run('a.csv'):\n    os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode != 0
    with one_run("a.csv"):
        pass


def test_the_lock_is_released_after_an_error() -> None:
    """A failed run does not lock out the next."""
    with pytest.raises(ValueError, match="x"), one_run("a.csv"):
        raise ValueError("x")
    with one_run("a.csv"):
        pass


def test_the_name_of_a_lock_reveals_nothing(tmp_path: Path) -> None:
    """The file is empty and named after a hash, so that no path is exposed outside the vault; any path works."""
    with one_run("surveys/geheim\udcff.csv"):
        [lock] = (path for path in (tmp_path / "state").rglob("*") if path.is_file())
        assert "geheim" not in lock.name
        assert lock.read_bytes() == b""


def test_a_state_folder_that_cannot_be_created_is_reported(world: World) -> None:
    """A user without a writable home gets advice, not a bug report."""
    blocked = world.folder / "state"
    blocked.write_text("a file")
    done = world.pull("--json", environment={"XDG_STATE_HOME": str(blocked)})
    assert done.code == 2
    assert "XDG_STATE_HOME" in done.err
    assert world.google.requests == []


def test_an_unusable_lock_folder_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names the folder."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigurationError, match="which holds the locks"):
        one_run("a.csv").__enter__()
