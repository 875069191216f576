r"""Users besides the owner who can read a file: by mode bits, or on Windows by its access control list."""

import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.config import SecretSource
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system import access, access_windows
from sheets_decrypt.system.private_file import write_private
from tests.survey import clean_environment, run

ME = "S-1-5-21-1-2-3-1001"
OTHER = "S-1-5-21-1-2-3-1002"
PROFILE = f"O:{ME}D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{ME})"  # as inherited by a file in C:\Users\me


@pytest.mark.parametrize(
    ("descriptor", "readers"),
    [
        (PROFILE, []),
        (f"O:{ME}D:P(A;;FA;;;{ME})", []),
        (f"O:BAD:P(A;;FA;;;{ME})(A;;FA;;;OW)", []),
        ("D:P", []),
        (f"O:{ME}D:PAI(A;;FA;;;{ME})(A;ID;0x1200a9;;;BU)", ["BU"]),
        (f"O:{ME}D:(A;;FA;;;{ME})(A;;FR;;;WD)(A;;FR;;;WD)", ["WD"]),
        (f"O:{ME}D:(A;;GR;;;AU)(A;;GA;;;{OTHER})", ["AU", OTHER]),
        (f"O:{ME}D:(A;;0x1301bf;;;AU)", ["AU"]),
        (f"O:{ME}D:(A;;1;;;AU)", ["AU"]),
        (f"O:{ME}D:(A;;CCLC;;;AU)", ["AU"]),
        (f"O:{ME}D:(A;;WD;;;{OTHER})", [OTHER]),
        (f'O:{ME}D:(XA;;FR;;;WD;(@User.Title=="x"))', ["WD"]),
        (f"O:{ME}D:(D;;FA;;;WD)(A;;FA;;;{ME})", []),
        (f"O:{ME}D:(A;OICIIO;FA;;;WD)", []),
        (f"O:{ME}D:(A;;FW;;;WD)", []),
        (f"O:{ME}D:(A;;0x100000;;;WD)", []),
        (f"O:{ME}D:(A;;FA;;;{ME})S:(AU;SAFA;FA;;;WD)", []),
        (f"O:{ME}D:NO_ACCESS_CONTROL", ["WD"]),
        (f"O:{ME}", ["WD"]),
        (f"O:{OTHER}D:(A;;FA;;;{OTHER})", []),
    ],
)
def test_an_acl_shows_who_can_read(descriptor: str, readers: list[str]) -> None:
    """Owner, current user and administrators do not count; an entry that denies, audits or only writes adds no one."""
    assert access.other_readers(descriptor, ME) == readers


def test_the_command_that_fixes_access_can_be_pasted() -> None:
    """In cmd and PowerShell alike: everything is quoted, without variables or group names, which are translated."""
    command = access.icacls(Path("D:/my keys/private"), ME, ["S-1-1-0", OTHER])
    path = Path("D:/my keys/private")
    assert command == f'icacls "{path}" /inheritance:r /grant:r "*{ME}:F" /remove:g "*S-1-1-0" "*{OTHER}"'


@pytest.mark.parametrize("mode", [0o640, 0o604])
@pytest.mark.system("posix", "mode bits mean nothing on Windows")
def test_the_command_fixes_mode_bits_that_let_others_read(mode: int, tmp_path: Path) -> None:
    """The command works exactly as it is shown."""
    file = tmp_path / "it's private"
    file.write_bytes(b"x")
    file.chmod(mode)
    found = access.shared(file, file.stat())
    assert found is not None
    subprocess.run(found.mend, shell=True, check=True)
    assert access.shared(file, file.stat()) is None


@pytest.mark.system("windows", "POSIX has mode bits")
def test_only_the_owner_can_read_a_private_file(tmp_path: Path) -> None:
    """It is private from the start, even in a folder whose files everyone can read."""
    ordinary, private = tmp_path / "ordinary", tmp_path / "private"
    ordinary.write_bytes(b"x")
    write_private(private, b"secret")
    me = access_windows.my_account()
    assert access.other_readers(access_windows.descriptor(private), me) == []
    assert access.shared(private, private.stat()) is None
    write_private(private, b"second")
    assert (access.shared(private, private.stat()), private.read_bytes()) == (None, b"second")
    if access.other_readers(access_windows.descriptor(ordinary), me):  # under wine, or on a drive such as D:
        assert access.shared(ordinary, ordinary.stat()) is not None


@pytest.mark.system("windows", "POSIX has mode bits")
def test_a_key_from_keygen_is_private_and_a_shared_one_is_refused(tmp_path: Path) -> None:
    """`keygen --file` says that only you can read it, which is true; a manual copy gets the command that fixes it."""
    environment = clean_environment(tmp_path)
    done = run(["keygen", "--file", tmp_path / "private"], environment, folder=tmp_path)
    assert done.code == 0
    me = access_windows.my_account()
    assert access.other_readers(access_windows.descriptor(tmp_path / "private"), me) == []
    assert access.shared(tmp_path / "private", (tmp_path / "private").stat()) is None
    copy = tmp_path / "copy"
    copy.write_bytes((tmp_path / "private").read_bytes())
    if access.shared(copy, copy.stat()):  # not true in a folder of the user's profile
        with pytest.raises(KeyMissing, match="can be read by others") as refused:
            resolve(SecretSource(file=copy))
        assert refused.value.hint.startswith(f'icacls "{copy}" ')
