"""How fast and how small the product is: ratios, each against a reference in the same run.

    python -m tests.benchmarks [--rows N]… [--repeat N] [--large [CELLS]] [--json FILE] [--plot FILE]

Each side of a ratio is a process of its own; the sides take turns, and the median over the rounds counts. Without
`--large`, pulls that Google's quota makes slow are left out. Needs the extra `benchmark`. Run it on a quiet machine:
the ratios by processor time show how much was disturbed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import util
from pathlib import Path
from typing import Final

from tests.benchmarks import decryption, plot, pulling, table
from tests.benchmarks.decryption import Bench
from tests.benchmarks.measure import in_turn, program, ratio
from tests.benchmarks.sheets import Library
from tests.benchmarks.table import Row
from tests.survey import clean_environment

SIZES: Final = (2_000, 20_000, 200_000)
LARGEST: Final = 10_000_000
_HELP: Final = "from sheets_decrypt.cli import pull_and_decrypt; pull_and_decrypt()"


def main() -> None:
    """Measure, print, write."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "output").mkdir()
        bench = Bench(folder, Library(folder), clean_environment(folder), options.repeat, {})
        rows = []
        for row in measure(bench, sorted(set(options.rows or SIZES)), options.large):
            print(f"… {row.work}", file=sys.stderr, flush=True)
            rows.append(row)
    print(table.text(rows))
    if options.json:
        curves = {
            side: {size: rounds.as_json() for size, rounds in found.items()} for side, found in bench.curves.items()
        }
        content = json.dumps(table.as_json(rows, curves, options.repeat), indent=1, ensure_ascii=False)
        options.json.write_text(content + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(plot.svg(bench.curves), encoding="utf-8")


def measure(bench: Bench, sizes: list[int], large: int | None) -> Iterator[Row]:
    """Yield every row of the table, the quick ones of a size before those of the next."""
    for size in sizes:
        yield from decryption.decrypt_rows(bench, size)
    yield decryption.step_row(bench, sizes[-1])
    yield from pulling.pull_rows(bench, sizes, paced=large is not None)
    yield from pulling.large_rows(bench, large)
    for size in sizes:
        yield decryption.memory_row(bench, size)
    yield from decryption.growth_rows(bench, sizes)
    yield start_row(bench)
    yield from cryptomator_rows(bench, sizes[-1])


def start_row(bench: Bench) -> Row:
    """Compare the start of our command with the start of gspread."""
    commands = {"ours": ("-c", _HELP, "--help"), "reference": ("-c", "import gspread")}
    sides = {name: partial(program, bench.environment, sys.executable, *words) for name, words in commands.items()}
    in_turn(sides, 1)
    found = in_turn(sides, bench.repeat)
    mine, other = found["ours"], found["reference"]
    return Row(
        "pull-and-decrypt --help",
        'python -c "import gspread"',
        "≥ 1",
        "× faster",
        None,
        ratio(mine, other, lambda run: run.wall),
        ratio(mine, other, lambda run: run.cpu),
        details={"ours": mine.as_json(), "reference": other.as_json()},
    )


def cryptomator_rows(bench: Bench, size: int) -> Iterator[Row]:
    """Compare the writing of a Cryptomator vault with the cipher; about 500 bytes a row, as a CSV has."""
    if not util.find_spec("tests.benchmarks.cryptomator"):
        return
    from tests.benchmarks import cryptomator

    data, reference = 500 * size, f"AES-GCM, the same {500 * size / 1e6:g} MB"
    found = {
        "Cryptomator: encryption": cryptomator.encryption_ratio(data, bench.repeat),
        "Cryptomator: whole replacement": cryptomator.replacement_ratio(bench.folder, data, bench.repeat),
    }
    for words, measured in found.items():
        yield Row(words, reference, "", "of the speed", None, measured)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, action="append", metavar="N", help=f"a sheet's rows; default: {SIZES}")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="rounds; default: 5")
    parser.add_argument(
        "--large",
        type=int,
        nargs="?",
        const=LARGEST,
        metavar="CELLS",
        help=f"pull a sheet of so many cells as well, and the paced ones; default: {LARGEST}, which takes minutes",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table and every run there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw time and peak memory against rows there (SVG)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
