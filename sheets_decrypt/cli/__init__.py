"""The command line: `pull-and-decrypt` does the job, `sheets-decrypt` holds the rest.

Only `terminal` prints or exits. A file of a command imports what the command needs at its top, and is itself imported
when the command is called; `commands` lists the names. The options of `pull-and-decrypt` are an exception (see `pull`).
"""

from sheets_decrypt.cli.commands import sheets_decrypt
from sheets_decrypt.cli.pull import pull_and_decrypt as pull_command
from sheets_decrypt.cli.terminal import run


def pull_and_decrypt() -> None:
    """Run the command `pull-and-decrypt`."""
    run(pull_command, "pull-and-decrypt")


def main() -> None:
    """Run the command `sheets-decrypt`."""
    run(sheets_decrypt, "sheets-decrypt")
