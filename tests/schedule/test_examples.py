"""`config/schedules/` holds what each backend installs; this keeps it so.

After a change, write the examples anew with

    python -c "from tests.schedule.test_examples import write; write()"
"""

from datetime import datetime
from pathlib import Path

import pytest

from sheets_decrypt.schedule.cron import Cron
from sheets_decrypt.schedule.interface import Backend, Task
from sheets_decrypt.schedule.launchd import Launchd
from sheets_decrypt.schedule.systemd import Systemd
from sheets_decrypt.schedule.task_scheduler import TaskScheduler, encoded
from tests.schedule.tasks import task, windows_task

FOLDER = Path(__file__).parents[2] / "config" / "schedules"
NOW = datetime(2026, 3, 6, 7, 0)  # noqa: DTZ001  (no example depends on it)
EXAMPLES: list[tuple[Backend, Task]] = [
    (Cron("you", Path("/home/you"), NOW), task(jitter=60)),
    (Systemd(Path("/home/you/.config/systemd/user"), "you", NOW), task(jitter=60)),
    (Launchd(Path("/home/you/Library/LaunchAgents"), 501, NOW), task(jitter=60)),
    (TaskScheduler(Path("/"), NOW), windows_task(jitter=60)),
]


def examples() -> dict[str, bytes]:
    """Return the files' names and contents."""
    found = {}
    for backend, entry in EXAMPLES:
        for path, text in backend.render(entry).items():
            found[Path(path).name] = encoded(text) if path.endswith(".xml") else text.encode()
    return found


def write() -> None:
    """Write the examples anew."""
    for name, content in examples().items():
        (FOLDER / name).write_bytes(content)


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_example_is_what_is_installed(name: str) -> None:
    """Each file is, byte for byte, what its backend makes."""
    assert (FOLDER / name).read_bytes() == examples()[name]


def test_there_is_no_other_example() -> None:
    """A file that nothing generates would grow old."""
    assert {path.name for path in FOLDER.iterdir()} == set(examples())
