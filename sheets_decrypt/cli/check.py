"""The command `sheets-decrypt check`."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option

if TYPE_CHECKING:
    from sheets_decrypt.check import Check


@click.command()
@config_option
@job_option
@click.option("--no-network", is_flag=True, help="Ask nobody; try only what is on this machine.")
@json_option("Print the checks, one line of JSON for each.")
def check(config_path: Path | None, jobs: tuple[str, ...], no_network: bool, as_json: bool) -> int:
    """Try everything that a pull needs, and say what is missing.

    Each check is ok, warning, error or skipped, with what to do about it. Only errors fail; the exit code is the one
    that a pull would end with.
    """
    from sheets_decrypt import config as configuration  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.check import check as run_checks  # noqa: PLC0415

    config = configuration.load(configuration.find(config_path))
    code = 0
    outcomes: Counter[str] = Counter()
    for result in run_checks(config, chosen(config, jobs), network=not no_network):
        terminal.write_lines([json.dumps(asdict(result), ensure_ascii=False)] if as_json else _lines(result))
        code = code or result.exit_code
        outcomes[result.outcome] += 1
    if not as_json:
        terminal.say(_verdict(outcomes))
    return code


def _verdict(outcomes: Mapping[str, int]) -> str:
    """Say in one line what the checks together mean."""
    found = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    return (
        f"a pull would fail: {found}" if outcomes.get("error") else f"nothing was found that would stop a pull: {found}"
    )


def _lines(result: "Check") -> list[str]:
    about = f"{result.job}: " if result.job else ""
    line = f"{result.outcome:<8}{about}{result.name}: {result.message}"
    return [line, f"        hint: {result.hint}"] if result.hint else [line]
