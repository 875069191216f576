"""Options that several commands share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sheets_decrypt.errors import ConfigurationError, SheetsDecryptError

if TYPE_CHECKING:
    from sheets_decrypt.config import Config

SOURCES: Final = {  # key in [keys] → the option that says where such a secret is
    "private_keys": "private_key_from",
    "legacy_secrets": "legacy_secret_from",
    "passphrases": "passphrase_from",
}
_Command = TypeVar("_Command", bound=Callable[..., Any])


def job_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the jobs that a shell offers to complete a word; none without a valid configuration."""
    del parameter
    from sheets_decrypt import config  # noqa: PLC0415  (0.1 s that `--help` can do without)

    try:
        jobs = config.load(config.find(ctx.params.get("config_path"))).jobs
    except SheetsDecryptError:
        return []
    return [name for name in jobs if name.startswith(incomplete)]


config_option: Final = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="The configuration file."
)
job_option: Final = click.option(
    "--job",
    "jobs",
    multiple=True,
    metavar="NAME",
    shell_complete=job_names,
    help="This job only; may be given several times.",
)


def json_option(text: str) -> Callable[[_Command], _Command]:
    """Return the option `--json` with this help."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def chosen(config: "Config", names: Sequence[str]) -> list[str]:
    """Return the named jobs, or all.

    Raises:
        ConfigurationError: One of them is not in the configuration.
    """
    for name in names:
        if name not in config.jobs:
            from sheets_decrypt.table import did_you_mean  # noqa: PLC0415  (2 ms that `--help` can do without)

            hint = f"{did_you_mean(name, list(config.jobs))}the configuration has {', '.join(sorted(config.jobs))}"
            raise ConfigurationError(f'unknown job "{name}"', hint=hint)
    return list(names or config.jobs)


def names_of(columns: str) -> str | list[str]:
    """Return the columns of `--columns`: "auto", or a list of names."""
    return columns if columns == "auto" else [name.strip() for name in columns.split(",") if name.strip()]
