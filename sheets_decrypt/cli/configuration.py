"""Load the configuration for a command. After that, no program that the command starts inherits a secret."""

from pathlib import Path

import click

from sheets_decrypt import config
from sheets_decrypt.config import Config
from sheets_decrypt.secret_sources import withheld


def load_named(path: Path | None) -> Config:
    """Return the named configuration, or the one that is found, and remove its secrets from the environment.

    Raises:
        ConfigurationError: There is none, or it is invalid.
    """
    return in_use(config.load(config.find(path)))


def in_use(content: Config) -> Config:
    """Return a configuration, and remove its secrets from the environment until the command ends."""
    click.get_current_context().with_resource(withheld(content))
    return content
