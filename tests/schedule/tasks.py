"""Tasks that the tests of `schedule/` install, and stand-ins for system programs."""

import json
import os
import shlex
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from sheets_decrypt.schedule.interface import Found, Reply, Run, Step, Task
from sheets_decrypt.schedule.timing import Timing, parse

CONFIG = PurePosixPath("/home/you/.config/sheets-decrypt/sheets-decrypt.toml")
LOG = PurePosixPath("/home/you/.local/state/sheets-decrypt/log/baseline.log")
PYTHON = PurePosixPath("/home/you/.local/share/pipx/venvs/sheets-decrypt/bin/python")
FOLDER = PurePosixPath("/home/you/.local/share/pipx/venvs/sheets-decrypt/lib/python3.11/site-packages")

WEEKDAY_MORNINGS = parse(daily="06:30", weekdays="mon-fri")

# A stand-in for crontab, in the shell's language; its table is a file.
CRONTAB = """#!/bin/sh
printf '["%s"]\\n' "$1" >>calls
case $1 in
    -) cat >crontab ;;
    *) [ -e crontab ] || { echo "no crontab for you" >&2; exit 1; } ;;
esac
case $1 in
    -l) cat crontab ;;
    -r) rm crontab ;;
esac
"""


def command(python: PurePath, config: PurePath, log: PurePath, name: str = "baseline") -> tuple[str, ...]:
    """Return the command that the schedule `name` runs."""
    options = ("--config", str(config), "--quiet", "--log", str(log), "--retry", "10", "--job", name)
    return (str(python), "-m", "sheets_decrypt", "pull", *options)


def task(timing: Timing = WEEKDAY_MORNINGS, *, name: str = "baseline", jitter: int = 0) -> Task:
    """Return a pull on Linux or macOS."""
    return Task(name, command(PYTHON, CONFIG, LOG, name), CONFIG, LOG, FOLDER, timing, jitter)


def windows_task(timing: Timing = WEEKDAY_MORNINGS, *, jitter: int = 0, user: str = "you") -> Task:
    """Return a pull on Windows."""
    home = PureWindowsPath("C:\\Users") / user
    config = home / "AppData\\Local\\sheets-decrypt\\sheets-decrypt.toml"
    log = home / "AppData\\Local\\sheets-decrypt\\Logs\\baseline.log"
    packages = home / "pipx\\venvs\\sheets-decrypt\\Lib\\site-packages"
    python = home / "pipx\\venvs\\sheets-decrypt\\Scripts\\pythonw.exe"
    return Task("baseline", command(python, config, log), config, log, packages, timing, jitter)


def ran(steps: list[Step]) -> list[tuple[str, ...]]:
    """Return the commands among the steps."""
    return [step.argv for step in steps if isinstance(step, Run)]


def found(replies: dict[tuple[str, ...], Reply] | None = None, **files: bytes) -> Found:
    """Return the files and replies that a backend finds."""
    return Found({Path(path): content for path, content in files.items()}, replies or {})


class StandIn:
    """A program on PATH that logs its calls and answers with a script in Python.

    Args:
        folder: The folder for the program and its log; it must be on PATH.
        name: The program's name.
        script: Its code, which can use `arguments` (a list) and `state` (the `pathlib.Path` of its folder). One that
            begins with `#!/bin/sh` is a shell script instead, runs in that folder, and starts sooner.
    """

    def __init__(self, folder: Path, name: str, script: str) -> None:
        self.state = folder / f"{name}.state"
        self.state.mkdir()
        program = folder / (f"{name}.py" if os.name == "nt" else name)
        if os.name == "nt":
            starter = f'@"{sys.executable}" -IS "{program}" %*\n'
            (folder / f"{name}.cmd").write_text(starter, encoding="utf-8")
        if script.startswith("#!/bin/sh\n"):
            start = f"#!/bin/sh\ncd {shlex.quote(str(self.state))}\n"
        else:
            start = (
                f"#!{sys.executable} -IS\nimport json, pathlib, sys\n"
                f"arguments = sys.argv[1:]\nstate = pathlib.Path({str(self.state)!r})\n"
                "with (state / 'calls').open('a') as calls:\n    calls.write(json.dumps(arguments) + '\\n')\n"
            )
        program.write_text(start + script)
        program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call, in order."""
        notes = self.state / "calls"
        return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
