"""The one module that prints or exits.

Results go to standard output, warnings, errors and progress to standard error. Off a terminal everything is plain
text. Nothing here ever shows a traceback: it could hold a value.
"""

import getpass
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

import click

from sheets_decrypt.errors import ConfigurationError, Interrupted, SheetsDecryptError, place_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from sheets_decrypt.convert import Progress

_LOG_BYTES: Final = 1_000_000
_LOG: Final = logging.getLogger("sheets_decrypt")
_LOG.propagate = False


def run(command: click.Command, name: str) -> NoReturn:
    """Run a command and exit with its code."""
    _prepare_process()
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        code = 0
        say(error.format_message())
    except click.UsageError as error:
        code = fail(ConfigurationError(_usage(error), hint=f"{_path_of(error, name)} --help lists the options"))
    except click.ClickException as error:
        code = fail(ConfigurationError(_lower(error.format_message())))
    except SheetsDecryptError as error:
        code = fail(error)
    except (KeyboardInterrupt, click.Abort):
        code = fail(Interrupted("interrupted; nothing was written"))
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001  (the last door: type and place only, the text could hold a value)
        code = fail(
            SheetsDecryptError(f"unexpected error: {place_of(error)}", hint="this is a bug; please report this line")
        )
    sys.exit(code or 0)


def _prepare_process() -> None:
    """Make output readable everywhere, leave no core dump with plaintext, and clean up when told to stop."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (not on Windows)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _usage(error: click.UsageError) -> str:
    """Say what is wrong with the options. What stands in place of an option could be a secret, so it is not shown."""
    if isinstance(error, click.NoSuchOption):
        close = f"; did you mean {error.possibilities[0]}?" if error.possibilities and not _hidden(error) else ""
        return f"there is no option {error.option_name.partition('=')[0]}{close}"
    message = error.format_message()
    if "unexpected extra argument" in message:
        return "an argument stands where none is expected"
    return _lower(message).rstrip(".")


def _hidden(error: click.NoSuchOption) -> bool:
    """Tell whether the closest option is one that only explains itself."""
    options = error.ctx.command.params if error.ctx else []
    return any(option.opts[0] in (error.possibilities or ()) and getattr(option, "hidden", False) for option in options)


def _path_of(error: click.UsageError, name: str) -> str:
    return error.ctx.command_path if error.ctx else name


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def fail(error: SheetsDecryptError, *, about: str = "") -> int:
    """Tell an error and its hint; give its exit code."""
    complain(f"error: {about + ': ' if about else ''}{error.message}")
    if error.hint:
        complain(f"hint: {error.hint}")
    return error.exit_code


def say(text: str = "") -> None:
    """Print a line of the result."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print a line that is not the result, and write it to the log; once where both are the same file."""
    if not _stderr_is_the_log():
        print(text, file=sys.stderr, flush=True)
    note(text)


def log_to(path: Path) -> None:
    """Write what is noted and complained of to a file as well, which is cut off and kept five times.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=5, encoding="utf-8", errors="replace")
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise ConfigurationError(f"the log {path} cannot be written: {reason}", hint="name another --log") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)


def _stderr_is_the_log() -> bool:
    """Tell whether a scheduler has led standard error into the log."""
    try:
        return any(
            os.path.sameopenfile(sys.stderr.fileno(), handler.stream.fileno()) for handler in _files() if handler.stream
        )
    except (OSError, AttributeError):  # no standard error at all, or none with a file behind it
        return False


def _files() -> list[RotatingFileHandler]:
    return [handler for handler in _LOG.handlers if isinstance(handler, RotatingFileHandler)]


def note(text: str) -> None:
    """Write a line to the log, where there is one."""
    if _LOG.handlers:
        _LOG.info("%s", text)


def show(renderable: "RenderableType") -> None:
    """Print a table; off a terminal without colours and wide enough for every column."""
    console = _console(sys.stdout)
    console.print(renderable)


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console  # noqa: PLC0415  (14 ms that only tables and progress need)

    return Console(file=stream, highlight=False, markup=False, width=None if _is_terminal(stream) else 200)


def is_interactive() -> bool:
    """Tell whether a person sits at the terminal and can be asked."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stdout)


def ask(question: str, default: str | None = None) -> str:
    """Ask on the terminal."""
    return str(click.prompt(question, default=default, err=True))


def ask_unseen(question: str) -> str:
    """Ask for a secret: typed unseen on a terminal, else the first line of standard input."""
    if _is_terminal(sys.stdin):
        return getpass.getpass(f"{question}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _is_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a stream is a terminal; without a console (pythonw.exe) there is no stream at all."""
    return stream is not None and stream.isatty()


def confirm(question: str) -> bool:
    """Ask yes or no on the terminal; no is the default."""
    return click.confirm(question, default=False, err=True)


@contextmanager
def progress(label: str, *, wanted: bool = True) -> "Iterator[Progress]":
    """Give a function that shows how far a run is: a bar on a terminal, nothing elsewhere."""
    if not (wanted and _is_terminal(sys.stderr)):
        yield lambda done, total: None  # noqa: ARG005  (nobody watches)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415  (see `_console`)

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows")
    with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def write_lines(lines: Sequence[str]) -> None:
    """Print several lines of the result."""
    for line in lines:
        say(line)


def prints_to_a_screen() -> bool:
    """Tell whether standard output is a terminal."""
    return _is_terminal(sys.stdout)


def write_bytes(data: bytes) -> None:
    """Write to standard output as it is."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def read_bytes(size: int) -> bytes:
    """Read at most `size` bytes from standard input."""
    return sys.stdin.buffer.read(size)
