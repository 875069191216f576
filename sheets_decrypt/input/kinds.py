"""Identify a file that is neither a CSV nor a workbook by its first bytes, and say what to do with it."""

import re
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from sheets_decrypt.errors import SheetEmpty, SheetRefused

ZIP: Final = b"PK\x03\x04"
DOWNLOAD: Final = "in the Google Sheet: File, Download, Comma-separated values or Microsoft Excel"
_EXCEL: Final = 'open it in Excel, and save it as "Excel Workbook (.xlsx)" or "CSV UTF-8"'
_ALSO: Final = 'open it in the program that wrote it, and save it as "Excel Workbook (.xlsx)" or "CSV UTF-8"'
_UNPACK: Final = "unpack it, and name the csv or workbook inside"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PASSWORD: Final = "Excel: File, Info, Protect Workbook, Encrypt with Password; empty the password, and save it"

_LOCK: Final = re.compile(r"(?:~\$|\.~lock\.)(.+?)#?")  # Excel's and LibreOffice's, which begin with a user's name

_KINDS: Final = (  # how the file begins; what it is; what to do
    (ZIP, "an Excel workbook or a ZIP archive", _EXCEL),
    (b"%PDF", "a PDF", DOWNLOAD),
    (b"PK\x05\x06", "an empty ZIP archive", DOWNLOAD),
    (b"\x1f\x8b", "a compressed file (gzip)", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a compressed archive (7z)", _UNPACK),
    (b"Rar!", "a compressed archive (RAR)", _UNPACK),
    (b"\x89PNG", "an image", DOWNLOAD),
    (b"\xff\xd8\xff", "an image", DOWNLOAD),
    (b"GIF8", "an image", DOWNLOAD),
    (b"{\\rtf", "a text document (RTF)", DOWNLOAD),
    (b"<stata_dta>", "a Stata file", _ALSO),
    (b"$FL2", "an SPSS file", _ALSO),
    (b"PAR1", "a Parquet file", _ALSO),
    (b"SQLite format 3\x00", "a database (SQLite)", _ALSO),
    (b"\xff\xfe\x00\x00", "UTF-32 text", _EXCEL),
    (b"\x00\x00\xfe\xff", "UTF-32 text", _EXCEL),
    (b"\x00\x00\x00\x00", "not text: it begins with zero bytes", "it may not be copied whole; " + DOWNLOAD),
)
_PATTERNS: Final = (
    (re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|table)\b"), "a web page", DOWNLOAD),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\b"), "an XML file", _EXCEL),
    (re.compile(rb'\s*\{[^\x00]{0,2000}"doc_id"'), "a link to a Google file, not its content", DOWNLOAD),
    (re.compile(rb"(?:[^\x00]\x00){2}|(?:\x00[^\x00]){2}"), "UTF-16 text without a byte order mark", _EXCEL),
)  # fmt: skip


def refuse_other_kinds(path: Path, content: BinaryIO, start: bytes) -> None:
    """Refuse a file that is known to be something other than a CSV or a workbook.

    Args:
        path: The file, for the error.
        content: The file, which is read further if its start does not decide.
        start: Its first bytes, some thousands if it has that many.

    Raises:
        SheetEmpty: It is empty.
        SheetRefused: The message says what it is, and the hint says what to do.
    """
    if not start:
        raise SheetEmpty(f"{path} is empty: it has no header", hint=f"it may not be copied whole; {DOWNLOAD}")
    if lock := _LOCK.fullmatch(path.name):
        raise SheetRefused(f"{path} only says who has the workbook open", hint=f"name the workbook itself, {lock[1]}")
    if start.startswith(_OLE):
        _refuse_compound(path, content)
    for magic, kind, hint in _KINDS:
        if start.startswith(magic):
            raise SheetRefused(f"{path} is {kind}", hint=hint)
    for pattern, kind, hint in _PATTERNS:
        if pattern.match(start):
            raise SheetRefused(f"{path} is {kind}", hint=hint)


def refuse_zip(path: Path, names: frozenset[str], mimetype: bytes) -> NoReturn:
    """Refuse a ZIP archive that is not an Excel workbook of a supported kind.

    Args:
        path: The file, for the error.
        names: The names of its members.
        mimetype: The content of its member `mimetype`, which identifies OpenDocument and EPUB files.

    Raises:
        SheetRefused: The message says what it is, and the hint says what to do.
    """
    if "xl/workbook.bin" in names:
        raise SheetRefused(f"{path} is a binary Excel workbook (.xlsb)", hint=_EXCEL)
    if mimetype.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        raise SheetRefused(f"{path} is an OpenDocument spreadsheet (.ods)", hint=_ALSO)
    if "word/document.xml" in names or mimetype.startswith(b"application/vnd.oasis.opendocument"):
        raise SheetRefused(f"{path} is a text document", hint=DOWNLOAD)
    if "Index/Document.iwa" in names:
        raise SheetRefused(f"{path} is an Apple document", hint="in Numbers: File, Export To, Excel or CSV")
    raise SheetRefused(f"{path} is a ZIP archive without an Excel workbook's parts", hint=_UNPACK)


def _refuse_compound(path: Path, content: BinaryIO) -> NoReturn:
    """Refuse a file in Microsoft's older container format, which is also used for workbooks with a password.

    The names in its directory show what it holds; the header says where the directory begins ([MS-CFB], 2.2 and 2.6).
    """
    content.seek(0)
    header = content.read(512)
    shift, first = int.from_bytes(header[30:32], "little"), int.from_bytes(header[48:52], "little")
    content.seek((first + 1) << min(shift, 12))
    names = content.read(8192)
    if "EncryptedPackage".encode("utf-16-le") in names:
        raise SheetRefused(f"{path} is protected by a password", hint=PASSWORD)
    if "WordDocument".encode("utf-16-le") in names:
        raise SheetRefused(f"{path} is an old Word document", hint=DOWNLOAD)
    raise SheetRefused(f"{path} is an old Excel workbook (.xls)", hint=_EXCEL)
