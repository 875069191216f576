"""Rows of the table: whole pulls from the sandbox, their requests, and the memory of the largest."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from tests.benchmarks.decryption import Bench, growth_row
from tests.benchmarks.measure import Rounds, Run, in_turn, ratio, work
from tests.benchmarks.sandbox_process import SandboxProcess
from tests.benchmarks.sheets import HEADER, Kind
from tests.benchmarks.table import Row

OURS: Final = "pull ours"
REFERENCE: Final = "pull reference"
ONE_REQUEST: Final = 1_000_000  # grid cells; beyond them a pull is paced on purpose
QUOTA: Final = 60  # requests a minute
GROWTH: Final = "growth: whole pull from the sandbox (the larger one is paced: CPU time tells)"


def pull_rows(bench: Bench, sizes: list[int], *, paced: bool) -> Iterator[Row]:
    """Measure whole pulls of legacy sheets. Those beyond one request take a minute each, and only ours is run."""
    requests: dict[int, int] = {}
    with SandboxProcess(bench.folder / "google") as google:
        for size in sizes:
            sheet = bench.library.sheet(Kind.LEGACY, size)
            one_request = (size + 1) * len(HEADER) <= ONE_REQUEST
            if not one_request and not paced:
                continue
            spreadsheet = google.add(sheet)
            sides = {
                side: partial(_pull, bench, google, side, spreadsheet, str(sheet.key_file))
                for side in (REFERENCE, OURS)[not one_request :]
            }
            if one_request:
                in_turn(sides, 1)  # the sandbox makes its replies
            google.requests()
            sides[OURS]()
            requests[size] = google.requests()
            found = in_turn(sides, bench.repeat)
            bench.keep(size, found)
            if one_request:
                yield _pull_row(size, found[OURS], found[REFERENCE])
    ordinary = [size for size in sizes if (size + 1) * len(HEADER) <= ONE_REQUEST]
    yield Row(
        "requests of a pull: ordinary sheet",
        "",
        "3",
        "requests",
        ordinary[-1] if ordinary else None,
        requests[ordinary[-1]] if ordinary else None,
    )
    yield growth_row(GROWTH, bench.curves.get(OURS, {}), sizes, "needs two sizes; beyond 1,000,000 cells --large")


def _pull_row(size: int, mine: Rounds, other: Rounds) -> Row:
    return Row(
        "whole pull from the sandbox, legacy, into a plain folder",
        "get_all_records + one cell at a time + pandas to_csv",
        "≥ 2, aim 4",
        "× faster",
        size,
        ratio(mine, other, lambda run: run.wall),
        ratio(mine, other, lambda run: run.cpu),
        details={"ours": mine.as_json(), "reference": other.as_json()},
    )


def _pull(bench: Bench, google: SandboxProcess, task: str, spreadsheet: str, key_file: str) -> Run:
    output = bench.folder / "output" / f"{task}.csv"
    for file in output.parent.glob(f"{output.name}*"):  # the history as well
        file.unlink()
    return work(
        {**bench.environment, **google.environment},
        task=task,
        kind=Kind.LEGACY,
        spreadsheet=spreadsheet,
        credentials=google.credentials,
        output=output,
        key_file=key_file,
    )


def large_rows(bench: Bench, cells: int | None) -> Iterator[Row]:
    """Compare a pull of `cells` cells with one of a tenth, under Google's quota; None leaves it out."""
    memory = Row("peak memory of a pull, legacy", "itself at a tenth of the cells", "≤ 1.3", "× as much")
    asked = Row("requests of a pull: the largest sheet", "", f"< {QUOTA} in a minute", "requests")
    if cells is None:
        for row in (memory, asked):
            yield Row(row.work, row.reference, row.target, row.unit, note="only with --large")
        return
    key_file = str(bench.library.sheet(Kind.LEGACY, 1).key_file)
    runs, requests = [], []
    for number, part in enumerate((cells // 10, cells)):
        rows = part // len(HEADER)
        with SandboxProcess(bench.folder / f"google-{number}", quota=True) as google:
            spreadsheet = google.add_generated(rows)
            runs.append(_pull(bench, google, OURS, spreadsheet, key_file))
            requests.append(google.requests())
    small, large = runs
    yield Row(
        memory.work,
        memory.reference,
        memory.target,
        memory.unit,
        cells // len(HEADER),
        large.peak / small.peak,
        note=f"{large.peak / 1e6:.0f} MB against {small.peak / 1e6:.0f} MB",
        details={"large": Rounds([large]).as_json(), "small": Rounds([small]).as_json()},
    )
    yield Row(
        asked.work,
        "",
        asked.target,
        asked.unit,
        cells // len(HEADER),
        requests[1],
        note=f"in {large.wall:.0f} s; none was refused by the sandbox's quota",
    )
