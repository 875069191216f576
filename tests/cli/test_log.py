"""`--log`: a line per job with its time, in parts that do not grow; nothing twice, no value, and never a traceback."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.cli.log_file import LogFile
from tests import mounts, systems
from tests.long import scaled
from tests.survey import PROGRAM, Done, World, assert_nothing_leaked

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")


def _pull(world: World, *options: object, log: str = "log/pull.log") -> Done:
    done = world.pull("--log", world.folder / log, *options)
    _lines(world, log)
    return done


def _lines(world: World, log: str = "log/pull.log") -> list[str]:
    """Return the lines of the log without their times, which each of them has."""
    text = (world.folder / log).read_text(encoding="utf-8")
    assert_nothing_leaked(text, world.survey)
    assert all(TIME.match(line) for line in text.splitlines())
    return [TIME.sub("", line) for line in text.splitlines()]


def _redirected(world: World, *options: str, log: str = "pull.log") -> int:
    """Pull as a scheduler does, with both outputs led into the log."""
    path = world.folder / log
    with path.open("ab") as file:
        done = subprocess.run(
            [*PROGRAM, "pull", "--config", str(world.path), "--log", str(path), *options],
            env=world.environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False,
        )  # fmt: skip
    return done.returncode


def test_each_job_is_a_line_with_its_time(world: World) -> None:
    """Good and bad runs are reported one after the other, quiet or not, and the folder is made."""
    world.configure({"good": {"output": "good.csv"}, "bad": {"output": "bad.csv", "columns": ["nobody"]}})
    assert _pull(world, "--quiet").code == 9
    first = _lines(world)
    assert [line.split(" ")[0] for line in first] == ["good:", "error:", "hint:", "1"]
    assert first[0].startswith("good: wrote 6 rows")
    assert first[1].startswith("error: bad: ")
    assert first[3] == "1 of 2 jobs needs attention: bad (exit code 9)"
    assert _pull(world, "--json").code == 9
    assert len(_lines(world)) == 8


@pytest.mark.parametrize("options", scaled([("--quiet",)], [("--quiet",), ()]))
def test_nothing_stands_in_the_log_twice(world: World, options: tuple[str, ...]) -> None:
    """Where a scheduler leads the output into the log, each line is there once: results, warnings and errors."""
    damaged = [list(row) for row in world.survey.sheet]
    damaged[1][1] = str(damaged[1][1])[:-8] + "AAAAAAA="
    damaged[2][2] = "readable"
    world.google.replace_rows(world.spreadsheet, "data", damaged)
    world.configure({"partial": {"output": "p.csv"}, "bad": {"output": "bad.csv", "columns": ["nobody"]}})
    assert _redirected(world, *options) == 3
    lines = _lines(world, "pull.log")
    assert len(set(lines)) == len(lines)
    assert [line for line in lines if line.startswith("partial: ")] == lines[:1]
    assert len([line for line in lines if line.startswith("warning: partial: row 2")]) == 1
    assert len([line for line in lines if line.startswith("error: bad: ")]) == 1


def test_the_log_is_cut_off_and_its_parts_are_kept(world: World) -> None:
    """A log of a megabyte becomes `.1`, and the oldest of five parts goes; nothing is written twice on the way."""
    log = world.folder / "pull.log"
    log.write_text("x" * 999_990 + "\n", encoding="utf-8")
    for number in range(1, 6):
        log.with_name(f"pull.log.{number}").write_text(f"part {number}\n", encoding="utf-8")
    world.configure(columns=["nobody"])
    # Windows renames nothing that the scheduler holds open as well: there a later run cuts it off.
    code = _pull(world, "--quiet", log="pull.log").code if systems.WINDOWS else _redirected(world, "--quiet")
    assert code == 9
    assert [line.split(":")[0] for line in _lines(world, "pull.log")] == ["error", "hint"]
    assert log.with_name("pull.log.1").read_text(encoding="utf-8") == "x" * 999_990 + "\n"
    assert log.with_name("pull.log.5").read_text(encoding="utf-8") == "part 4\n"
    assert len(list(world.folder.glob("pull.log*"))) == 6


def test_a_log_whose_parts_cannot_be_moved_goes_on(world: World) -> None:
    """Where a part is held by someone (here: a folder is in its place), the line is written all the same."""
    log = world.folder / "pull.log"
    log.write_text("2026-03-06 06:30:10,000 " + "x" * 999_970 + "\n", encoding="utf-8")
    (world.folder / "pull.log.1" / "full").mkdir(parents=True)
    (world.folder / "pull.log.2" / "full").mkdir(parents=True)
    done = _pull(world, "--quiet", log="pull.log")
    assert done == Done(0, "", "")
    assert _lines(world, "pull.log")[-1].startswith("baseline: wrote 6 rows")


@pytest.mark.system("posix", "no limit on a file's size on Windows")
@pytest.mark.parametrize(("column", "code"), scaled([("name", 0)], [("name", 0), ("nobody", 9)]))
def test_a_log_that_is_full_is_one_warning_and_no_traceback(world: World, column: str, code: int) -> None:
    """A disk without room (here: a limit on the size of files) costs the log's lines and nothing else."""
    world.configure(columns=[column])
    log = world.folder / "pull.log"
    log.write_text("x" * 100_000 + "\n", encoding="utf-8")
    limited = ["sh", "-c", 'ulimit -f 128 && exec "$@"', "sh"]  # 64 kB
    done = subprocess.run(
        [*limited, *PROGRAM, "pull", "--config", str(world.path), "--log", str(log), "--json"],
        env=world.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    lost = f"warning: the log {log} cannot be written: file too large"
    assert [line for line in done.stderr.splitlines() if "the log" in line] == [lost]
    assert done.stdout.startswith('{"run_id"')
    assert log.stat().st_size == 100_001


@pytest.mark.system("posix", "only POSIX has named pipes and devices in folders")
@pytest.mark.parametrize("kind", ["pipe", "/dev/full", "/dev/zero"])
def test_a_log_that_is_no_file_is_refused(world: World, kind: str) -> None:
    """A named pipe would block the run for ever."""
    log = Path(kind)
    if kind == "pipe":
        log = world.folder / "pull.log"
        os.mkfifo(log)
    done = world.run("pull", "--config", world.path, "--log", log)
    assert (done.code, done.out) == (2, "")
    assert "not a regular file" in done.err
    assert world.google.requests == []


@pytest.mark.system("posix", "Windows has no modes")
@pytest.mark.parametrize(("mode", "kept"), [(0o644, 0o600), (0o640, 0o640), (0o666, 0o600), (0o400, 0o400)])
def test_others_cannot_read_a_log(tmp_path: Path, mode: int, kept: int) -> None:
    """It says how many cells failed. The shell of a cron job makes it with mode 0644; a group's is a decision."""
    path = tmp_path / "pull.log"
    path.touch()
    path.chmod(mode)
    LogFile(path, (), print).close()
    assert stat.S_IMODE(path.stat().st_mode) == kept


def test_a_log_of_another_user_is_refused(world: World) -> None:
    """Who put it there could read what is added, whatever its mode."""
    systems.root("posix", "only root can make a file of another user")
    path = world.folder / "pull.log"
    path.touch(0o600)
    os.chown(path, mounts.NOBODY, mounts.NOBODY)
    done = world.pull("--log", path)
    assert done.code == 2
    assert "pull.log cannot be written: it belongs to another user" in done.err
    assert path.read_bytes() == b""


def test_a_log_that_cannot_be_opened_is_an_error(world: World) -> None:
    """The error comes before anything is pulled, and names the file."""
    (world.folder / "file").touch()
    for place in ("file/pull.log", "."):
        done = world.pull("--log", world.folder / place)
        assert (done.code, done.out) == (2, "")
        assert "cannot be written" in done.err
    assert world.google.requests == []


def test_a_name_from_the_sheet_cannot_forge_a_line(world: World) -> None:
    """Line breaks and escape sequences in a column's name stay on their line, in the log and on the terminal."""
    sheet = [list(row) for row in world.survey.sheet]
    sheet[0][4] = "free\n2026-01-01 00:00:00,000 baseline: wrote 9 rows\x1b[2J\x9b\u2028x"
    world.google.replace_rows(world.spreadsheet, "data", sheet)
    world.configure(columns=["nobody"])
    done = _pull(world)
    assert len(_lines(world)) == len(done.err.splitlines()) == 2
    assert not set("\x1b\x9b\u2028") & set(done.err + "".join(_lines(world)))


def test_what_fails_before_a_job_is_in_the_log_too(world: World) -> None:
    """A configuration that is broken is found in the log in the morning."""
    world.path.write_text("[jobs.baseline]\noutptu = 1\n", encoding="utf-8")
    assert _pull(world, "--quiet").code == 2
    assert _lines(world)[0].startswith("error: ")


def test_the_log_may_be_named_as_a_relative_path(world: World) -> None:
    """It is relative to where the command runs."""
    assert world.pull("--log", "here.log").code == 0
    assert _lines(world, "here.log")
