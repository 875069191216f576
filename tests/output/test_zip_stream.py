"""The ZIP file of a workbook is an ordinary one."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets_decrypt.output import zip_stream
from sheets_decrypt.output.zip_stream import ZipStream

PARTS = st.dictionaries(st.text("abc/.", min_size=1, max_size=9), st.lists(st.binary(max_size=50), max_size=3))


class _Unseekable(io.RawIOBase):
    """A stream that can only be written at its end, like a vault's file."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        self.data += data
        return len(data)


@settings(max_examples=20)
@given(PARTS)
def test_a_zip_file_has_the_same_bytes_as_pythons_own(parts: dict[str, list[bytes]]) -> None:
    """Every field of every header, the sizes after each part, and the directory are the same."""
    stream, ours = ZipStream(), bytearray()
    theirs = _Unseekable()
    with zipfile.ZipFile(theirs, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as other:
        for name, pieces in parts.items():
            ours += stream.begin(name) + b"".join(map(stream.add, pieces)) + stream.finish()
            info = zipfile.ZipInfo(name)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 0
            info._compresslevel = 3  # type: ignore[attr-defined]
            with other.open(info, "w") as part:
                for piece in pieces:
                    part.write(piece)
            info.external_attr = 0
    assert bytes(ours + stream.end()) == bytes(theirs.data)


def test_a_part_may_be_as_large_as_its_header_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is refused."""
    monkeypatch.setattr(zip_stream, "LARGEST", 1000)
    for size in (1000, 1001):
        stream = ZipStream()
        stream.begin("a")
        stream.add(bytes(size))
        if size == 1000:
            assert stream.finish()
            continue
        with pytest.raises(OverflowError):
            stream.finish()
