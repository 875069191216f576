"""Files of every kind that is written, and other libraries to read them."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import openpyxl  # type: ignore[import-untyped]

from sheets_decrypt.config import Kind
from sheets_decrypt.output.writers import writer_of
from tests import systems

Rows = Sequence[Sequence[str]]
KINDS: Final = tuple(Kind)


def written(kind: Kind, names: Sequence[str], *pages: Rows) -> bytes:
    """Return a file with these pages."""
    writer = writer_of(kind, "utf-8", "off")
    pieces = [writer.header(names), *(writer.columns(list(zip(*rows, strict=True))) for rows in pages), *writer.end()]
    return b"".join(pieces)


def _read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _read_workbook(data: bytes) -> list[list[str]]:
    """Read with another library, which leaves Excel's escapes to the caller."""
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    rows = list(sheet.iter_rows())
    assert {cell.data_type for row in rows for cell in row if cell.value is not None} <= {"s", "inlineStr"}
    return [[_unescaped(str(cell.value or "")) for cell in row] for row in rows]


def _unescaped(text: str) -> str:
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _read_stata(data: bytes) -> list[list[str]]:
    """Read with another library; the labels are the Sheet's names."""
    with systems.library("pandas").read_stata(io.BytesIO(data), iterator=True) as reader:
        table = reader.read()
        labels = reader.variable_labels()
    rows = [[_of_bytes(cell) for cell in row] for row in table.itertuples(index=False)]
    return [[labels[name] for name in table.columns], *rows]


def _of_bytes(cell: str) -> str:
    """Return the text of a cell with a NUL in it, which pandas shows as bytes."""
    return eval(cell).decode() if re.fullmatch(r"b(['\"]).*\\x00.*\1", cell, re.DOTALL) else cell


READ: Final[Mapping[Kind, Callable[[bytes], list[list[str]]]]] = {
    Kind.CSV: _read_csv,
    Kind.WORKBOOK: _read_workbook,
    Kind.STATA: _read_stata,
}
