"""Behind `pull-and-decrypt`: find the configuration or make one for a one-off run, and run its jobs."""

import random
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sheets_decrypt import config
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import in_use, load_named
from sheets_decrypt.cli.options import chosen, names_of
from sheets_decrypt.cli.result import show_result
from sheets_decrypt.config import Config
from sheets_decrypt.errors import ConfigurationError, GoogleUnavailable, RunUnderWay
from sheets_decrypt.runs.record import Record
from sheets_decrypt.runs.report import counted
from sheets_decrypt.runs.watch import Watch, watched
from sheets_decrypt.secret_sources import from_environment
from sheets_decrypt.story.options import Options
from sheets_decrypt.story.pull import pull

# The options that describe the job of a one-off run, by their names in the configuration.
_JOB: Final = (
    "spreadsheet", "worksheet", "columns", "output", "encoding", "formula_guard", "on_error", "missing_values", "keep",
    "max_shrink", "values", "accept", "mark",
)  # fmt: skip
_PASSING: Final = (GoogleUnavailable.exit_code, RunUnderWay.exit_code)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the jobs run, and how their results are shown.

    Args:
        dry_run: Do everything except write.
        allow_shrink: Accept a sheet with far fewer rows.
        wait: Seconds to wait for another run of the same job.
        quiet: Show nothing on success.
        as_json: Show records as JSON.
        retry: Minutes after which a run is tried once more, if its failure may be temporary; 0 means never.
    """

    dry_run: bool
    allow_shrink: bool
    wait: float
    quiet: bool
    as_json: bool
    retry: int

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "RunOptions":
        """Pick them from the options of the command line."""
        return cls(**{name: options[name] for name in cls.__dataclass_fields__})


def configuration(options: Mapping[str, Any]) -> Config:
    """Return the configuration: the file's, or one made of the options of a one-off run.

    Raises:
        ConfigurationError: The options contradict each other, or the configuration is invalid.
    """
    given = {name: options[name] for name in _JOB if options[name] not in {None, ()}}
    if "spreadsheet" in given:
        return in_use(_one_off(given, options))
    if given or options["credentials"]:
        name = next(iter(given), "credentials").replace("missing_values", "missing-value")
        raise ConfigurationError(
            f"--{name.replace('_', '-')} is only for a one-off run",
            hint="add --spreadsheet, or set it in the configuration",
        )
    return load_named(options["config_path"])


def _one_off(given: Mapping[str, Any], options: Mapping[str, Any]) -> Config:
    """Return a configuration with one job."""
    for name in ("columns", "output"):
        if name not in given:
            raise ConfigurationError(f"a one-off run needs --{name}", hint=f"add --{name}; see pull-and-decrypt --help")
    if options["jobs"]:
        raise ConfigurationError("--job and --spreadsheet exclude each other", hint="leave one of them out")
    job = {**given, "columns": names_of(given["columns"])}
    name = re.sub(r"[^\w.-]+", "_", Path(given["output"]).stem) or "job"
    made = config.parse({"jobs": {name: job}}, folder=Path.cwd())
    return made.model_copy(update=_rest(options))


def _rest(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings around the job of a one-off run: from --config if given, else from the environment."""
    path = options["config_path"]
    base = config.load(path) if path else None
    rest: dict[str, object] = {"google": base.google, "workers": base.workers} if base else {}
    if options["credentials"]:
        google = base.google if base else config.Google()
        rest["google"] = google.model_copy(update={"credentials": Path(options["credentials"])})
    return rest | {"keys": base.keys if base and base.keys.given() else from_environment()}


def run_jobs(config: Config, names: Sequence[str], options: RunOptions, *, jitter: float = 0) -> int:
    """Run jobs one after the other, show each result, and return the first failing job's exit code.

    Args:
        config: The configuration.
        names: The jobs; none means all.
        options: How they run.
        jitter: The longest random delay before the start, in seconds.
    """
    runs = [_Run(config, name, options) for name in chosen(config, names)]
    time.sleep(random.SystemRandom().uniform(0, jitter))
    for run in runs:
        run.attempt(last=not options.retry)
    pending = [run for run in runs if run.pending]
    if pending:
        time.sleep(options.retry * 60)
    for run in pending:
        run.attempt(last=True)
    if len(runs) > 1 and (troubled := [run for run in runs if run.code]):
        terminal.write_notice(_closing(troubled, len(runs)))
    return next((run.code for run in runs if run.code), 0)


def _closing(troubled: Sequence["_Run"], number: int) -> str:
    """Return which of several jobs a person should look at; an error among twenty results is easily overlooked."""
    named = ", ".join(f"{run.name} (exit code {run.code})" for run in troubled)
    return f"{len(troubled)} of {number} jobs need{'s' if len(troubled) == 1 else ''} attention: {named}"


class _Run:
    """One run of a job, in one or two attempts.

    Args:
        config: The configuration.
        name: The job's name.
        options: How it runs.
    """

    def __init__(self, config: Config, name: str, options: RunOptions) -> None:
        self._config = config
        self.name = name
        self._options = options
        self._watch: Watch | None = None
        self._closing = ExitStack()
        self.pending = False
        self.code = 0

    def attempt(self, *, last: bool) -> None:
        """Pull, and conclude unless the failure may be temporary and this is not the last attempt."""
        if not (self._watch or self._options.dry_run):
            self._watch = self._closing.enter_context(watched(self._config, self.name))
        record = self._pull()
        self.pending = not last and _may_pass(record)
        if self.pending and record.error is not None:
            later = f"trying again in {counted(self._options.retry, 'minute')}"
            terminal.write_notice(f"warning: {self.name}: {record.error.message}; {later}")
        else:
            self._conclude(record)

    def _pull(self) -> Record:
        given = self._options
        with terminal.progress(self.name, wanted=not given.quiet) as progress:
            options = Options(given.allow_shrink, given.dry_run, given.wait, progress)
            return pull(self.name, self._config.jobs[self.name], self._config, options)

    def _conclude(self, record: Record) -> None:
        """Remember, report and show how the run ended."""
        self.code = record.exit_code
        if self._watch is not None:
            self._watch.end(record)
        self._closing.close()
        show_result(record, quiet=self._options.quiet, as_json=self._options.as_json)
        for warning in self._watch.warnings if self._watch else ():
            terminal.write_notice(f"warning: {self.name}: {warning}")


def _may_pass(record: Record) -> bool:
    """Return whether the cause of a failure may go away within minutes."""
    return record.error is not None and (record.error.code in _PASSING or record.error.locked)
