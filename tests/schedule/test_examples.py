"""`config/schedules/` contains what each backend installs; these tests keep it up to date.

After a change, rewrite the examples with

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
    """Return the names and contents of the files."""
    found = {}
    for backend, entry in EXAMPLES:
        for path, text in backend.render(entry).items():
            found[Path(path).name] = encoded(text) if path.endswith(".xml") else text.encode()
    return found


def write() -> None:
    """Rewrite the examples."""
    for name, content in examples().items():
        (FOLDER / name).write_bytes(content)


@pytest.mark.parametrize("name", sorted(examples()))
def test_each_example_matches_the_installed_file(name: str) -> None:
    """Each file is, byte for byte, the output of its backend."""
    assert (FOLDER / name).read_bytes() == examples()[name]


def test_no_other_example_exists() -> None:
    """A file that nothing generates would become outdated."""
    assert {path.name for path in FOLDER.iterdir()} == set(examples())
