"""The command `sheets-decrypt decrypt-file`."""

import codecs
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import click

from sheets_decrypt import config
from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.configuration import load_named
from sheets_decrypt.cli.options import SOURCES, chosen, config_option, json_option, names_of
from sheets_decrypt.cli.result import show_result
from sheets_decrypt.config import Conversion, Keys
from sheets_decrypt.config.sections import from_the_root
from sheets_decrypt.config.writing import source_of
from sheets_decrypt.errors import ConfigurationError, KeyMissing, VaultNotEncrypted
from sheets_decrypt.input.dialect import ENCODINGS
from sheets_decrypt.secret_sources import from_environment, withheld
from sheets_decrypt.story import file as file_story
from sheets_decrypt.story.file import InputOptions
from sheets_decrypt.story.options import Options

_NO_SECRET: Final = (
    "say where it is: --legacy-secret-from file:X:/keys/legacy_secret for the first Twilio function's secret, or"
    " --private-key-from for tokens that begin with v2:"
)


class _Encoding(click.Choice[str]):
    """An encoding by any of its names: Windows calls cp1252 `Windows-1252`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return our name for the encoding."""
        try:
            known = codecs.lookup(value).name
        except (LookupError, ValueError):
            known = value
        return super().convert(known if known in self.choices else value, param, ctx)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--columns", metavar="A,B", required=True, help='The columns to decrypt, or "auto".')
@click.option("--worksheet", metavar="TITLE", help="The worksheet of an Excel workbook; default: the first one.")
@click.option("--input-encoding", type=_Encoding(ENCODINGS), metavar="NAME",
              help="A CSV's encoding if it is not UTF-8; cp1252: Windows in Western Europe and America.")  # fmt: skip
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The .csv, .xlsx or .dta to write; default: FILE's name + _decrypted.csv.",
)
@click.option("--also", multiple=True, type=click.Path(path_type=Path),
              help="Another file of the same rows: .csv, .xlsx or .dta; may be repeated.")  # fmt: skip
@click.option("--legacy-secret-from", metavar="SOURCE",
              help="Where the first Twilio function's secret is: file:PATH, keyring:SERVICE/NAME, prompt.")  # fmt: skip
@click.option("--private-key-from", metavar="SOURCE", help="Where the private key for v2: tokens is; likewise.")
@click.option("--passphrase-from", metavar="SOURCE", help="Where the passphrase for U2FsdGVkX1 tokens is; likewise.")
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

    The secret itself is never an option: --legacy-secret-from, --private-key-from and --passphrase-from say where it
    is. Without them it comes from SHEETS_DECRYPT_LEGACY_SECRET, SHEETS_DECRYPT_PRIVATE_KEY or SHEETS_DECRYPT_PASSPHRASE
    (or the same names with _FILE or _COMMAND), else from the configuration. The output must be on an unlocked vault
    drive.
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
    if output is None and record.error and record.error.kind is VaultNotEncrypted:
        hint = "name a file on the unlocked vault's drive, such as --output X:/surveys/baseline.xlsx"
        record = replace(record, error=replace(record.error, hint=hint))
    show_result(record, quiet=options["quiet"], as_json=options["as_json"])
    return record.exit_code


def _conversion(options: Mapping[str, Any]) -> Conversion:
    given = {name: options[name] for name in ("encoding", "formula_guard", "on_error") if options[name]}
    return config.parse_conversion({"columns": names_of(options["columns"]), **given})


def _keys_and_workers(options: Mapping[str, Any]) -> tuple[Keys, int | Literal["auto"]]:
    """Return the sources of the keys, from the options, else the environment, else the configuration; and the workers.

    Raises:
        KeyMissing: No key is named anywhere.
    """
    named = options["config_path"] or options["job"]
    given = {key: (source_of(options[option]),) for key, option in SOURCES.items() if options[option]}
    keys = Keys(**given) if given else from_environment()
    if keys.given() and (given or not named):
        return keys, "auto"
    if not (named or os.environ.get(config.ENVIRONMENT) or any(map(os.path.isfile, config.places()))):
        raise KeyMissing("no secret is named to decrypt with", hint=_NO_SECRET)
    content = load_named(options["config_path"])
    job = content.jobs[chosen(content, [options["job"]])[0]] if options["job"] else None
    return content.keys_of(job) if job else content.keys, content.workers
