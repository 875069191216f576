"""Cells for the tests of the CSV, and a reader of it."""

import csv
import io
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from sheets_decrypt.output.csv_text import Guard

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
AWKWARD = st.text(st.sampled_from("ab\",;\r\n\t \x00'=+-@é🌾\ufeff"), max_size=8)
CELLS = st.one_of(TEXT, AWKWARD)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8)
HEADER = ("a", "b", "c")
READABLE = st.one_of(
    AWKWARD.filter(lambda cell: "\0" not in cell), st.sampled_from(["NA", "", " x ", "007", "1e5", "nan", '"NA"'])
)
README = Path(__file__).parents[2] / "README.md"
GUARDS: Final[tuple[Guard, Guard]] = ("smart", "owasp")


def read(data: bytes) -> list[list[str]]:
    """Read a CSV according to RFC 4180."""
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
