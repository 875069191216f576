"""Requests per minute, counted like Google: for each user, and for the project."""

import threading
from dataclasses import dataclass
from typing import Final

from sheets_decrypt.sandbox.refusals import Refusal, quota_exceeded

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Quota:
    """The allowed requests per minute; the defaults are Google's.

    Args:
        per_user: Reads by one account; the same number of writes is allowed.
        per_project: Reads by all accounts of the project; the same number of writes is allowed.
    """

    per_user: int = 60
    per_project: int = 300


class RequestCounter:
    """Counts requests against a quota; None disables it. A minute begins with its first request; refusals count."""

    def __init__(self, quota: Quota | None) -> None:
        self._quota: Final = quota
        self._lock: Final = threading.Lock()
        self._began: dict[bool, float] = {}
        self._used: dict[bool, int] = {}

    def count(self, now: float, *, reads: bool) -> None:
        """Count one request.

        Raises:
            Refusal: The quota of this minute is used up.
        """
        if self._quota is None:
            return
        with self._lock:
            if now - self._began.get(reads, -_MINUTE) >= _MINUTE:
                self._began[reads], self._used[reads] = now, 0
            self._used[reads] += 1
            used = self._used[reads]
        # The sandbox has one account, so both quotas count the same requests.
        if used > self._quota.per_user:
            raise Refusal(quota_exceeded(per="user", limit=self._quota.per_user, reads=reads))
        if used > self._quota.per_project:
            raise Refusal(quota_exceeded(per="project", limit=self._quota.per_project, reads=reads))
