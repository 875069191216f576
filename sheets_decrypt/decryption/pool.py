"""Sealed boxes spread over processes, for sheets that are large enough to pay for their start.

Threads do not help: the X25519 exchange, four fifths of a cell's time, holds the interpreter's lock.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox, ephemerals_of
from sheets_decrypt.decryption.pool_worker import decrypt, prepare
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.table import Column, Format, Reason

WORTH: Final = 7_000  # exchanges: two processes and their start take as long as this process alone
_PIECE: Final = 2_500  # exchanges, a tenth of a second: long beside what a piece costs, short at the end of a sheet


@contextmanager
def spread(ciphers: Ciphers, workers: int | Literal["auto"]) -> Iterator[Ciphers]:
    """Give the same ciphers, the sealed boxes' spread over processes where a sheet is large enough.

    Args:
        ciphers: Format → cipher.
        workers: How many processes; `"auto"` is one for each processor, 1 is none.
    """
    count = processors() if workers == "auto" else workers
    alone = ciphers.get(Format.SEALED_BOX)
    with _named_meanwhile(ciphers):
        if count < 2 or not isinstance(alone, SealedBox):  # noqa: PLR2004  (one process is this one)
            yield ciphers
            return
        pool = SpreadSealedBox(alone, count)
        try:
            yield {**ciphers, Format.SEALED_BOX: pool}
        finally:
            pool.close()


@contextmanager
def _named_meanwhile(ciphers: Ciphers) -> Iterator[None]:
    """Have the keys' names worked out beside the decryption: they are slow on purpose, and wanted at the end.

    Here a thread does help: scrypt lets go of the interpreter's lock.
    """

    def name() -> None:
        with suppress(MemoryError):  # whoever asks for the names gets it
            for cipher in ciphers.values():
                assert cipher.fingerprints  # noqa: S101  (asked for is worked out)

    thread = threading.Thread(target=name)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def processors() -> int:
    """Give the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone tells a container's share
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class _Page:
    """The tokens of one page.

    Args:
        bodies: The tokens' bodies.
        exchanges: How many exchanges they cost.
        pieces: What the processes make of them; None while they were not given any.
    """

    bodies: Sequence[bytes]
    exchanges: int
    pieces: list["Future[Column]"] | None = None


class SpreadSealedBox:
    """Sealed boxes with the same keys, decrypted by several processes once enough exchanges have been asked for.

    Args:
        alone: The cipher that does the same in this process.
        workers: How many processes.
        worth: The number of exchanges from which on they are used.
    """

    def __init__(self, alone: SealedBox, workers: int, worth: int = WORTH) -> None:
        self._alone: Final = alone
        self._workers: Final = workers
        self._worth: Final = worth
        self._asked = 0
        self._pool: ProcessPoolExecutor | None = None
        self._held: list[_Page] = []  # begun while it was not known whether processes are worth it
        self.fingerprints: Final = alone.fingerprints

    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """Decrypt a sequence of tokens; see `Cipher.decrypt`."""
        return self.begin(bodies)()

    def begin(self, bodies: Sequence[bytes]) -> Callable[[], Column]:
        """Begin to decrypt; what is given back waits for the result."""
        page = _Page(bodies, len(set(ephemerals_of(bodies))))
        self._asked += page.exchanges
        self._held.append(page)
        if self._asked >= self._worth:
            self._pool = self._pool or self._start()
            for held in self._held:
                held.pieces = self._submit(held, self._pool)
            self._held.clear()
        return lambda: self._finish(page)

    def _submit(self, page: "_Page", pool: ProcessPoolExecutor) -> list["Future[Column]"]:
        bodies = page.bodies
        size = max(1, ceil(len(bodies) / max(self._workers, page.exchanges // _PIECE)))
        with _deaf_to_ctrl_c():
            return [pool.submit(decrypt, bodies[at : at + size]) for at in range(0, len(bodies), size)]

    def _finish(self, page: "_Page") -> Column:
        if page.pieces is not None:
            return _joined(page.pieces)
        self._held = [held for held in self._held if held is not page]
        return self._alone.decrypt(page.bodies)

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _start(self) -> ProcessPoolExecutor:
        # A fresh process, not a fork: a fork of a process with threads may hang, and Windows has none. The keys go
        # through the pipe that starts the process, never through its arguments or environment.
        keys = tuple(secret.reveal() for secret in self._alone.secrets)
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=prepare, initargs=(keys,))


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that never see Ctrl-C, which a terminal sends to each; before `prepare` they would complain.

    A process inherits what is blocked. This one gets a Ctrl-C when the block ends. Windows has no such thing: there a
    Ctrl-C in the tenths of a second in which a worker starts may print where it was, which is no value.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _joined(pieces: Sequence["Future[Column]"]) -> Column:
    values: list[str | Reason] = []
    keys = bytearray()
    for piece in pieces:
        column = piece.result()
        values += column.values
        keys += column.keys
    return Column(values, bytes(keys))
