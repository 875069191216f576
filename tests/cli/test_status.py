"""`sheets-decrypt status`: each job at a glance, on a terminal, off one, as JSON, and as a page in a real browser."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.cli.job_table import JobStatus, page, survey, table
from sheets_decrypt.runs import state
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.schedule import interface
from sheets_decrypt.schedule.interface import ALL_JOBS
from tests import require
from tests.pseudo_terminal import at_a_terminal
from tests.survey import PROGRAM, World, assert_nothing_leaked
from tests.unattended_parts import browser_dom, configuration, scheduled

NOW = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)  # a Friday
HELD = JobState("2026-03-06T06:30:10Z", "2026-03-06T06:30:10Z", rows=(2, 4, 8))
STATUS_KEYS = {
    "job", "last_success", "age", "schedule", "next_run", "stale", "exit_code", "message", "failed_runs",
    "locked_runs", "rows", "last_run", "running", "running_since", "busy_runs",
}  # fmt: skip
GOOD = JobStatus("baseline", HELD, 9000, "daily 06:30", "2026-03-07 06:30")


def _read_time_zone() -> None:
    if hasattr(time, "tzset"):  # Windows reads no TZ
        time.tzset()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the memory below the test's own folder, the clock at UTC, and this machine's schedules out of sight."""
    programs = tmp_path / "no-schedulers"
    programs.mkdir()
    for name in ("crontab", "systemctl"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))
    monkeypatch.setenv("TZ", "UTC")
    _read_time_zone()
    yield
    monkeypatch.undo()
    _read_time_zone()


def _one(
    tmp_path: Path, schedules: list[interface.Status], success: str = "", now: datetime = NOW, **held: Any
) -> JobStatus:
    """Survey the job `baseline`, whose memory is as given."""
    config = configuration(tmp_path)
    memory = JobState(last_run=success, last_success=success)
    state.change(config, "baseline", lambda _: replace(memory, **held))
    [found] = survey(config, ["baseline"], schedules, now)
    return found


def _held(**changes: Any) -> JobStatus:
    """Return a job whose memory differs so."""
    return replace(GOOD, state=replace(HELD, **changes))


def _text(found: list[JobStatus], *, plain: bool = True, width: int = 200) -> str:
    from rich.console import Console

    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115  (only recorded)
    try:
        console.print(table(found, plain=plain))
    finally:
        console.file.close()
    return console.export_text(styles=True)


def test_the_last_success_its_age_and_the_schedule_are_told(tmp_path: Path) -> None:
    """A job is shown by what its machine remembers and by what is installed."""
    found = _one(tmp_path, [scheduled("daily 06:30", next_run="2026-03-07 06:30")], "2026-03-06T06:30:10Z", rows=(1, 2))
    assert found == JobStatus("baseline", replace(HELD, rows=(1, 2)), 8990, "daily 06:30", "2026-03-07 06:30")


@pytest.mark.parametrize(
    ("timing", "success", "stale"),
    [
        ("daily 06:30", "2026-03-06T06:30:10Z", False),
        ("daily 06:30", "2026-03-06T06:29:59Z", True),
        ("daily 06:30", "", True),
        ("daily 08:45", "2026-03-05T08:45:10Z", False),  # due a quarter of an hour ago: jitter, and the run itself
        ("daily 08:30", "2026-03-05T08:30:10Z", True),
        ("daily 06:30 mon", "2026-03-02T06:31:00Z", False),
        ("daily 06:30 mon", "2026-02-23T06:31:00Z", True),
        ("cron 0 0 1 * *", "2026-03-01T00:02:00Z", False),
        ("cron 0 0 1 * *", "2026-02-20T00:02:00Z", True),
        ("every 15m", "2026-03-06T08:30:05Z", False),
        ("every 15m", "2026-03-06T08:29:59Z", True),
        ("every 7m", "2026-03-06T08:16:01Z", False),  # divides no day: counted from the last success
        ("every 7m", "2026-03-06T08:15:59Z", True),
        ("every 7m", "", True),
        ("OnCalendar=odd", "", False),  # changed by hand to what no one can judge
    ],
)
def test_a_job_is_stale_when_a_run_that_should_be_over_has_not_gone_well(
    tmp_path: Path, timing: str, success: str, stale: bool
) -> None:
    """The installed schedule decides, with half an hour's grace."""
    assert _one(tmp_path, [scheduled(timing)], success).stale is stale


@pytest.mark.system("posix", "Windows has one time zone for all programs")
def test_schedules_are_local_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """06:30 in Bogotá is 11:30 UTC; the zone of `now` does not matter."""
    monkeypatch.setenv("TZ", "America/Bogota")
    _read_time_zone()
    now = datetime(2026, 3, 6, 14, 0, tzinfo=timezone(timedelta(hours=2)))  # 07:00 in Bogotá
    assert _one(tmp_path, [scheduled("daily 06:30")], "2026-03-06T11:29:59Z", now).stale
    assert not _one(tmp_path, [scheduled("daily 06:30")], "2026-03-06T11:30:01Z", now).stale


def test_a_job_without_a_schedule_is_never_stale(tmp_path: Path) -> None:
    """No one said when it should run; a schedule of another job, or one that is not there any more, is none."""
    gone = replace(scheduled("daily 06:30"), installed=False)
    found = _one(tmp_path, [scheduled("daily 06:30", "other"), gone])
    assert found == JobStatus("baseline", JobState())
    assert "never ran" in _text([found])


def test_the_schedule_of_all_jobs_counts_where_a_job_has_none_of_its_own(tmp_path: Path) -> None:
    """A job's own schedule comes first, and of two schedulers the first."""
    everything, own = scheduled("daily 06:30", ALL_JOBS), scheduled("every 1h")
    assert _one(tmp_path, [everything]).schedule == "daily 06:30"
    assert _one(tmp_path, [everything, own]).schedule == "every 1h"
    assert _one(tmp_path, [own, scheduled("every 2h")]).schedule == "every 1h"


def test_stale_is_red_and_says_so_without_colours(tmp_path: Path) -> None:
    """Whoever sees no colour reads STALE."""
    assert "\x1b[1;31m2 d STALE" in _text([replace(GOOD, stale=True, age=172800)])
    assert "STALE" not in _text([GOOD])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-5.0, "now"),
        (59.0, "now"),
        (60.0, "1 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (200000.0, "2 d"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds: float | None, words: str) -> None:
    """An age is read at a glance."""
    [cell] = [column for column in table([replace(GOOD, age=seconds)], plain=True).columns if column.header == "age"]
    assert [str(text) for text in cell.cells] == [words]


@pytest.mark.parametrize(
    ("changes", "words", "colour"),
    [
        ({}, "ok", "32"),
        ({"exit_code": 3}, "code 3: some cells could not be decrypted", "33"),
        ({"exit_code": 6, "failed_runs": 2, "message": "no network"}, "failed with code 6: no network", "31"),
        ({"exit_code": 7, "failed_runs": 2, "message": "it is full"}, "failed with code 7: it is full", "31"),
        ({"exit_code": 7, "failed_runs": 1, "locked_runs": 1, "message": "no X:"},
         "skipped, the vault was locked (1 run): no X:", "33"),
        ({"exit_code": 7, "failed_runs": 5, "locked_runs": 4, "message": "no X:"},
         "skipped, the vault was locked (4 runs in a row): no X:", "33"),
    ],
)  # fmt: skip
def test_the_last_run_is_told_and_a_locked_vault_is_a_state_of_its_own(
    changes: dict[str, Any], words: str, colour: str
) -> None:
    """What failed is in the table, in a colour of its own."""
    assert f"\x1b[{colour}m{words}" in _text([_held(**changes)])


def test_the_trend_of_rows_is_a_sparkline_on_a_terminal_and_numbers_off_one() -> None:
    """The bars reach from none to the largest, and the last count is named."""
    assert "▁▄█ 8" in _text([_held(rows=(0, 4, 8))], plain=False)
    assert "▁▁ 0" in _text([_held(rows=(0, 0))], plain=False)
    assert "2 3 4 5 6 " in _text([_held(rows=(1, 2, 3, 4, 5, 6))])
    assert "▁" not in _text([_held(rows=())], plain=False)


# From the command line


def test_status_follows_what_happens_to_a_job(world: World) -> None:
    """Never ran, good, failed, locked: `status` distinguishes each by what the last runs left, even locked."""
    assert "never ran" in world.run("status", "--config", world.path).out
    world.pull()
    done = world.run("status", "--config", world.path)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"baseline +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +now +none +6 +ok", done.out)
    assert "\x1b" not in done.out
    shutil.move(world.vault_folder, world.folder / "away")
    world.pull()
    done = world.run("status", "--config", world.path)
    assert "skipped, the vault was locked (1 run)" in done.out
    assert re.search(r"baseline +\d{4}-\d\d-\d\dT", done.out)


def test_status_as_json_is_one_line_for_each_job(world: World) -> None:
    """`--json` holds what the table holds, and `--job` chooses."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv", "columns": ["nobody"]}})
    world.pull()
    one, two = world.run("status", "--config", world.path, "--json").records()
    assert set(one) == STATUS_KEYS
    assert (one["job"], one["exit_code"], one["stale"], one["rows"]) == ("one", 0, False, [6])
    assert (two["job"], two["exit_code"], two["failed_runs"], two["last_success"]) == ("two", 9, 1, "")
    assert [job["job"] for job in world.run("status", "--config", world.path, "--json", "--job", "two").records()] == [
        "two"
    ]
    done = world.run("status", "--config", world.path, "--job", "three")
    assert (done.code, "one, two" in done.err) == (2, True)


def test_a_scheduler_that_cannot_be_read_hides_nothing(world: World, tmp_path: Path) -> None:
    """Where someone cut our block in the crontab in half, that is a warning, and the jobs are shown all the same."""
    programs = tmp_path / "bin"
    programs.mkdir()
    crontab = programs / "crontab"
    crontab.write_text("#!/bin/sh\necho '# >>> sheets-decrypt: baseline'\n")
    crontab.chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = world.run("status", "--config", world.path, "--json", environment=environment)
    assert done.code == 0
    assert done.err == "warning: cron: the block of baseline in the crontab has no end mark\n"
    assert done.records()[0]["job"] == "baseline"


def test_status_on_a_terminal_has_colours_and_bars(world: World) -> None:
    """A person at a terminal sees the sparkline and the colours."""
    world.pull()
    environment = world.environment({"TERM": "xterm", "COLUMNS": "160"})
    environment.pop("NO_COLOR", None)
    command = [*PROGRAM, "status", "--config", str(world.path)]
    code, seen = at_a_terminal(command, environment, after=b"", keys=b"")
    out = seen.decode()
    assert code == 0
    assert_nothing_leaked(out, world.survey)
    assert "█ 6" in out
    assert "\x1b[32mok" in out


# The page


class _Page(HTMLParser):
    """What a page loads, which tags it has, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.spans: list[tuple[str, str]] = []
        self.text = ""
        self._span = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action", "data", "srcset"}]
        self._span = dict(attrs).get("class") or "" if tag == "span" else ""

    def handle_endtag(self, tag: str) -> None:
        self._span = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._span:
            self.spans.append((self._span, data))


HOSTILE = '<script>alert(1)</script> <b>b</b> &amp; [bold red]x[/] :smile: "q" <img src=https://example.org/x>'


def _hostile() -> list[JobStatus]:
    stale = replace(GOOD, job="späte.Erhebung", stale=True, age=172800)
    failed = replace(_held(exit_code=9, failed_runs=1, message=f'column "{HOSTILE}" not found'), job=HOSTILE)
    return [GOOD, stale, failed]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """One file: no script, link, font, picture or frame, and no address in its styles."""
    text = page(_hostile(), NOW)
    found = _Page(text)
    assert set(found.tags) == {"html", "head", "meta", "title", "style", "body", "pre", "code", "span"}
    assert found.links == []
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "as of 2026-03-06T09:00:00Z" in found.text


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    """Neither HTML nor rich's own markup nor an emoji's name is taken for anything but text."""
    words = " ".join(_Page(page(_hostile(), NOW)).text.split())
    assert ":smile:" in words
    assert "späte.Erhebung" in words
    assert "😄" not in words
    for piece in ("<script>", "[bold red]", "x[/]", "&amp;", "<b>b</b>"):
        assert piece in words


def test_the_page_in_a_real_browser(world: World, tmp_path: Path) -> None:
    """`status --html FILE` is a page in which a browser shows the jobs, with the stale one in bold red."""
    require.patience("a browser starts")
    world.pull()
    file = tmp_path / "status page.html"
    done = world.run("status", "--config", world.path, "--html", file)
    assert (done.code, done.out) == (0, f"wrote {file}\n")
    dom = _Page(browser_dom(file, tmp_path / "profile"))
    assert "baseline" in dom.text
    assert "█ 6" in dom.text
    assert_nothing_leaked(file.read_bytes(), world.survey)
    file.write_text(page(_hostile(), NOW), encoding="utf-8")
    text = browser_dom(file, tmp_path / "profile2")
    dom = _Page(text)
    assert "script" not in dom.tags
    assert "img" not in dom.tags
    assert "späte.Erhebung" in dom.text
    [style] = {name for name, data in dom.spans if data.startswith("2 d STALE")}
    rule = re.search(rf"\.{style} {{([^}}]*)}}", text)
    assert rule is not None
    assert "color: #800000" in rule[1]
    assert "font-weight: bold" in rule[1]
    assert not [name for name, data in dom.spans if name == style and "STALE" not in data]


def test_page_and_json_together(world: World, tmp_path: Path) -> None:
    """`--html` and `--json` do not get into each other's way."""
    done = world.run("status", "--config", world.path, "--html", tmp_path / "s.html", "--json")
    assert [json.loads(line)["job"] for line in done.out.splitlines()] == ["baseline"]
    assert "never ran" in (tmp_path / "s.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told(world: World, tmp_path: Path) -> None:
    """The error names the file and what to do."""
    done = world.run("status", "--config", world.path, "--html", tmp_path / "nowhere" / "s.html")
    assert (done.code, done.out) == (2, "")
    assert "s.html cannot be written: no such file or directory" in done.err
