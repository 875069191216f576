"""Redraw the documentation's pictures: `python -m tests.pictures` (Linux, with chromium for the page).

`demo.svg` shows the terminal output of `sheets-decrypt demo`, and `status.png` a page of `status --html` with made-up
jobs. `flow.svg` is drawn by hand.
"""

import io
import os
import re
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from sheets_decrypt.cli.job_page import page
from sheets_decrypt.cli.job_table import JobStatus
from sheets_decrypt.runs.state import JobState
from tests import require
from tests.pseudo_terminal import at_a_terminal
from tests.survey import PROGRAM, clean_environment

PICTURES: Final = Path(__file__).parents[1] / "docs/pictures"
_COLUMNS: Final = 122
# A frame like rich's own, which loads fonts when the picture is opened; this one uses the reader's fonts.
_FRAME: Final = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def demo() -> str:
    """Run the demonstration at a terminal, and return a picture of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        environment = clean_environment(home) | {"TERM": "xterm", "COLUMNS": str(_COLUMNS)}
        command = [*PROGRAM, "demo", "--folder", "demo"]
        code, seen = at_a_terminal(command, environment, folder=home, after=b"", keys=b"")
        assert code == 0
    shown = seen.decode().replace("\r\n", "\n").replace(str(home), "/home/ana")
    shown = re.sub(r"([\u0600-\u06ff])(?= )(?! [\u0600-\u06ff])", "\\1\u200e", shown)  # as a terminal orders it
    console = Console(width=_COLUMNS, record=True, file=io.StringIO(), highlight=False)
    console.print(Text("$ sheets-decrypt demo --folder demo", style="bold"))
    console.print(Text.from_ansi(shown))
    return console.export_svg(title="sheets-decrypt demo", code_format=_FRAME, unique_id="demo")


def status(picture: Path) -> None:
    """Create a page with four jobs, and let a browser draw it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "status.html"
        file.write_text(page(_jobs(), datetime(2026, 3, 6, 9, 0, tzinfo=UTC)), encoding="utf-8")
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=880,535")
        subprocess.run(
            [require.program("chromium"), *options, f"--user-data-dir={folder}/profile", f"--screenshot={picture}",
             file.as_uri()],
            env={**os.environ, "HOME": folder}, check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def _jobs() -> list[JobStatus]:
    rows = (0, 12, 80, 180, 230, 300, 420, 500, 560, 640, 700, 760, 860, 900, 990, 1010, 1060, 1150, 1180, 1204)
    held = JobState("2026-03-06T06:31:10Z", "2026-03-06T06:31:10Z", rows=rows)
    good = JobStatus("baseline", held, 9000, "daily 06:30 mon-fri", "2026-03-09 06:30", csv="X:/surveys/baseline.csv")
    locked = replace(
        held, exit_code=7, failed_runs=1, locked_runs=1, last_success="2026-03-05T06:31:10Z", rows=rows[:7]
    )
    failed = replace(
        held, exit_code=9, failed_runs=2, reported=True, last_success="2026-03-04T06:31:10Z", rows=rows[:12]
    )
    return [
        good,
        replace(good, job="midline", csv="X:/surveys/midline.csv", age=95000, state=locked),
        replace(good, job="endline", csv="X:/surveys/endline.csv", age=181000, state=failed, stale=True),
        JobStatus("pilot", JobState(), csv="X:/surveys/pilot.csv"),
    ]


if __name__ == "__main__":
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    drawn = re.sub(r"[ \t]+$", "", demo(), flags=re.MULTILINE)
    (PICTURES / "demo.svg").write_text(drawn, encoding="utf-8")
    status(PICTURES / "status.png")
