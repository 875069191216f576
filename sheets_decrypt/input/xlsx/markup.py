"""XML as it arrives, within bounds: no document type, so no entities; no endless tag; no endless nesting."""

from collections.abc import Callable, Iterator
from typing import IO, Final, NoReturn
from xml.parsers import expat

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]

_NAMESPACES: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_NAMES: Final = (
    "workbook", "workbookPr", "sheet", "numFmt", "cellXfs", "xf", "si", "t", "rPh", "dimension", "row", "c", "v", "f",
)  # fmt: skip
# The elements that are read, in SpreadsheetML of either kind (transitional and strict): as they are named here → short.
SHORT: Final = {f"{namespace} {name}": name for namespace in _NAMESPACES for name in _NAMES}
_BLOCK: Final = 1 << 14  # bytes; the rows of one block are in memory together, and 45 bytes make one of 16,384 cells
_BUFFER: Final = 1 << 16  # bytes
_LONGEST_TAG: Final = 1 << 20  # bytes


class Damaged(Exception):
    """The workbook is not as it should be; the text names a part or a place in it, never a cell's value."""


def read(content: IO[bytes], start: Start, end: End | None = None, text: Text | None = None) -> Iterator[None]:
    """Read XML block by block, and call a function for each start, end and text.

    The names of elements have their namespace and a blank before them; see `SHORT`.

    Yields:
        After each block of 16 KiB, so that the caller can take what its functions collected.

    Raises:
        Damaged: It has a document type, or a tag of a megabyte.
        expat.ExpatError: It is not well-formed.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = _BUFFER
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    fed = 0
    while block := content.read(_BLOCK):
        parser.Parse(block)
        fed += len(block)
        if fed - parser.CurrentByteIndex > _LONGEST_TAG:
            raise Damaged("a tag without an end")
        yield
    parser.Parse(b"", True)
    yield


def _refuse_document_type(*_: object) -> NoReturn:
    raise Damaged("a document type")
