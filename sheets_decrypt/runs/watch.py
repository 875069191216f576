"""Records each run on this machine, and sends its notifications. Nothing here changes a run's result."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sheets_decrypt.config import Config
from sheets_decrypt.runs import journal, notify, state
from sheets_decrypt.runs.addresses import recipients_of
from sheets_decrypt.runs.news import news_of
from sheets_decrypt.runs.record import Record, timestamp


class Watch:
    """One run that is watched.

    Args:
        content: The configuration.
        job: The job's name.
        warnings: What went wrong while watching it so far.
    """

    def __init__(self, content: Config, job: str) -> None:
        self._content = content
        self._job = job
        self._recipients, self.warnings = recipients_of(content.notify_of(content.jobs[job]))

    def begin(self) -> None:
        """Announce the start."""
        self.warnings += notify.announce_start(self._recipients, self._job)

    def end(self, record: Record) -> None:
        """Record how the run ended, and announce it."""
        patience = self._recipients.locked_after
        before, after = state.change(self._content, self._job, lambda before: before.after(record, patience))
        journal.add(self._content, self._job, record)
        self.warnings += notify.announce(self._recipients, news_of(patience, record, before, after))


@contextmanager
def watched(content: Config, job: str) -> Iterator[Watch]:
    """Watch a run: the block is the run, and passes its record to `Watch.end`."""
    watch = Watch(content, job)
    with state.running(content, job, timestamp(datetime.now(UTC))) as before:
        if before is not None:  # otherwise this would look like the start of the run under way, which may hang
            if before.running_since:
                journal.add_stopped(content, job, before.running_since)
            watch.begin()
        yield watch
