"""A pseudo-terminal in place of a person, for tests of questions and answers."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import systems
from tests.survey import World


def at_a_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None, after: bytes, keys: bytes
) -> tuple[int, bytes]:
    """Run a command at a terminal, and return its exit code and output.

    Args:
        command: The program and its arguments.
        environment: Its environment variables.
        folder: Its working folder; by default, this process's.
        after: The end of the question to answer.
        keys: The keys to type then; none if empty.
    """
    systems.only_on("posix", "a pseudo-terminal stands in for the person")
    import pty

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


def on_a_terminal(
    world: World, *arguments: object, answers: list[str], more: Mapping[str, str] | None = None
) -> tuple[str, int]:
    """Run a command on its own terminal, answer each question that ends in `: `, and return the screen and exit code.

    Args:
        world: Provides the environment and the working folder.
        arguments: The command's arguments.
        answers: What to type, one line each.
        more: Environment variables in addition to the world's.
    """
    systems.only_on("posix", "a pseudo-terminal stands in for the person")
    import pty

    from tests import prefork

    environment = world.environment({"TERM": "xterm", "COLUMNS": "200"} | dict(more or {}))
    terminal, other = pty.openpty()
    process = prefork.start(arguments, environment, folder=world.folder, streams=(other, other, other))
    os.close(other)
    shown = typed = b""
    waiting = list(answers)
    while True:
        if not select.select([terminal], [], [], 10)[0]:
            os.write(terminal, typed)  # it was lost: a program that sets up its terminal drops earlier input
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
        if waiting and shown.rstrip(b"\x1b[?25hl").endswith(b": "):
            answer = waiting.pop(0)
            if answer == "\x03":
                time.sleep(0.1)  # after a signal between its prompt and its reading, Python would still wait for a line
            typed = answer.encode() + (b"" if answer in {"\x03", "\x04"} else b"\n")
            os.write(terminal, typed)
    os.close(terminal)
    process.join()
    assert process.exitcode is not None
    return shown.decode(), process.exitcode
