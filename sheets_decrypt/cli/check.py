"""The command `sheets-decrypt check`."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
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
    that a pull would end with.
    """
    config = load_named(config_path)
    code = 0
    outcomes: Counter[str] = Counter()
    skipped: list[Check] = []  # in a row, for the same reason: they are one line
    for result in checks.check(config, chosen(config, jobs), network=not no_network):
        code = code or result.exit_code
        outcomes[result.outcome] += 1
        if as_json:
            terminal.write_line(json.dumps(asdict(result), ensure_ascii=False))
            continue
        if skipped and (result.job, result.message) != (skipped[0].job, skipped[0].message):
            terminal.write_lines(_lines(*skipped))
            skipped = []
        if result.outcome is Outcome.SKIPPED:
            skipped.append(result)
        else:
            terminal.write_lines(_lines(result))
    if not as_json:
        terminal.write_lines([*(_lines(*skipped) if skipped else ()), _verdict(outcomes)])
    return code


def _verdict(outcomes: Mapping[str, int]) -> str:
    """Return in one line what the checks together mean."""
    found = ", ".join(f"{number} {_plural(outcome, number)}" for outcome, number in outcomes.items())
    return f"{'a pull would fail' if outcomes.get('error') else 'ready to pull'}: {found}"


def _plural(outcome: str, number: int) -> str:
    return f"{outcome}s" if number > 1 and outcome in {"error", "warning"} else outcome


def _lines(result: Check, *more: Check) -> list[str]:
    """Return the lines of a check, and of more that were skipped for the same reason."""
    about = f"{result.job}: " if result.job else ""
    names = ", ".join(check.name for check in (result, *more))
    line = f"{result.outcome:<8}{about}{names}: {result.message}"
    return [line, f"        hint: {result.hint}"] if result.hint else [line]
