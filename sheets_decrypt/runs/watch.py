"""Around each run: what this machine remembers of it, and who is told. Nothing here changes a run's result."""

from sheets_decrypt import config
from sheets_decrypt.config import Config, SecretSource
from sheets_decrypt.errors import KeyMissing, RunUnderWay
from sheets_decrypt.runs import notify, state
from sheets_decrypt.runs.record import RunRecord
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.secret_sources import resolve


def begin(content: Config, job: str) -> list[str]:
    """Tell that a run begins; gives warnings."""
    settings, warnings = _settings(content.notify_of(content.jobs[job]))
    return [*warnings, *notify.announce_start(settings, job)]


def end(content: Config, job: str, record: RunRecord) -> list[str]:
    """Remember how a run ended, and tell it; gives warnings. A run that found another one under way is no news."""
    if record.exit_code == RunUnderWay.exit_code:
        return []
    before = state.load(content, job)
    after = before.after(record)
    state.save(content, job, after)
    settings, warnings = _settings(content.notify_of(content.jobs[job]))
    outcome = notify.Outcome(
        job=job,
        exit_code=record.exit_code,
        status=record.status.value,
        rows_written=record.rows_written,
        failure_count=record.failure_count,
        hint=record.error.hint if record.error else "",
        recovered=record.exit_code == 0 and _was_told(before, settings),
        vault_locked_runs=after.locked_runs,
    )
    return [*warnings, *notify.announce(settings, outcome)]


def _was_told(before: JobState, settings: notify.Notify) -> bool:
    """Tell whether the run before was told as a failure: a vault that was locked for a few runs was not."""
    if before.locked_runs and before.failed_runs == before.locked_runs:
        return before.locked_runs >= settings.locked_after
    return before.exit_code != 0


def _settings(section: config.Notify) -> tuple[notify.Notify, list[str]]:
    """Read the addresses, which may be secrets; one that cannot be read is left out, with a warning."""
    warnings: list[str] = []

    def address(source: str | SecretSource) -> str | None:
        if isinstance(source, str):
            return source
        try:
            return resolve(source).reveal()
        except Exception as error:  # noqa: BLE001  (whatever it is, it never changes the result of a run)
            reason = error.message if isinstance(error, KeyMissing) else type(error).__name__
            warnings.append(f"[notify]: {reason}")
            return None

    settings = notify.Notify(
        healthchecks=address(section.healthchecks) if section.healthchecks else None,
        urls=tuple(url for source in section.urls if (url := address(source))),
        on=frozenset(section.on),
        locked_after=section.locked_after,
    )
    return settings, warnings
