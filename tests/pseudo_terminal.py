"""A terminal that a person sits at, for the tests of what is asked and typed there."""

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def at_a_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None, after: bytes, keys: bytes
) -> tuple[int, bytes]:
    """Run a command at a terminal, and give its exit code and what was to be seen.

    Args:
        command: The program and its arguments.
        environment: Its environment variables.
        folder: Its working folder; default: this process's.
        after: The end of the question that the keys answer.
        keys: What is typed then; nothing is where it is empty.
    """
    main, other = pty.openpty()
    seen = b""
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdin=other, stdout=other, stderr=other, start_new_session=True
    ) as process:
        os.close(other)
        while select.select([main], [], [], 60)[0]:
            try:
                piece = os.read(main, 4096)
            except OSError:  # the program ended
                break
            if not piece:
                break
            seen += piece
            if keys and after in seen:
                os.write(main, keys)
                keys = b""
    os.close(main)
    return process.returncode, seen
