"""Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive.

The story, as `pull` tells it: the vault is checked first, then the secrets are read, then Google is asked. The sheet
comes as a header and pages of rows; each page is decrypted and handed to the vault, where the CSV appears under its
name only when every row has passed and the keys have proved right. What was done is recorded, without any value.

    from pathlib import Path
    from sheets_decrypt import load
    from sheets_decrypt.story import pull

    config = load(Path("sheets-decrypt.toml"))
    record = pull("baseline", config.jobs["baseline"], config)

Data flows one way: cli → check, schedule, sandbox, twilio → pull → google, decrypt, vault, output, record → ciphers,
secrets → config → table → errors. A module imports only modules to its right.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sheets_decrypt.config import Config, Job, load
    from sheets_decrypt.errors import SheetsDecryptError
    from sheets_decrypt.runs.record import Record
    from sheets_decrypt.story import Options

__all__ = ["Config", "Job", "Options", "Record", "SheetsDecryptError", "load"]

# Public name → its module. It is imported when it is asked for: `--help` need not wait for a pull's libraries.
_HOMES: Final = {
    "Config": "config",
    "Job": "config",
    "Options": "story",
    "Record": "runs.record",
    "SheetsDecryptError": "errors",
    "load": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
