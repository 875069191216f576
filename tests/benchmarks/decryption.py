"""Rows of the table: a CSV in, a CSV out; the decryption alone; memory; growth."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmarks.measure import Rounds, Run, in_turn, ratio, work
from tests.benchmarks.sheets import ENCRYPTED, Kind, Library, Sheet
from tests.benchmarks.table import Row

OLD_WAY: Final = "pandas + PyCryptodome, one cell at a time"
SAME_CALLS: Final = "pandas + the same library calls, one cell at a time"
_WORK: Final = {
    Kind.LEGACY: "legacy CBC: read CSV, decrypt 3 of 20 columns, write CSV",
    Kind.SEALED_EACH: "sealed boxes, one ephemeral key per value",
    Kind.SEALED_ROW: "sealed boxes of our function (three fields a row)",
}
_TARGETS: Final = {Kind.LEGACY: "≥ 4, aim 6", Kind.SEALED_EACH: "≥ 1.9", Kind.SEALED_ROW: "≥ 5"}
_OPERATIONS: Final = re.compile(r"ecdh \(X25519\)\s+\S+\s+([\d.]+)")


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs.

    Args:
        folder: For sheets, keys and output.
        library: Makes the sheets.
        environment: Of every program that is run.
        repeat: Rounds.
        curves: Side → rows → its rounds; filled by each measurement.
    """

    folder: Path
    library: Library
    environment: Mapping[str, str]
    repeat: int
    curves: dict[str, dict[int, Rounds]]

    def keep(self, size: int, found: Mapping[str, Rounds]) -> None:
        """Keep what was measured at one size."""
        for side, rounds in found.items():
            self.curves.setdefault(side, {})[size] = rounds


def decrypt_rows(bench: Bench, size: int) -> Iterator[Row]:
    """Measure the three kinds of sheets. Both kinds of sealed boxes have the same reference, in the same rounds."""
    yield from _compared(bench, size, Kind.LEGACY, (Kind.LEGACY,), OLD_WAY)
    yield from _compared(bench, size, Kind.SEALED_EACH, (Kind.SEALED_EACH, Kind.SEALED_ROW), SAME_CALLS)


def _compared(bench: Bench, size: int, reference: Kind, kinds: tuple[Kind, ...], words: str) -> Iterator[Row]:
    theirs = bench.library.sheet(reference, size)
    sides = {
        f"{reference} reference": partial(_decrypt, bench, "decrypt reference", theirs),
        **{f"{kind} ours": partial(_decrypt, bench, "decrypt ours", bench.library.sheet(kind, size)) for kind in kinds},
    }
    found = in_turn(sides, bench.repeat)
    bench.keep(size, found)
    _refuse_different(bench, reference, reference)
    _refuse_different(bench, reference, kinds[-1])
    for kind in kinds:
        mine, other = found[f"{kind} ours"], found[f"{reference} reference"]
        yield Row(
            _WORK[kind],
            words,
            _TARGETS[kind],
            "× faster",
            size,
            ratio(mine, other, lambda run: run.wall),
            ratio(mine, other, lambda run: run.cpu),
            details={"ours": mine.as_json(), "reference": other.as_json()},
        )


def _decrypt(bench: Bench, task: str, sheet: Sheet) -> Run:
    output = _output(bench, task, sheet.kind)
    output.unlink(missing_ok=True)  # our side would find that nothing changed
    return work(bench.environment, task=task, kind=sheet.kind, file=sheet.file, output=output, key_file=sheet.key_file)


def _output(bench: Bench, task: str, kind: Kind) -> Path:
    return bench.folder / "output" / f"{task} {kind}.csv"


def _refuse_different(bench: Bench, reference: Kind, ours: Kind) -> None:
    """Refuse to compare two sides that did not do the same work.

    Raises:
        RuntimeError: Their CSVs differ.
    """
    files = [_output(bench, "decrypt reference", reference), _output(bench, "decrypt ours", ours)]
    theirs, mine = (file.open(encoding="utf-8-sig", newline="") for file in files)
    with theirs, mine:
        if any(one != other for one, other in zip(csv.reader(theirs), csv.reader(mine), strict=True)):
            raise RuntimeError(f"the two CSVs of {ours} differ")


def step_row(bench: Bench, size: int) -> Row:
    """Measure the decryption of sealed boxes alone against what OpenSSL does on every core."""
    row = Row(
        "sealed boxes, one ephemeral key per value: the decryption step alone",
        "openssl speed ecdhx25519 × cores",
        "≥ 0.75",
        "of the speed",
        size,
    )
    program = shutil.which("openssl")
    if program is None:
        return Row(row.work, row.reference, row.target, row.unit, size, note="openssl is not installed")
    sheet = bench.library.sheet(Kind.SEALED_EACH, size)
    speeds: list[float] = []

    def step() -> Run:
        speeds.append(_operations(program, 3 if size >= 2_000 else 1))
        return work(
            bench.environment, task="decryption step", kind=sheet.kind, file=sheet.file, key_file=sheet.key_file
        )

    runs = [step() for _ in range(bench.repeat)]
    tokens = size * len(ENCRYPTED)
    shares = [tokens / run.wall / (speed * _cores()) for run, speed in zip(runs, speeds, strict=True)]
    details = {"ours": Rounds(runs).as_json(), "operations a second on one core": speeds, "cores": _cores()}
    return Row(row.work, row.reference, row.target, row.unit, size, median(shares), details=details)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _operations(program: str, seconds: int) -> float:
    """Return OpenSSL's exchanges a second on one core, by the clock as ours are (`-elapsed`)."""
    command = [program, "speed", "-elapsed", "-seconds", str(seconds), "ecdhx25519"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = _OPERATIONS.search(done.stdout)
    if found is None:
        raise RuntimeError("openssl speed prints something else than before")
    return float(found[1])


def memory_row(bench: Bench, size: int) -> Row:
    """Compare the peaks that were seen while the legacy sheet was decrypted."""
    mine, other = (bench.curves[f"{Kind.LEGACY} {side}"][size] for side in ("ours", "reference"))
    return Row(
        "peak memory, read CSV, decrypt, write CSV",
        "the pandas way",
        "≤ 0.33 at 200,000 rows",
        "× as much",
        size,
        1 / ratio(mine, other, lambda run: run.peak),
        note=f"{mine.peak / 1e6:.0f} MB against {other.peak / 1e6:.0f} MB",
    )


def growth_rows(bench: Bench, sizes: list[int]) -> Iterator[Row]:
    """Compare our time per row at the largest size with that at the size before."""
    for kind, words in _WORK.items():
        yield growth_row(f"growth: {words}", bench.curves.get(f"{kind} ours", {}), sizes)


def growth_row(words: str, curve: Mapping[int, Rounds], sizes: list[int], missing: str = "needs two sizes") -> Row:
    """Return the time per row at the largest size, divided by that at the size before."""
    row = Row(words, "itself", "≤ 1.15", "× per row")
    if len(sizes) < 2 or not all(size in curve for size in sizes[-2:]):
        return Row(row.work, row.reference, row.target, row.unit, note=missing)
    smaller, larger = sizes[-2:]
    few, many = curve[smaller], curve[larger]
    share = smaller / larger
    return Row(
        row.work,
        f"itself at {smaller:,} rows",
        row.target,
        row.unit,
        larger,
        many.wall / few.wall * share,
        many.cpu / few.cpu * share,
    )
