"""The one module that prints or exits.

Results go to standard output, warnings, errors and progress to standard error. Off a terminal everything is plain
text. Nothing here ever shows a traceback: it could hold a value.
"""

import getpass
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

import click

from sheets_decrypt.cli.words import printable
from sheets_decrypt.errors import ConfigurationError, Interrupted, SheetsDecryptError, place_of, reason_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from sheets_decrypt.story import Progress

_LOG_BYTES: Final = 1_000_000
_LOG: Final = logging.getLogger("sheets_decrypt")
_LOG.propagate = False
_NAME: Final = re.compile(r"--[a-z][a-z_-]{0,40}")
_SECRETIVE: Final = re.compile(r"secret|private|pass(phrase|word)|key", re.IGNORECASE)


def run(command: click.Command, name: str) -> NoReturn:
    """Run a command and exit with its code."""
    _prepare_process()
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        code = 0
        write_lines(error.format_message().split("\n"))
    except click.UsageError as error:
        code = fail(_usage(error, error.ctx.command_path if error.ctx else name))
    except click.ClickException as error:
        code = fail(ConfigurationError(_lower(error.format_message())))
    except SheetsDecryptError as error:
        code = fail(error)
    except (KeyboardInterrupt, click.Abort):
        code = fail(Interrupted("interrupted", hint="a csv that was not finished is as it was before"))
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


def _usage(error: click.UsageError, command: str) -> ConfigurationError:
    """Say what is wrong with the options. What stands in place of an option could be a secret, so it is not shown."""
    hint = f"{command} --help lists the options"
    if isinstance(error, click.NoSuchOption):
        return _unknown_option(error, hint)
    message = error.format_message()
    if "unexpected extra argument" in message:
        return ConfigurationError("an argument stands where none is expected", hint=hint)
    if "No such command" in message:
        return ConfigurationError("there is no such command", hint=f"{command} --help lists the commands")
    return ConfigurationError(_lower(message).rstrip("."), hint=hint)


def _unknown_option(error: click.NoSuchOption, hint: str) -> ConfigurationError:
    """Name an unknown option only where it looks like one: `--secret-keyABC` and `-ABC` hold what is not to be seen."""
    name = error.option_name.partition("=")[0]
    options = error.ctx.command.params if error.ctx else []
    public = {name for option in options if not getattr(option, "hidden", False) for name in option.opts}
    close = [other for other in error.possibilities or () if other in public]
    if close and not (_SECRETIVE.search(name) and not _SECRETIVE.search(close[0])):  # --secret is not --retry
        return ConfigurationError(f"there is no such option; did you mean {close[0]}?", hint=hint)
    if _SECRETIVE.search(name):
        return secret_as_option("a secret")
    return ConfigurationError(
        f"there is no option {name}" if _NAME.fullmatch(name) else "there is no such option", hint=hint
    )


def secret_as_option(name: str) -> ConfigurationError:
    """Explain why a secret is no option."""
    return ConfigurationError(
        f"{name} is no option: a secret on the command line is seen by every program on this machine"
        " and stays in the shell's history",
        hint="put it in a file or a keyring that [keys] names, or in SHEETS_DECRYPT_LEGACY_SECRET_FILE",
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def fail(error: SheetsDecryptError, *, about: str = "") -> int:
    """Tell an error and its hint; give its exit code."""
    complain(f"error: {about + ': ' if about else ''}{error.message}")
    if error.hint:
        complain(f"hint: {error.hint}")
    return error.exit_code


def say(text: str = "", *, noted: bool = False) -> None:
    """Print a line of the result, with what a terminal would obey spelt out.

    Args:
        text: The line; a line break in it is spelt out as well (see `write_lines`), a tab is not.
        noted: It is in the log already, and is not printed where standard output leads there too.
    """
    if not (noted and _leads_into_the_log(sys.stdout)):
        _print(printable(text, keep="\t"), sys.stdout)


def complain(text: str) -> None:
    """Print a line that is not the result, and write it to the log; once where both are the same file."""
    if not _leads_into_the_log(sys.stderr):
        _print(printable(text), sys.stderr)
    note(text)


def _print(text: str, stream: IO[str] | None) -> None:
    """Print a line where there is a stream; where its reader went away, the other jobs run all the same."""
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def log_to(path: Path) -> None:
    """Write what is noted and complained of to a file as well, which is cut off and kept five times.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, maxBytes=_LOG_BYTES, backupCount=5, encoding="utf-8", errors="replace")
    except OSError as error:
        reason = reason_of(error)
        raise ConfigurationError(f"the log {path} cannot be written: {reason}", hint="name another --log") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)


class _LogFile(RotatingFileHandler):
    """The log. Where it cannot be written, that is told once, without a traceback, and the command goes on."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        # Looked at once: when the log is cut off, the stream goes on into its former part.
        self.streams = [stream for stream in (sys.stdout, sys.stderr) if _are_one_file(stream, self.stream)]
        self._told = False

    def doRollover(self) -> None:  # noqa: N802  (logging's name)
        """Begin a new part; where another process holds the file open (Windows), later."""
        with suppress(OSError):
            super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say that a line was lost."""
        del record
        if not self._told:
            self._told = True
            error = sys.exc_info()[1]
            reason = reason_of(error) if isinstance(error, OSError) else type(error).__name__
            lost = f"warning: the log {self.baseFilename} cannot be written: {reason}"
            print(printable(lost), file=sys.stderr, flush=True)


def _are_one_file(one: IO[str] | None, other: IO[str] | None) -> bool:
    try:
        return one is not None and other is not None and os.path.sameopenfile(one.fileno(), other.fileno())
    except OSError:  # no file is behind it
        return False


def _leads_into_the_log(stream: IO[str] | None) -> bool:
    """Tell whether a scheduler has led a stream into the log."""
    return any(isinstance(handler, _LogFile) and stream in handler.streams for handler in _LOG.handlers)


def note(text: str) -> None:
    """Write a line to the log, where there is one."""
    if _LOG.handlers:
        _LOG.info("%s", printable(text))


def show(renderable: "RenderableType") -> None:
    """Print a table; off a terminal without colours and wide enough for every column."""
    console = _console(sys.stdout)
    console.print(renderable)


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console  # noqa: PLC0415  (14 ms that only tables and progress need)

    width = None if _is_terminal(stream) else 200
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def is_interactive() -> bool:
    """Tell whether a person sits at the terminal and can be asked."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stdout)


def ask(question: str, default: str | None = None, *, refuse: Callable[[str], object] = len) -> str:
    """Ask on the terminal, again and again while `refuse` raises a SheetsDecryptError."""
    while True:
        answer = str(click.prompt(question, default=default, err=True))
        try:
            refuse(answer)
        except SheetsDecryptError as error:
            fail(error)
        else:
            return answer


def ask_unseen(question: str) -> str:
    """Ask for a secret: typed unseen on a terminal, else the first line of standard input."""
    if not _is_terminal(sys.stdin):
        return sys.stdin.readline().removeprefix("\ufeff").rstrip("\r\n")
    try:
        return getpass.getpass(f"{question}: ")
    except EOFError:
        raise click.Abort from None


def _is_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a stream is a terminal; without a console (pythonw.exe) there is no stream at all."""
    return stream is not None and stream.isatty()


def confirm(question: str) -> bool:
    """Ask yes or no on the terminal; no is the default."""
    return click.confirm(printable(question), default=False, err=True)


@contextmanager
def progress(label: str, *, wanted: bool = True) -> "Iterator[Progress]":
    """Give a function that shows how far a run is: a bar on a terminal, nothing elsewhere."""
    if not (wanted and _is_terminal(sys.stderr)):
        yield lambda done, total: None  # noqa: ARG005  (nobody watches)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415  (see `_console`)

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("rows")
    bar = Progress(*columns, console=_console(sys.stderr), transient=True)
    task = bar.add_task(printable(label), total=None)

    def show_bar(done: int, total: int | None) -> None:
        bar.start()  # not before: it would write over the question for a secret
        bar.update(task, completed=done, total=total)

    try:
        yield show_bar
    finally:
        if bar.live.is_started:
            bar.stop()


def command(*words: object) -> str:
    """Write a command as it can be pasted into this system's shell."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


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
