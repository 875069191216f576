"""Sealed boxes spread over processes: same results, same order, no key exposed, and no process left over."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.decryption import pool as pools
from sheets_decrypt.decryption import pool_worker
from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox, read
from sheets_decrypt.decryption.pending import decrypt_here
from sheets_decrypt.decryption.pool import Pool, processors, spread
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.table import NO_KEY_FITTED, Column, Format, Reason, Secret
from tests import encryption
from tests.decryption.processes import are_gone, signal_is, wait_until, workers_of

PRIVATE = [bytes(range(first, first + 32)) for first in (1, 41, 101)]
FOREIGN = bytes(range(151, 183))
SECRETS = [Secret(encryption.key_text(key)) for key in PRIVATE]
CIPHER = SealedBox(SECRETS)


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
    encryption.sealed_body(b"\xff\xfe", PRIVATE[0]),  # sealed correctly, but not UTF-8
]


def _bodies(number: int) -> list[bytes]:
    """Make this many tokens; they are different, but some share an exchange."""
    return [_body(f"answer {each}", PRIVATE[each % 3]) for each in range(number)]


def _told(column: Column) -> tuple[list[str | Reason], bytes]:
    """Return what is to be compared; `Reason` is a `str`, and a reason must not come back as a plain one."""
    for value in column.values:
        assert type(value) in {str, Reason}
    return list(column.values), column.keys


def decrypted(pool: Pool, bodies: Sequence[bytes]) -> Column:
    """Decrypt in the processes of a pool, and wait for the result."""
    return _joined(pool.submit(CIPHER, bodies))


def _joined(futures: Sequence["Future[Column]"]) -> Column:
    columns = [future.result() for future in futures]
    return Column([value for column in columns for value in column.values], b"".join(one.keys for one in columns))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Return a pool whose processes have started."""
    found = Pool(CIPHER, 2, worth=1)
    decrypted(found, GOOD)
    yield found
    found.close()


# The results


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*GOOD, *BAD]), max_size=40))
def test_any_mix_of_tokens_gives_what_one_process_gives(pool: Pool, bodies: list[bytes]) -> None:
    """Good, damaged and foreign tokens of several keys give the same values, reasons and keys, in the same order."""
    assert _told(decrypted(pool, bodies)) == _told(SealedBox(SECRETS).decrypt(bodies))


def test_every_kind_of_token_gives_the_expected_result(pool: Pool) -> None:
    """The values, reasons and keys are the expected ones, so the comparison is not between two equal mistakes."""
    column = decrypted(pool, [*GOOD, *BAD])
    assert list(column.values[: len(GOOD)]) == [f"answer {number}" for _ in PRIVATE for number in range(4)]
    wrong, damaged = Reason.WRONG_KEY, Reason.DAMAGED
    assert list(column.values[len(GOOD) :]) == [damaged, wrong, wrong, damaged, damaged]
    assert column.keys == bytes([0] * 4 + [1] * 4 + [2] * 4 + [NO_KEY_FITTED] * 5)


def test_the_order_is_kept_over_many_pieces(pool: Pool) -> None:
    """A column of many pieces keeps its order, whichever process finishes first."""
    assert decrypted(pool, _bodies(500)).values == [f"answer {each}" for each in range(500)]


def test_a_page_may_be_submitted_before_an_earlier_one_is_waited_for(pool: Pool) -> None:
    """Each result belongs to its own page, in whatever order the results are requested, and however often."""
    pages = [_bodies(30), [], [*BAD, *GOOD], _bodies(7)]
    pending = [pool.submit(CIPHER, page) for page in pages]
    expected = [_told(SealedBox(SECRETS).decrypt(page)) for page in pages]
    for index in (2, 0, 3, 1, 0):
        assert _told(_joined(pending[index])) == expected[index]


def test_other_ciphers_are_decrypted_in_this_process(pool: Pool) -> None:
    """The processes have the keys of only one cipher."""
    other = SealedBox([Secret(encryption.key_text(FOREIGN))])
    assert _joined(pool.submit(other, [BAD[1]])).values == ["theirs"]


# When processes are started


def test_no_process_is_started_for_too_few_tokens() -> None:
    """A small sheet is decrypted at once, and tokens of one row count as the one exchange that they cost."""
    row = [read(token) or b"" for token in sealing.seal(["a", "b", "c", "d"], encryption.public_of(PRIVATE[0]))]
    before = workers_of(os.getpid())
    small = Pool(CIPHER, 2, worth=10)
    try:
        for _ in range(3):
            assert decrypted(small, row).values == ["a", "b", "c", "d"]
        assert decrypted(small, GOOD[:6]).keys == bytes([0] * 4 + [1] * 2)
        assert workers_of(os.getpid()) == before
        assert decrypted(small, GOOD[:1]).values == ["answer 0"]
        assert len(workers_of(os.getpid())) > len(before)
    finally:
        small.close()


def test_one_worker_is_this_process() -> None:
    """`workers = 1` starts no process, nor does a job without sealed boxes."""
    ciphers: Ciphers = {Format.SEALED_BOX: CIPHER}
    with spread(ciphers, 1) as alone, spread({}, 2) as nothing:
        assert alone is nothing is decrypt_here


@pytest.mark.parametrize("count", [1, 2])
def test_auto_is_one_process_per_processor(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """On a machine with one processor there is nothing to spread."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)
    with spread({Format.SEALED_BOX: CIPHER}, "auto") as submit:
        assert (submit is decrypt_here) is (count == 1)


def test_the_processors_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is a container's share on Linux, otherwise all of the machine's, and one where that is unknown."""
    if hasattr(os, "sched_getaffinity"):
        assert processors() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert processors() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1


# Processes that are started


@pytest.mark.system("linux", "asks /proc")
def test_no_key_is_in_a_workers_arguments_or_environment(pool: Pool) -> None:
    """Everyone on the machine sees the arguments of a process, and not only its owner may see its environment."""
    pids = workers_of(os.getpid())
    assert pids
    for pid in pids:
        seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        for key, secret in zip(PRIVATE, SECRETS, strict=True):
            for form in (secret.reveal().encode(), key, key.hex().encode()):
                assert form not in seen


@pytest.mark.system("linux", "asks /proc")
def test_ctrl_c_is_blocked_in_a_worker_from_its_start(pool: Pool) -> None:
    """A worker inherits the mask, so even its first moments print no traceback; this process still gets the signal."""
    pids = workers_of(os.getpid())
    assert pids
    assert all(signal_is(pid, "SigBlk") for pid in pids)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.system("posix", "Windows has no signal masks")
def test_ctrl_c_while_processes_start_is_not_lost() -> None:
    """The interrupt is raised when the processes have started."""
    done: list[str] = []

    def start() -> None:
        with pools._sigint_deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]


@pytest.mark.system("posix", "Windows has no signal masks")
def test_ctrl_c_that_another_thread_takes_waits_until_the_workers_have_started() -> None:
    """The handler runs in the main thread anyway, and a worker whose start it interrupted would print a traceback."""
    done: list[bytes] = []
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()

    def start() -> None:
        with pools._sigint_deferred():
            signal.pthread_kill(other.ident or 0, signal.SIGINT)
            done.append(os.read(reading, 1))  # the other thread has taken it

    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job that a shell started with & ignores it
    signal.set_wakeup_fd(writing)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, former)
        end.set()
        other.join()
        os.close(reading)
        os.close(writing)
    assert done == [bytes([signal.SIGINT])]


def test_processes_start_on_systems_without_signal_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no signal masks, and the processes start without them."""
    monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
    found = Pool(CIPHER, 2, worth=1)
    try:
        assert _told(decrypted(found, GOOD)) == _told(SealedBox(SECRETS).decrypt(GOOD))
    finally:
        found.close()


def test_close_ends_the_processes() -> None:
    """No process is left, even if no one waited for the results; a second call is not an error."""
    before = workers_of(os.getpid())
    found = Pool(CIPHER, 2, worth=1)
    found.submit(CIPHER, _bodies(400))
    pids = [pid for pid in workers_of(os.getpid()) if pid not in before]
    assert pids
    found.close()
    assert are_gone(pids)
    found.close()


def test_an_error_ends_the_processes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside `spread` leaves no process behind."""
    monkeypatch.setattr(Pool.__init__, "__defaults__", (1,))
    before = workers_of(os.getpid())

    def interrupted() -> None:
        with spread({Format.SEALED_BOX: CIPHER}, 2) as submit:
            submit(CIPHER, GOOD)
            assert len(workers_of(os.getpid())) > len(before)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert workers_of(os.getpid()) == before


PARENT = """
import sys, time
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox
from sheets_decrypt.table import Secret
from sheets_decrypt.decryption.pool import Pool

if __name__ == "__main__":
    cipher = SealedBox([Secret(sys.stdin.readline().strip())])
    pool = Pool(cipher, 2, worth=1)
    for future in pool.submit(cipher, [bytes([number]) * 80 for number in range(1, 100)]):
        future.result()
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A killed parent cannot clean up, so its workers end on their own and no key stays in memory."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, "utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}, encoding="utf-8",
    ) as parent:  # fmt: skip
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(SECRETS[0].reveal() + "\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "ready\n"
        pids = workers_of(parent.pid)
        assert pids
        parent.kill()
        parent.wait()
        wait_until(lambda: are_gone(pids))


def test_errors_in_a_worker_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Errors while a worker gets its keys or in a thread of its own print no traceback; the parent gets the error."""
    canary = "canary-7f3a"
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context, initializer=pool_worker.prepare, initargs=((canary,),)) as pool,
        pytest.raises(BrokenProcessPool),
    ):
        pool.submit(pool_worker.decrypt, []).result()
    with ProcessPoolExecutor(1, mp_context=context, initializer=pool_worker.prepare, initargs=((),)) as pool:
        pool.submit(_fail_in_a_thread, canary).result()
        with pytest.raises(ValueError, match=canary):
            pool.submit(_fail, canary).result()
    assert canary not in capfd.readouterr().err


def _fail(text: str) -> None:
    raise ValueError(text)


def _fail_in_a_thread(text: str) -> None:
    thread = threading.Thread(target=_fail, args=(text,))
    thread.start()
    thread.join()


def test_errors_while_keys_are_named_are_not_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for a key's name raises the error; the thread that computes it in advance prints no traceback."""
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest has one of its own

    class Odd:
        def decrypt(self, bodies: Sequence[bytes]) -> Column:
            return SealedBox(SECRETS).decrypt(bodies)

        @property
        def fingerprints(self) -> Sequence[str]:
            raise ValueError("canary-7f3a")

    with spread({Format.LEGACY_CBC: Odd()}, 1):
        pass
    assert capfd.readouterr().err == ""
