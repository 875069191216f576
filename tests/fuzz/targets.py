"""What is fuzzed: each target reads bytes as the program reads what someone else may have written."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, cast

from sheets_decrypt import config
from sheets_decrypt.cells import Number
from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.errors import SheetsDecryptError
from sheets_decrypt.google import credentials
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.session import Answer, Session
from sheets_decrypt.google.sheet import open_sheet
from sheets_decrypt.google.timed_session import parsed
from sheets_decrypt.input.csv_file import CsvFile
from sheets_decrypt.input.xlsx.file import XlsxFile
from sheets_decrypt.keys import ciphers_of
from sheets_decrypt.output.csv_text import CsvText
from sheets_decrypt.sandbox.sample import cryptojs_passphrase, legacy_cbc
from sheets_decrypt.sandbox.sign_in import ServiceAccount
from sheets_decrypt.table import Format, Header, Page, Secret
from sheets_decrypt.vault import linux
from sheets_decrypt.vault.cryptomator import CryptomatorVault, opening, vault_config
from tests import quick_vault
from tests.input.xlsx import books

OURS: Final = (SheetsDecryptError, Transient)
_PRIVATE, _PUBLIC = sealing.generate()
_LEGACY, _PASSPHRASE = Secret("legacy-Geheim-77"), Secret("a passphrase that nobody guesses")


@dataclass(frozen=True)
class Target:
    """Something that reads bytes that someone else wrote.

    Args:
        seeds: Inputs that it reads without an error, or nearly.
        read: Read an input. Only errors of ours may come out.
    """

    seeds: list[bytes]
    read: Callable[[bytes], object]

    def try_(self, data: bytes) -> None:
        """Read an input; an error of ours is an answer."""
        try:
            self.read(data)
        except OURS:
            return


def all_targets(folder: Path) -> dict[str, Target]:
    """Return every target by its name; their files are in `folder`."""
    makers: dict[str, Callable[[Path], Target]] = {
        "cell": _cell,
        "csv": _csv,
        "workbook": _workbook,
        "worksheet": _worksheet,
        "page": _page,
        "configuration": _configuration,
        "key-file": _key_file,
        "mountinfo": _mountinfo,
        "vault.cryptomator": _vault_config,
        "masterkey.cryptomator": _masterkey,
        "encrypted-file": _encrypted_file,
    }
    return {name: make(Path(tempfile.mkdtemp(dir=folder))) for name, make in makers.items()}


def _cell(_: Path) -> Target:
    """Cells, one a line, in a column that is named and one that is not; what comes out is a CSV that reads back."""
    keys = {Format.SEALED_BOX: [_PRIVATE], Format.LEGACY_CBC: [_LEGACY], Format.CRYPTOJS_PASSPHRASE: [_PASSPHRASE]}
    ciphers = ciphers_of(keys)
    modes: tuple[tuple[str, ...] | Literal["auto"], ...] = (("a",), "auto")

    def read(data: bytes) -> None:
        cells = data.decode("utf-8", "replace").split("\n")
        for columns in modes:
            decryption = Decryption(Header(("a", "b")), ciphers, Rules(columns, frozenset({"No Data"})))
            [*rows] = decryption.page(Page(2, [[cell, cell] for cell in cells]))
            assert len(rows) == len(cells)
            for guard in ("off", "smart"):
                written = CsvText("utf-8", cast("Any", guard)).rows(rows).decode("utf-8", "surrogatepass")
                again = list(csv.reader(io.StringIO(written, newline=""), strict=True))
                assert [[cell.removeprefix("'") for cell in row] for row in again] == [
                    [cell.removeprefix("'") for cell in row] for row in rows
                ]
            decryption.counts(), decryption.warnings(), decryption.notes(), decryption.failures()
            decryption.judge_keys()

    tokens = [
        sealing.seal(["Zoë"], _PUBLIC)[0],
        legacy_cbc("+57 300", _LEGACY),
        cryptojs_passphrase("Calle", _PASSPHRASE),
    ]
    return Target([token.encode() for token in tokens] + ["\n".join(tokens).encode(), b"No Data\n=1+1\n#NAME?"], read)


def _csv(folder: Path) -> Target:
    """A CSV that was downloaded."""
    file = folder / "a.csv"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with CsvFile(file) as source:
            for page in source.pages():
                assert {len(row) for row in page.rows} == {len(source.header.names)}

    seeds = [b'a,b\r\n1,"x\r\ny"\r\n', b"\xef\xbb\xbfa\n1\n\n2", b'a,b\n"",""\n1\n1,2,3\n', b'sep=;\r\na;b\r\n"1;";2']
    return Target([*seeds, "a\tb\r\n1\tZoë\r\n".encode("utf-16")], read)


def _workbook(folder: Path) -> Target:
    """The archive of an Excel workbook."""
    return Target([books.packed(_PARTS), books.packed({"a.csv": "a"})], partial(_read_workbook, folder / "a.xlsx"))


def _worksheet(folder: Path) -> Target:
    """A worksheet in a workbook that is whole otherwise; after a line with a blank, its texts; then its styles."""

    def read(data: bytes) -> None:
        sheet, _, rest = data.partition(b"\n \n")
        texts, _, styles = rest.partition(b"\n \n")
        more = {"xl/sharedStrings.xml": texts, "xl/styles.xml": styles}
        content = _PARTS | {books.PART: sheet} | {name: part for name, part in more.items() if part}
        _read_workbook(folder / "a.xlsx", books.packed(content))

    sheet, texts, styles = (_PARTS[name].encode() for name in (books.PART, "xl/sharedStrings.xml", "xl/styles.xml"))
    return Target([sheet, b"\n \n".join((sheet, texts, styles))], read)


_PARTS: Final = books.parts(
    books.HEADER
    + books.row(2, '<c r="A2" s="1"><v>45351.5</v></c>', '<c r="B2" t="s"><v>0</v></c>', books.text("C2", "_x000D_é"))
    + books.row(4, '<c r="A4" t="b"><v>1</v></c>', '<c r="B4" t="e"><v>#N/A</v></c>', '<c r="D4"><f>1</f></c>'),
    strings=["<r><t>a</t></r><rPh><t>b</t></rPh>"],
    codes=["yyyy\\ [h]:mm"],
)


def _read_workbook(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with XlsxFile(file) as source:
        for page in source.pages():
            assert {len(row) for row in page.rows} == {len(source.header.names)}
            assert all(type(cell) is str for row in page.rows for cell in row)
        source.notes(), source.warnings()


def _page(_: Path) -> Target:
    """What Google says of a spreadsheet's tabs, and after a line break of a range's values."""
    properties = {"title": "S"}, {"sheetId": 7, "title": "data", "index": 0, "sheetType": "GRID"}
    grid = {"gridProperties": {"rowCount": 9, "columnCount": 3}}
    tabs = json.dumps({"properties": properties[0], "sheets": [{"properties": properties[1] | grid}]}).encode()
    values = [["a", "b"], ["v2:x", 1.5], [], ["", True, "é\U0001f33e"], [-0.0, 1e300, 12345678901234567890]]
    reply = json.dumps({"range": "data!A1:C9", "majorDimension": "ROWS", "values": values}).encode()

    def read(data: bytes) -> None:
        first, _, second = data.partition(b"\n")
        session = cast("Session", _Google(first or tabs, second or reply))
        sheet = open_sheet(session, spreadsheet_id="x", worksheet=None, gid=None, values="stored")
        for page in sheet.pages():
            assert {len(row) for row in page.rows} <= {len(sheet.header.names)}
            assert all(isinstance(cell, str) for row in page.rows for cell in row)

    return Target([tabs + b"\n" + reply, b"\n" + reply, tabs], read)


@dataclass(frozen=True)
class _Google:
    """Bytes in place of the network: what a session with Google gives, parsed as it parses them."""

    tabs: bytes
    values: bytes

    def get_metadata(self, spreadsheet_id: str, *, fields: str) -> Answer:
        """Return the spreadsheet's properties."""
        return Answer(parsed(self.tabs, host="sheets.googleapis.com"), len(self.tabs))

    def get_values(
        self, spreadsheet_id: str, cells: str, options: Mapping[str, str], *, number: Callable[[str], object]
    ) -> Answer:
        """Return a range's values."""
        return Answer(parsed(self.values, host="sheets.googleapis.com", number=Number), len(self.values))


def _configuration(folder: Path) -> Target:
    file = folder / "sheets-decrypt.toml"
    examples = Path(__file__).parents[2].glob("config/*.toml")

    def read(data: bytes) -> None:
        file.write_bytes(data)
        config.load(file)

    return Target([example.read_bytes() for example in examples], read)


def _key_file(folder: Path) -> Target:
    file = folder / "credentials.json"
    ServiceAccount(file)
    right = file.read_bytes()

    def read(data: bytes) -> None:
        file.write_bytes(data)
        credentials.from_key_file(file)

    return Target(
        [right, b'{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}'], read
    )


def _mountinfo(folder: Path) -> Target:
    def read(data: bytes) -> None:
        table = data.decode(errors="surrogateescape")
        for path in ("/", "/home/a b/vault/surveys", "/mnt/x"):
            for number in (None, 36):
                linux.classify(path, table, sys_root=folder, mount_id=number, device_of=lambda _: "253:0")

    lines = (
        b"36 35 98:0 /mnt1 /mnt/x rw,noatime master:1 - ext4 /dev/mapper/home rw,errors=continue\n"
        b"40 35 0:51 / /home/a\\040b/vault rw,nosuid - fuse.fuse-nio-adapter x rw,user_id=0\n"
        b"22 1 0:21 / / rw - btrfs /dev/sda1 rw,subvolid=5,subvol=/\n"
    )
    return Target([lines, lines.splitlines()[1], Path("/proc/self/mountinfo").read_bytes()[:4000]], read)


def _vault(folder: Path) -> Iterator[Any]:
    quick_vault.create(folder / "vault", _PASSPHRASE)
    yield folder / "vault"


def _vault_config(folder: Path) -> Target:
    [vault] = _vault(folder)
    file = vault / "vault.cryptomator"
    right = file.read_bytes()

    def read(data: bytes) -> None:
        file.write_bytes(data)
        vault_config.read_vault_config(vault)

    return Target([right], read)


def _masterkey(folder: Path) -> Target:
    """The file with the vault's keys; its passphrase is looked at no further than what that costs."""
    [vault] = _vault(folder)
    file = vault / "masterkey.cryptomator"
    right = file.read_bytes()

    def read(data: bytes) -> None:
        file.write_bytes(data)
        opening._read_masterkey(vault)

    return Target([right, right.replace(b"32768", b"8388608")], read)


def _encrypted_file(folder: Path) -> Target:
    """A file's content as it is in the folder that is synced."""
    [vault] = _vault(folder)
    opened = CryptomatorVault(vault, _PASSPHRASE)
    seeds = []
    for size in (0, 9, 32 * 1024, 80_000):
        with opened.replace("a.csv") as sink:
            sink.write(b"x" * size)
        [file] = [path for path in vault.rglob("*.c9r") if path.is_file() and path.name != "dirid.c9r"]
        seeds.append(file.read_bytes())

    def read(data: bytes) -> None:
        file.write_bytes(data)
        opened.size("a.csv")
        with opened.read("a.csv") as content:
            while content.read(1 << 16):
                pass

    return Target(seeds, read)
