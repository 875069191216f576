"""Pull a survey's encrypted answers from a Google Sheet, decrypt them here, and put one CSV on the vault drive.

What `pull` does: the vault is checked first, then the secrets are read, then Google is asked. The sheet
comes as a header and pages of rows; each page is decrypted and handed to the vault, where the CSV appears under its
name only after every row has passed and the keys have proved right. The run is recorded, without any value.

    from pathlib import Path
    from sheets_decrypt import load, pull

    config = load(Path("sheets-decrypt.toml"))
    record = pull("baseline", config.jobs["baseline"], config)

Data flows one way; `tests/README.md` shows the rooms, and which may import which.
"""

from pathlib import Path
from typing import TYPE_CHECKING

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
from sheets_decrypt.story.options import Options

if TYPE_CHECKING:
    from sheets_decrypt.config import Config, Job
    from sheets_decrypt.runs.record import Record

__all__ = [
    "ConfigurationError",
    "GoogleRefused",
    "GoogleUnavailable",
    "KeyProblem",
    "Options",
    "RunUnderWay",
    "SheetRefused",
    "SheetsDecryptError",
    "VaultError",
    "__version__",
    "load",
    "pull",
]
__version__ = "0.1.0"

# The command line imports this module first. If the imports of these two functions were at the top, `--help` would
# take 0.38 s of processor time instead of 0.08 s.


def load(path: Path) -> "Config":
    """Return the configuration in a file, read and validated.

    Raises:
        ConfigurationError: The file is missing, cannot be read, or is not valid.
    """
    from sheets_decrypt import config  # noqa: PLC0415  (see above)

    return config.load(path)


def pull(name: str, job: "Job", config: "Config", options: Options | None = None) -> "Record":
    """Run one job and return its record, also if the job failed.

    Args:
        name: The job's name, under which the run is recorded.
        job: One of the configuration's jobs.
        config: The configuration.
        options: How to run it; default: as scheduled runs do.

    Raises:
        KeyboardInterrupt: The user stopped the run; nothing was written.
    """
    from sheets_decrypt.story import pull as story  # noqa: PLC0415  (see above)

    return story.pull(name, job, config, options)
