"""The page of `status --html`: it loads nothing, shows names as they are, and says no more than an exit code."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.cli.job_page import page
from sheets_decrypt.cli.job_table import JobStatus
from tests import require
from tests.cli.glance import GOOD, HELD, NOW, held
from tests.survey import World, assert_nothing_leaked
from tests.unattended_parts import browser_dom

pytestmark = pytest.mark.usefixtures("no_schedules")


class _Page(HTMLParser):
    """What a page loads, its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = '<script>alert(1)</script> <b>b</b> &amp; [bold red]x[/] :smile: "q" <img src=https://example.org/x>'


def _hostile() -> list[JobStatus]:
    stale = replace(GOOD, job="späte.Erhebung", stale=True, age=172800, csv=f"X:/{HOSTILE}")
    failed = replace(held(exit_code=9, failed_runs=1, message=f'column "{HOSTILE}" not found'), job=HOSTILE)
    return [GOOD, stale, failed]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """One file: no script, link, font, picture or frame, no address in its styles, and a policy that forbids them."""
    text = page(_hostile(), NOW)
    found = _Page(text)
    assert set(found.tags) == {
        "html", "head", "meta", "title", "body", "header", "h1", "p", "main", "article", "div", "h2", "span",
        "code", "dl", "dt", "dd", "figure", "figcaption", "svg", "line", "polygon", "polyline", "circle",
    }  # fmt: skip
    assert not {name for name, _ in found.attributes} & {"src", "href", "action", "data", "srcset", "style", "onload"}
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [value for name, value in found.attributes if name == "content" and "default-src" in value]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "as of 2026-03-06 09:00 +00:00" in found.text


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    """Nothing in a name is taken for anything but text."""
    found = _Page(page(_hostile(), NOW))
    assert found.text.count(HOSTILE) == 3  # the failed job's name, its hint, and the other one's CSV
    assert "späte.Erhebung" in found.text


def test_the_page_says_no_more_than_an_exit_code(tmp_path: Path) -> None:
    """Error texts and hints, which may repeat names from the Sheet, stay on the computer."""
    failed = held(exit_code=9, failed_runs=1, message="EVIL", hint="EVIL", reported=True)
    locked = held(exit_code=7, failed_runs=1, locked_runs=1, message="EVIL", hint="EVIL")
    text = page([failed, locked], NOW)
    assert "EVIL" not in text
    assert "failed with exit code 9: the Sheet's content was refused" in _Page(text).text
    assert "Unlock the vault" in text


def test_a_card_has_what_a_person_looks_for() -> None:
    """Result, next step, last success with its age, schedule, next run, the CSV's path, and the trend of rows."""
    failed = replace(
        GOOD, state=replace(HELD, exit_code=6, failed_runs=1, reported=True), csv="X:/surveys/baseline.csv"
    )
    text = _Page(page([failed], NOW)).text
    for piece in (
        "The job needs attention", "baseline", "failed with exit code 6", "is that computer connected",
        "2026-03-06 06:30 +00:00 (2 h ago)", "daily 06:30", "2026-03-07 06:30 +00:00", "X:/surveys/baseline.csv",
        "8 rows; the last 3 good runs",
    ):  # fmt: skip
        assert piece in text


def test_jobs_that_need_attention_come_first() -> None:
    """Of twenty surveys the broken one is at the top."""
    text = _Page(page([GOOD, replace(GOOD, job="broken", stale=True)], NOW)).text
    assert text.index("broken") < text.index("baseline")
    assert "1 of 2 jobs needs attention" in text
    assert "No job needs attention" in page([GOOD], NOW)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
def test_the_trend_stays_in_its_picture(rows: list[int]) -> None:
    """Whatever the counts are, every point is inside of the drawing, and the highest one at its top."""
    [points] = re.findall(r'<polyline class="line" points="([^"]*)"', page([held(rows=tuple(rows))], NOW))
    places = [tuple(map(float, point.split(","))) for point in points.split()]
    assert len(places) == len(rows)
    assert all(0 <= x <= 300 and 0 <= y <= 56 for x, y in places)
    assert min(y for _, y in places) == (5 if max(rows) else 51)


@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_in_a_real_browser(world: World, tmp_path: Path, width: int) -> None:
    """A browser applies the styles under the page's own policy, runs nothing, and no card is wider than the screen."""
    require.patience("a browser starts")
    world.pull()
    file = tmp_path / "status page.html"
    done = world.run("status", "--config", world.path, "--html", file)
    assert (done.code, done.out) == (0, f"wrote {file}\n")
    assert "baseline" in _Page(browser_dom(file, tmp_path / "profile")).text
    assert_nothing_leaked(file.read_bytes(), world.survey)
    frame = tmp_path / "frame.html"  # measures the page from outside: the page itself may run nothing
    file.write_text(page(_hostile(), NOW), encoding="utf-8")
    frame.write_text(
        f'<iframe width={width} height=900 src="status%20page.html" onload="const page = this.contentDocument;'
        "document.title = [page.documentElement.scrollWidth <= this.width, page.scripts.length, page.images.length,"
        "getComputedStyle(page.querySelector('article')).borderLeftWidth, page.querySelectorAll('article').length,"
        "new Set([...page.querySelectorAll('article')].map(card => card.offsetLeft)).size].join(' ')\"></iframe>",
        encoding="utf-8",
    )
    dom = browser_dom(frame, tmp_path / "profile2", "--allow-file-access-from-files")
    columns = 1 if width == 400 else 3
    assert f"<title>true 0 0 5px 3 {columns}</title>" in dom


def test_page_and_json_together(world: World, tmp_path: Path) -> None:
    """`--html` and `--json` do not get into each other's way."""
    done = world.run("status", "--config", world.path, "--html", tmp_path / "s.html", "--json")
    assert [json.loads(line)["job"] for line in done.out.splitlines()] == ["baseline"]
    assert "Never ran" in (tmp_path / "s.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told(world: World, tmp_path: Path) -> None:
    """The error names the file and what to do."""
    done = world.run("status", "--config", world.path, "--html", tmp_path / "nowhere" / "s.html")
    assert (done.code, done.out) == (2, "")
    assert "s.html cannot be written: no such file or directory" in done.err


def test_a_page_replaces_a_page_alone(world: World, tmp_path: Path) -> None:
    """A CSV that is named in the page's place is kept; a page is replaced whole, also by a shorter one."""
    page_file, csv = tmp_path / "s.html", tmp_path / "baseline.csv"
    csv.write_text("name\nAna\n", encoding="utf-8")
    done = world.run("status", "--config", world.path, "--html", csv)
    assert (done.code, done.out) == (2, "")
    assert "baseline.csv already exists and is not a page of `status --html`" in done.err
    assert csv.read_text(encoding="utf-8") == "name\nAna\n"
    assert world.run("status", "--config", world.path, "--html", page_file).code == 0
    whole = page_file.read_bytes()
    page_file.write_bytes(whole + b"<!-- longer -->")
    assert world.run("status", "--config", world.path, "--html", page_file).code == 0
    assert page_file.read_bytes().endswith(b"</html>\n")
