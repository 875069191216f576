"""A named pipe, a device or a huge file in place of a file to read causes an error of ours, at once."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.config import SecretSource
from sheets_decrypt.errors import ConfigurationError, CredentialsRefused, KeyMissing
from sheets_decrypt.google import credentials
from sheets_decrypt.google.network import network_settings
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.runs import history, state
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.vault.drive import Drive
from tests.survey import CSV, World
from tests.vault.drives import as_vault

pytestmark = pytest.mark.system("posix", "needs named pipes and devices")


def huge(path: Path) -> None:
    """Create a file of one terabyte that takes no space."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


PLANTS: dict[str, Callable[[Path], None]] = {
    "a named pipe": lambda path: os.mkfifo(path),  # noqa: PLW0108  (Windows has none)
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "larger": huge,
}


@pytest.fixture(params=list(PLANTS))
def words(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Put something in place of the file `planted`, and return what an error calls it."""
    PLANTS[request.param](tmp_path / "planted")
    return str(request.param)


def test_a_configuration_is_a_small_regular_file(tmp_path: Path, words: str) -> None:
    """The message names the file, and the exit code is 2."""
    with pytest.raises(ConfigurationError, match=f"planted cannot be read: {words}"):
        config.load(tmp_path / "planted")


def test_a_key_file_is_a_small_regular_file(tmp_path: Path, words: str) -> None:
    """The message names the file, and the exit code is 5."""
    with pytest.raises(CredentialsRefused, match=f"planted cannot be read: {words}"):
        credentials.from_key_file(tmp_path / "planted")


def test_certificates_are_a_regular_file(tmp_path: Path, words: str) -> None:
    """A run does not wait for certificates that never come."""
    with pytest.raises(ConfigurationError, match=r"planted, which is not a file of trusted certificates"):
        network_settings(config.Google(ca_bundle=tmp_path / "planted"))
    assert words


def test_a_secrets_file_is_a_regular_file(tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A huge file is refused, and a systemd credential has the same limit."""
    if words != "a device":
        (tmp_path / "planted").chmod(0o600)
    source = SecretSource(file=tmp_path / "planted")
    with pytest.raises(KeyMissing, match="too large" if words == "larger" else f"planted cannot be read: {words}"):
        resolve(source)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(KeyMissing, match="too large|larger" if words == "larger" else f"cannot be read: {words}"):
        resolve(SecretSource(credential="planted"))


def test_a_downloaded_csv_is_a_regular_file(tmp_path: Path, words: str) -> None:
    """A large CSV is accepted, because it is read page by page."""
    if words != "larger":
        with pytest.raises(ConfigurationError, match=f"planted cannot be read: {words}"):
            CsvFile(tmp_path / "planted")


def test_a_jobs_state_is_a_small_regular_file(world: World, tmp_path: Path, words: str) -> None:
    """Anything else is ignored, and the next run replaces it."""
    content = config.load(world.path)
    path = state.file_of(content, "baseline")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.rename(tmp_path / "planted", path)  # noqa: PTH104 (may be a link)
    assert state.load(content, "baseline") == JobState()
    state.change(content, "baseline", lambda _: JobState(exit_code=7))
    assert state.load(content, "baseline").exit_code == 7


def test_only_the_end_of_a_huge_history_is_read(world: World) -> None:
    """The newest runs are returned, whatever comes before them."""
    run = json.dumps({"run_id": "newest"}).encode() + b"\n"
    with world.vault.replace(history.history_name(CSV)) as new:
        for _ in range(30):
            new.write(b"x" * 999_999 + b"\n")
        new.write(run)
    assert history.read_history(world.vault, CSV) == [{"run_id": "newest"}]


def test_a_history_of_any_size_is_read_quickly_on_a_drive(tmp_path: Path) -> None:
    """A terabyte without a line break would take hours to read, and block the run's lock as long."""
    huge(tmp_path / history.history_name("a.csv"))
    drive = Drive(tmp_path, classify=as_vault)
    assert history.read_history(drive, "a.csv") == []
    with (tmp_path / history.history_name("a.csv")).open("ab") as file:
        file.write(b'\n{"run_id": "newest"}\n')
    assert history.read_history(drive, "a.csv") == [{"run_id": "newest"}]
