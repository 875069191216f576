"""The command `pull-and-decrypt`: options → jobs → one line for each."""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sheets_decrypt.cli import terminal
from sheets_decrypt.cli.options import chosen, config_option, job_option, json_option
from sheets_decrypt.errors import EXIT_CODES, ConfigurationError, GoogleUnavailable, RunUnderWay, SheetsDecryptError

if TYPE_CHECKING:
    from sheets_decrypt.config import Config
    from sheets_decrypt.runs.record import RunRecord

_JOB_OPTIONS: Final = (
    "worksheet", "columns", "output", "encoding", "formula_guard", "on_error", "missing_value", "keep", "max_shrink",
    "values", "accept", "mark",
)  # fmt: skip


_PASSING: Final = (GoogleUnavailable.exit_code, RunUnderWay.exit_code)  # minutes may mend them, as a locked vault


def _refuse_secret(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Explain why a secret is no option; the value is dropped unseen."""
    del ctx
    if value is not None:
        raise terminal.secret_as_option(parameter.opts[0])


def _secret_option(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        *names, hidden=True, expose_value=False, callback=_refuse_secret, is_flag=False, flag_value="", default=None
    )


def _refuse_old_option(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Lead a user of the script that this replaces to what does its work now."""
    del ctx
    if value is not None:
        raise ConfigurationError(
            f"{parameter.opts[0]} is an option of csv_decryptor.py, which this program replaces",
            hint='for a csv that you have already: sheets-decrypt decrypt-file FILE --columns A,B; and see "Moving from'
            ' csv_decryptor.py" in the README',
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
@click.option("--missing-value", multiple=True, metavar="TEXT", help="One-off: what stands for an unanswered question.")
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
    if options["log"]:
        terminal.log_to(options["log"])
    config = _configuration(options)
    time.sleep(random.uniform(0, options["jitter"]))  # noqa: S311  (spreads runs; no secret)
    return _run(config, chosen(config, options["jobs"]), _Manner.of(options))


@dataclass(frozen=True)
class _Manner:
    """How the jobs run, and how they are told of."""

    dry_run: bool
    allow_shrink: bool
    wait: float
    quiet: bool
    as_json: bool
    retry: int

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "_Manner":
        return cls(**{name: options[name] for name in cls.__dataclass_fields__})


def _configuration(options: Mapping[str, Any]) -> "Config":
    from sheets_decrypt import config  # noqa: PLC0415  (pydantic is not for --help to wait for)

    given = {name: options[name] for name in _JOB_OPTIONS if options[name] not in {None, ()}}
    if options["spreadsheet"] is None:
        if given or options["credentials"]:
            name = next(iter(given), "credentials").replace("_", "-")
            raise ConfigurationError(
                f"--{name} belongs to a one-off run, which --spreadsheet names",
                hint="give --spreadsheet as well, or set it in the configuration",
            )
        return config.load(config.find(options["config_path"]))
    return _one_off(options, given)


def _one_off(options: Mapping[str, Any], given: dict[str, Any]) -> "Config":
    """Make a configuration of one job from the options; its keys come from --config, else from the environment."""
    from sheets_decrypt import config  # noqa: PLC0415  (see `_configuration`)
    from sheets_decrypt.secret_sources import from_environment  # noqa: PLC0415

    for name in ("columns", "output"):
        if name not in given:
            raise ConfigurationError(f"a one-off run needs --{name}", hint=f"add --{name}; see pull-and-decrypt --help")
    if options["jobs"]:
        raise ConfigurationError("--job and --spreadsheet exclude each other", hint="leave one of them out")
    if given["columns"] != "auto":
        given["columns"] = [name.strip() for name in given["columns"].split(",") if name.strip()]
    if "missing_value" in given:
        given["missing_values"] = given.pop("missing_value")
    job = {"spreadsheet": options["spreadsheet"], **given}
    name = re.sub(r"[^\w.-]+", "_", Path(given["output"]).stem) or "job"
    one = config.parse({"jobs": {name: job}}, folder=Path.cwd())
    base = config.load(options["config_path"]) if options["config_path"] else None
    keys = base.keys if base and base.keys.given() else from_environment()
    google = base.google if base else config.Google()
    if options["credentials"]:
        google = google.model_copy(update={"credentials": Path(options["credentials"])})
    workers = base.workers if base else one.workers
    return one.model_copy(update={"google": google, "keys": keys, "workers": workers})


def _run(config: "Config", names: list[str], manner: _Manner) -> int:
    """Run the jobs in turn, and once more those whose failure may pass; the exit code is the first failing one's."""
    from sheets_decrypt.runs import watch  # noqa: PLC0415  (see `_configuration`)

    warnings: dict[str, list[str]] = {}
    records: dict[str, RunRecord] = {}
    again: list[str] = []
    for name in names:
        warnings[name] = [] if manner.dry_run else watch.begin(config, name)
        records[name] = _pull(config, name, manner)
        if manner.retry and (error := records[name].error) and (error.code in _PASSING or error.locked):
            terminal.complain(f"warning: {name}: {error.message}; trying again in {manner.retry} minutes")
            again.append(name)
        else:
            _conclude(config, records[name], warnings[name], manner)
    if again:
        time.sleep(manner.retry * 60)
    for name in again:
        records[name] = _pull(config, name, manner)
        _conclude(config, records[name], warnings[name], manner)
    return next((record.exit_code for record in records.values() if record.exit_code), 0)


def _pull(config: "Config", name: str, manner: _Manner) -> "RunRecord":
    from sheets_decrypt.story import Options, pull  # noqa: PLC0415  (see `_configuration`)

    with terminal.progress(name, wanted=not manner.quiet) as progress:
        options = Options(manner.allow_shrink, manner.dry_run, manner.wait, progress)
        return pull(name, config.jobs[name], config, options)


def _conclude(config: "Config", record: "RunRecord", warnings: list[str], manner: _Manner) -> None:
    """Remember and report how a job ended."""
    from sheets_decrypt.runs import watch  # noqa: PLC0415  (see `_configuration`)

    more = [] if manner.dry_run else watch.end(config, record.job, record)
    tell(record, quiet=manner.quiet, as_json=manner.as_json)
    for warning in [*warnings, *more]:
        terminal.complain(f"warning: {record.job}: {warning}")


def tell(record: "RunRecord", *, quiet: bool, as_json: bool) -> None:
    """Tell what a run did: the result on standard output, the rest on standard error."""
    from sheets_decrypt.cli import words as report  # noqa: PLC0415  (see `_configuration`)

    if record.error is None:
        terminal.note(report.summary(record))
    if as_json:
        terminal.say(record.line())
    elif record.error is None and not (quiet and record.exit_code == 0):
        terminal.say(report.summary(record), noted=True)
    # Under a wrong key every cell fails: then the error says it all.
    for warning in [*record.warnings, *(report.failures(record) if record.error is None else ())]:
        terminal.complain(f"warning: {record.job}: {warning}")
    if not quiet and not as_json:
        for note in record.notes:
            terminal.complain(f"note: {record.job}: {note}")
    if record.error is not None:
        terminal.fail(SheetsDecryptError(record.error.message, hint=record.error.hint), about=record.job)
