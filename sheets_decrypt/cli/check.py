"""The command `sheets-decrypt check`."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

import click

from sheets_decrypt import check as checks
from sheets_decrypt.check import Check, Outcome
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import in_use
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.config import find, load


@click.command()
@config_option
@job_option
@click.option("--no-network", is_flag=True, help="Check only what is on this computer.")
@json_option("Print the checks, one line of JSON for each.")
def check(config_path: Path | None, jobs: tuple[str, ...], no_network: bool, as_json: bool) -> int:
    """Check everything that a pull needs, and say what is missing.

    Each check is ok, warning, error or skipped, with what to do about it. Only errors fail; the exit code is the one
    that a pull would end with. With several jobs, what is ok is one line for each; --job NAME shows a job's details.
    """
    path = find(config_path)
    config = in_use(load(path))
    names = chosen(config, jobs)
    verdict = _Verdict(len(names))
    results = map(verdict.heard, checks.check(path, config, names, network=not no_network))
    if as_json:
        for result in results:
            terminal.write_line(json.dumps(asdict(result), ensure_ascii=False))
        return verdict.code
    for _, alike in groupby(_brief(results) if len(names) > 1 else results, key=_likeness):
        terminal.write_lines(_lines(*alike))
    terminal.write_line(verdict.words())
    return verdict.code


def _brief(results: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks to show for several jobs: nothing optional, and no details of what is ok."""
    for result in results:
        if result.job and result.outcome is Outcome.SKIPPED and result.message.startswith("optional"):
            continue
        yield replace(result, message="") if result.job and result.outcome is Outcome.OK else result


def _likeness(result: Check) -> object:
    """Return a key by which consecutive checks share one line; a check that needs attention gets its own line."""
    several = result.outcome is Outcome.SKIPPED or not result.message
    return (result.job, result.outcome, result.message) if several else object()


class _Verdict:
    """The overall result of the checks.

    Args:
        jobs: The number of jobs checked.
    """

    def __init__(self, jobs: int) -> None:
        self.code = 0
        self._jobs = jobs
        self._outcomes: Counter[str] = Counter()
        self._failing: dict[str, None] = {}  # in the order of the checks

    def heard(self, result: Check) -> Check:
        """Count a check, and return it."""
        self.code = self.code or result.exit_code
        self._outcomes[result.outcome] += 1
        if result.outcome is Outcome.ERROR:
            self._failing[result.job] = None
        return result

    def words(self) -> str:
        """Return the verdict in one line, with the jobs that would fail if there are several."""
        found = ", ".join(f"{number} {_plural(outcome, number)}" for outcome, number in self._outcomes.items())
        if not self._failing:
            return f"ready to pull: {found}"
        which = ", ".join(self._failing) if len(self._failing) < self._jobs else "every job"
        return f"a pull would fail{f' for {which}' if self._jobs > 1 else ''}: {found}"


def _plural(outcome: str, number: int) -> str:
    return f"{outcome}s" if number > 1 and outcome in {"error", "warning"} else outcome


def _lines(result: Check, *more: Check) -> list[str]:
    """Return the lines of a check, and of more checks with the same result."""
    about = f"{result.job}: " if result.job else ""
    names = ", ".join(check.name for check in (result, *more))
    line = f"{result.outcome:<8}{about}{names}{result.message and f': {result.message}'}"
    return [line, f"        hint: {result.hint}"] if result.hint else [line]
