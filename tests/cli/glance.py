"""Jobs at a glance, as the tests of `status` show them."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sheets_decrypt.cli.job_table import JobStatus
from sheets_decrypt.runs.state import JobState

NOW = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)  # a Friday
HELD = JobState("2026-03-06T06:30:10Z", "2026-03-06T06:30:10Z", rows=(2, 4, 8))
GOOD = JobStatus("baseline", HELD, 9000, "daily 06:30", "2026-03-07 06:30")


def read_time_zone() -> None:
    """Let this process take on the time zone that its environment names."""
    if hasattr(time, "tzset"):  # Windows reads no TZ
        time.tzset()


def held(**changes: Any) -> JobStatus:
    """Return a job whose memory differs so."""
    return replace(GOOD, state=replace(HELD, **changes))
