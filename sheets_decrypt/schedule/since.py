"""The time at which a schedule was installed: before its first run is due, a job is not overdue.

No scheduler reports it, so a line in the user's state folder records it. If that fails, the time is not known.
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sheets_decrypt.schedule.interface import slug
from sheets_decrypt.system import user_folders
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.system.regular_file import read_small


def remember(backend: str, name: str, moment: datetime) -> None:
    """Record when a schedule was installed; the moment has a zone."""
    with suppress(OSError):
        write_private(_file(backend, name), f"{moment.isoformat()}\n".encode())


def forget(backend: str, name: str) -> None:
    """Delete the record of a removed schedule."""
    with suppress(OSError):
        _file(backend, name).unlink()


def since(backend: str, name: str) -> datetime | None:
    """Return when a schedule was installed, or None if not known."""
    try:
        moment = datetime.fromisoformat(read_small(_file(backend, name), limit=100).decode().strip())
    except (OSError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _file(backend: str, name: str) -> Path:
    return user_folders.state() / "schedules" / f"{backend}.{slug(name)}"
