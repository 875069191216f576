"""A private file is written whole or not at all, and only its owner can read it."""

import os
import stat
from pathlib import Path

import pytest

from sheets_decrypt.system.private_file import sync_folder, write_new, write_private

pytestmark = pytest.mark.system("posix", "mode bits mean nothing on Windows")


def mode(path: Path) -> int:
    """Return a file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_the_file_and_its_new_folders(tmp_path: Path) -> None:
    """Whatever the umask allows, the file has mode 0600 and each folder created for it 0700."""
    before = os.umask(0)
    try:
        write_private(tmp_path / "a" / "b" / "key", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b" / "key").read_bytes() == b"secret"
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path / "a" / "b" / "key")] == [
        0o700,
        0o700,
        0o600,
    ]


def test_an_existing_file_is_replaced_with_a_private_one(tmp_path: Path) -> None:
    """The previous file's looser mode is not kept, and a link's target is not written."""
    (tmp_path / "former").write_bytes(b"former")
    (tmp_path / "former").chmod(0o666)
    (tmp_path / "link").symlink_to("former")
    write_private(tmp_path / "link", b"new")
    assert (tmp_path / "former").read_bytes() == b"former"
    write_private(tmp_path / "former", b"new")
    assert (tmp_path / "former").read_bytes() == b"new"
    assert mode(tmp_path / "former") == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["former", "link"]


def test_a_file_is_not_replaced_with_replace_false(tmp_path: Path) -> None:
    """Not even the target of a dangling link is created, and nothing else remains."""
    (tmp_path / "former").write_bytes(b"former")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("former", "dangling"):
        with pytest.raises(FileExistsError):
            write_private(tmp_path / name, b"new", replace=False)
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"new")
    assert (tmp_path / "former").read_bytes() == b"former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "former"]
    write_private(tmp_path / "new", b"new", replace=False)
    assert (tmp_path / "new").read_bytes() == b"new"


def test_a_full_disk_leaves_nothing_of_the_new_file() -> None:
    """If part of the new file cannot be written, the previous one stays and the rest is removed."""
    import resource
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        write_private(path, b"former")
        child = os.fork()
        if child == 0:  # pragma: no cover — a separate process, for the limit
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
            try:
                write_private(path, b"new" * 100)
            except OSError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert path.read_bytes() == b"former"
        assert [entry.name for entry in Path(folder).iterdir()] == ["key"]


def test_a_folder_is_synced_by_path_or_descriptor(tmp_path: Path) -> None:
    """The caller's descriptor stays open; a missing folder is an error."""
    sync_folder(tmp_path)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        sync_folder(descriptor)
        os.fstat(descriptor)
    finally:
        os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
