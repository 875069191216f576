"""Around each run: what this machine remembers of it, and who is notified. Nothing here changes a run's result."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sheets_decrypt import config
from sheets_decrypt.config import Config, SecretSource
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.runs import journal, notify, state
from sheets_decrypt.runs.news import news_of
from sheets_decrypt.runs.record import Record, timestamp
from sheets_decrypt.secret_sources import resolve


class Watch:
    """One run that is watched.

    Args:
        content: The configuration.
        job: The job's name.
        warnings: What went wrong in watching it; more may come.
    """

    def __init__(self, content: Config, job: str) -> None:
        self._content = content
        self._job = job
        self._recipients, self.warnings = _recipients(content.notify_of(content.jobs[job]))

    def begin(self) -> None:
        """Announce the start."""
        self.warnings += notify.announce_start(self._recipients, self._job)

    def end(self, record: Record) -> None:
        """Remember how the run ended, and announce it."""
        patience = self._recipients.locked_after
        before, after = state.change(self._content, self._job, lambda before: before.after(record, patience))
        journal.add(self._content, self._job, record)
        self.warnings += notify.announce(self._recipients, news_of(patience, record, before, after))


@contextmanager
def watched(content: Config, job: str) -> Iterator[Watch]:
    """Watch a run: what happens in the block is the run, and `Watch.end` takes its record."""
    watch = Watch(content, job)
    with state.running(content, job, timestamp(datetime.now(UTC))) as before:
        if before is not None:  # otherwise this start would look like that of the run under way, which may hang
            if before.running_since:
                journal.add_stopped(content, job, before.running_since)
            watch.begin()
        yield watch


def _recipients(section: config.Notify) -> tuple[notify.Recipients, list[str]]:
    """Read the addresses, which may be secrets; one that cannot be read is left out, with a warning."""
    warnings: list[str] = []

    def address(source: str | SecretSource) -> str | None:
        if isinstance(source, str):
            return source
        try:
            return resolve(source).reveal()
        except Exception as error:  # noqa: BLE001  (whatever it is, it never changes a run's result)
            reason = error.message if isinstance(error, KeyMissing) else type(error).__name__
            warnings.append(f"[notify]: {reason}")
            return None

    recipients = notify.Recipients(
        healthchecks=address(section.healthchecks) if section.healthchecks else None,
        urls=tuple(url for source in section.urls if (url := address(source))),
        on=frozenset(section.on),
        locked_after=section.locked_after,
    )
    return recipients, warnings
