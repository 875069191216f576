"""The commands `decrypt-file` and `history`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.cli.pull import tell
from sheets_decrypt.cli.words import printable
from sheets_decrypt.errors import ConfigurationError, SheetsDecryptError

if TYPE_CHECKING:
    from rich.table import Table

    from sheets_decrypt.config import Conversion, Keys


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--columns", metavar="A,B", required=True, help='The columns to decrypt, or "auto".')
@click.option("--output", type=click.Path(path_type=Path), help="The CSV to write; default: FILE's name + _decrypted.")
@config_option
@click.option("--job", metavar="NAME", help="Use the keys of this job of the configuration.")
@click.option("--encoding", type=click.Choice(["utf-8-sig", "utf-8"]), help="The CSV's encoding.")
@click.option("--formula-guard", type=click.Choice(["smart", "owasp", "off"]), help="The formula guard.")
@click.option("--on-error", type=click.Choice(["keep", "blank", "fail"]), help="Cells that stay encrypted.")
@click.option("--accept", multiple=True, type=click.Choice(["vault", "encrypted disk", "cannot tell"]),
              help="The kinds of place that the CSV may be put on.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--allow-shrink", is_flag=True, help="Accept far fewer rows than the former CSV has.")
@click.option("--quiet", is_flag=True, help="Print nothing on success; warnings and errors only.")
@json_option("Print the run record as JSON.")
def decrypt_file(file: Path, output: Path | None, **options: Any) -> int:
    """Decrypt FILE, a CSV that was downloaded from the sheet already.

    The keys come from SHEETS_DECRYPT_PRIVATE_KEY, SHEETS_DECRYPT_LEGACY_SECRET or SHEETS_DECRYPT_PASSPHRASE (or the
    same names with _FILE or _COMMAND), else from the configuration. The output must be on an unlocked vault drive.
    """
    from sheets_decrypt.story import Options  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.story import decrypt_file as run  # noqa: PLC0415

    if not file.name:
        raise ConfigurationError(f"{file} is no file", hint="name the csv that was downloaded")
    target = output or file.with_name(f"{file.stem}_decrypted.csv")
    conversion = _conversion(options)
    keys, workers = _keys_and_workers(options)
    with terminal.progress(file.name, wanted=not options["quiet"]) as progress:
        record = run(
            file,
            target.absolute(),
            conversion,
            keys,
            accept=options["accept"] or ("vault",),
            options=Options(options["allow_shrink"], options["dry_run"], progress=progress),
            workers=workers,
        )
    tell(record, quiet=options["quiet"], as_json=options["as_json"])
    return record.exit_code


def _conversion(options: Mapping[str, Any]) -> "Conversion":
    from sheets_decrypt import config  # noqa: PLC0415  (imported when the command runs)

    columns = options["columns"]
    names = columns if columns == "auto" else [name.strip() for name in columns.split(",") if name.strip()]
    given = {name: options[name] for name in ("encoding", "formula_guard", "on_error") if options[name]}
    return config.parse_conversion({"columns": names, **given})


def _keys_and_workers(options: Mapping[str, Any]) -> tuple["Keys", int | Literal["auto"]]:
    from sheets_decrypt import config  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.secret_sources import from_environment  # noqa: PLC0415

    keys = from_environment()
    if keys.given() and not (options["config_path"] or options["job"]):
        return keys, "auto"
    content = config.load(config.find(options["config_path"]))
    job = content.jobs[chosen(content, [options["job"]])[0]] if options["job"] else None
    return content.keys_of(job) if job else content.keys, content.workers


@click.command()
@config_option
@job_option
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs of each job.")
@json_option("Print the run records, one line of JSON for each.")
def history(config_path: Path | None, jobs: tuple[str, ...], last: int, as_json: bool) -> int:
    """List the last runs, as the vault remembers them."""
    from sheets_decrypt import config as configuration  # noqa: PLC0415  (imported when the command runs)
    from sheets_decrypt.runs.record import read_history  # noqa: PLC0415
    from sheets_decrypt.secret_sources import resolve  # noqa: PLC0415
    from sheets_decrypt.vault import open_vault  # noqa: PLC0415

    config = configuration.load(configuration.find(config_path))
    runs: list[dict[str, Any]] = []
    code = 0
    for name in chosen(config, jobs):
        try:
            vault, file = open_vault(config.jobs[name], config.vault_of(config.jobs[name]), resolve)
            vault.check()
            runs += read_history(vault, file)[-last:]
        except SheetsDecryptError as error:
            failed = terminal.fail(error, about=name)
            code = code or failed
    if as_json:
        terminal.write_lines([json.dumps(run, ensure_ascii=False) for run in runs])
    elif runs:
        terminal.show(_table(runs))
    elif not code:
        terminal.complain("there are no runs yet")
    return code


def _table(runs: list[dict[str, Any]]) -> "Table":
    from rich.table import Table  # noqa: PLC0415  (imported when the command runs)

    table = Table(box=None, pad_edge=False)
    for title in ("finished (UTC)", "job", "status", "rows", "decrypted", "failed", "code", "message"):
        table.add_column(title, justify="right" if title in {"rows", "decrypted", "failed", "code"} else "left")
    for run in runs:
        columns = run.get("columns", {}).values()
        cells = (
            run.get("finished", ""),
            run.get("job", ""),
            run.get("status", ""),
            run.get("rows_read", ""),
            sum(column.get("decrypted", 0) for column in columns),
            run.get("failure_count", ""),
            run.get("exit_code", ""),
            (run.get("error") or {}).get("message", ""),
        )
        table.add_row(*(printable(str(cell)) for cell in cells))
    return table
