"""The one module that prints or exits.

Results go to standard output, warnings, errors and progress to standard error. Off a terminal everything is plain
text. Everything printed passes through `printable`, and no traceback is ever shown, because it could hold a value.
"""

import getpass
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import click

from sheets_decrypt.cli import log, streams, usage
from sheets_decrypt.errors import ConfigurationError, Interrupted, SheetsDecryptError, place_of
from sheets_decrypt.system.console import is_terminal
from sheets_decrypt.system.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sheets_decrypt.story.options import Progress


def run(command: click.Command, name: str) -> NoReturn:
    """Run a command and exit with its code."""
    _prepare_process()
    try:
        code = command.main(_arguments(), prog_name=name, standalone_mode=False, windows_expand_args=False)
    except click.exceptions.NoArgsIsHelpError as error:
        code = 0
        write_lines(error.format_message().split("\n"))
    except click.ClickException as error:
        code = show_error(usage.explain(error, name))
    except SheetsDecryptError as error:
        code = show_error(error)
    except (KeyboardInterrupt, click.Abort):
        hint = "nothing unfinished was kept, and former files are unchanged; run it again"
        code = show_error(Interrupted("interrupted", hint=hint))
    except Exception as error:  # noqa: BLE001  (the last resort: type and place only, the text could hold a value)
        code = show_error(_unexpected(error))
    log.close_log()
    sys.exit(code or 0)


def _arguments() -> list[str]:
    r"""Return the arguments; on Windows with `~\` expanded to the user's home, as shells do elsewhere.

    By default, click would also expand `~user`, `%NAME%`, `$NAME` and `*` there, in paths and columns alike.
    """
    if os.name != "nt":
        return sys.argv[1:]
    homes = ("~/", "~\\")
    return [str(Path(word).expanduser()) if word.startswith(homes) else word for word in sys.argv[1:]]


def _unexpected(error: Exception) -> SheetsDecryptError:
    """Return our error for an unexpected one; a path with bytes that are not text is only noticed late."""
    if isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":
        return ConfigurationError(
            "a path has letters that are not text in this environment's encoding",
            hint="on Linux set LC_ALL=C.UTF-8 and do not set PYTHONUTF8=0, or choose a path of plain letters",
        )
    return SheetsDecryptError(f"unexpected error: {place_of(error)}", hint="this is a bug; please report this line")


def _prepare_process() -> None:
    """Make writes never fail, prevent core dumps with plaintext, and clean up when asked to stop."""
    sys.stderr = streams.forgiving(sys.stderr, log.add)
    sys.stdout = streams.forgiving(sys.stdout, _output_is_lost)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (does not exist on Windows)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.excepthook = lambda failed: _report_unhandled(failed.exc_value)
    sys.unraisablehook = lambda failed: _report_unhandled(failed.exc_value)


def _report_unhandled(error: BaseException | None) -> None:
    """Report in one line the error that ended a thread or a destructor; Python would print a traceback and its text."""
    if error is not None:
        write_notice(f"warning: unexpected error in the background: {place_of(error)}")


def log_to(path: Path) -> None:
    """Write a log to this file from now on.

    Raises:
        ConfigurationError: It cannot be written.
    """
    log.open_log(path, (sys.stdout, sys.stderr), lambda warning: _write(printable(warning), sys.stderr))


def _output_is_lost(reason: str) -> None:
    write_notice(f"warning: standard output cannot be written: {reason}")


def show_error(error: SheetsDecryptError, *, about: str = "") -> int:
    """Print an error and its hint, and return its exit code."""
    write_notice(f"error: {about + ': ' if about else ''}{error.message}")
    if error.hint:
        write_notice(f"hint: {error.hint}")
    return error.exit_code


def write_line(text: str = "", *, logged: bool = False) -> None:
    """Print a line of the result.

    Args:
        text: The line. A line break in it is escaped (see `write_lines`); a tab is printed.
        logged: The log already has it, so it is not printed if standard output is redirected into the log.
    """
    if not (logged and log.receives(sys.stdout)):
        _write(printable(text, keep="\t"), sys.stdout)


def write_lines(lines: Sequence[str]) -> None:
    """Print several lines of the result."""
    for line in lines:
        write_line(line)


def write_notice(text: str) -> None:
    """Print a line that is not the result, and add it to the log, but only once if both are the same file."""
    if not log.receives(sys.stderr):
        _write(printable(text), sys.stderr)
    log.add(text)


def _write(text: str, stream: IO[str] | None) -> None:
    if stream is not None:
        print(text, file=stream, flush=True)


def write_bytes(data: bytes) -> None:
    """Write to standard output, unchanged.

    Raises:
        ConfigurationError: It cannot be written; unlike a line about a run, the output is the command's only purpose.
    """
    if sys.stdout is not None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    require_written()


def require_written() -> None:
    """Check that all of standard output was written, for a command whose only purpose is its output.

    Raises:
        ConfigurationError: Some of it was not.
    """
    if reason := streams.failure_of(sys.stdout):
        raise ConfigurationError(f"the output is incomplete: {reason}", hint="write to another place")


def read_bytes(size: int) -> bytes:
    """Read at most `size` bytes from standard input.

    Raises:
        ConfigurationError: Standard input is closed, which is not the same as empty.
    """
    if sys.stdin is None:
        raise ConfigurationError("standard input is closed", hint="pipe the content to it")
    return sys.stdin.buffer.read(size)


def show(table: "Table") -> None:
    """Print a table: as blocks on a screen that is too narrow, and as plain text of any width off a screen."""
    from sheets_decrypt.cli.listing import fitted, plain  # noqa: PLC0415  (see `_console`)

    if is_terminal(sys.stdout):
        console = _console(sys.stdout)
        console.print(fitted(table, console), crop=False)
    else:
        write_lines(plain(table))


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console  # noqa: PLC0415  (14 ms that only tables and progress need)

    return Console(file=stream, highlight=False, markup=False, emoji=False)


@contextmanager
def progress(label: str, *, wanted: bool = True) -> "Iterator[Progress]":
    """Yield a function that shows the progress of a run: a bar on a terminal, nothing elsewhere."""
    if not (wanted and is_terminal(sys.stderr)):
        yield lambda done, total: None  # noqa: ARG005  (nothing is shown)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415  (see `_console`)

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("rows")
    bar = Progress(*columns, console=_console(sys.stderr), transient=True)
    task = bar.add_task(printable(label), total=None)

    def show_bar(done: int, total: int | None) -> None:
        bar.start()  # not earlier: it would overwrite the prompt for a secret
        bar.update(task, completed=done, total=total)

    try:
        yield show_bar
    finally:
        if bar.live.is_started:
            bar.stop()


def command(*words: object) -> str:
    """Return a command that can be pasted into this system's shell."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def is_interactive() -> bool:
    """Return whether a person can be asked: input and output are a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout)


def prints_to_a_screen() -> bool:
    """Return whether standard output is a terminal."""
    return is_terminal(sys.stdout)


def ask(question: str, default: str | None = None, *, refuse: Callable[[str], object] = len) -> str:
    """Ask on the terminal until `refuse` does not raise SheetsDecryptError; Enter alone means the default."""
    shown = f"{question} [{default}]" if default else question  # click would show the default unescaped
    while True:
        try:
            answer = str(click.prompt(printable(shown), default=default, show_default=False, err=True))
        except click.Abort:  # Ctrl-C leaves the cursor behind the question
            print(file=sys.stderr, flush=True)
            raise
        try:
            refuse(answer)
        except SheetsDecryptError as error:
            show_error(error)
        else:
            return answer


@contextmanager
def unseen() -> Iterator[Callable[[str], str]]:
    """Yield a function that asks on the terminal for a line of a secret, without echo.

    Several lines may be pasted at once. Any left at the end are discarded; a shell would run them and keep them.
    """
    if sys.platform == "win32":  # pragma: no cover  (consoles of Windows)
        import msvcrt  # noqa: PLC0415  (does not exist elsewhere)

        try:
            yield lambda question: getpass.getpass(f"{printable(question)}: ")
        finally:
            while msvcrt.kbhit():
                msvcrt.getwch()
        return
    import termios  # noqa: PLC0415  (does not exist on Windows)

    # Not getpass: it discards the input after each line, so four pasted lines would arrive as one.
    descriptor = sys.stdin.fileno()
    echoing = termios.tcgetattr(descriptor)
    local_modes = 3  # their index in the list, see termios(3)
    silent = [*echoing]
    silent[local_modes] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
    try:
        yield _ask_in_silence
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, echoing)


def _ask_in_silence(question: str) -> str:
    print(f"{printable(question)}: ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    print(file=sys.stderr, flush=True)
    if not line:
        raise click.Abort
    return line.rstrip("\r\n")


def takes_typing() -> bool:
    """Return whether standard input is a terminal."""
    return is_terminal(sys.stdin)


def read_text(limit: int) -> str:
    """Read standard input to its end, at most `limit` bytes of UTF-8, without a byte order mark.

    Raises:
        ConfigurationError: It is not UTF-8. Windows' own code page would silently make another secret of it.
    """
    try:
        return read_bytes(limit).decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "save the text in a file as UTF-8, or type it"
        raise ConfigurationError("standard input is not text in UTF-8", hint=hint) from None


def show_until_enter(lines: Sequence[str]) -> None:
    """Show lines on a terminal until Enter is pressed, on an alternate screen, which leaves no trace in the scrollback.

    Consoles before Windows 10 have only one screen; there it is cleared instead.

    Raises:
        ConfigurationError: The terminal can do neither.
    """
    console = _console(sys.stdout)
    if console.is_dumb_terminal or not console.is_terminal:  # as the environment says
        raise ConfigurationError("this terminal cannot hide the secret again", hint="use one that can clear its screen")
    with console.screen(hide_cursor=False):
        write_lines([*lines, ""])
        with suppress(EOFError):
            getpass.getpass("press Enter to hide it: ")
        console.clear()


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; the default is no."""
    return click.confirm(printable(question), default=False, err=True)
