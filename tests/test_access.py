r"""Who besides its owner can read a file: by mode bits, and on Windows by its access control list."""

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
PROFILE = f"O:{ME}D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{ME})"  # what a file in C:\Users\me inherits


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
def test_an_acl_names_who_can_read(descriptor: str, readers: list[str]) -> None:
    """Its owner, this user and administrators are no others; what only forbids, audits or writes gives no reader."""
    assert access.other_readers(descriptor, ME) == readers


def test_the_command_that_mends_it_can_be_pasted() -> None:
    """In cmd and in PowerShell: quotes around all, no variable, and no group by its name, which has translations."""
    command = access.icacls(Path("D:/my keys/private"), ME, ["S-1-1-0", OTHER])
    path = Path("D:/my keys/private")
    assert command == f'icacls "{path}" /inheritance:r /grant:r "*{ME}:F" /remove:g "*S-1-1-0" "*{OTHER}"'


@pytest.mark.parametrize("mode", [0o640, 0o604])
@pytest.mark.system("posix", "mode bits mean nothing on Windows")
def test_mode_bits_show_who_can_read_and_the_command_mends_it(mode: int, tmp_path: Path) -> None:
    """What is shown is what must be pasted."""
    file = tmp_path / "it's private"
    file.write_bytes(b"x")
    file.chmod(mode)
    found = access.shared(file, file.stat())
    assert found is not None
    subprocess.run(found.mend, shell=True, check=True)
    assert access.shared(file, file.stat()) is None


@pytest.mark.system("windows", "POSIX has mode bits")
def test_a_private_file_has_its_owner_alone(tmp_path: Path) -> None:
    """From its first moment, in a folder whose files everybody can read."""
    ordinary, private = tmp_path / "ordinary", tmp_path / "private"
    ordinary.write_bytes(b"x")
    write_private(private, b"secret")
    me = access_windows.my_account()
    assert access.other_readers(access_windows.descriptor(private), me) == []
    assert access.shared(private, private.stat()) is None
    write_private(private, b"second")
    assert (access.shared(private, private.stat()), private.read_bytes()) == (None, b"second")
    if access.other_readers(access_windows.descriptor(ordinary), me):  # as under wine, and on a drive such as D:
        assert access.shared(ordinary, ordinary.stat()) is not None


@pytest.mark.system("windows", "POSIX has mode bits")
def test_the_key_that_keygen_writes_is_read_and_one_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    """`keygen --file` says that only you can read it, and that is so; a copy by hand gets the command that mends it."""
    environment = clean_environment(tmp_path)
    done = run(["keygen", "--file", tmp_path / "private"], environment, folder=tmp_path)
    assert done.code == 0
    me = access_windows.my_account()
    assert access.other_readers(access_windows.descriptor(tmp_path / "private"), me) == []
    assert access.shared(tmp_path / "private", (tmp_path / "private").stat()) is None
    copy = tmp_path / "copy"
    copy.write_bytes((tmp_path / "private").read_bytes())
    if access.shared(copy, copy.stat()):  # not in a folder of the user's profile
        with pytest.raises(KeyMissing, match="can be read by others") as refused:
            resolve(SecretSource(file=copy))
        assert refused.value.hint.startswith(f'icacls "{copy}" ')
