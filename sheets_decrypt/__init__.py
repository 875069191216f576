"""Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive.

The story, as `pull` tells it: the vault is checked first, then the secrets are read, then Google is asked. The sheet
comes as a header and pages of rows; each page is decrypted and handed to the vault, where the CSV appears under its
name only when every row has passed and the keys have proved right. What was done is recorded, without any value.

    from pathlib import Path
    from sheets_decrypt import load, pull

    config = load(Path("sheets-decrypt.toml"))
    record = pull("baseline", config.jobs["baseline"], config)

Data flows one way: cli → check, schedule, sandbox, twilio → pull → google, decrypt, vault, output, record → ciphers,
secrets → config → table → errors. A module imports only modules to its right.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheets_decrypt.library import *  # noqa: F403  (exactly its `__all__`)
else:

    def __getattr__(name: str) -> object:
        """Import the public names when one of them is used.

        The command line imports this module first: with them, `--help` takes 0.38 s of processor time, without 0.08 s.
        """
        # `from sheets_decrypt import programs` asks here before it looks for a module: importing the library for it
        # would begin a circle.
        library = None if find_spec(f"{__name__}.{name}") else import_module("sheets_decrypt.library")
        if library is None or name not in library.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(library, name)
