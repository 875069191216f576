"""Time and peak memory against rows, as SVG written by hand: two panels, both axes in powers of ten."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.benchmarks.measure import Rounds

_WIDTH: Final = 920
_HEIGHT: Final = 440
_LEFT: Final = 64
_TOP: Final = 48
_PANEL_WIDTH: Final = 360
_PANEL_HEIGHT: Final = 260
_GAP: Final = 96
# Okabe and Ito's palette, which colour-blind people can tell apart; ours are solid, the references dashed.
_LINES: Final = {
    "legacy ours": ("legacy CBC", "#0072b2", ""),
    "legacy reference": ("legacy CBC, pandas cell by cell", "#0072b2", "6 4"),
    "sealed-row ours": ("sealed boxes of our function", "#009e73", ""),
    "sealed-each ours": ("sealed boxes, a key per value", "#d55e00", ""),
    "sealed-each reference": ("sealed boxes, pandas cell by cell", "#d55e00", "6 4"),
}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Panel:
    """One diagram.

    Args:
        title: What its vertical axis shows.
        left: Where it begins.
        unit: What follows each number of the vertical axis.
        curves: Side → (rows, value).
    """

    title: str
    left: float
    unit: str
    curves: Mapping[str, Points]


def svg(curves: Mapping[str, Mapping[int, Rounds]]) -> str:
    """Draw the sides that `_LINES` names, as far as they were measured."""
    known = {side: curves[side] for side in _LINES if side in curves}
    times = {side: [(size, rounds.wall) for size, rounds in found.items()] for side, found in known.items()}
    peaks = {side: [(size, rounds.peak / 1e6) for size, rounds in found.items()] for side, found in known.items()}
    panels = (
        _Panel("time, seconds", _LEFT, "s", times),
        _Panel("peak memory, megabytes", _LEFT + _PANEL_WIDTH + _GAP, "MB", peaks),
    )
    words = "Time and peak memory against the rows of a sheet with 20 columns, three of them encrypted"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="title">',
        '<g font-family="sans-serif" font-size="12" fill="#222">',
        f'<title id="title">{words}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *(line for panel in panels for line in _drawn(panel)),
        *_legend(list(known)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(panel: _Panel) -> Iterator[str]:
    points = [point for curve in panel.curves.values() for point in curve]
    across = _decades([rows for rows, _ in points])
    upwards = _decades([value for _, value in points])
    right, bottom = panel.left + _PANEL_WIDTH, _TOP + _PANEL_HEIGHT

    def place(rows: float, value: float) -> tuple[float, float]:
        return (
            panel.left + _PANEL_WIDTH * _part(rows, across),
            bottom - _PANEL_HEIGHT * _part(value, upwards),
        )

    yield _text(panel.left, _TOP - 16, panel.title, 'font-weight="bold"')
    for power in range(upwards[0], upwards[1] + 1):
        _, y = place(10.0 ** across[0], 10.0**power)
        yield f'<line x1="{panel.left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield _text(panel.left - 6, y + 4, f"{10.0**power:,g}", 'text-anchor="end"')
    for power in range(across[0], across[1] + 1):
        x, _ = place(10.0**power, 10.0 ** upwards[0])
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>'
        yield _text(x, bottom + 18, f"{10**power:,}", 'text-anchor="middle"')
    yield _text((panel.left + right) / 2, bottom + 38, "rows", 'text-anchor="middle"')
    for side, curve in panel.curves.items():
        _, colour, dashes = _LINES[side]
        places = [place(*point) for point in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        for (rows, value), (x, y) in zip(curve, places, strict=True):
            tip = escape(f"{_LINES[side][0]}: {rows:,} rows, {value:.3g} {panel.unit}")
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"><title>{tip}</title></circle>'


def _legend(sides: Sequence[str]) -> Iterator[str]:
    for number, side in enumerate(sides):
        words, colour, dashes = _LINES[side]
        x = _LEFT + number % 3 * 285
        y = _TOP + _PANEL_HEIGHT + 72 + number // 3 * 24
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        yield f'<line x1="{x}" x2="{x + 32}" y1="{y}" y2="{y}" {stroke}/>'
        yield _text(x + 40, y + 4, words)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten that enclose the values."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _part(value: float, decades: tuple[int, int]) -> float:
    low, high = decades
    return (math.log10(value) - low) / (high - low)


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'
