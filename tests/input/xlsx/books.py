"""Workbooks for the tests, made part by part so that every oddity can be written."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sheets_decrypt.input.xlsx.file import XlsxFile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PART = "xl/worksheets/sheet1.xml"


def relations(*targets: tuple[str, str]) -> str:
    """Return the part that lists other parts, each by its kind and target; the IDs are rId1 and so on."""
    lines = (
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{"".join(lines)}</Relationships>'


def parts(
    rows: str, *, strings: Sequence[str] = (), codes: Sequence[str] = (), properties: str = "", after: str = ""
) -> dict[str, str]:
    """Return the parts of a workbook with one worksheet, "Answers".

    Args:
        rows: The XML within `sheetData`.
        strings: The XML of each shared text.
        codes: Codes of number formats: style 1 has the first.
        properties: Attributes of the workbook's properties.
        after: The XML after `sheetData`.
    """
    formats = "".join(f'<numFmt numFmtId="{164 + place}" formatCode="{code}"/>' for place, code in enumerate(codes))
    styles = "".join(f'<xf numFmtId="{164 + place}"/>' for place in range(len(codes)))
    return {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/_rels/workbook.xml.rels": relations(
            ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "/xl/sharedStrings.xml"), ("styles", "styles.xml")
        ),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}"><workbookPr {properties}/>'
        '<sheets><sheet name="Answers" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si>{text}</si>" for text in strings)}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId="14"/>'
        f'</cellStyleXfs><cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>',
        PART: f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>',
    }


def packed(content: Mapping[str, str | bytes]) -> bytes:
    """Return an archive of parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return file.getvalue()


def row(number: int, *cells: str) -> str:
    """Return the XML of a row of cells."""
    return f'<row r="{number}">{"".join(cells)}</row>'


def text(place: str, content: str) -> str:
    """Return a cell with an inline text."""
    return f'<c r="{place}" t="inlineStr"><is><t>{content}</t></is></c>'


HEADER = row(1, text("A1", "a"), text("B1", "b"), text("C1", "c"))


def book(folder: Path, content: bytes) -> Path:
    """Write a workbook's file."""
    path = folder / "answers.xlsx"
    path.write_bytes(content)
    return path


def rows_of(path: Path, worksheet: str | None = None) -> list[list[str]]:
    """Return the header and the rows of a worksheet."""
    with XlsxFile(path, worksheet) as file:
        return [list(file.header.names), *(row for page in file.pages() for row in page.rows)]


def cells_of(folder: Path, *cells: str, **more: object) -> list[str]:
    """Return the values that are read from the cells A2, B2 and C2."""
    content = packed(parts(HEADER + row(2, *cells), **more))  # type: ignore[arg-type]
    return rows_of(book(folder, content))[1]
