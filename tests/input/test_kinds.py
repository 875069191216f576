"""The error for a file that is not a table says what the file is, and what to do."""

from pathlib import Path

import pytest

from sheets_decrypt.errors import SheetEmpty, SheetRefused
from sheets_decrypt.input.csv_file import CsvFile


def compound(stream: str) -> bytes:
    """Make the beginning of a file in Microsoft's older container, with a stream of this name."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\x00\x03\x00\xfe\xff\x09\x00" + bytes(16)
    header += (200).to_bytes(4, "little")  # the directory's first sector, well beyond the first blocks
    return header.ljust(201 * 512, b"\0") + "Root Entry".encode("utf-16-le") + bytes(108) + stream.encode("utf-16-le")


@pytest.mark.parametrize(
    ("content", "kind", "advice"),
    [
        (b"%PDF-1.7\n", "is a PDF", "Comma-separated values"),
        (b"PK\x05\x06" + bytes(18), "is an empty ZIP archive", "Comma-separated values"),
        (b"PK\x03\x04\x14\x00", "is an Excel workbook or a ZIP archive", "save it as"),
        (b"\x1f\x8b\x08\x00", "is a compressed file", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "is a compressed archive", "unpack it"),
        (b"Rar!\x1a\x07", "is a compressed archive", "unpack it"),
        (b"\x89PNG\r\n\x1a\n", "is an image", "Comma-separated values"),
        (b"\xff\xd8\xff\xe0", "is an image", "Comma-separated values"),
        (b"GIF89a", "is an image", "Comma-separated values"),
        (b"{\\rtf1\\ansi", "is a text document", "Comma-separated values"),
        (b"<stata_dta><header>", "is a Stata file", "save it as"),
        (b"$FL2@(#) SPSS", "is an SPSS file", "save it as"),
        (b"PAR1", "is a Parquet file", "save it as"),
        (b"SQLite format 3\x00", "is a database", "save it as"),
        ("a,b".encode("utf-32"), "is UTF-32 text", "CSV UTF-8"),
        ("a,b\r\n".encode("utf-16-le"), "is UTF-16 text without a byte order mark", "CSV UTF-8"),
        ("a,b\r\n".encode("utf-16-be"), "is UTF-16 text without a byte order mark", "CSV UTF-8"),
        (bytes(4096), "begins with zero bytes", "copied whole"),
        (b"\r\n<!DOCTYPE html><html><title>Sign in", "is a web page", "Comma-separated values"),
        (b"\xef\xbb\xbf<HTML>", "is a web page", "Comma-separated values"),
        (b"<table border=1><tr>", "is a web page", "Comma-separated values"),
        (b'<?xml version="1.0"?><Workbook>', "is an XML file", "save it as"),
        (b'{"":"WARNING! DO NOT EDIT","doc_id":"1x"}', "is a link to a Google file", "Comma-separated values"),
        (compound("Workbook"), "is an old Excel workbook", "save it as"),
        (compound("EncryptedPackage"), "is protected by a password", "Encrypt with Password"),
        (compound("WordDocument"), "is an old Word document", "Comma-separated values"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", "save it as"),
    ],
)
def test_the_error_for_another_kind_of_file_names_the_kind(
    tmp_path: Path, content: bytes, kind: str, advice: str
) -> None:
    """The error names the kind of file that was downloaded or saved by mistake; the hint says how to get a table."""
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    with pytest.raises(SheetRefused, match=kind) as caught:
        CsvFile(path)
    assert str(path) in caught.value.message
    assert advice in caught.value.hint


def test_an_empty_file_is_reported_as_empty(tmp_path: Path) -> None:
    """A download that did not begin leaves an empty file."""
    (tmp_path / "a.csv").touch()
    with pytest.raises(SheetEmpty, match="is empty: it has no header"):
        CsvFile(tmp_path / "a.csv")


@pytest.mark.parametrize(("name", "meant"), [("~$Survey.xlsx", "Survey.xlsx"), (".~lock.Survey.xlsx#", "Survey.xlsx")])
def test_the_lock_file_of_an_open_workbook_is_not_taken_for_a_csv(tmp_path: Path, name: str, meant: str) -> None:
    """Excel and LibreOffice keep a small file there with the user's name, and Tab completion finds it first."""
    path = tmp_path / name
    path.write_bytes(b"\x03Ada" + b" " * 50 + b"\x03\x00A\x00d\x00a\x00" + b" \x00" * 50)
    with pytest.raises(SheetRefused, match="only says who has the workbook open") as caught:
        CsvFile(path)
    assert caught.value.hint == f"name the workbook itself, {meant}"
