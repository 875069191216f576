"""One deadline for a whole request: its retries, the sign-in and every connection share it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final, TypeVar

T = TypeVar("T")
_STEP: Final = 0.2  # seconds


class Deadline:
    """When the current request must be over.

    Args:
        seconds: How long a request may take, retries included. The first request begins now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds: Final = seconds
        self.restart()

    def restart(self) -> None:
        """Begin a request."""
        self._ends = time.monotonic() + self.seconds

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._ends

    def remaining(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: No time is left.
        """
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def wait_for(self, call: Future[T]) -> T:
        """Return the result of a background call, or raise what it raised.

        It waits in short steps, because on Windows Ctrl-C does not end the wait for a lock.

        Raises:
            TimeoutError: The call had not finished at the deadline; it keeps running.
        """
        while not call.done():
            wait([call], timeout=min(_STEP, self.remaining()))
        return call.result()


def in_background(call: Callable[[], T]) -> Future[T]:
    """Start a call that has no time limit of its own, such as the system's name resolution, and return its future.

    `Deadline.wait_for` waits for it. An abandoned call goes on in a daemon thread, which does not keep the process
    alive.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  (raised again where the future is waited for)
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, daemon=True).start()
    return future
