"""Turn click's usage errors into our own. What was typed could be a secret, so it is not repeated."""

import re
from typing import Final

import click

from sheets_decrypt.errors import ConfigurationError

_NAME: Final = re.compile(r"--[a-z][a-z_-]{0,40}")
_SECRETIVE: Final = re.compile(r"secret|private|pass(phrase|word)|key", re.IGNORECASE)


def explain(error: click.ClickException, command: str) -> ConfigurationError:
    """Return our error for one of click's.

    Args:
        error: Click's.
        command: The command that was called, such as `sheets-decrypt vault`.
    """
    if not isinstance(error, click.UsageError):
        return ConfigurationError(_lower(error.format_message()))
    command = error.ctx.command_path if error.ctx else command
    hint = f"{command} --help lists the options"
    if isinstance(error, click.NoSuchOption):
        return _unknown_option(error, hint)
    message = error.format_message()
    if "unexpected extra argument" in message:
        columns = ' and the list of columns, as --columns "name,phone"' if "--columns" in _public(error) else ""
        return ConfigurationError("unexpected argument", hint=f"put paths with spaces in quotes{columns}; {hint}")
    if "No such command" in message:
        return ConfigurationError("unknown command", hint=f"{command} --help lists the commands")
    return ConfigurationError(_lower(message).rstrip("."), hint=hint)


def _unknown_option(error: click.NoSuchOption, hint: str) -> ConfigurationError:
    """Name an unknown option only if it looks like one: `--secret-keyABC` and `-ABC` may contain the secret itself."""
    name = error.option_name.partition("=")[0]
    public = _public(error)
    close = [other for other in error.possibilities or () if other in public]
    if _SECRETIVE.search(name):  # do not suggest --retry for --secret; the secret itself may follow
        return secret_as_option("a secret", source="--legacy-secret-from" in public)
    if close:
        return ConfigurationError(f"unknown option; did you mean {close[0]}?", hint=hint)
    named = f"unknown option {name}" if _NAME.fullmatch(name) else "unknown option"
    return ConfigurationError(named, hint=hint)


def _public(error: click.UsageError) -> frozenset[str]:
    """Return the options that the command's help shows."""
    options = error.ctx.command.params if error.ctx else []
    return frozenset(name for option in options if not getattr(option, "hidden", False) for name in option.opts)


def secret_as_option(name: str, *, source: bool = False) -> ConfigurationError:
    """Return the error that explains why a secret cannot be an option.

    Args:
        name: What was given.
        source: Whether the command has options that say where a secret is.
    """
    where = "with --legacy-secret-from file:PATH or the like" if source else "in [keys]"
    return ConfigurationError(
        f"{name} cannot be an option: every program on this computer can see a command line, and the shell's history"
        " keeps it",
        hint=f"save the secret in a file on the vault drive, and name that file {where}",
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
