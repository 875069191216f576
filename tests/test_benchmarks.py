"""The benchmarks run and fill every row. No test asserts how fast anything is."""

import itertools
import json
import subprocess
import sys
from importlib import util
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import require
from tests.benchmarks import measure, plot, table
from tests.benchmarks.measure import Rounds, Run
from tests.benchmarks.table import Row
from tests.benchmarks.work import high_water

pytestmark = pytest.mark.system("posix", "the benchmarks measure what POSIX counts")

ROOT = Path(__file__).parents[1]
SMALL, LARGE = 100, 300
WORK_OF_EACH_SIZE = {
    "legacy CBC: read CSV, decrypt 3 of 20 columns, write CSV",
    "sealed boxes, one ephemeral key per value",
    "sealed boxes of our function (three fields a row)",
    "whole pull from the sandbox, legacy, into a plain folder",
    "peak memory, read CSV, decrypt, write CSV",
}
WORK_OF_THE_LARGEST = {
    "sealed boxes, one ephemeral key per value: the decryption step alone",
    "requests of a pull: ordinary sheet",
    "growth: legacy CBC: read CSV, decrypt 3 of 20 columns, write CSV",
    "growth: sealed boxes, one ephemeral key per value",
    "growth: sealed boxes of our function (three fields a row)",
    "growth: whole pull from the sandbox (the larger one is paced: CPU time tells)",
}
WORK_OF_THE_LARGE_PULL = {"peak memory of a pull, legacy", "requests of a pull: the largest sheet"}
WORK_WITHOUT_A_SHEET = {"pull-and-decrypt --help", "Cryptomator: encryption", "Cryptomator: whole replacement"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run every benchmark once on tiny sheets; return the folder with its output, its JSON and its plot."""
    require.patience("every benchmark runs once")
    for name in ("pandas", "Crypto", "resource"):
        require.that(util.find_spec(name), f"the Python module {name} is not installed")
    require.program("openssl")
    folder = tmp_path_factory.mktemp("benchmarks")
    sizes = ["--rows", str(SMALL), "--rows", str(LARGE), "--large", "20000", "--repeat", "1"]
    files = ["--json", str(folder / "table.json"), "--plot", str(folder / "growth.svg")]
    command = [sys.executable, "-m", "tests.benchmarks", *sizes, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout, encoding="utf-8")
    return folder


def test_the_table_has_every_row(folder: Path) -> None:
    """Each line of the promise is measured at each promised size."""
    rows = json.loads((folder / "table.json").read_text(encoding="utf-8"))["rows"]
    expected = {
        *((work, size) for work in WORK_OF_EACH_SIZE for size in (SMALL, LARGE)),
        *((work, LARGE) for work in WORK_OF_THE_LARGEST),
        *((work, 1000) for work in WORK_OF_THE_LARGE_PULL),
        *((work, None) for work in WORK_WITHOUT_A_SHEET),
    }
    assert {(row["work"], row["rows"]) for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(row["measured"] > 0 for row in rows)
    assert next(row["measured"] for row in rows if row["work"] == "requests of a pull: ordinary sheet") == 3


def test_the_printed_table_matches_the_json(folder: Path) -> None:
    """The printed table is Markdown with a line for each row of the JSON, and the target beside the ratio."""
    content = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    head, rule, *lines = (folder / "printed").read_text(encoding="utf-8").splitlines()
    assert head.startswith("| work ")
    assert set(rule) == {"|", "-", " "}
    for line, row in zip(lines, content["rows"], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (cells[0], cells[2], cells[5]) == (row["work"], row["reference"], row["target"])


def test_the_plot_shows_every_curve(folder: Path) -> None:
    """The SVG parses and has two panels of five curves, with a point for each size."""
    tree = ET.fromstring((folder / "growth.svg").read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    lines = [line.attrib["points"].split() for line in tree.iter(f"{space}polyline")]
    assert [len(points) for points in lines] == [2] * 10
    assert len(list(tree.iter(f"{space}circle"))) == 20


def test_each_decade_of_a_plot_has_the_same_length() -> None:
    """Both axes are logarithmic, so proportional growth is a straight line."""
    curve = {size: Rounds([Run(size / 1000, 0, size * 1000)]) for size in (1_000, 10_000, 100_000)}
    tree = ET.fromstring(plot.svg({"legacy ours": curve}))
    first = next(iter(tree.iter("{http://www.w3.org/2000/svg}polyline")))
    places = [tuple(map(float, point.split(","))) for point in first.attrib["points"].split()]
    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(places)]
    assert steps == [(180, -130), (180, -130)]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """Both sides of each round are compared with each other, so a disturbance of a whole round does not count."""
    ours = Rounds([Run(1, 0, 0), Run(10, 0, 0), Run(1, 0, 0)])
    reference = Rounds([Run(4, 0, 0), Run(40, 0, 0), Run(5, 0, 0)])
    assert measure.ratio(ours, reference, lambda run: run.wall) == 4


def test_the_sides_take_turns() -> None:
    """Every round runs each side once, in reverse order in the next round."""
    order: list[str] = []

    def side(name: str) -> Run:
        order.append(name)
        return Run(1, 1, len(order))

    found = measure.in_turn({"ours": lambda: side("ours"), "reference": lambda: side("reference")}, 3)
    assert order == ["ours", "reference", "reference", "ours", "ours", "reference"]
    assert [run.peak for run in found["ours"].runs] == [1, 4, 5]


def test_an_unmeasured_row_is_shown_as_such() -> None:
    """A row without a number has a dash and gives the reason."""
    [_, _, line] = table.text([Row("a pull", "itself", "≤ 1.3", "× as much", note="only with --large")]).splitlines()
    assert [cell.strip() for cell in line.strip("|").split("|")][3:] == ["–", "", "≤ 1.3", "only with --large"]


def test_the_kernels_peak_memory_is_read_in_bytes() -> None:
    """`VmHWM` counts in KiB, and a process that has ended has none."""
    assert high_water("Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t     12 kB\nVmRSS:\t 8 kB\n") == 12 * 1024
    assert high_water("Name:\tpython\nState:\tZ (zombie)\n") == 0
