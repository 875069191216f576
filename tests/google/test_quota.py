"""Many jobs that sign in with one account all complete within Google's quota of 60 reads a minute."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.google.session import open_session
from sheets_decrypt.google.sheet import Limits, open_sheet
from sheets_decrypt.sandbox.google import Quota, Sandbox, Tab
from tests.google.conftest import Clock
from tests.long import LONG, scaled
from tests.survey import World

JOBS = scaled(32, 50)  # two reads each, more than the quota's sixty a minute
LIMITS = Limits()
ONLY_LONG = pytest.mark.skipif(not LONG, reason="waits for more than a minute (SHEETS_DECRYPT_LONG=1)")


def _settings(google: Sandbox) -> config.Google:
    return config.Google(credentials=google.key_file, proxy=google.proxy, ca_bundle=google.ca_bundle)


def _pull(settings: config.Google, spreadsheet: str, limits: Limits = LIMITS) -> list[list[str]]:
    """Read a sheet in its own session, as each job does."""
    with open_session(settings) as session:
        sheet = open_sheet(
            session, spreadsheet_id=spreadsheet, worksheet=None, gid=None, values="stored", limits=limits
        )
        return [row for page in sheet.pages() for row in page.rows]


def _statuses(google: Sandbox) -> list[int]:
    return [request.status for request in google.requests if request.host == "sheets.googleapis.com"]


def test_many_jobs_one_after_another_complete(tmp_path: Path, clock: Clock) -> None:
    """With two reads per job the jobs exceed the quota's minute; refused reads are repeated when it is over."""
    with Sandbox(tmp_path, quota=Quota(), clock=clock.now) as google:
        sheets = [google.add(f"Survey {number}", [Tab("data", [["n"], [str(number)]])]) for number in range(JOBS)]
        read = [_pull(_settings(google), sheet) for sheet in sheets]
    assert read == [[[str(number)]] for number in range(JOBS)]
    assert _statuses(google).count(200) == 2 * JOBS
    assert 429 in _statuses(google)
    assert 60 <= clock.ahead < 300


def test_large_sheets_one_after_another_complete(tmp_path: Path, clock: Clock) -> None:
    """Sheets read in fifty blocks each complete, although together they need more requests than the quota allows."""
    rows = [["n"], *([str(number)] for number in range(2_999))]
    with Sandbox(tmp_path, quota=Quota(), clock=clock.now) as google:
        settings = _settings(google)
        for _ in range(3):
            tab = Tab("data", rows, row_count=3000, column_count=26)
            assert len(_pull(settings, google.add("Large", [tab]), Limits(cells=2000))) == 2_999
    assert _statuses(google).count(200) > 120


@ONLY_LONG
def test_fifty_jobs_of_a_configuration_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command writes fifty CSVs in real time, and exits with 0."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    with Sandbox(tmp_path / "google", quota=Quota()) as google:
        world = World.make(tmp_path, google)
        del world.google_settings["deadline"]
        world.configure({f"job{number}": {"output": f"surveys/{number}.csv"} for number in range(JOBS)})
        done = world.process("pull", "--config", world.path, "--json")
    assert done.code == 0
    assert [record["status"] for record in done.records()] == ["written"] * JOBS


@ONLY_LONG
def test_fifty_jobs_at_the_same_time_complete(tmp_path: Path) -> None:
    """Fifty jobs that a scheduler starts in the same second share the quota over several minutes."""
    together = threading.Barrier(JOBS)
    with Sandbox(tmp_path, quota=Quota()) as google:
        sheet = google.add("Survey", [Tab("data", [["n"], ["1"]])])

        def job(_number: int) -> list[list[str]]:
            together.wait()
            return _pull(_settings(google), sheet)

        with ThreadPoolExecutor(JOBS) as pool:
            assert list(pool.map(job, range(JOBS))) == [[["1"]]] * JOBS
    assert 429 in _statuses(google)
