"""Since when a schedule has been installed: before its first run is due, a job is not overdue.

No scheduler says it, so a line in the user's state folder does. Where that cannot be written or read, it is not known.
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sheets_decrypt.schedule.interface import slug
from sheets_decrypt.system import user_folders
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.system.regular_file import read_small


def remember(backend: str, name: str, moment: datetime) -> None:
    """Remember that a schedule was installed at a moment, which has a zone."""
    with suppress(OSError):
        write_private(_file(backend, name), f"{moment.isoformat()}\n".encode())


def forget(backend: str, name: str) -> None:
    """Forget a schedule that was removed."""
    with suppress(OSError):
        _file(backend, name).unlink()


def since(backend: str, name: str) -> datetime | None:
    """Return when a schedule was installed, or None where that is not known."""
    try:
        moment = datetime.fromisoformat(read_small(_file(backend, name), limit=100).decode().strip())
    except (OSError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _file(backend: str, name: str) -> Path:
    return user_folders.state() / "schedules" / f"{backend}.{slug(name)}"
