"""Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive.

What `pull` does: the vault is checked first, then the secrets are read, then Google is asked. The sheet
comes as a header and pages of rows; each page is decrypted and handed to the vault, where the CSV appears under its
name only when every row has passed and the keys have proved right. What was done is recorded, without any value.

    from pathlib import Path
    from sheets_decrypt import load, pull

    config = load(Path("sheets-decrypt.toml"))
    record = pull("baseline", config.jobs["baseline"], config)

Data flows one way; `tests/README.md` draws the rooms, and which may import which.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sheets_decrypt.config import Config, Job, load
    from sheets_decrypt.errors import (
        ConfigurationError,
        GoogleRefused,
        GoogleUnavailable,
        KeyProblem,
        RunUnderWay,
        SheetRefused,
        SheetsDecryptError,
        VaultError,
    )
    from sheets_decrypt.runs.record import Record, Result
    from sheets_decrypt.story.pull import Options, pull

    __version__: str

__all__ = [
    "Config",
    "ConfigurationError",
    "GoogleRefused",
    "GoogleUnavailable",
    "Job",
    "KeyProblem",
    "Options",
    "Record",
    "Result",
    "RunUnderWay",
    "SheetRefused",
    "SheetsDecryptError",
    "VaultError",
    "__version__",
    "load",
    "pull",
]
_ROOMS: Final = ("errors", "config", "runs.record", "story.pull")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is used.

        The command line imports this module first: with them, `--help` takes 0.38 s of processor time, without 0.08 s.
        """
        if name == "__version__":
            return import_module("importlib.metadata").version("sheets-decrypt")
        if name in __all__:  # and not for a submodule, which Python looks for here as well
            for room in _ROOMS:
                module = import_module(f"{__name__}.{room}")
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
