"""Only our block in the user's crontab changes; at the end, Debian's own cron runs it."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule import install, steps
from sheets_decrypt.schedule.cron import EXACT, LIST, Cron, with_block, without_block
from sheets_decrypt.schedule.interface import ALL_JOBS, Found, Reply, Run, Task
from sheets_decrypt.schedule.timing import Every, parse
from tests.schedule.cron_daemon import crontab, put_crontab
from tests.schedule.tasks import WEEKDAY_MORNINGS, task

BACKEND = Cron("you", Path("/home/you"), datetime(2026, 3, 6, 7, 0))  # noqa: DTZ001  (local time)
NO_CRONTAB = Found(replies={LIST: Reply(1, b"", "no crontab for you\n")})
THEIRS = "MAILTO=me@example.org\n\n# backup\n5 5 * * * /usr/local/bin/backup 50\\% \udce9\n"


def holding(text: str) -> Found:
    """Return the replies for a crontab with the content `text`."""
    content = text.encode("utf-8", "surrogateescape")
    shown = content.replace(b"\r", rb"\r").replace(b"\b", rb"\b")
    return Found(replies={LIST: Reply(0, shown), EXACT: Reply(0, content)})


def test_the_block_has_absolute_paths_a_log_and_marks() -> None:
    """The entry works without a PATH, logs its output, and can be found again."""
    lines = BACKEND.render(task())["crontab"].splitlines()
    assert lines[0] == "# >>> sheets-decrypt: baseline"
    assert lines[2] == "# timing: daily 06:30 mon-fri"
    assert lines[3].startswith("30 6 * * 1-5 cd /home/you/.local/share/pipx/")
    assert lines[3].endswith(" --job baseline >>/home/you/.local/state/sheets-decrypt/log/baseline.log 2>&1")
    assert lines[4] == "# <<< sheets-decrypt: baseline"


def test_a_percent_sign_is_escaped_and_jitter_is_an_option() -> None:
    """To cron, `%` is a line break; and since cron cannot delay a run, the command does."""
    odd = Task(
        "a",
        ("/opt/50%/python", "it's"),
        PurePosixPath("/c"),
        PurePosixPath("/l %"),
        PurePosixPath("/f"),
        Every(60),
        90,
    )
    line = BACKEND.render(odd)["crontab"].splitlines()[3]
    assert line == "0 * * * * cd /f && /opt/50\\%/python 'it'\"'\"'s' --jitter 90 >>'/l \\%' 2>&1"


def test_an_interval_across_hours_takes_several_lines() -> None:
    """45 minutes are kept exactly, with three lines in one block."""
    block = BACKEND.render(task(Every(45)))["crontab"]
    assert sum(not line.startswith("#") for line in block.splitlines()) == 3


def test_schedules_that_cron_cannot_run_are_refused() -> None:
    """These are an uneven interval, a command that cron would cut off, and a credential, which needs systemd."""
    with pytest.raises(ConfigurationError, match="every 7m"):
        BACKEND.render(task(Every(7)))
    base = task()
    secret = Task(
        "a",
        base.command,
        base.config,
        base.log,
        base.folder,
        base.timing,
        0,
        (("key", PurePosixPath("/k")),),
    )
    with pytest.raises(ConfigurationError, match="available only under systemd"):
        BACKEND.render(secret)


@pytest.mark.parametrize("letter", ["b", "é", "€", "𝔘"])
def test_the_longest_command_is_counted_in_bytes(letter: str) -> None:
    """Debian's cron cuts a command off at 1000 bytes, whatever its letters: up to 990 are accepted."""

    def command(padding: int) -> bytes:
        folder = PurePosixPath("/" + letter * (800 // len(letter.encode())) + "f" * padding)
        short = replace(task(), command=("/p",), log=PurePosixPath("/l"), folder=folder)
        return BACKEND.render(short)["crontab"].splitlines()[3].removeprefix("30 6 * * 1-5 ").encode()

    room = 990 - len(command(0))
    assert len(command(room)) == 990
    with pytest.raises(ConfigurationError, match="longer than the 990 bytes that cron allows"):
        command(room + 1)


lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30)
crontabs = st.tuples(st.lists(lines), st.sampled_from(["", "\n", "\r\n"])).map(lambda t: "\n".join(t[0]) + t[1])


@given(crontabs.filter(lambda text: "sheets-decrypt" not in text), crontabs)
def test_every_other_byte_survives_install_and_remove(before: str, after: str) -> None:
    """Whatever the crontab contains (CRLF, no final line break …), it is unchanged after a removal."""
    once = with_block(before, task())
    assert once.startswith(before)
    assert with_block(once, task()) == once
    assert without_block(once, "baseline") == before
    followed = once + "# theirs\n"
    gone = before if not before or before.endswith("\n") else before + "\n"
    assert without_block(followed, "baseline") == gone + "# theirs\n"


def test_a_new_timing_replaces_the_old_one() -> None:
    """Installing again replaces the block in place and removes a second copy."""
    text = with_block("# first", task()) + "# last\n" + BACKEND.render(task())["crontab"] + "# end\n"
    changed = with_block(text, task(parse(daily="7:00")))
    assert changed.count("# >>> sheets-decrypt: baseline") == 1
    assert "0 7 * * * cd" in changed
    assert changed.startswith("# first\n# >>> ")
    assert changed.endswith("# last\n# end\n")
    assert without_block(changed, "baseline") == "# first\n# last\n# end\n"


def test_a_block_that_is_not_closed_is_left_alone() -> None:
    """Half a block could end anywhere, so nothing is guessed."""
    cut = BACKEND.render(task())["crontab"].replace("# <<< sheets-decrypt: baseline\n", "")
    other = BACKEND.render(task(name="endline"))["crontab"]
    for text in (cut, cut + other, cut + BACKEND.render(task())["crontab"]):
        with pytest.raises(ConfigurationError, match="has no end mark"):
            BACKEND.remove("baseline", holding(text))


def test_only_a_missing_crontab_counts_as_empty() -> None:
    """A crontab that cannot be read is never overwritten."""
    assert len(BACKEND.install(task(), NO_CRONTAB)) == 1
    for reply in (Reply(1, b"", "You (you) are not allowed to use this program (crontab)"), Reply(None), Reply(1)):
        with pytest.raises(ConfigurationError, match="the crontab cannot be read"):
            BACKEND.install(task(), Found(replies={LIST: reply}))


def test_a_crontab_not_shown_exactly_is_not_written_back() -> None:
    """Debian shows a carriage return as two characters; a crontab that cannot be read exactly is never overwritten."""
    steps = BACKEND.install(task(), holding("# theirs\r\n"))
    assert isinstance(steps[0], Run)
    assert (steps[0].stdin or b"").startswith(b"# theirs\r\n# >>> ")
    for exact in (Reply(1), Reply(0, b"# other\r\n"), Reply(None)):
        with pytest.raises(ConfigurationError, match="cannot be read byte for byte"):
            BACKEND.install(task(), Found(replies={LIST: Reply(0, rb"# theirs\r"), EXACT: exact}))


def test_installing_twice_does_nothing_the_second_time() -> None:
    """The crontab is written only if it changes."""
    assert BACKEND.install(task(), holding(with_block(THEIRS, task()))) == []
    assert BACKEND.remove("baseline", holding(THEIRS)) == []


def test_an_empty_crontab_is_removed() -> None:
    """If it contained only our block, no empty crontab remains."""
    assert BACKEND.remove("baseline", holding(with_block("", task()))) == [Run(("crontab", "-r"))]


def test_the_status_describes_the_installed_schedule() -> None:
    """Timing, next run and command are read from the crontab."""
    status = BACKEND.status("baseline", holding(with_block(THEIRS, task())))
    assert (status.installed, status.timing, status.next_run) == (True, "daily 06:30 mon-fri", "2026-03-09 06:30")
    assert "--config /home/you/.config/sheets-decrypt/sheets-decrypt.toml" in status.command
    assert len(status.notes) == 1
    assert not BACKEND.status("endline", holding(with_block(THEIRS, task()))).installed


@pytest.mark.parametrize(
    ("old", "new", "timing", "next_run"),
    [
        ("30 6 * * 1-5", "15 7 * * *", "cron 15 7 * * *", "2026-03-06 07:15"),
        ("30 6 * * 1-5", "15 99 * * *", "cron 15 99 * * *", None),
        ("# timing: daily 06:30 mon-fri", "# timing: never", "cron 30 6 * * 1-5", "2026-03-09 06:30"),
        ("# timing: daily 06:30 mon-fri\n", "", "cron 30 6 * * 1-5", "2026-03-09 06:30"),
    ],
)
def test_a_change_by_hand_shows(old: str, new: str, timing: str, next_run: str | None) -> None:
    """The status relies on the entry, not on our comment."""
    status = BACKEND.status("baseline", holding(with_block("", task()).replace(old, new)))
    assert (status.timing, status.next_run) == (timing, next_run)
    assert any("changed by hand" in note for note in status.notes)


def test_a_block_whose_entry_was_commented_out_is_not_installed() -> None:
    """Marks without an entry run nothing."""
    text = with_block("", task()).replace("30 6 *", "# 30 6 *")
    assert not BACKEND.status("baseline", holding(text)).installed


def test_every_schedule_is_listed() -> None:
    """The list includes the schedule of all jobs, whose name no job can have."""
    text = with_block(with_block(THEIRS, task()), task(name=ALL_JOBS))
    assert BACKEND.names(holding(text)) == ("baseline", ALL_JOBS)


@pytest.mark.system("posix", "cron's command is for a POSIX shell")
def test_run_now_uses_the_bare_environment_and_returns_the_exit_code(tmp_path: Path) -> None:
    """The command sees cron's environment, is not delayed, and its exit code is returned."""
    report = tmp_path / "50% done"
    code = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps([sorted(os.environ), sys.argv])); sys.exit(6)"
    command = (sys.executable, "-c", code, str(report))
    entry = Task("baseline", command, tmp_path, tmp_path / "log", tmp_path, WEEKDAY_MORNINGS, 300)
    assert steps.carry_out(BACKEND.run_now("baseline", holding(with_block("", entry)))) == 6
    environment, argv = json.loads(report.read_text())
    assert set(environment) >= {"HOME", "LOGNAME", "PATH", "SHELL"}
    assert not {"LANG", "LC_ALL", "USER", "TERM"} & set(environment)
    assert argv == ["-c", str(report)]


def test_run_now_without_a_schedule_says_so() -> None:
    """Without a schedule, nothing can be run."""
    with pytest.raises(ConfigurationError, match="no schedule for baseline in cron"):
        BACKEND.run_now("baseline", NO_CRONTAB)


def test_the_systems_crontab_keeps_every_byte(own_crontab: None) -> None:
    """With the system's own crontab, install and remove keep the user's lines byte for byte."""
    backend = install.backend_named("cron")
    for theirs in (
        b"# caf\xe9\r\n\n5 5 1 1 * true 50\\%\n",
        rb"# C:\new\r \b" + b"\r\n",
        b"# no line break at the end",
        None,
    ):
        put_crontab(theirs)
        here = Path(__file__).parent
        entry = Task("baseline", (sys.executable, "-c", "pass"), here, here / "log", here, WEEKDAY_MORNINGS)
        steps.carry_out(backend.install(entry, install.look(backend, "baseline")))
        assert install.status(backend, "baseline").installed
        assert [status.name for status in install.installed(backend)] == ["baseline"]
        assert install.remove(backend, "baseline")
        assert crontab() == theirs
        assert not install.remove(backend, "baseline")


def test_cron_runs_it_in_its_bare_environment(tmp_path: Path, running_cron: Callable[[Path], bytes]) -> None:
    """Debian's cron starts the installed command within two minutes, and its output is in the log."""
    theirs = b'# mine \xe9\r\nMAILTO=""\n'
    put_crontab(theirs)
    folder = tmp_path / "it's 100% & more"
    folder.mkdir()
    report, log = folder / "report.json", folder / "log" / "baseline.log"
    code = (
        "import json, os, pathlib, sys; print('said'); target = pathlib.Path(sys.argv[1]); "
        "part = target.with_suffix('.part'); part.write_text("
        "json.dumps([dict(os.environ), os.getcwd(), sys.argv[2:]])); part.rename(target)"
    )
    command = (sys.executable, "-c", code, str(report), "100%", "$HOME", 'a "b"')
    backend = install.backend_named("cron")
    entry = Task("baseline", command, folder / "c.toml", log, folder, Every(1))
    status = install.install(backend, entry)
    assert status.installed
    environment, working_folder, arguments = json.loads(running_cron(report))
    assert working_folder == str(folder)
    assert arguments == ["100%", "$HOME", 'a "b"']
    assert environment["PATH"] == "/usr/bin:/bin"
    assert "TERM" not in environment
    assert log.read_text() == "said\n"
    assert install.remove(backend, "baseline")
    assert crontab() == theirs
    assert not install.status(backend, "baseline").installed


@pytest.mark.system("posix", "cron's command is for a POSIX shell")
def test_a_shell_reads_the_command_as_intended(tmp_path: Path) -> None:
    """A shell splits the command into exactly the intended words."""
    line = BACKEND.render(task())["crontab"].splitlines()[3].split(maxsplit=5)[5].replace("\\%", "%")
    words = shlex.split(line)
    assert tuple(words[3:-2]) == task().command
    assert subprocess.run(["/bin/sh", "-n", "-c", line], check=False).returncode == 0
