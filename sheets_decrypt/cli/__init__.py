"""The command line: `pull-and-decrypt` does the job, `sheets-decrypt` holds the rest.

Only `terminal` prints or exits. Each command's options, and nothing else, stand in a file of their own, which is
imported when the command is called: `--help` need not wait for what a pull needs.
"""


def pull_and_decrypt() -> None:
    """Run the command `pull-and-decrypt`."""
    from sheets_decrypt.cli.pull import pull_and_decrypt as command  # noqa: PLC0415  (see above)
    from sheets_decrypt.cli.terminal import run  # noqa: PLC0415

    run(command, "pull-and-decrypt")


def main() -> None:
    """Run the command `sheets-decrypt`."""
    from sheets_decrypt.cli.commands import sheets_decrypt as command  # noqa: PLC0415  (see above)
    from sheets_decrypt.cli.terminal import run  # noqa: PLC0415

    run(command, "sheets-decrypt")
