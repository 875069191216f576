"""Files that another user may have planted are opened without hanging, and never read beyond the limit."""

import os
import socket
import stat
import sys
import threading
from pathlib import Path

import pytest

from sheets_decrypt.system.regular_file import FileTooLarge, NotRegularFile, open_regular, read_small
from tests import systems


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_regular_file_is_read(tmp_path: Path) -> None:
    """A file up to the limit is returned whole, even through a link."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_small(tmp_path / "file", limit=5) == b"12345"
    assert read_small(tmp_path / "link", limit=5) == b"12345"


@pytest.mark.wine_cannot("os.symlink makes no link")
def test_a_link_is_refused_with_follow_false(tmp_path: Path) -> None:
    """With `follow=False`, the name itself must be the file."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_small(tmp_path / "file", limit=5, follow=False) == b"12345"
    with pytest.raises(NotRegularFile, match="a link, not a regular file"):
        read_small(tmp_path / "link", limit=5, follow=False)


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    """One byte more than the limit is an error, and a sparse file of a terabyte costs nothing."""
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileTooLarge, match="larger than 5 bytes"):
        read_small(tmp_path / "file", limit=5)


@pytest.mark.parametrize("follow", [True, False])
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path, follow: bool) -> None:
    """It is refused for reading, writing and both, without waiting for its other end to be opened."""
    systems.only_on("posix", "only POSIX has named pipes in folders")
    os.mkfifo(tmp_path / "pipe")
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_APPEND):
        with pytest.raises(NotRegularFile, match="a named pipe"):
            open_regular(tmp_path / "pipe", flags, follow=follow)


@pytest.mark.system("posix", "no device files on Windows")
def test_a_device_is_refused(tmp_path: Path) -> None:
    """A link to `/dev/zero` is refused as a device."""
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(NotRegularFile, match="a device"):
        read_small(tmp_path / "link", limit=5)


@pytest.mark.system("posix", "no socket files on Windows")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error calls it a socket."""
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to about 100 characters
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(NotRegularFile, match="a socket"):
            read_small(tmp_path / "socket", limit=5)


def test_a_folder_is_refused_as_a_folder(tmp_path: Path) -> None:
    """The error is the system's own."""
    with pytest.raises(IsADirectoryError):
        read_small(tmp_path, limit=5)
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "missing", limit=5)


@pytest.mark.system("linux", "lists open files in /proc")
def test_nothing_stays_open_after_a_refusal(tmp_path: Path) -> None:
    """A pipe that replaces the file at any moment is refused as well, and no descriptor is leaked."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "name").write_bytes(b"12345")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for source in ("pipe", "file"):
                os.link(tmp_path / source, tmp_path / "new")
                os.replace(tmp_path / "new", tmp_path / "name")  # noqa: PTH105 (in a tight loop)

    other = threading.Thread(target=exchange)
    before = len(list(Path("/proc/self/fd").iterdir()))
    other.start()
    outcomes = set()
    try:
        for _ in range(3000):
            try:
                outcomes.add(read_small(tmp_path / "name", limit=5, follow=False))
            except NotRegularFile:
                outcomes.add(b"refused")
    finally:
        stop.set()
        other.join()
    assert outcomes == {b"12345", b"refused"}
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_can_be_created_and_appended_to(tmp_path: Path) -> None:
    """Flags and mode are those of `os.open`, and the descriptor blocks like any other."""
    descriptor = open_regular(tmp_path / "new", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600, follow=False)
    try:
        assert systems.WINDOWS or os.get_blocking(descriptor)  # on Windows, only pipes have this state
        assert os.write(descriptor, b"x") == 1
    finally:
        os.close(descriptor)
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_a_named_pipe_that_appears_after_the_first_check_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened without waiting for its other end, and refused by the second check."""
    systems.only_on("posix", "only POSIX has named pipes in folders")
    os.mkfifo(tmp_path / "pipe")

    def nothing_there_yet(*_: object, **__: object) -> None:
        raise FileNotFoundError

    waited = threading.Event()

    def open_other_end() -> None:  # so that a blocked test ends
        waited.set()
        os.close(os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK))

    timer = threading.Timer(5, open_other_end)
    timer.start()
    with monkeypatch.context() as first_look:
        first_look.setattr(os, "stat", nothing_there_yet)
        with pytest.raises(NotRegularFile, match="a named pipe"):
            open_regular(tmp_path / "pipe", follow=False)
    timer.cancel()
    assert not waited.is_set()
