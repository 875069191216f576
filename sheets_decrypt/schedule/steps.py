"""Read what a backend asks for, and carry out the steps that it returns: files and programs, nothing else.

`LC_ALL=C` keeps the output of programs in the language that the backends parse.
"""

import contextlib
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.schedule.interface import Delete, Found, Look, Reply, Run, Step, Write
from sheets_decrypt.secret_sources import system_environment
from sheets_decrypt.system import held_open, programs
from sheets_decrypt.system.regular_file import read_small

_LIMIT: Final = 1 << 20  # bytes; of a task or a crontab
_LOOK_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 1.0


def read(wanted: Look) -> Found:
    """Return the files and replies that a backend asks for; a missing file is left out.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    paths = [*wanted.files, *(path for folder, pattern in wanted.folders for path in folder.glob(pattern))]
    files = {}
    for path in paths:
        try:
            files[path] = read_small(path, limit=_LIMIT)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {reason_of(error)}", hint="check who owns it") from None
    return Found(files, {argv: reply(argv) for argv in wanted.commands})


def carry_out(steps: Iterable[Step], *, pause: float = _PAUSE_SECONDS) -> int:
    """Carry out steps in order, and return the exit code of the last program.

    Args:
        steps: What to do.
        pause: Seconds between the tries of a program.

    Raises:
        ConfigurationError: A file cannot be written, or a program failed whose failure is an error.
    """
    code = 0
    temporary: list[Path] = []
    try:
        for step in steps:
            match step:
                case Write():
                    temporary += [step.path] if step.temporary else []
                    _write(step)
                case Delete():
                    step.path.unlink(missing_ok=True)
                case Run():
                    code = _run(step, pause)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)
    return code


def reply(argv: tuple[str, ...], stdin: bytes | None = None, seconds: float | None = _LOOK_SECONDS) -> Reply:
    """Run a program, in an environment without secrets, and return its reply."""
    try:
        done = programs.run(argv, seconds=seconds, env={**system_environment(), "LC_ALL": "C"}, stdin=stdin)
    except (OSError, subprocess.TimeoutExpired):
        return Reply(None)
    return Reply(done.code, done.stdout, done.stderr.decode(errors="replace"))


def cannot_write(path: Path, error: OSError) -> ConfigurationError:
    """Return the error for a file or folder that cannot be written."""
    return ConfigurationError(f"{path} cannot be written: {reason_of(error)}", hint="check who owns the folder")


def _run(step: Run, pause: float) -> int:
    answer = reply(step.argv, step.stdin, step.seconds)
    for _ in range(step.tries - 1):
        if answer.code == 0:
            break
        time.sleep(pause)
        answer = reply(step.argv, step.stdin, step.seconds)
    if step.checked and answer.code != 0:
        said = " ".join(answer.stderr.split()) or f"exit code {answer.code}"
        missing = "it is not installed, or did not answer"
        raise ConfigurationError(
            f"{' '.join(step.argv[:3])} failed: {missing if answer.code is None else said}",
            hint="use another --backend, or see what `sheets-decrypt schedule show` would install",
        )
    return answer.code if answer.code is not None else 1


def _write(step: Write) -> None:
    partial = step.path.with_name(f"{step.path.name}.part")
    try:
        step.path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(step.content)
        held_open.retry(lambda: partial.replace(step.path))
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise cannot_write(step.path, error) from None
