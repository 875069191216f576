r"""A file to double-click that pulls, shows the result in a window, and keeps the window open until a key is pressed.

`.cmd` on Windows, `.command` on macOS, `.desktop` on Linux. It holds the paths of the interpreter and configuration and
no secret; if the interpreter is gone, it says so. Paths can have blanks, quotes, `%`, `&` and accents. Sources:
`cmd /?` and `set /?`; POSIX sh; Desktop Entry Specification 1.5, "The Exec key".
"""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, Literal

import sheets_decrypt
from sheets_decrypt.errors import ConfigurationError, reason_of
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.system.regular_file import read_small

System = Literal["windows", "macos", "linux"]
ENDINGS: Final[Mapping[System, str]] = {"windows": ".cmd", "macos": ".command", "linux": ".desktop"}
_MARK: Final = "made by `sheets-decrypt launcher`"
_LARGEST: Final = 64 * 1024  # bytes
_EXECUTABLE: Final = 0o700

# $1: the interpreter; $2: the folder of the package; the rest: the arguments of the pull. One line, because an Exec key
# is one. Ctrl-C ends the pull but does not close the window.
_SHELL: Final = (
    "python=$1; folder=$2; shift 2; trap : INT; "
    'if [ -x "$python" ] && [ -e "$folder/sheets_decrypt/__main__.py" ] && cd "$folder"; '
    'then "$python" -m sheets_decrypt pull "$@"; code=$?; '
    "else code=127; "
    "printf '%s\\n' 'error: sheets-decrypt is no longer where it was when this launcher was made:' \"  $python\" "
    "'hint: install it again (step 1 of its README), then make a new launcher: sheets-decrypt launcher'; fi; "
    "printf '\\n%s' 'Press any key to close this window. '; "
    "if [ -t 0 ]; then saved=$(stty -g); stty -icanon -echo min 1; dd bs=1 count=1 >/dev/null 2>&1; "
    'stty "$saved"; fi; echo; exit $code'
)
# The second line lets cmd read the rest as UTF-8. `pushd` also enters a folder on a network share.
_BATCH: Final = """\
@echo off
rem {mark}; it holds no secret
for /f "tokens=2 delims=:." %%a in ('chcp') do set "CODEPAGE=%%a"
chcp 65001 >nul
setlocal DisableDelayedExpansion
title {title}
set "PYTHON={python}"
set "FOLDER={folder}"
if not exist "%PYTHON%" goto gone
if not exist "%FOLDER%\\sheets_decrypt\\__main__.py" goto gone
pushd "%FOLDER%"
"%PYTHON%" -m sheets_decrypt pull {arguments}
set "CODE=%ERRORLEVEL%"
popd
goto end
:gone
echo error: sheets-decrypt is no longer where it was when this launcher was made:
echo   "%PYTHON%"
echo hint: install it again (step 1 of its README), then make a new launcher: sheets-decrypt launcher
set "CODE=127"
:end
echo.
pause
chcp %CODEPAGE% >nul
exit /b %CODE%
"""


@dataclass(frozen=True, slots=True)
class Launcher:
    """The pull that a double click runs.

    Args:
        config: The configuration, absolute.
        job: The job, or None for all.
        python: The interpreter, absolute.
        folder: The folder of the package: `python -m` looks there first.
    """

    config: PurePath
    job: str | None
    python: PurePath
    folder: PurePath

    @property
    def title(self) -> str:
        """Its title; also its file's name without the ending."""
        return f"Pull {self.job or 'all surveys'}"

    @property
    def _arguments(self) -> list[str]:
        return ["--config", str(self.config), *(["--job", self.job] if self.job else [])]

    def render(self, system: System) -> str:
        """Return the file's text.

        Raises:
            ConfigurationError: A path has a line break or another control character.
        """
        for path in (self.config, self.python, self.folder):
            if not str(path).isprintable():
                raise ConfigurationError(
                    f"{str(path)!r} has a character that cannot be printed", hint="rename the file or folder"
                )
        match system:
            case "windows":
                return self._batch()
            case "macos":
                return f"#!/bin/sh\n# {_MARK}; it holds no secret\nset -- {shlex.join(self._words())}\n{_SHELL}\n"
            case "linux":
                return self._desktop_entry()

    def _words(self) -> list[str]:
        return [str(self.python), str(self.folder), *self._arguments]

    def _batch(self) -> str:
        text = _BATCH.format(
            mark=_MARK,
            title=self.title,
            python=_batch(str(self.python)),
            folder=_batch(str(self.folder)),
            arguments=" ".join(f'"{_batch(word)}"' for word in self._arguments),
        )
        return text.replace("\n", "\r\n")

    def _desktop_entry(self) -> str:
        command = " ".join(_exec(word) for word in ["/bin/sh", "-c", _SHELL, "sh", *self._words()])
        comment = _entry(f"sheets-decrypt with {self.config}")
        return (
            f"# {_MARK}; it holds no secret\n[Desktop Entry]\nType=Application\nVersion=1.0\nName={self.title}\n"
            f"Comment={comment}\nExec={command}\nTerminal=true\n"
        )


def for_this_environment(config: Path, job: str | None) -> Launcher:
    """Return the launcher that runs this interpreter and this package.

    Raises:
        ConfigurationError: Python does not know the path of its interpreter.
    """
    if not sys.executable:
        raise ConfigurationError("the path of this Python is not known", hint="install sheets-decrypt with pipx or pip")
    folder = Path(sheets_decrypt.__file__).absolute().parents[1]
    return Launcher(config.absolute(), job, Path(sys.executable).absolute(), folder)


def system_here(platform: str = sys.platform) -> System:
    """Return the system whose kind of launcher starts here with a double click."""
    names: Mapping[str, System] = {"win32": "windows", "darwin": "macos"}
    return names.get(platform, "linux")


def write(launcher: Launcher, folder: Path, system: System) -> Path:
    """Write a launcher into a folder and return its path. It replaces only a launcher of ours.

    Raises:
        ConfigurationError: Another file has its name, or it cannot be written.
    """
    path = folder / (launcher.title + ENDINGS[system])
    if os.path.lexists(path) and not _is_ours(path):
        raise ConfigurationError(
            f"{path} already exists, and is not a launcher of sheets-decrypt", hint="rename it, or name another folder"
        )
    try:
        write_private(path, launcher.render(system).encode())
        path.chmod(_EXECUTABLE)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {reason_of(error)}", hint="name a folder that you can write to"
        ) from None
    return path


def _is_ours(path: Path) -> bool:
    try:
        start = read_small(path, limit=_LARGEST, follow=False).decode(errors="replace").splitlines()[:2]
    except OSError:
        return False
    return any(_MARK in line for line in start)


def _batch(text: str) -> str:
    """Escape `%`, which starts a variable even inside quotes; quotes cannot occur in a Windows path."""
    return text.replace("%", "%%")


def _exec(word: str) -> str:
    """Quote a word for an Exec key: first for the command line, then for field codes, then as a key's value."""
    quoted = "".join(f"\\{character}" if character in '"`$\\' else character for character in word)
    return _entry(f'"{quoted}"'.replace("%", "%%"))


def _entry(text: str) -> str:
    return text.replace("\\", "\\\\")
