"""The ZIP archive of a workbook: its parts and how they refer to each other (Open Packaging Conventions)."""

import posixpath
import zipfile
from dataclasses import dataclass
from typing import IO, BinaryIO, Final

from sheets_decrypt.input.xlsx.markup import Damaged, Start, read

_PACKED: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED: Final = 0x1  # general purpose flag, bit 0
# Deflate packs 1,000 to 1 at the most, and worksheets of answers 3 to 40 to 1.
_LARGE: Final = 100_000_000  # bytes
_MOST_TIMES: Final = 200
_LARGEST: Final = 1 << 36  # bytes


class Protected(Exception):
    """The archive's members are encrypted."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference from one part to another.

    Args:
        kind: The last word of its type's address, such as `worksheet`.
        target: The other part's name.
    """

    kind: str
    target: str


class Package:
    """An open archive.

    Args:
        content: The file.

    Raises:
        Damaged: It leads out of itself.
        zipfile.BadZipFile: It is not a ZIP archive, or it is cut off.
    """

    def __init__(self, content: BinaryIO) -> None:
        try:
            self._archive: Final = zipfile.ZipFile(content)
        except (ValueError, OSError, OverflowError):  # offsets that lead nowhere
            raise Damaged("directory") from None
        self._parts: Final = {info.filename.lower(): info for info in self._archive.infolist()}
        self.names: Final = frozenset(info.filename for info in self._archive.infolist())

    def has(self, name: str) -> bool:
        """Return whether there is a part of this name; upper and lower case do not count."""
        return name.lower() in self._parts

    def open(self, name: str) -> IO[bytes]:
        """Return a part's content, unpacked as it is read.

        Raises:
            Damaged: There is no such part, or it unpacks to far more than a workbook's parts do.
            Protected: It is encrypted.
        """
        info = self._parts.get(name.lower())
        if info is None:
            raise Damaged(f"{posixpath.basename(name)} is missing")
        if info.flag_bits & _ENCRYPTED:
            raise Protected
        if info.compress_type not in _PACKED:
            raise Damaged("compression")
        size = info.file_size
        if size > _LARGEST or (size > _LARGE and size > _MOST_TIMES * info.compress_size):
            raise Damaged(f"it unpacks to {size:,} bytes from {info.compress_size:,}")
        try:
            return self._archive.open(info)
        except (ValueError, OSError, RuntimeError):  # an offset that leads nowhere, or flags that no workbook has
            raise Damaged("member") from None

    def relations(self, part: str) -> dict[str, Relation]:
        """Return the references of a part by their ids; of the archive itself for an empty name."""
        folder, name = posixpath.split(part)
        source = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, Relation] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag.endswith(" Relationship") and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(
                    posixpath.join("/", folder, attributes.get("Target", "").replace("\\", "/"))
                )
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = Relation(kind, target.lstrip("/"))

        if self.has(source):
            self.read(source, start)
        return found

    def read(self, name: str, start: Start) -> None:
        """Read a small part, of which only the elements' starts matter."""
        with self.open(name) as content:
            for _ in read(content, start):
                pass
