"""The user's folders for our files: configuration, state and logs.

Each system has its own place for them. `XDG_CONFIG_HOME` and `XDG_STATE_HOME` name other places, on Windows and macOS
too, which have no variables of their own for them.
"""

import os
from pathlib import Path
from typing import Final

import platformdirs

_NAME: Final = "sheets-decrypt"


def configuration() -> Path:
    """Return the folder of the user's configuration."""
    return _named_by("XDG_CONFIG_HOME") or platformdirs.user_config_path(_NAME, appauthor=False)


def state() -> Path:
    """Return the folder for state between runs: locks, and the outcome of each job."""
    return _named_by("XDG_STATE_HOME") or platformdirs.user_state_path(_NAME, appauthor=False)


def logs() -> Path:
    """Return the folder for our logs."""
    named = _named_by("XDG_STATE_HOME")
    return named / "log" if named else platformdirs.user_log_path(_NAME, appauthor=False)


def _named_by(variable: str) -> Path | None:
    """Return our folder below the one that a variable names; as its specification says, a relative path is ignored."""
    value = os.environ.get(variable, "").strip()
    return Path(value) / _NAME if os.path.isabs(value) else None  # noqa: PTH117  (a Path would lose a blank one)
