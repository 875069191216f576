"""Decrypt sealed boxes in several processes, for sheets that are large enough to be worth starting them.

Threads do not help: the X25519 exchange, four fifths of a cell's time, holds the global interpreter lock.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from math import ceil
from typing import Final, Literal

from sheets_decrypt.decryption.ciphers import Cipher
from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox, ephemerals_of
from sheets_decrypt.decryption.pending import Submit, decrypt_here
from sheets_decrypt.decryption.pool_worker import decrypt, prepare
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.table import Column, Format

WORTH: Final = 5_000  # exchanges, a full page; for 7,000, starting and using two processes takes as long as this one
_PIECE: Final = 2_500  # exchanges, 0.1 s: long compared with a piece's overhead, short at the end of a sheet


@contextmanager
def spread(ciphers: Ciphers, workers: int | Literal["auto"]) -> Iterator[Submit]:
    """Provide a `Submit` that decrypts tokens in this process and, if a sheet is large enough, in others.

    Args:
        ciphers: Format → cipher.
        workers: How many processes; `"auto"` means one per processor, 1 means only this process.
    """
    count = processors() if workers == "auto" else workers
    sealed_box = ciphers.get(Format.SEALED_BOX)
    with ThreadPoolExecutor(1) as thread:
        # Fingerprints are slow on purpose and needed only at the end; scrypt releases the global interpreter lock. An
        # error stays in this unused future, and is raised again when the fingerprints are read.
        thread.submit(lambda: [cipher.fingerprints for cipher in ciphers.values()])
        if count == 1 or not isinstance(sealed_box, SealedBox):
            yield decrypt_here
            return
        pool = Pool(sealed_box, count)
        try:
            yield pool.submit
        finally:
            pool.close()


def processors() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # a container's share, which only Linux reports
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Pool:
    """Processes with the keys of one cipher, started once enough exchanges have been submitted.

    Args:
        cipher: The cipher; tokens of others are decrypted in this process.
        workers: How many processes.
        worth: How many exchanges make them worthwhile.
    """

    def __init__(self, cipher: SealedBox, workers: int, worth: int = WORTH) -> None:
        self._cipher: Final = cipher
        self._workers: Final = workers
        self._worth: Final = worth
        self._exchanges = 0
        self._processes: ProcessPoolExecutor | None = None

    def submit(self, cipher: Cipher, bodies: Sequence[bytes]) -> Sequence["Future[Column]"]:
        """Submit tokens in pieces; see `Submit`."""
        if cipher is not self._cipher:
            return decrypt_here(cipher, bodies)
        exchanges = len(set(ephemerals_of(bodies)))
        self._exchanges += exchanges
        if self._exchanges < self._worth:
            return decrypt_here(cipher, bodies)
        self._processes = self._processes or self._start()
        size = max(1, ceil(len(bodies) / max(self._workers, exchanges // _PIECE)))
        with _sigint_deferred():  # the first submit starts the processes
            return [self._processes.submit(decrypt, bodies[at : at + size]) for at in range(0, len(bodies), size)]

    def close(self) -> None:
        """Stop the processes; pieces that they have not started are dropped."""
        if self._processes is not None:
            self._processes.shutdown(wait=True, cancel_futures=True)
            self._processes = None

    def _start(self) -> ProcessPoolExecutor:
        # A fresh process, not a fork: forking a process with threads may hang, and Windows has no fork. The keys go
        # through the pipe that starts the process, never through its arguments or environment.
        keys = tuple(secret.reveal() for secret in self._cipher.secrets)
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=prepare, initargs=(keys,))


@contextmanager
def _sigint_deferred() -> Iterator[None]:
    """Block SIGINT while workers start; they inherit the mask, so that Ctrl-C never makes them print a traceback.

    A terminal sends SIGINT to every process. This process handles it when the block ends. If another of its threads
    receives the signal, the handler still runs in the main thread, and a worker that had not yet been sent its keys
    would print why it has none; so the handler is deferred, too. Windows has no signal masks: there, a Ctrl-C in the
    tenths of a second in which a worker starts may print a traceback, which contains no value.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.getsignal(signal.SIGINT)
    changes = handler is not None and threading.current_thread() is threading.main_thread()
    if changes:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        if changes:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(signal.SIGINT)
