"""The page of `status --html`: a card for each job, the ones that need attention first.

It says what an exit code says and no more: no error's text, which may count cells or repeat names from the Sheet. That
is more than a message says, and too much for people who can edit the Sheet. It loads nothing and runs nothing, and its
policy forbids the browser to do either. Everything is escaped, because the page is built as a tree, not as text.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring  # used only to write; nothing is parsed

from sheets_decrypt.cli.job_table import JobStatus, duration, headline, in_words, mood
from sheets_decrypt.errors import EXIT_CODES
from sheets_decrypt.runs.record import local_time
from sheets_decrypt.system.printable import printable

START: Final = "<!DOCTYPE html>"
_WIDTH, _HEIGHT, _MARGIN = 300, 56, 5
_LABELS: Final = {"good": "fine", "waiting": "", "bad": "failed", "running": "running", "new": "new"}
_SEE: Final = "On the computer that runs it:|sheets-decrypt status --job {job}"  # text|command
_CHECK: Final = "On the computer that runs it:|sheets-decrypt check --job {job}"
_NEXT: Final = {
    2: _CHECK,
    4: _CHECK,
    5: _CHECK,
    6: "If the next run fails too: is that computer connected to the network?",
    7: _CHECK,
}
_STYLE: Final = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1c2430; --quiet: #5b6676; --line: #dde1e7;
  --good: #1a7f4b; --waiting: #9a6200; --bad: #c2271d; --running: #1f6feb; --new: #5b6676; }
@media (prefers-color-scheme: dark) { :root { --page: #14181f; --card: #1d232c; --text: #e7eaef; --quiet: #9aa5b4;
  --line: #303946; --good: #4cc38a; --waiting: #e2a336; --bad: #ff7a70; --running: #6ea8fe; --new: #9aa5b4; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 84rem; background: var(--page); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; margin-bottom: 1.25rem; }
h1 { font-size: 1.35rem; margin: 0; }
header p { margin: 0; color: var(--quiet); }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); }
article { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--mood);
  border-radius: .5rem; padding: 1rem 1.1rem; }
.good { --mood: var(--good); } .waiting { --mood: var(--waiting); } .bad { --mood: var(--bad); }
.running { --mood: var(--running); } .new { --mood: var(--new); }
.top { display: flex; justify-content: space-between; align-items: baseline; gap: .75rem; }
h2 { font-size: 1.15rem; margin: 0; }
.label { flex: none; color: var(--mood); font-weight: 600; font-size: .9rem; }
.result { margin: .35rem 0 0; }
.hint { margin: .6rem 0 0; padding: .5rem .7rem; border-radius: .35rem; background: var(--page); font-size: .92rem; }
code { display: block; font: .88rem/1.4 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem .9rem; margin: .9rem 0 0; font-size: .92rem; }
dt { color: var(--quiet); } dd { margin: 0; }
figure { margin: .9rem 0 0; }
svg { display: block; width: 100%; height: auto; }
.area { fill: var(--mood); opacity: .12; } .line { fill: none; stroke: var(--mood); stroke-width: 2;
  stroke-linejoin: round; stroke-linecap: round; } .last { fill: var(--mood); } .zero { stroke: var(--line); }
figcaption { color: var(--quiet); font-size: .85rem; margin-top: .25rem; }
.whole { white-space: nowrap; }
.overdue { color: var(--bad); font-weight: 600; }
"""
_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none';"
    f" style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def page(found: Sequence[JobStatus], now: datetime) -> str:
    """Return the page, which shows when it was made."""
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="UTF-8")
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", "sheets-decrypt: status")
    _add(head, "style", _STYLE)
    body = SubElement(html, "body")
    header = SubElement(body, "header")
    _add(header, "h1", headline(found))
    _add(header, "p", f"as of {local_time(now)}", "whole")
    main = SubElement(body, "main")
    for one in sorted(found, key=lambda one: not one.needs_attention):
        _card(main, one)
    return f"{START}\n{tostring(html, encoding='unicode', method='html')}\n"


def _card(main: Element, one: JobStatus) -> None:
    feeling = "bad" if one.needs_attention else mood(one)
    card = SubElement(main, "article", {"class": feeling})
    top = SubElement(card, "div", {"class": "top"})
    _add(top, "h2", one.job)
    _add(top, "span", _label(one, feeling), "label")
    why = "" if one.state.locked_runs else EXIT_CODES.get(one.state.exit_code, "")
    _add(card, "p", _result(one, why), "result")
    text, _, command = _hint(one).partition("|")
    if text:
        hint = _add(card, "p", f"{text} ", "hint")
        if command:
            _add(hint, "code", command.replace("{job}", one.job))
    facts = SubElement(card, "dl")
    _success(facts, one)
    _fact(facts, "Schedule", one.schedule or "none")
    if one.next_run:
        _fact(facts, "Next run", local_time(one.next_run), "whole")
    _fact(facts, "CSV", one.csv)
    if one.state.rows:
        _add(_trend(card, one.state.rows), "figcaption", _rows(one.state.rows))


def _result(one: JobStatus, why: str) -> str:
    words = in_words(one, why)
    ended = one.state.last_run and not (one.running or one.stopped or one.state.busy_runs)
    return f"Last run: {words}" if ended else f"{words[0].upper()}{words[1:]}"


def _label(one: JobStatus, feeling: str) -> str:
    if one.stale and not one.failing:
        return "overdue"
    if one.state.locked_runs and not one.running:
        return "vault locked"
    return "incomplete" if one.state.exit_code and not one.state.failed_runs else _LABELS[feeling]


def _hint(one: JobStatus) -> str:
    """Return what to do, then a `|` and the command for it; blank if there is nothing to do."""
    held = one.state
    if one.running or not held.last_run:
        return _SEE if held.busy_runs or one.stale else ""
    if held.locked_runs:
        return "Unlock the vault; the next run then writes the CSV."
    if one.stale and not held.exit_code:
        return "Is the computer on, and is its user logged on? There:|sheets-decrypt schedule status"
    return _NEXT.get(held.exit_code, _SEE) if held.exit_code or one.stopped or held.busy_runs else ""


def _success(facts: Element, one: JobStatus) -> None:
    age = duration(one.age)
    _add(facts, "dt", "Last success")
    value = SubElement(facts, "dd")
    for text, css_class in (
        (local_time(one.state.last_success) or "never", "whole"),
        (f"({age} ago)" if age not in {"", "now"} else age and "(now)", "whole"),
        ("overdue" if one.stale else "", "overdue"),
    ):
        if text:
            _add(value, "span", text, css_class).tail = " "


def _fact(facts: Element, name: str, value: str, css_class: str = "") -> None:
    _add(facts, "dt", name)
    _add(facts, "dd", value, css_class)


def _trend(card: Element, rows: Sequence[int]) -> Element:
    """Draw the row counts of the last good runs as a line above zero, and return the figure; one run is not a trend."""
    figure = SubElement(card, "figure")
    if len(rows) == 1:
        return figure
    places = _places(rows)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    (left, _), (right, last) = places[0], places[-1]
    bottom = _HEIGHT - _MARGIN
    spoken = f"rows of the last {len(rows)} good runs, from {min(rows)} to {max(rows)}"
    drawing = SubElement(figure, "svg", {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "aria-label": spoken})
    SubElement(drawing, "line", {"class": "zero", "x1": "0", "x2": str(_WIDTH), "y1": str(bottom), "y2": str(bottom)})
    area = f"{left:.1f},{bottom} {line} {right:.1f},{bottom}"
    SubElement(drawing, "polygon", {"class": "area", "points": area})
    SubElement(drawing, "polyline", {"class": "line", "points": line})
    SubElement(drawing, "circle", {"class": "last", "cx": f"{right:.1f}", "cy": f"{last:.1f}", "r": "4"})
    return figure


def _places(rows: Sequence[int]) -> list[tuple[float, float]]:
    """Return a point for each row count; there must be two or more."""
    step, height, top = (_WIDTH - 2 * _MARGIN) / (len(rows) - 1), _HEIGHT - 2 * _MARGIN, max(*rows, 1)
    return [(_MARGIN + place * step, _MARGIN + height * (1 - count / top)) for place, count in enumerate(rows)]


def _rows(rows: Sequence[int]) -> str:
    shown = f"{rows[-1]:,} rows" if rows[-1] != 1 else "1 row"
    return shown if len(rows) == 1 else f"{shown}; the last {len(rows)} good runs"


def _add(parent: Element, tag: str, text: str, css_class: str = "") -> Element:
    child = SubElement(parent, tag, {"class": css_class} if css_class else {})
    child.text = text if tag == "style" else printable(text)
    return child
