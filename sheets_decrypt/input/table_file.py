"""A table that lies on this computer: its content, and not its name, says how it is read."""

from pathlib import Path

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.input.csv_file import CsvFile

TableFile = CsvFile


def open_table(path: Path, *, worksheet: str | None = None, encoding: str | None = None) -> TableFile:
    """Open a table and read its header.

    Args:
        path: The file.
        worksheet: Which worksheet of a workbook; None for the first one that is shown.
        encoding: The encoding of a CSV that cannot show it; one of `dialect.ENCODINGS`.

    Raises:
        ConfigurationError: The file cannot be read, or an option does not belong to such a file.
        SheetRefused: It has no header, or is no table.
    """
    if worksheet is not None:
        raise ConfigurationError(f"{path} is a CSV, which has no worksheets", hint="leave out --worksheet")
    return CsvFile(path, encoding)
