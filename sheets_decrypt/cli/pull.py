"""The options of `pull-and-decrypt`. The work is in `jobs`, which is not imported for `--help`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sheets_decrypt.cli import terminal, usage
from sheets_decrypt.cli.options import config_option, job_option, json_option
from sheets_decrypt.errors import EXIT_CODES, ConfigurationError


def _refuse_secret(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Explain why a secret cannot be an option; the value is dropped and never shown."""
    del ctx
    if value is not None:
        raise usage.secret_as_option(parameter.opts[0])


def _secret_option(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        *names, hidden=True, expose_value=False, callback=_refuse_secret, is_flag=False, flag_value="", default=None
    )


def _refuse_old_option(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Point a user of the script that this program replaces to the new command."""
    del ctx
    if value is not None:
        raise ConfigurationError(
            f"{parameter.opts[0]} is an option of csv_decryptor.py, which this program replaces",
            hint="for a csv that you already have: sheets-decrypt decrypt-file FILE --columns A,B; see docs/moving.md",
        )


def _old_option(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        name, hidden=True, expose_value=False, callback=_refuse_old_option, is_flag=False, flag_value="", default=None
    )


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items()),
)
@config_option
@job_option
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--allow-shrink", is_flag=True, help="Accept that the sheet has far fewer rows than the former CSV.")
@click.option("--wait", type=click.FloatRange(min=0), default=0, metavar="SECONDS",
              help="Wait for another run of the same job.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing on success; warnings and errors only.")
@json_option("Print the run records, one line of JSON for each job.")
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="Write a log as well; old parts are kept.")
@click.option("--jitter", type=click.IntRange(min=0), default=0, metavar="SECONDS",
              help="Start up to so many seconds later, at random.")  # fmt: skip
@click.option("--retry", type=click.IntRange(min=0), default=0, metavar="MINUTES",
              help="After a failure that may pass (codes 6 and 8, a locked vault), try once more.")  # fmt: skip
@click.option("--spreadsheet", metavar="URL", help="One-off run without a configuration: the spreadsheet's URL or id.")
@click.option("--worksheet", metavar="TITLE", help="One-off: the tab. Default: the URL's gid, else the first tab.")
@click.option("--columns", metavar="A,B", help='One-off: the columns to decrypt, or "auto".')
@click.option("--output", metavar="FILE", help="One-off: the CSV to write, on a mounted vault drive.")
@click.option("--credentials", metavar="FILE", help="One-off: the service account's key file.")
@click.option("--encoding", type=click.Choice(["utf-8-sig", "utf-8"]), help="One-off: the CSV's encoding.")
@click.option("--formula-guard", type=click.Choice(["smart", "owasp", "off"]), help="One-off: the formula guard.")
@click.option("--on-error", type=click.Choice(["keep", "blank", "fail"]), help="One-off: cells that stay encrypted.")
@click.option(
    "--missing-value",
    "missing_values",
    multiple=True,
    metavar="TEXT",
    help="One-off: what an unanswered question contains.",
)
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="One-off: how many dated copies stay.")
@click.option("--max-shrink", type=click.FloatRange(0, 1), metavar="SHARE", help="One-off: rows that may be gone.")
@click.option("--values", type=click.Choice(["stored", "displayed"]), help="One-off: how cells are read.")
@click.option("--accept", multiple=True, type=click.Choice(["vault", "encrypted disk", "cannot tell"]),
              help="One-off: the kinds of place that the CSV may be put on.")  # fmt: skip
@click.option("--mark", metavar="ID", help="One-off: the id in the vault's .sheets-decrypt-vault.")
@_secret_option("--secret-key", "--secret_key")
@_secret_option("--private-key", "--private_key")
@_secret_option("--passphrase")
@_old_option("--encrypted_csv_path")
@_old_option("--list_of_columns_to_decrypt")
@click.version_option(package_name="sheets-decrypt", message="%(prog)s %(version)s")
def pull_and_decrypt(**options: Any) -> int:
    """Pull the encrypted rows of a Google Sheet, decrypt them here, and put one CSV on the vault drive.

    Without options, every job of the configuration runs. It is looked for at --config, $SHEETS_DECRYPT_CONFIG,
    config/sheets-decrypt.toml here, and in your configuration folder.

    A one-off run (--spreadsheet) needs no configuration; its keys come from SHEETS_DECRYPT_PRIVATE_KEY,
    SHEETS_DECRYPT_LEGACY_SECRET or SHEETS_DECRYPT_PASSPHRASE, or the same names with _FILE or _COMMAND.
    """
    # importing pydantic and the pull itself takes 0.1 s of processor time; --help takes 0.07 s
    from sheets_decrypt.cli.jobs import RunOptions, configuration, run_jobs  # noqa: PLC0415  (see above)

    if options["log"]:
        terminal.log_to(options["log"])
    config = configuration(options)
    return run_jobs(config, options["jobs"], RunOptions.of(options), jitter=options["jitter"])
