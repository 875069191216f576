"""A damaged, protected, huge or fake workbook is refused at once, with a next step and without showing a value."""

import io
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.errors import SheetRefused, SheetsDecryptError
from sheets_decrypt.input.table_file import open_table
from sheets_decrypt.input.xlsx import file, package, strings, worksheet
from tests import require
from tests.input.xlsx.books import HEADER, MAIN, PART, book, packed, parts, row, rows_of, text

ROW = row(2, text("A2", "geheim"))
WHOLE = packed(parts(HEADER + ROW, strings=["<t>x</t>"]))


def _refused(path: Path) -> SheetRefused:
    with pytest.raises(SheetRefused) as caught:
        rows_of(path)
    assert caught.value.hint
    assert "geheim" not in caught.value.message + caught.value.hint
    assert caught.value.__context__ is None or not isinstance(caught.value.__context__, ValueError)
    return caught.value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(end=st.integers(4, len(WHOLE) - 1))
def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path, end: int) -> None:
    """The workbook is refused wherever the download broke off."""
    assert "damaged Excel workbook or ZIP archive" in _refused(book(tmp_path, WHOLE[:end])).message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(4, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_harmless(tmp_path: Path, place: int, byte: int) -> None:
    """The answers are the same, or one of our own errors is raised."""
    content = bytearray(WHOLE)
    content[place] = byte
    try:
        assert rows_of(book(tmp_path, bytes(content))) == [["a", "b", "c"], ["geheim", "", ""]]
    except SheetsDecryptError as error:
        assert "geheim" not in error.message + error.hint  # noqa: PT017  (either is right)


def _without(name: str) -> Callable[[], bytes]:
    return lambda: packed({key: part for key, part in parts(HEADER).items() if key != name})


def _sheet(xml: str) -> Callable[[], bytes]:
    return lambda: packed(parts(xml))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_without(PART), "sheet1.xml is missing"),
        (_sheet(HEADER + HEADER), "the order of the rows in row 1"),
        (_sheet(HEADER + row(5) + row(4)), "the order of the rows in row 4"),
        (_sheet(HEADER + row(1_048_577)), "the order of the rows in row 1048577"),
        (_sheet(HEADER + row(2, text("B2", "geheim"), text("A2", "x"))), "the order of the cells in row 2"),
        (_sheet(HEADER + row(2, text("A2", "geheim"), text("A2", "x"))), "the order of the cells in row 2"),
        (_sheet(HEADER + row(2, text("XFE2", "geheim"))), "the order of the cells in row 2"),
        (_sheet(HEADER + row(2, text("A3", "geheim"))), "a cell's place in row 2"),
        (_sheet(HEADER + row(2, text("geheim", "x"))), "a cell's place in row 2"),
        (_sheet(HEADER + row(2, '<c r="A2" t="s"><v>0</v></c>')), "a text that is not there in row 2"),
        (_sheet(HEADER + row(2, '<c r="A2" t="s"><v>geheim</v></c>')), "a text that is not there in row 2"),
        (_sheet(HEADER + row(2, '<c r="A2" t="s"><v>-1</v></c>')), "a text that is not there in row 2"),
        (_sheet(HEADER + "<row r='geheim'/>"), "the number of a row after that in row 1"),
        (_sheet(HEADER + "<row r='2'><row r='3'/></row>"), "the order of the rows in row 3"),
        (_sheet(HEADER + row(2, "<c r='A2'><c r='B2'/></c>")), "the order of the cells in row 2"),
        (_sheet(HEADER + row(2, "<c r='A2'><v><v>geheim</v></v></c>")), "a value within a value in row 2"),
        (_sheet(HEADER + "<c r='A1'/>"), "the order of the cells in row 1"),
        (_sheet(HEADER + "<a>" * 60 + "</a>" * 60), "nesting in row 1"),
        (_sheet(HEADER + "<row>geheim"), "or ZIP archive"),
        (_sheet(HEADER + "<a b='" + "x" * 3_000_000 + "'/>"), "a tag without an end"),
        (lambda: packed(parts("", strings=["<r>" * 20 + "</r>" * 20])), "nesting"),
        (lambda: packed(parts("") | {"xl/styles.xml": f"<s xmlns='{MAIN}'><numFmt/></s>"}), "a number format"),
    ],
)  # fmt: skip
def test_a_damaged_part_is_named(tmp_path: Path, make: Callable[[], bytes], words: str) -> None:
    """The error names the part, and the row where it has one, but never a cell's value."""
    error = _refused(book(tmp_path, make()))
    assert "is a damaged Excel workbook" in error.message
    assert words in error.message


@pytest.mark.parametrize("part", [PART, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml", "_rels/.rels"])
def test_a_document_type_is_refused_so_that_no_entity_is_read(tmp_path: Path, part: str) -> None:
    """Neither an entity that grows without end nor one that names a file of this computer is read."""
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    for entity in (f"SYSTEM '{secret.as_uri()}'", "'" + "x" * 1000 + "'"):
        content = parts(HEADER, strings=["<t>x</t>"])
        content[part] = f"<!DOCTYPE x [<!ENTITY e {entity}>]>" + content[part].replace("</", "&e;</")
        assert "a document type" in _refused(book(tmp_path, packed(content))).message


def test_a_cell_as_long_as_a_book_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text may be shared or inline; Excel's cells end at 32,767 characters."""
    for module in (strings, worksheet):
        monkeypatch.setattr(module, "LONGEST", 200_000)
    for content in (
        parts(HEADER + row(2, text("A2", "x" * 300_000))),
        parts(HEADER, strings=[f"<t>{'x' * 300_000}</t>"]),
    ):
        assert "a cell of more than a million characters" in _refused(book(tmp_path, packed(content))).message


def test_more_texts_than_a_worksheet_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are refused by their number and by their total length."""
    for limit in ("_MOST_STRINGS", "_MOST_CHARACTERS"):
        with monkeypatch.context() as patched:
            patched.setattr(strings, limit, 9)
            content = packed(parts(HEADER, strings=["<t>ab</t>"] * 10))
            assert "more text than a worksheet can hold" in _refused(book(tmp_path, content)).message


def test_a_workbook_with_a_password_says_so(tmp_path: Path) -> None:
    """Here the archive's members are encrypted; Excel's own encryption uses another container (`test_kinds.py`)."""
    content = bytearray(WHOLE)
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(magic)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(magic, place + 4)
    error = _refused(book(tmp_path, bytes(content)))
    assert "is protected by a password" in error.message
    assert "Encrypt with Password" in error.hint


@pytest.mark.parametrize(
    ("content", "kind", "advice"),
    [
        ({"a.csv": "a,b"}, "is a ZIP archive without an Excel workbook's parts", "unpack it"),
        ({"[Content_Types].xml": "", "word/document.xml": "<x/>"}, "is a text document", "Comma-separated values"),
        (
            {"mimetype": "application/vnd.oasis.opendocument.spreadsheet"},
            "is an OpenDocument spreadsheet",
            "save it as",
        ),
        ({"mimetype": "application/vnd.oasis.opendocument.text"}, "is a text document", "Comma-separated values"),
        ({"xl/workbook.bin": b"\0"}, "is a binary Excel workbook", "save it as"),
        ({"Index/Document.iwa": b"\0"}, "is an Apple document", "Export To"),
        (parts("") | {"xl/workbook.xml": "<document/>"}, "is a ZIP archive without", "unpack it"),
    ],
)
def test_the_error_for_another_archive_says_what_it_is(
    tmp_path: Path, content: dict[str, str | bytes], kind: str, advice: str
) -> None:
    """Many kinds of file are ZIP archives."""
    error = _refused(book(tmp_path, packed(content)))
    assert kind in error.message
    assert advice in error.hint


def bomb(part: str, size: int) -> bytes:
    """Make a workbook of some kilobytes, one part of which unpacks to `size` bytes."""
    content = parts(HEADER, strings=["<t>x</t>"])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in content.items():
            with archive.open(name, "w", force_zip64=True) as member:
                start, end = xml.encode().rsplit(b"</", 1)
                member.write(start)
                for _ in range(size // (1 << 20) if name == part else 0):
                    member.write(b" " * (1 << 20))
                member.write(b"</" + end)
    return file.getvalue()


@pytest.mark.parametrize("part", [PART, "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes in the archive decide, and an archive that understates them is damaged."""
    content = bomb(part, 4 << 20)
    assert len(content) < 10_000
    monkeypatch.setattr(package, "_LARGE", 4 << 20)  # as if it were a hundred megabytes
    assert re.search(r"it unpacks to 4,19\d,\d\d\d bytes from \d,\d\d\d", _refused(book(tmp_path, content)).message)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        said = struct.pack("<L", archive.getinfo(part).file_size)
    assert content.count(said) > 0
    assert "damaged" in _refused(book(tmp_path, content.replace(said, struct.pack("<L", 1000)))).message


@pytest.mark.system("linux", "asks the kernel for a process's largest memory")
def test_a_cell_far_away_takes_no_memory(tmp_path: Path) -> None:
    """The blank cells between are not held in memory; a reader that holds them needs gigabytes."""
    path = book(tmp_path, packed(parts(row(1, text("A1", "a")) + row(200_000, text("XFD200000", "x")))))
    rows, kilobytes = _rows_and_kilobytes(path)
    assert rows == 199_999
    assert kilobytes < 100_000


@pytest.mark.system("linux", "asks the kernel for a process's largest memory")
def test_cells_far_away_in_every_row_take_little_memory(tmp_path: Path) -> None:
    """A page ends after a million cells, beyond the header or not; otherwise 100 kB would become gigabytes."""
    require.patience("ten million cells are read")
    far = "".join(row(number, f'<c r="XFD{number}"><v>1</v></c>') for number in range(2, 602))
    rows, kilobytes = _rows_and_kilobytes(book(tmp_path, packed(parts(row(1, text("A1", "a")) + far))))
    assert rows == 600
    assert kilobytes < 120_000


def _rows_and_kilobytes(path: Path) -> tuple[int, int]:
    """Read a workbook in its own process, and return its rows and its peak memory."""
    code = (
        "import sys; from pathlib import Path; from sheets_decrypt.input.xlsx.file import XlsxFile\n"
        "with XlsxFile(Path(sys.argv[1])) as file: print(sum(len(page.rows) for page in file.pages()))\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    rows, kilobytes = done.stdout.split()
    return int(rows), int(kilobytes)


def test_blank_rows_do_not_become_gigabytes_of_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows far below each other, under a wide header, are refused; as many rows as a worksheet has are not."""
    monkeypatch.setattr(file, "_MOST_BLANK", 30)
    assert len(rows_of(book(tmp_path, packed(parts(HEADER + row(12, text("A12", "x"))))))) == 12
    error = _refused(book(tmp_path, packed(parts(HEADER + row(13, text("A13", "x"))))))
    assert "11 blank rows before row 13" in error.message


def test_a_long_text_shared_by_every_cell_does_not_make_a_huge_page(tmp_path: Path) -> None:
    """The text is stored once, and a page ends after fifty million characters."""
    cells = "".join(row(number, f'<c r="A{number}" t="s"><v>0</v></c>') for number in range(2, 202))
    path = book(tmp_path, packed(parts(HEADER + cells, strings=[f"<t>{'x' * 900_000}</t>"])))
    with open_table(path) as file:
        assert [len(page.rows) for page in file.pages()] == [56, 56, 56, 32]


def test_nothing_is_unpacked_to_disk(tmp_path: Path) -> None:
    """No file appears beside the workbook or in the folder for temporary files."""
    path = book(tmp_path, packed(parts(HEADER + ROW, strings=["<t>x</t>"])))
    code = (
        "import sys; from pathlib import Path; from sheets_decrypt.input.xlsx.file import XlsxFile\n"
        "opened = []; sys.addaudithook(lambda event, words: event == 'open' and opened.append(words))\n"
        "with XlsxFile(Path(sys.argv[1])) as file: [*file.pages()]\n"
        "import os; print([words for words in opened if words[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)])"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
