"""The program in a separate process that starts at once, forked from a process with the program loaded and no threads.

Python and the libraries take half a second to start. A test about the start, a signal or a broken stream starts
`survey.PROGRAM` instead; so does Windows, which cannot fork.
"""

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Final, NoReturn

_LOADED: Final = (
    *("sheets_decrypt.cli", "sheets_decrypt.check", "sheets_decrypt.story.file", "sheets_decrypt.story.pull"),
    *("sheets_decrypt.sandbox.google", "keyring.core", "gspread", "google.oauth2.service_account", "rich.progress"),
)


def start(
    arguments: Iterable[object], environment: Mapping[str, str], *, folder: Path, streams: tuple[int, int, int]
) -> BaseProcess:
    """Start `sheets-decrypt` and return its process.

    Args:
        arguments: The command's arguments.
        environment: All of its environment variables.
        folder: Its working folder.
        streams: Descriptors for its standard input, output and error; a terminal becomes its controlling terminal.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    given: tuple[Any, ...] = ([str(each) for each in arguments], dict(environment), str(folder))
    process = context.Process(target=_become, args=(*given, *map(_Stream, streams)))
    process.start()
    return process


class _Stream:
    """A descriptor to be passed to the new process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._descriptor),)


def _received(descriptor: Any) -> int:
    number: int = descriptor.detach()
    return number


def _become(arguments: list[str], environment: dict[str, str], folder: str, *streams: int) -> NoReturn:
    """Become the program, like `python -W error -m sheets_decrypt`."""
    from sheets_decrypt import cli

    os.setsid()
    for number, given in enumerate(streams):
        os.dup2(given, number)
    if os.isatty(0):
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first terminal a session leader opens controls the session
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = os.fdopen(number, mode, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)  # keep a reference: the program replaces the other one
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    warnings.simplefilter("error")
    sys.argv = ["sheets-decrypt", *arguments]
    cli.main()
    raise AssertionError("it did not exit")
