"""The table of ratios: as text, and as JSON. It judges nothing: the target is shown beside the measurement."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        work: What was done.
        reference: What it is measured against.
        target: What it should reach, in words.
        unit: What is said after the number, such as `× faster`.
        rows: The sheet's rows; None where there is no sheet.
        measured: The ratio; None where it was not measured.
        by_cpu: The same ratio by processor time, where that says something: other programs disturb it less.
        note: Why it was not measured, or on what.
        details: What each side took in each round.
    """

    work: str
    reference: str
    target: str = ""
    unit: str = ""
    rows: int | None = None
    measured: float | None = None
    by_cpu: float | None = None
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


_HEADER: Final = ("work", "rows", "reference in the same run", "measured", "by CPU time", "target", "note")


def text(rows: Sequence[Row]) -> str:
    """Write the table in Markdown, in even columns."""
    lines = [_HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.work,
        "" if row.rows is None else f"{row.rows:,}",
        row.reference,
        _number(row.measured, row.unit),
        _number(row.by_cpu, ""),
        row.target,
        row.note,
    )


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–" if unit else ""
    return f"{value:.0f} {unit}".strip() if unit == "requests" else f"{value:.2f} {unit}".strip()


def as_json(rows: Sequence[Row], curves: dict[str, Any], repeat: int) -> dict[str, Any]:
    """Return the content of the JSON file."""
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return {"machine": machine, "repeat": repeat, "rows": [asdict(row) for row in rows], "curves": curves}
