"""The state that this computer keeps of each job, even if the state is broken or cannot be saved."""

import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sheets_decrypt.runs import journal, state
from sheets_decrypt.runs.state import JobState
from tests import systems
from tests.survey import World
from tests.unattended_parts import configuration, memory, record


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the state below the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "home/.local/state/sheets-decrypt/jobs").iterdir())


def test_a_success_forgets_failures_and_a_failure_keeps_the_last_success() -> None:
    """Consecutive failures are counted until a run succeeds, even partially; rows are those of successful runs."""
    held = JobState().after(record(0, finished="2026-03-06T06:30:10Z", rows=5))
    assert held == JobState("2026-03-06T06:30:10Z", "2026-03-06T06:30:10Z", rows=(5,))
    held = held.after(record(6, finished="2026-03-07T06:30:10Z"))
    held = held.after(record(7, finished="2026-03-08T06:30:10Z", locked=True))
    held = held.after(record(7, finished="2026-03-09T06:30:10Z", locked=True))
    assert (held.last_success, held.last_run) == ("2026-03-06T06:30:10Z", "2026-03-09T06:30:10Z")
    assert (held.exit_code, held.message) == (7, "it broke")
    assert (held.failed_runs, held.locked_runs, held.rows) == (3, 2, (5,))
    assert held.after(record(6)).locked_runs == 0
    held = held.after(record(3, finished="2026-03-10T06:30:10Z", rows=8))
    assert held == JobState("2026-03-10T06:30:10Z", "2026-03-10T06:30:10Z", 3, rows=(5, 8), reported=True)


def test_a_failure_ends_the_run_under_way_and_says_what_to_do() -> None:
    """It has the message and the next step, if any; rows and the last success stay."""
    before = JobState("1", "1", 0, rows=(5,), running_since="2026-03-06T06:30:00Z", busy_runs=2)
    after = before.after(record(6))
    expected = JobState("2026-03-06T06:30:10Z", "1", 6, "it broke", 1, 0, (5,), "", 0, reported=True, hint="mend it")
    assert after == expected
    assert before.after(replace(record(6), error=None)) == replace(expected, message="", hint="")
    assert JobState().after(record(7, locked=True)).reported


def test_the_files_of_a_job_are_found_by_every_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names derive from the output's absolute path, and inside a vault also from its name there."""
    systems.only_on("posix", "the path is a POSIX path")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    vault = {"cryptomator": "vault", "passphrase": {"prompt": True}}
    config = configuration(Path("/conf"), plain={"output": "a.csv"}, inside={"output": "a.csv", "vault": vault})
    for job, target in (("plain", "/conf/a.csv\n"), ("inside", "/conf/vault\na.csv")):
        name = hashlib.sha256(target.encode()).hexdigest()[:32]
        state.change(config, job, lambda held: held)
        journal.add(config, job, record(6))
        folder = tmp_path / "sheets-decrypt"
        assert (folder / "jobs" / f"{name}.json").is_file()
        assert (folder / "runs" / f"{name}.jsonl").is_file()
        with state.running(config, job, "2026-03-06T06:30:00Z"):
            assert (folder / "locks" / f"{name}.running").is_file()


def test_a_full_or_damaged_vault_does_not_count_as_locked() -> None:
    """Exit code 7 also covers full, damaged and unencrypted places, which are failures at once."""
    assert JobState().after(record(7)).locked_runs == 0
    assert JobState().after(record(7, locked=True)).locked_runs == 1


def test_the_last_thirty_row_counts_stay() -> None:
    """The state does not grow without limit."""
    held = JobState()
    for rows in range(40):
        held = held.after(record(rows=rows))
    assert held.rows == tuple(range(10, 40))


def test_the_state_is_read_back_and_private(tmp_path: Path) -> None:
    """A job's state is read back unchanged, and only this user can read its folder."""
    config = configuration(tmp_path)
    held = JobState("2026-03-06T06:30:10Z", "2026-03-05T06:30:10Z", 9, 'column "é\ud800"', 1, 0, (1, 2))
    state.change(config, "baseline", lambda _: held)
    assert state.load(config, "baseline") == replace(held, message='column "é?"')  # a lone surrogate has no UTF-8
    [file] = _files(tmp_path)
    assert os.name == "nt" or file.parent.stat().st_mode & 0o777 == 0o700  # on Windows, AppData is private anyway


@pytest.mark.system("windows", "other systems can replace an open file")
def test_a_state_file_held_open_for_a_moment_is_written(tmp_path: Path) -> None:
    """A virus scanner that reads the file is waited for, because a lost success would look like an old one."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState(exit_code=6))
    [file] = _files(tmp_path)
    held = file.open("rb")
    timer = threading.Timer(0.3, held.close)
    timer.start()
    state.change(config, "baseline", lambda _: JobState(exit_code=9))
    timer.join()
    assert state.load(config, "baseline") == JobState(exit_code=9)


def test_a_renamed_job_keeps_its_state(tmp_path: Path) -> None:
    """The state belongs to the job's output; another output, or another vault, has another state."""
    held = JobState("2026-03-06T06:30:10Z", exit_code=6)
    state.change(configuration(tmp_path, baseline={"output": "a.csv"}), "baseline", lambda _: held)
    vault = {"cryptomator": "vault", "passphrase": {"prompt": True}}
    assert state.load(configuration(tmp_path, renamed={"output": "a.csv"}), "renamed") == held
    assert state.load(configuration(tmp_path, baseline={"output": "b.csv"}), "baseline") == JobState()
    assert state.load(configuration(tmp_path, baseline={"output": "a.csv", "vault": vault}), "baseline") == JobState()


@pytest.mark.parametrize("vault", [None, {"cryptomator": "vault", "passphrase": {"prompt": True}}])
def test_the_path_of_the_configuration_does_not_matter(tmp_path: Path, vault: dict[str, object] | None) -> None:
    """`--config ../conf/x.toml` and its absolute path find the same state."""
    held = JobState("2026-03-06T06:30:10Z", exit_code=6)
    job = {"output": "a.csv"} | ({"vault": vault} if vault else {})
    state.change(configuration(tmp_path / "conf", baseline=job), "baseline", lambda _: held)
    assert state.load(configuration(tmp_path / "other" / ".." / "conf", baseline=job), "baseline") == held


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"[" * 100_000,
        b'{"last_run": null}', b'{"last_success": "yesterday"}', b'{"last_run": "2026-03-06T06:30:10"}',
        b'{"last_success": 7}', b'{"exit_code": "6"}', b'{"exit_code": true}', b'{"message": ["x"]}',
        b'{"failed_runs": "x"}', b'{"failed_runs": -1}', b'{"locked_runs": 1.5}', b'{"rows": 5}', b'{"rows": "123"}',
        b'{"running_since": "now"}', b'{"reported": 1}',
        b'{"rows": [1, -2]}', b'{"rows": [1e400]}', b'{"rows": [null]}',
    ],
)  # fmt: skip
def test_a_broken_state_is_ignored(tmp_path: Path, content: bytes) -> None:
    """Whatever the file contains, it counts as no state."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState(exit_code=6))
    [file] = _files(tmp_path)
    file.write_bytes(content)
    assert state.load(config, "baseline") == JobState()


@pytest.mark.parametrize("kind", ["text", "pipe", "huge"])
def test_a_broken_state_stops_nothing(world: World, kind: str) -> None:
    """A pull succeeds, `status` works, and the state is valid again afterwards."""
    world.pull()
    [file] = _files(world.folder)
    file.unlink()
    if kind == "pipe":
        systems.only_on("posix", "only POSIX has named pipes in folders")
        os.mkfifo(file)
    else:
        with file.open("wb") as broken:
            broken.write(b"{")
            broken.truncate(1 if kind == "text" else 1 << 40)  # sparse
    assert memory(world) == JobState()
    assert world.run("status", "--config", world.path).code == 0
    world.configure(columns=["nobody"])
    assert world.pull().code == 9
    assert (memory(world).exit_code, memory(world).failed_runs) == (9, 1)


def test_the_state_of_a_later_version_is_read(tmp_path: Path) -> None:
    """A key unknown to this version is ignored."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState("2026-03-06T06:30:10Z"))
    [file] = _files(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"mood": "fine"}))
    assert state.load(config, "baseline") == JobState("2026-03-06T06:30:10Z")


@pytest.mark.parametrize("place", ["jobs", "jobs/file"])
def test_a_state_that_cannot_be_saved_stops_nothing(world: World, place: str) -> None:
    """If the folder or the file cannot be written, the run still succeeds and leaves nothing half written."""
    world.pull()
    [file] = _files(world.folder)
    folder = file.parent
    file.unlink()
    if place == "jobs":
        folder.rmdir()
        folder.write_text("a file stands in the folder's place")
    else:
        file.mkdir()
    assert world.pull().code == 0
    assert memory(world) == JobState()
    if place != "jobs":
        assert [path for path in folder.iterdir() if path.is_file()] == []


def test_the_state_contains_no_answer(world: World) -> None:
    """Whatever went wrong, the state folder contains no answer, token or secret."""
    world.pull()
    world.configure(columns=["nobody"])
    world.pull()
    text = b"".join(
        Path(folder, name).read_bytes()
        for folder, _, names in os.walk(world.folder / "home/.local/state")
        for name in names
    ).decode()
    assert "nobody" in text
    assert not [secret for secret in world.survey.confidential() if secret in text]


def test_a_run_stopped_from_outside_leaves_its_start(tmp_path: Path) -> None:
    """The system releases its lock, so it does not look like a run under way and does not block the next run."""
    config = configuration(tmp_path)
    run = state.running(config, "baseline", "2026-03-06T06:30:00Z")
    assert run.__enter__()
    assert state.is_running(config, "baseline")
    assert not run.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not state.is_running(config, "baseline")
    assert state.load(config, "baseline").running_since == "2026-03-06T06:30:00Z"
    with state.running(config, "baseline", "2026-03-07T06:30:00Z") as before:
        assert before is not None
        assert before.running_since == "2026-03-06T06:30:00Z"
        assert state.load(config, "baseline").running_since == "2026-03-07T06:30:00Z"
    assert state.load(config, "baseline").running_since == ""


def test_a_second_run_does_not_replace_the_first(tmp_path: Path) -> None:
    """The recorded start is that of the run under way."""
    config = configuration(tmp_path)
    with state.running(config, "baseline", "2026-03-06T06:30:00Z"):
        with state.running(config, "baseline", "2026-03-06T07:30:00Z") as before:
            assert before is None
        assert state.load(config, "baseline").running_since == "2026-03-06T06:30:00Z"


def test_simultaneous_changes_are_all_kept(tmp_path: Path) -> None:
    """Reading and writing back is one step, so none of forty simultaneous changes is lost."""
    config = configuration(tmp_path)

    def count() -> None:
        for _ in range(10):
            state.change(config, "baseline", lambda held: replace(held, failed_runs=held.failed_runs + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.load(config, "baseline").failed_runs == 40


# A path that is not UTF-8


def test_a_job_whose_path_is_not_utf_8_has_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CSV is already written by then, so saving the state must not fail."""
    systems.only_on("posix", "paths are text here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = configuration(Path(os.fsdecode(b"/vault/caf\xe9")))
    state.change(config, "baseline", lambda _: JobState(last_run="2026-03-06T06:30:10Z", exit_code=7))
    assert state.load(config, "baseline").exit_code == 7


def test_a_path_that_is_not_unicode_has_a_state(tmp_path: Path) -> None:
    """A lone surrogate, which Windows allows, is part of a path like any other character."""
    config = configuration(Path("/vault/\ud800"))
    state.change(config, "baseline", lambda _: JobState(exit_code=7))
    assert state.load(config, "baseline") == JobState(exit_code=7)


def test_a_job_that_never_ran_is_not_running(tmp_path: Path) -> None:
    """Asking leaves no file."""
    assert not state.is_running(configuration(tmp_path), "baseline")
    assert list(tmp_path.iterdir()) == []
