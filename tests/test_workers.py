"""Sealed boxes spread over processes: the same results, the same order, no key in sight, and no process left over."""

import dataclasses
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt import config
from sheets_decrypt import story as pull
from sheets_decrypt.config import Conversion, Keys
from sheets_decrypt.decryption import pool as workers
from sheets_decrypt.decryption import pool_worker as worker
from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox, read
from sheets_decrypt.decryption.pool import SpreadSealedBox, processors, spread
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox.google import Cell, GeneratedRows, Sandbox, Tab
from sheets_decrypt.table import NO_KEY_FITTED, Column, Format, Reason, Secret
from tests import encryption, mounts, require, survey
from tests.survey import CSV, HEADER, World, assert_nothing_leaked, csv_of

PRIVATE = [bytes(range(first, first + 32)) for first in (1, 41, 101)]
FOREIGN = bytes(range(151, 183))
SECRETS = [Secret(encryption.key_text(key)) for key in PRIVATE]
FORMER = b"\xef\xbb\xbfid\r\n1\r\n"


def _body(text: str, key: bytes) -> bytes:
    [token] = sealing.seal([text], encryption.public_of(key))
    body = read(token)
    assert body is not None
    return body


GOOD = [_body(f"answer {number}", key) for key in PRIVATE for number in range(4)]
BAD = [
    b"",  # cut off
    _body("theirs", FOREIGN),
    GOOD[0][:-1] + bytes([GOOD[0][-1] ^ 1]),
    bytes(32) + GOOD[0][32:],  # a point that no honest sender makes
    encryption.sealed_body(b"\xff\xfe", PRIVATE[0]),  # sealed right, and no UTF-8
]


def _bodies(number: int) -> list[bytes]:
    """Make so many tokens; they are different, but not all of them ask for an exchange of their own."""
    return [_body(f"answer {each}", PRIVATE[each % 3]) for each in range(number)]


def _told(column: Column) -> tuple[list[str | Reason], bytes]:
    """Give what is to be compared; `Reason` is a `str`, and a reason must not come back as its text."""
    for value in column.values:
        assert type(value) in {str, Reason}
    return list(column.values), column.keys


@dataclasses.dataclass(frozen=True)
class Process:
    """A process as /proc has it."""

    pid: int
    parent: int
    state: str
    command: bytes


def _processes() -> list[Process]:
    require.that(sys.platform == "linux", "only Linux has /proc")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[:2]
            found.append(Process(int(folder.name), int(parent), state, (folder / "cmdline").read_bytes()))
        except OSError:  # it ended
            continue
    return found


def _workers_of(parent: int) -> list[int]:
    """Give the processes that `multiprocessing` started for decrypting."""
    return [each.pid for each in _processes() if each.parent == parent and b"spawn_main" in each.command]


def _are_gone(pids: list[int]) -> bool:
    return not [each.pid for each in _processes() if each.pid in pids and each.state != "Z"]


def _wait_until(holds: Callable[[], object]) -> None:
    """Wait for what must come; the end of the test's patience is a failure."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def pool() -> Iterator[SpreadSealedBox]:
    """Give a cipher whose processes have started already."""
    spread_out = SpreadSealedBox(SealedBox(SECRETS), 2, worth=1)
    spread_out.decrypt(GOOD)
    yield spread_out
    spread_out.close()


# The results


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*GOOD, *BAD]), max_size=40))
def test_any_mix_of_tokens_gives_what_one_process_gives(pool: SpreadSealedBox, bodies: list[bytes]) -> None:
    """Good, damaged and foreign tokens of several keys: the same values, reasons and keys, in the same order."""
    assert _told(pool.decrypt(bodies)) == _told(SealedBox(SECRETS).decrypt(bodies))


def test_every_kind_of_token_comes_back_as_what_it_is(pool: SpreadSealedBox) -> None:
    """The comparison is not one of two mistakes: the values, the reasons and the keys are those expected."""
    column = pool.decrypt([*GOOD, *BAD])
    assert list(column.values[: len(GOOD)]) == [f"answer {number}" for _ in PRIVATE for number in range(4)]
    wrong, damaged = Reason.WRONG_KEY, Reason.DAMAGED
    assert list(column.values[len(GOOD) :]) == [damaged, wrong, wrong, damaged, damaged]
    assert column.keys == bytes([0] * 4 + [1] * 4 + [2] * 4 + [NO_KEY_FITTED] * 5)


def test_the_order_is_kept_over_many_pieces(pool: SpreadSealedBox) -> None:
    """A column of many pieces, whatever process is done first."""
    assert pool.decrypt(_bodies(500)).values == [f"answer {each}" for each in range(500)]


def test_a_page_may_begin_before_an_earlier_one_is_waited_for(pool: SpreadSealedBox) -> None:
    """Each result is its own page's, in whatever order they are asked for, and however often."""
    pages = [_bodies(30), [], [*BAD, *GOOD], _bodies(7)]
    waiting = [pool.begin(page) for page in pages]
    expected = [_told(SealedBox(SECRETS).decrypt(page)) for page in pages]
    for index in (2, 0, 3, 1, 0):
        assert _told(waiting[index]()) == expected[index]


def test_the_keys_have_the_names_that_they_have_alone(pool: SpreadSealedBox) -> None:
    """A report names the same fingerprints."""
    assert pool.fingerprints == SealedBox(SECRETS).fingerprints


# When processes are started


def test_below_its_worth_no_process_is_started() -> None:
    """A small sheet is decrypted at once, and tokens of one row count as the one exchange that they cost."""
    row = [read(token) or b"" for token in sealing.seal(["a", "b", "c", "d"], encryption.public_of(PRIVATE[0]))]
    before = _workers_of(os.getpid())
    cipher = SpreadSealedBox(SealedBox(SECRETS), 2, worth=10)
    try:
        for _ in range(3):
            assert cipher.decrypt(row).values == ["a", "b", "c", "d"]
        assert cipher.decrypt(GOOD[:6]).keys == bytes([0] * 4 + [1] * 2)
        assert _workers_of(os.getpid()) == before
        assert cipher.decrypt(GOOD[:1]).values == ["answer 0"]
        assert len(_workers_of(os.getpid())) > len(before)
    finally:
        cipher.close()


def test_pages_that_came_before_their_number_was_known_go_to_the_processes_too() -> None:
    """The first page waits for the second one to tell how large the sheet is."""
    before = _workers_of(os.getpid())
    cipher = SpreadSealedBox(SealedBox(SECRETS), 2, worth=10)
    try:
        first = cipher.begin(GOOD[:8])
        assert _workers_of(os.getpid()) == before
        second = cipher.begin([*BAD, *GOOD[8:]])
        assert len(_workers_of(os.getpid())) > len(before)
        assert _told(first()) == _told(SealedBox(SECRETS).decrypt(GOOD[:8]))
        assert _told(second()) == _told(SealedBox(SECRETS).decrypt([*BAD, *GOOD[8:]]))
    finally:
        cipher.close()


def test_one_worker_is_this_process() -> None:
    """`workers = 1` gives the ciphers back as they are; so does a job without sealed boxes."""
    ciphers: Ciphers = {Format.SEALED_BOX: SealedBox(SECRETS)}
    with spread(ciphers, 1) as found:
        assert found is ciphers
    with spread({}, 2) as nothing:
        assert nothing == {}


@pytest.mark.parametrize("count", [1, 2])
def test_auto_is_one_process_for_each_processor(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """On a machine with one processor there is nothing to spread."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)
    ciphers: Ciphers = {Format.SEALED_BOX: SealedBox(SECRETS)}
    with spread(ciphers, "auto") as found:
        assert isinstance(found[Format.SEALED_BOX], SpreadSealedBox) is (count > 1)


def test_the_processors_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's share on Linux; elsewhere all that the machine has, and one where that is not known."""
    if hasattr(os, "sched_getaffinity"):
        assert processors() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert processors() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1


# Processes that are started


def test_no_key_is_in_a_workers_arguments_or_environment(pool: SpreadSealedBox) -> None:
    """Everyone on the machine sees the arguments of a process, and more than its owner may see its environment."""
    pids = _workers_of(os.getpid())
    assert pids
    for pid in pids:
        seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        for key, secret in zip(PRIVATE, SECRETS, strict=True):
            for form in (secret.reveal().encode(), key, key.hex().encode()):
                assert form not in seen


def test_ctrl_c_is_blocked_in_a_worker_from_its_start(pool: SpreadSealedBox) -> None:
    """It inherits that, so that not even its first tenths of a second print a traceback; this process hears as ever."""
    pids = _workers_of(os.getpid())
    assert pids
    assert all(_signals(pid, "SigBlk") for pid in pids)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_ctrl_c_in_the_moment_of_a_start_is_not_lost() -> None:
    """It comes when the processes have been started."""
    done: list[str] = []

    def start() -> None:
        with workers._deaf_to_ctrl_c():
            signal.raise_signal(signal.SIGINT)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]


def test_where_nothing_can_be_blocked_processes_start_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no signal masks."""
    monkeypatch.delattr(signal, "pthread_sigmask")
    cipher = SpreadSealedBox(SealedBox(SECRETS), 2, worth=1)
    try:
        assert _told(cipher.decrypt(GOOD)) == _told(SealedBox(SECRETS).decrypt(GOOD))
    finally:
        cipher.close()


def test_close_ends_the_processes() -> None:
    """None is left, also where nobody has waited for what was begun; a second time is no error."""
    before = _workers_of(os.getpid())
    cipher = SpreadSealedBox(SealedBox(SECRETS), 2, worth=1)
    cipher.begin(_bodies(400))
    pids = [pid for pid in _workers_of(os.getpid()) if pid not in before]
    assert pids
    cipher.close()
    assert _are_gone(pids)
    cipher.close()


def test_an_error_ends_the_processes_too() -> None:
    """What goes wrong inside of `spread` leaves no process behind."""
    before = _workers_of(os.getpid())

    def interrupted() -> None:
        with spread({Format.SEALED_BOX: SealedBox(SECRETS)}, 2) as ciphers:
            cipher = ciphers[Format.SEALED_BOX]
            assert isinstance(cipher, SpreadSealedBox)
            cipher._asked = workers.WORTH
            cipher.begin(GOOD)
            assert len(_workers_of(os.getpid())) > len(before)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _workers_of(os.getpid()) == before


PARENT = """
import sys, time
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox
from sheets_decrypt.table import Secret
from sheets_decrypt.decryption.pool import SpreadSealedBox

if __name__ == "__main__":
    cipher = SpreadSealedBox(SealedBox([Secret(sys.stdin.readline().strip())]), 2, worth=1)
    cipher.decrypt([bytes([number]) * 80 for number in range(1, 100)])
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A parent that is killed cannot clean up; its workers see to it themselves, so that no key stays in memory."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, "utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}, encoding="utf-8",
    ) as parent:  # fmt: skip
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(SECRETS[0].reveal() + "\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "ready\n"
        pids = _workers_of(parent.pid)
        assert pids
        parent.kill()
        parent.wait()
        _wait_until(lambda: _are_gone(pids))


# A worker's own part, in this process: no coverage is measured in one that `multiprocessing` starts


def test_a_worker_leaves_ctrl_c_to_its_parent_and_sends_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker sends is what the parent reads again as the same column, its reasons among the values."""
    monkeypatch.setattr(worker, "_cipher", None)
    former = signal.getsignal(signal.SIGINT)
    try:
        worker.prepare(tuple(secret.reveal() for secret in SECRETS))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)
    sent = pickle.loads(pickle.dumps(worker.decrypt([*GOOD, *BAD])))
    assert sent == SealedBox(SECRETS).decrypt([*GOOD, *BAD])
    assert [type(value) for value in sent.values] == [str] * len(GOOD) + [Reason] * len(BAD)


def test_a_worker_without_a_parent_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that `multiprocessing` did not start has nobody to end with; one whose parent ended, ends."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    worker._end_with_parent()
    assert ended == []
    reading, writing = os.pipe()

    class Parent:
        sentinel = reading

    monkeypatch.setattr(multiprocessing, "parent_process", Parent)
    os.close(writing)  # as the system does for a process that ends
    worker._end_with_parent()
    os.close(reading)
    assert ended == [1]


# The whole way


def _configuration(text: str) -> config.Config:
    job = '[jobs.a]\nspreadsheet = "abcdefgh"\ncolumns = ["a"]\noutput = "a.csv"\n'
    return config.parse(tomllib.loads(f"{text}\n{job}"), folder=Path())


def test_the_configuration_says_how_many_processes() -> None:
    """`auto` is the default; a number is at least 1."""
    assert _configuration("").workers == "auto"
    assert _configuration('workers = "auto"').workers == "auto"
    assert _configuration("workers = 1").workers == 1
    assert _configuration("workers = 2").workers == 2


@pytest.mark.parametrize("value", ["0", "-1", "257", "1.5", '"all"'])
def test_a_number_of_processes_that_is_none_is_refused(value: str) -> None:
    """Before anything is read or asked."""
    with pytest.raises(ConfigurationError, match="workers"):
        _configuration(f"workers = {value}")


@pytest.fixture
def small_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the processes start for a handful of tokens; gives how many started for each run."""
    started: list[int] = []
    monkeypatch.setattr(SpreadSealedBox.__init__, "__defaults__", (3,))
    close = SpreadSealedBox.close

    def counted(self: SpreadSealedBox) -> None:
        started.append(0 if self._pool is None else len(self._pool._processes))
        close(self)

    monkeypatch.setattr(SpreadSealedBox, "close", counted)
    return started


def test_a_pull_gives_the_same_csv_with_workers_and_without(world: World, small_is_worth_it: list[int]) -> None:
    """Not a byte differs, and the record tells the same."""
    settings = world.path.read_text("utf-8")
    for count in (2, 1):
        world.path.write_text(f"workers = {count}\n{settings}", "utf-8")
        job = world.load().jobs["baseline"]
        record = pull.pull("baseline", job, world.load())
        assert (record.exit_code, record.rows_written) == (0, 6)
        assert world.csv() == world.whole()
        assert record.columns["name"].decrypted == 6
    [started] = small_is_worth_it  # with one worker there is nothing to close
    assert started >= 1


def test_a_file_gives_the_same_csv_with_workers_and_without(
    world: World, tmp_path: Path, small_is_worth_it: list[int]
) -> None:
    """The same for a CSV that was downloaded, with a token of somebody else's in it."""
    [foreign] = sealing.seal(["theirs"], encryption.public_of(FOREIGN))
    rows = [[str(cell) for cell in row] for row in world.survey.sheet]
    rows[3][1] = foreign
    downloaded = tmp_path / "downloaded.csv"
    downloaded.write_bytes(csv_of(rows, mark=False))
    keys: Keys = world.load().keys
    conversion: Conversion = config.parse_conversion({"columns": ["name", "phone", "address"]})
    with mounts.gocryptfs(tmp_path) as drive:
        for count in (1, 2):
            record = pull.decrypt_file(
                downloaded, drive.point / f"{count}.csv", conversion, keys,
                accept=("vault",), options=pull.Options(), workers=count,
            )  # fmt: skip
            assert (record.exit_code, record.failure_count) == (3, 1)
        expected = [list(answer) for answer in world.survey.answers]
        expected[2][1] = foreign
        assert (drive.point / "1.csv").read_bytes() == csv_of([HEADER, *expected])
        assert (drive.point / "2.csv").read_bytes() == csv_of([HEADER, *expected])
    [started] = small_is_worth_it
    assert started >= 1


def test_decrypt_file_takes_the_number_of_processes_from_the_configuration(
    world: World, tmp_path: Path, small_is_worth_it: list[int]
) -> None:
    """`workers = 1` starts none there either."""
    downloaded = tmp_path / "downloaded.csv"
    downloaded.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet], mark=False))
    settings = world.path.read_text("utf-8")
    with mounts.gocryptfs(tmp_path) as drive:
        for count in (2, 1):
            world.path.write_text(f"workers = {count}\n{settings}", "utf-8")
            done = world.run(
                "decrypt-file", downloaded, "--config", world.path, "--columns", "name,phone,address",
                "--output", drive.point / f"{count}.csv",
            )  # fmt: skip
            assert done.code == 0
    [started] = small_is_worth_it
    assert started >= 1


# Ctrl-C

ROWS = 90_000


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world whose sheet is worth two processes, with a former CSV in the vault."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    with Sandbox(tmp_path / "google") as google:
        world = World.make(tmp_path, google, rows=1)
        public_key = survey.public_key_of(world.survey)
        tokens = [sealing.seal(["a name"], public_key)[0] for _ in range(13_000)]

        def row(number: int) -> list[Cell]:
            return list(HEADER) if number == 1 else [number, tokens[number % len(tokens)], "", "", "free"]

        tab = Tab("data", GeneratedRows(ROWS, row, len(HEADER)), row_count=ROWS)
        world.spreadsheet = google.add("Large", [tab])
        world.settings["spreadsheet"] = world.spreadsheet
        world.configure(columns=["name"])
        world.path.write_text("workers = 2\n" + world.path.read_text("utf-8"), "utf-8")
        with world.vault.replace(CSV) as file:
            file.write(FORMER)
        yield world


@pytest.mark.parametrize("when", ["they start", "they work"])
def test_ctrl_c_ends_a_run_with_its_workers(large: World, when: str) -> None:
    """A terminal sends it to every process at once: exit code 130, no traceback, the vault as it was, none left."""
    before = large.encrypted_files()
    # Not measured: coverage holds a lock of its own, in which an interrupted process may hang for ever.
    environment = {name: value for name, value in large.environment().items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [*survey.PROGRAM, "pull", "--config", str(large.path)], env=environment, cwd=large.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    try:
        _wait_until(lambda: _workers_of(process.pid) or process.poll() is not None)
        pids = _workers_of(process.pid)
        if when == "they work":
            _wait_until(lambda: len(_workers_of(process.pid)) == 2 and all(_signals(pid, "SigIgn") for pid in pids))
            pids = _workers_of(process.pid)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert_nothing_leaked(out + err, large.survey)
    assert process.returncode == 130
    assert err.strip().splitlines() == ["error: interrupted", "hint: a csv that was not finished is as it was before"]
    assert large.encrypted_files() == before
    assert pids
    _wait_until(lambda: _are_gone(pids))


def _signals(pid: int, kind: str) -> bool:
    """Read in /proc whether SIGINT is among a process's signals of a kind, such as `SigIgn`."""
    require.that(sys.platform == "linux", "only Linux has /proc")
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    [mask] = [line.split()[1] for line in status.splitlines() if line.startswith(f"{kind}:")]
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)
