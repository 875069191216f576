"""The command group `sheets-decrypt`: each command's name and line of help. Its file is imported only when called."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Command → the module and attribute that define it.
_COMMANDS: Final = {
    "pull": ("pull", "pull_and_decrypt", "Do the job: the same as pull-and-decrypt."),
    "init": ("init", "init", "Write a configuration file, or add a job to one."),
    "check": ("check", "check", "Try everything that a pull needs, and say what is missing."),
    "keygen": ("keygen", "keygen", "Make a key pair for a survey."),
    "demo": ("demo", "demo", "Show the whole job with sample data on this machine."),
    "decrypt-file": ("decrypt_file", "decrypt_file", "Decrypt a CSV or Excel workbook that you already downloaded."),
    "vault": ("vault", "vault", "List, read and write files in a Cryptomator vault."),
    "twilio": ("twilio", "twilio", "Set up the sending half."),
    "secret": ("secret", "secret", "Store, test, show and back up a secret of the system's keyring."),
    "schedule": ("schedule", "schedule", "Let pull-and-decrypt run by itself."),
    "launcher": ("launcher", "launcher", "Make a file to double-click that pulls."),
    "status": ("status", "status", "Show how each job is doing."),
    "history": ("history", "history", "List the last runs."),
    "notify": ("notify", "notify", "Try the addresses that are notified of runs."),
    "config": ("setup", "config", "Validate or explain the configuration."),
    "sandbox": ("demo", "sandbox", "Run a stand-in for Google on this machine, for trials and tests."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called: no command waits for another one's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(import_module(f"sheets_decrypt.cli.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  (the table above is ours)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Offer the commands from the table above, without importing any of them."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415  (2 ms that `--help` can do without)

        names = [CompletionItem(name, help=text) for name, (_, _, text) in _COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [name for name in names if name.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sheets-decrypt", message="%(prog)s %(version)s")
def sheets_decrypt() -> None:
    """Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive."""
