"""The public names of the package, in one place; `sheets_decrypt` offers each of them."""

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
from sheets_decrypt.story import Options, pull

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
    "load",
    "pull",
]
