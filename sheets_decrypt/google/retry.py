"""At most five tries within a deadline, with growing waits and jitter."""

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from sheets_decrypt.google.failures import Transient

TRIES: Final = 5
_FIRST_WAIT: Final = 1.0  # seconds; after a 503 Google asks for no more than one request a second
_FIRST_QUOTA_WAIT: Final = 5.0  # seconds; 5 + 10 + 20 + 40 outlast the minute of a quota
_JITTER: Final = 0.25

T = TypeVar("T")


def retry(attempt: Callable[[], T], *, deadline: float) -> T:
    """Call `attempt` until it succeeds, as long as it raises `Transient`.

    A wait is a plain sleep, so Ctrl-C ends it. A wait that would pass the deadline is not started.

    Args:
        attempt: One try; any other error that it raises is passed on at once.
        deadline: Seconds for all tries and waits together.

    Raises:
        GoogleUnavailable: The error of the last try, with the number of tries.
    """
    policy = Retrying(
        stop=stop_after_attempt(TRIES) | stop_before_delay(deadline),
        wait=_wait,
        retry=retry_if_exception_type(Transient),
        sleep=time.sleep,
        reraise=True,
    )
    try:
        return policy(attempt)
    except Transient as error:
        given_up = error.given_up(policy.statistics["attempt_number"])
    raise given_up


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and error.retry_after is not None:
        return error.retry_after
    first = _FIRST_QUOTA_WAIT if isinstance(error, Transient) and error.quota else _FIRST_WAIT
    spread = random.SystemRandom().uniform(1, 1 + _JITTER)
    return float(first * 2 ** (state.attempt_number - 1) * spread)
