"""The command `sheets-decrypt history`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.config import Config
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.runs import journal, state
from sheets_decrypt.runs.history import read_history
from sheets_decrypt.runs.record import local_time
from sheets_decrypt.runs.report import counted
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system.printable import printable
from sheets_decrypt.vault import open_vault

if TYPE_CHECKING:
    from rich.table import Table

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_Run = dict[str, Any]


@click.command()
@config_option
@job_option
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs of each job.")
@json_option("Print the run records, one line of JSON for each.")
def history(config_path: Path | None, jobs: tuple[str, ...], last: int, as_json: bool) -> int:
    """List the last runs of all jobs in the order of time, also those that ended before the vault was open.

    Counts and messages come from the history beside the CSV. While the vault is locked, only what this computer
    remembers is shown: when each run ended, and how.
    """
    config = load_named(config_path)
    runs: list[_Run] = []
    errors: dict[tuple[str, str], list[str]] = {}  # one locked vault is one error, even for twenty jobs
    code = 0
    for name in chosen(config, jobs):
        in_vault: list[_Run] = []
        try:
            vault, file = open_vault(config.jobs[name], config.vault_of(config.jobs[name]), resolve)
            vault.check()
            in_vault = read_history(vault, file)
        except SheetsDecryptError as error:
            errors.setdefault((error.message, error.hint), []).append(name)
            code = code or error.exit_code
        runs += _together(in_vault, _remembered(config, name))[-last:]
    for (message, hint), names in errors.items():
        what = "the history in the vault cannot be read, so counts and messages are missing"
        terminal.show_error(SheetsDecryptError(f"{what}: {message}", hint=hint), about=", ".join(names))
    runs.sort(key=_time)
    if as_json:
        terminal.write_lines([json.dumps(run, ensure_ascii=False) for run in runs])
    elif runs:
        terminal.show(_table(runs))
    elif not code:
        terminal.write_notice("there are no runs yet")
    return code


def _remembered(config: Config, job: str) -> list[_Run]:
    """Return the runs of a job that this computer remembers, including the last one if it was stopped from outside."""
    runs = journal.read(config, job)
    began = state.load(config, job).running_since
    if began and not state.is_running(config, job):
        runs.append(journal.stopped(job, began))
    return runs


def _together(in_vault: list[_Run], remembered: list[_Run]) -> list[_Run]:
    """Merge the runs of both in the order of time; for a run in both, take the vault's entry, which says more."""
    known = {str(run.get("run_id")) for run in in_vault}
    return sorted([*in_vault, *(run for run in remembered if str(run.get("run_id")) not in known)], key=_time)


def _time(run: _Run) -> datetime:
    """Return when a run ended, or began; anyone who can write to the vault may have put anything in its place."""
    for key in ("finished", "started"):
        try:
            found = datetime.fromisoformat(str(run.get(key)))
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return _LONG_AGO


def _table(runs: list[_Run]) -> "Table":
    from sheets_decrypt.cli.listing import listing  # noqa: PLC0415  (rich, which `--json` can do without)

    table = listing("time", "job", "result")
    for run in runs:
        time = run.get("finished") or run.get("started") or ""
        table.add_row(*(printable(str(cell)) for cell in (local_time(str(time)), run.get("job", ""), _result(run))))
    return table


def _result(run: _Run) -> str:
    """Return how a run ended, in words."""
    rows, decrypted = counted(run.get("rows_read", 0), "row"), counted(_decrypted(run), "cell")
    match run.get("status"):
        case "written":
            return f"wrote {rows}, {decrypted} decrypted"
        case "unchanged":
            return f"nothing changed, {rows}, {decrypted} decrypted"
        case "partial":
            failed = counted(run.get("failure_count", 0), "cell")
            return f"wrote {rows}, {decrypted} decrypted, but {failed} could not be decrypted"
        case "done":
            return f"done, {rows}"
        case "failed":
            return f"failed with exit code {run.get('exit_code', '')}: {_within(run, 'error').get('message', '')}"
        case status:
            return str(_within(run, "error").get("message", status or ""))


def _decrypted(run: _Run) -> int:
    counts = _within(run, "columns")
    found = (_within(counts, column).get("decrypted") for column in counts)
    return sum(number for number in found if isinstance(number, int))


def _within(content: _Run, key: str) -> _Run:
    """Return an inner object; anyone who can write to the vault may have put anything in its place."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}
