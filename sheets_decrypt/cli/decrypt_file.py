"""The command `sheets-decrypt decrypt-file`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from sheets_decrypt import config, file_story
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import chosen, config_option, json_option, names_of
from sheets_decrypt.cli.result import show_result
from sheets_decrypt.config import Conversion, Keys
from sheets_decrypt.config.sections import from_the_root
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.file_story import ENCODINGS, InputOptions
from sheets_decrypt.secret_sources import from_environment, withheld
from sheets_decrypt.story import Options


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--columns", metavar="A,B", required=True, help='The columns to decrypt, or "auto".')
@click.option("--worksheet", metavar="TITLE", help="The worksheet of an Excel workbook; default: the first one.")
@click.option("--input-encoding", type=click.Choice(ENCODINGS), metavar="NAME",
              help="A CSV's encoding if it is not UTF-8; cp1252: Windows in Western Europe and America.")  # fmt: skip
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The .csv, .xlsx or .dta to write; default: FILE's name + _decrypted.csv.",
)
@click.option("--also", multiple=True, type=click.Path(path_type=Path),
              help="Another file of the same rows: .csv, .xlsx or .dta; may be repeated.")  # fmt: skip
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
    """Decrypt FILE, which was downloaded from the Sheet: a CSV (commas, semicolons or tabs) or an Excel workbook.

    The keys come from SHEETS_DECRYPT_PRIVATE_KEY, SHEETS_DECRYPT_LEGACY_SECRET or SHEETS_DECRYPT_PASSPHRASE (or the
    same names with _FILE or _COMMAND), else from the configuration. The output must be on an unlocked vault drive.
    """
    if not file.name:
        raise ConfigurationError(f"{file} is not a file", hint="name the CSV or workbook that was downloaded")
    target = output or file.with_name(f"{file.stem}_decrypted.csv")
    if whole := from_the_root(target):
        hint = f"write the path from the drive's root, such as {whole}"
        raise ConfigurationError(f"{target} depends on the current folder of its drive", hint=hint)
    conversion = _conversion(options)
    keys, workers = _keys_and_workers(options)
    with withheld(keys), terminal.progress(file.name, wanted=not options["quiet"]) as progress:
        record = file_story.decrypt_file(
            file,
            target.absolute(),
            conversion,
            keys,
            accept=options["accept"] or ("vault",),
            options=Options(options["allow_shrink"], options["dry_run"], progress=progress),
            reading=InputOptions(options["worksheet"], options["input_encoding"]),
            also=[other.absolute() for other in options["also"]],
            workers=workers,
        )
    show_result(record, quiet=options["quiet"], as_json=options["as_json"])
    return record.exit_code


def _conversion(options: Mapping[str, Any]) -> Conversion:
    given = {name: options[name] for name in ("encoding", "formula_guard", "on_error") if options[name]}
    return config.parse_conversion({"columns": names_of(options["columns"]), **given})


def _keys_and_workers(options: Mapping[str, Any]) -> tuple[Keys, int | Literal["auto"]]:
    keys = from_environment()
    if keys.given() and not (options["config_path"] or options["job"]):
        return keys, "auto"
    content = load_named(options["config_path"])
    job = content.jobs[chosen(content, [options["job"]])[0]] if options["job"] else None
    return content.keys_of(job) if job else content.keys, content.workers
