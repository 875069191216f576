"""The command `sheets-decrypt check`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from sheets_decrypt import check as checks
from sheets_decrypt.check import Check, Outcome
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option


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
    config = load_named(config_path)
    names = chosen(config, jobs)
    code = 0
    outcomes: Counter[str] = Counter()
    failing: dict[str, None] = {}  # in their order
    alike: list[Check] = []  # in a row, with the same to say: they are one line
    for result in checks.check(config, names, network=not no_network):
        code = code or result.exit_code
        outcomes[result.outcome] += 1
        if result.outcome is Outcome.ERROR:
            failing[result.job] = None
        if as_json:
            terminal.write_line(json.dumps(asdict(result), ensure_ascii=False))
            continue
        brief = len(names) > 1 and result.job != ""
        if brief and result.outcome is Outcome.SKIPPED and result.message.startswith("optional"):
            continue
        shown = replace(result, message="") if brief and result.outcome is Outcome.OK else result
        if alike and not _is_alike(alike[0], shown):
            terminal.write_lines(_lines(*alike))
            alike = []
        alike.append(shown)
    if not as_json:
        which = list(failing) if len(names) > 1 else []
        terminal.write_lines([*(_lines(*alike) if alike else ()), _verdict(outcomes, which, len(names))])
    return code


def _is_alike(first: Check, result: Check) -> bool:
    """Return whether two checks of a job are one line; what needs attention has a line of its own."""
    several = first.outcome is Outcome.SKIPPED or not first.message
    return several and (first.job, first.outcome, first.message) == (result.job, result.outcome, result.message)


def _verdict(outcomes: Mapping[str, int], failing: Sequence[str], number: int) -> str:
    """Return in one line what the checks together mean.

    Args:
        outcomes: How many checks had which outcome.
        failing: The jobs that have errors, if there are several jobs.
        number: How many jobs were checked.
    """
    found = ", ".join(f"{number} {_plural(outcome, number)}" for outcome, number in outcomes.items())
    which = f" for {', '.join(failing) if len(failing) < number else 'every job'}" if failing else ""
    return f"{f'a pull would fail{which}' if outcomes.get('error') else 'ready to pull'}: {found}"


def _plural(outcome: str, number: int) -> str:
    return f"{outcome}s" if number > 1 and outcome in {"error", "warning"} else outcome


def _lines(result: Check, *more: Check) -> list[str]:
    """Return the lines of a check, and of more that say the same."""
    about = f"{result.job}: " if result.job else ""
    names = ", ".join(check.name for check in (result, *more))
    line = f"{result.outcome:<8}{about}{names}{result.message and f': {result.message}'}"
    return [line, f"        hint: {result.hint}"] if result.hint else [line]
