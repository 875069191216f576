"""`sheets-decrypt launcher`: a double click works with any path of a folder, and the window stays open."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox.google import Sandbox
from sheets_decrypt.schedule.launcher import Launcher, System, system_here, write
from tests.long import scaled
from tests.pseudo_terminal import at_a_terminal
from tests.survey import World, assert_nothing_leaked

ROOT = Path(__file__).parents[2]
ODD = "50% off & (Zoë's) $HOME;x"
ODDER = ODD + ' "q" `id` \\n back'
PRESS = b"Press any key to close this window. "
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\0") | st.just(" "), min_size=1)


def _shell_line(path: Path) -> str:
    """Return the command that a desktop runs for a launcher, by its specification: unescape, then field codes."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".command":
        return shlex.quote(str(path))
    [line] = [line.removeprefix("Exec=") for line in text.splitlines() if line.startswith("Exec=")]
    return line.replace("\\\\", "\\").replace("%%", "%")


def _odd_world(folder: Path, google: Sandbox) -> tuple[World, Launcher]:
    """Create a world, an interpreter and a package in folders whose names contain every shell metacharacter."""
    place = folder / ODDER
    (place / "bin").mkdir(parents=True)
    python = place / "bin/python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -W error "$@"\n')
    python.chmod(0o755)
    (place / "package").symlink_to(ROOT)
    world = World.make(place, google)
    return world, Launcher(world.path, "baseline", python, place / "package")


@pytest.mark.system("posix", "a shell runs it")
@pytest.mark.parametrize("system", scaled(["linux"], ["macos", "linux"]))
def test_a_double_click_pulls_and_the_window_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: System
) -> None:
    """The CSV is in the vault, the result on the screen, and the window waits for a key; no path confuses a shell."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Sandbox(tmp_path / "google") as google:
        world, launcher = _odd_world(tmp_path, google)
        path = write(launcher, tmp_path, system)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert_nothing_leaked(path.read_text(encoding="utf-8"), world.survey)
        code, seen = at_a_terminal(
            ["bash", "-c", _shell_line(path)],
            world.environment({"TERM": "xterm"}),
            folder=tmp_path,
            after=PRESS,
            keys=b"x",
        )
        assert (code, PRESS in seen) == (0, True)
        assert "baseline: wrote 6 rows" in seen.decode()
        assert world.csv() == world.whole()


@pytest.mark.system("posix", "a shell runs it")
@pytest.mark.parametrize("system", ["macos", "linux"])
@pytest.mark.parametrize("gone", ["python", "package"])
def test_the_window_reports_a_missing_program(tmp_path: Path, system: System, gone: str) -> None:
    """It names the interpreter, says what to do, waits for a key, and ends with a failure's exit code."""
    place = tmp_path / ODDER
    place.mkdir()
    python = place / "python" if gone == "python" else Path(sys.executable)
    path = write(Launcher(place / "c.toml", None, python, place), tmp_path, system)
    code, seen = at_a_terminal(
        ["bash", "-c", _shell_line(path)], dict(os.environ), folder=tmp_path, after=PRESS, keys=b"x"
    )
    text = seen.decode()
    assert code == 127
    assert f"  {python}\r\n" in text
    assert "then make a new launcher: sheets-decrypt launcher" in text


@pytest.mark.system("posix", "a shell reads it")
@given(NAMES, NAMES)
@example(ODDER, "%f %U %% %c")
@example("a'b\"c", "-n $(id)")
def test_every_path_reaches_the_program_unchanged(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str
) -> None:
    """A shell reads exactly the given words from the Exec key and from the `.command` file."""
    launcher = Launcher(
        PurePosixPath("/", first), "j", PurePosixPath("/bin", second), PurePosixPath("/", first, second)
    )
    wanted = [str(launcher.python), str(launcher.folder), "--config", str(launcher.config), "--job", "j"]
    entry = tmp_path_factory.getbasetemp() / "entry.desktop"
    entry.write_text(launcher.render("linux"), encoding="utf-8")
    lines = {f"set -- {_shell_line(entry)}\nshift 4", launcher.render("macos").splitlines()[2]}
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", f"{line}\nprintf '%s\\0' \"$@\""],
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
        )
        assert done.stdout.split("\0")[:-1] == wanted


def test_a_batch_file_keeps_percent_signs_and_quotes_every_path() -> None:
    """In cmd, `%` begins a variable even inside quotes, so it is doubled; lines end as on Windows."""
    place = PureWindowsPath(f"C:\\Users\\{ODD}")
    text = Launcher(place / "c.toml", "línea.1", place / "python.exe", place).render("windows")
    assert text.startswith("@echo off\r\nrem made by `sheets-decrypt launcher`")
    assert text.count("\n") == text.count("\r\n")
    doubled = str(place).replace("%", "%%")
    assert f'set "PYTHON={doubled}\\python.exe"\r\n' in text
    assert f'pull "--config" "{doubled}\\c.toml" "--job" "línea.1"\r\n' in text
    lines = text.split("\r\n")
    assert lines.index("chcp 65001 >nul") < next(number for number, line in enumerate(lines) if not line.isascii())
    assert "pause" in lines


@pytest.mark.system("windows", "cmd runs it")
@pytest.mark.parametrize(
    "name",
    [
        "50% off & (its) ^x!",
        "%PATH%",
        pytest.param("Zoë's", marks=pytest.mark.wine_cannot("let cmd read a file as UTF-8")),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_a_double_click_pulls_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, gone: bool
) -> None:
    """No character of a path is special to cmd; a missing program is reported; the window waits for a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / name
    folder.mkdir()
    with Sandbox(tmp_path / "google") as google:
        world = World.make(folder, google)
        python = folder / "python.exe" if gone else Path(sys.executable)
        path = write(Launcher(world.path, None, python, ROOT), tmp_path, "windows")
        command = f'cmd /d /s /c ""{path}""'  # as Explorer calls it
        done = subprocess.run(command, env=world.environment(), input=b"x", capture_output=True, check=False)
        seen = (done.stdout + done.stderr).decode(errors="replace")
        assert ("baseline: wrote 6 rows" in seen) is not gone
        assert ("then make a new launcher: sheets-decrypt launcher" in seen) is gone
        assert "Press any key" in seen
        assert done.returncode == (127 if gone else 0)
        assert world.csv() == (None if gone else world.whole())


# The command


def test_the_command_writes_a_launcher_for_this_environment(world: World) -> None:
    """It names the interpreter and configuration it was created with, and can be created again."""
    for options, name in ([], "Pull all surveys"), (["--job", "baseline"], "Pull baseline"):
        world.run("launcher", world.folder, "--config", world.path, *options)
        done = world.run("launcher", world.folder, "--config", world.path, *options)
        assert done.code == 0
        [path] = world.folder.glob(f"{name}.*")
        assert done.out.splitlines() == [f"wrote {path}", f"it runs {sys.executable} with {world.path}"]
        text = path.read_text(encoding="utf-8")
        assert str(Path(sys.executable)).replace("%", "%%") in text
        assert_nothing_leaked(text, world.survey)


def test_only_our_own_launcher_is_replaced(world: World) -> None:
    """A file, a folder or a link with the same name stays unchanged."""
    ending = {"windows": ".cmd", "macos": ".command", "linux": ".desktop"}[system_here()]
    path = world.folder / f"Pull all surveys{ending}"
    path.write_text("mine")
    done = world.run("launcher", world.folder, "--config", world.path)
    assert (done.code, done.out) == (2, "")
    assert "already exists, and is not a launcher of sheets-decrypt" in done.err
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nowhere"], "nowhere is not a folder"), ([".", "--job", "other"], 'unknown job "other"')],
)
def test_an_unusable_launcher_is_refused(world: World, arguments: list[str], words: str) -> None:
    """A missing folder and an unknown job are refused."""
    done = world.run("launcher", *arguments, "--config", world.path)
    assert (done.code, words in done.err) == (2, True)


def test_a_path_with_a_line_break_is_refused() -> None:
    """A line break could add lines to the file."""
    path = PurePosixPath("/a\nb")
    with pytest.raises(ConfigurationError, match="cannot be printed"):
        Launcher(path, None, path, path).render("macos")
