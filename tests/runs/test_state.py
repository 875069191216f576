"""What this machine remembers of each job, also where the memory is broken or cannot be kept."""

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
    """Keep the memory below the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "home/.local/state/sheets-decrypt/jobs").iterdir())


def test_a_success_forgets_failures_and_a_failure_keeps_the_last_success() -> None:
    """Failures in a row are counted until a run goes well; partial runs go well; rows are those of good runs."""
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


def test_a_failure_ends_what_was_under_way_and_says_what_to_do() -> None:
    """With the message and its next step, if it has any; rows and the last success stay."""
    before = JobState("1", "1", 0, rows=(5,), running_since="2026-03-06T06:30:00Z", busy_runs=2)
    after = before.after(record(6))
    expected = JobState("2026-03-06T06:30:10Z", "1", 6, "it broke", 1, 0, (5,), "", 0, reported=True, hint="mend it")
    assert after == expected
    assert before.after(replace(record(6), error=None)) == replace(expected, message="", hint="")
    assert JobState().after(record(7, locked=True)).reported


def test_the_files_of_a_job_are_found_by_every_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names come from the output's absolute path, and inside of a vault from its name there as well."""
    systems.only_on("posix", "the path is one of POSIX")
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


def test_a_full_or_damaged_vault_is_no_locked_one() -> None:
    """Exit code 7 tells of full, damaged and unencrypted places too: those are failures at once."""
    assert JobState().after(record(7)).locked_runs == 0
    assert JobState().after(record(7, locked=True)).locked_runs == 1


def test_the_last_thirty_row_counts_stay() -> None:
    """The memory does not grow."""
    held = JobState()
    for rows in range(40):
        held = held.after(record(rows=rows))
    assert held.rows == tuple(range(10, 40))


def test_what_is_saved_is_read_again_and_nobody_else_looks_into_it(tmp_path: Path) -> None:
    """A job's memory comes back as it was; its folder is the user's alone."""
    config = configuration(tmp_path)
    held = JobState("2026-03-06T06:30:10Z", "2026-03-05T06:30:10Z", 9, 'column "é\ud800"', 1, 0, (1, 2))
    state.change(config, "baseline", lambda _: held)
    assert state.load(config, "baseline") == replace(held, message='column "é?"')  # half a character has no bytes
    [file] = _files(tmp_path)
    assert os.name == "nt" or file.parent.stat().st_mode & 0o777 == 0o700  # in AppData it is the user's alone anyway


@pytest.mark.system("windows", "elsewhere a file that is open can be replaced")
def test_a_memory_that_is_held_open_for_a_moment_is_written(tmp_path: Path) -> None:
    """A virus scanner that looks at it is waited for: a success that was forgotten would look like an old one."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState(exit_code=6))
    [file] = _files(tmp_path)
    held = file.open("rb")
    timer = threading.Timer(0.3, held.close)
    timer.start()
    state.change(config, "baseline", lambda _: JobState(exit_code=9))
    timer.join()
    assert state.load(config, "baseline") == JobState(exit_code=9)


def test_a_job_that_is_renamed_keeps_its_memory(tmp_path: Path) -> None:
    """The memory belongs to what the job writes; another output, or another vault, is another memory."""
    held = JobState("2026-03-06T06:30:10Z", exit_code=6)
    state.change(configuration(tmp_path, baseline={"output": "a.csv"}), "baseline", lambda _: held)
    vault = {"cryptomator": "vault", "passphrase": {"prompt": True}}
    assert state.load(configuration(tmp_path, renamed={"output": "a.csv"}), "renamed") == held
    assert state.load(configuration(tmp_path, baseline={"output": "b.csv"}), "baseline") == JobState()
    assert state.load(configuration(tmp_path, baseline={"output": "a.csv", "vault": vault}), "baseline") == JobState()


@pytest.mark.parametrize("vault", [None, {"cryptomator": "vault", "passphrase": {"prompt": True}}])
def test_the_way_the_configuration_is_named_does_not_matter(tmp_path: Path, vault: dict[str, object] | None) -> None:
    """`--config ../conf/x.toml` and its absolute path lead to the same memory."""
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
def test_a_broken_memory_is_forgotten(tmp_path: Path, content: bytes) -> None:
    """Whatever the file contains, it counts as no memory."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState(exit_code=6))
    [file] = _files(tmp_path)
    file.write_bytes(content)
    assert state.load(config, "baseline") == JobState()


@pytest.mark.parametrize("kind", ["text", "pipe", "huge"])
def test_a_broken_memory_stops_nothing(world: World, kind: str) -> None:
    """A pull goes well, `status` works, and the memory is whole again afterwards."""
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


def test_a_memory_of_a_later_version_is_read(tmp_path: Path) -> None:
    """A key that this version does not know is passed over."""
    config = configuration(tmp_path)
    state.change(config, "baseline", lambda _: JobState("2026-03-06T06:30:10Z"))
    [file] = _files(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"mood": "fine"}))
    assert state.load(config, "baseline") == JobState("2026-03-06T06:30:10Z")


@pytest.mark.parametrize("place", ["jobs", "jobs/file"])
def test_a_memory_that_cannot_be_kept_stops_nothing(world: World, place: str) -> None:
    """Where the folder or the file cannot be written, the run stands all the same, and leaves nothing half-written."""
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


def test_no_answer_is_remembered(world: World) -> None:
    """What lies in the state folder holds no answer, token or secret, whatever went wrong."""
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


def test_a_run_that_was_stopped_from_outside_leaves_its_start(tmp_path: Path) -> None:
    """The system drops its lock, so that it does not look like a run under way; the next run is not kept out."""
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


def test_a_second_run_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    """The start that is remembered is that of the run under way."""
    config = configuration(tmp_path)
    with state.running(config, "baseline", "2026-03-06T06:30:00Z"):
        with state.running(config, "baseline", "2026-03-06T07:30:00Z") as before:
            assert before is None
        assert state.load(config, "baseline").running_since == "2026-03-06T06:30:00Z"


def test_changes_from_several_processes_are_all_kept(tmp_path: Path) -> None:
    """Reading and writing back is one step: of forty changes at once none is lost."""
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


def test_a_job_whose_path_is_not_utf_8_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CSV is written by then: what the machine remembers of it must not fail."""
    systems.only_on("posix", "paths are text here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = configuration(Path(os.fsdecode(b"/vault/caf\xe9")))
    state.change(config, "baseline", lambda _: JobState(last_run="2026-03-06T06:30:10Z", exit_code=7))
    assert state.load(config, "baseline").exit_code == 7


def test_a_path_that_is_no_text_at_all_is_remembered(tmp_path: Path) -> None:
    """Half a pair of surrogates, as Windows allows it, is a path like any other."""
    config = configuration(Path("/vault/\ud800"))
    state.change(config, "baseline", lambda _: JobState(exit_code=7))
    assert state.load(config, "baseline") == JobState(exit_code=7)


def test_a_job_that_never_ran_is_not_running(tmp_path: Path) -> None:
    """Asking leaves no trace of it."""
    assert not state.is_running(configuration(tmp_path), "baseline")
    assert list(tmp_path.iterdir()) == []
