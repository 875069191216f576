"""The command `sheets-decrypt history`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.cli.words import printable
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.runs.history import read_history
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.vault import open_vault


@click.command()
@config_option
@job_option
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs of each job.")
@json_option("Print the run records, one line of JSON for each.")
def history(config_path: Path | None, jobs: tuple[str, ...], last: int, as_json: bool) -> int:
    """List the last runs, from the history beside the CSV."""
    config = load_named(config_path)
    runs: list[dict[str, Any]] = []
    code = 0
    for name in chosen(config, jobs):
        try:
            vault, file = open_vault(config.jobs[name], config.vault_of(config.jobs[name]), resolve)
            vault.check()
            runs += read_history(vault, file)[-last:]
        except SheetsDecryptError as error:
            failed = terminal.show_error(error, about=name)
            code = code or failed
    if as_json:
        terminal.write_lines([json.dumps(run, ensure_ascii=False) for run in runs])
    elif runs:
        terminal.show(_table(runs))
    elif not code:
        terminal.write_notice("there are no runs yet")
    return code


def _table(runs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("finished (UTC)", "job", "status", "rows", "decrypted", "failed", "code", "message"):
        table.add_column(title, justify="right" if title in {"rows", "decrypted", "failed", "code"} else "left")
    for run in runs:
        cells = (
            *(run.get(key, "") for key in ("finished", "job", "status", "rows_read")),
            _decrypted(run),
            *(run.get(key, "") for key in ("failure_count", "exit_code")),
            _within(run, "error").get("message", ""),
        )
        table.add_row(*(printable(str(cell)) for cell in cells))
    return table


def _decrypted(run: dict[str, Any]) -> int:
    counts = _within(run, "columns")
    found = (_within(counts, column).get("decrypted") for column in counts)
    return sum(number for number in found if isinstance(number, int))


def _within(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an inner object; whoever can write into the vault may have put anything in its place."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}
