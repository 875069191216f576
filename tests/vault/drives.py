"""Folders on a mounted drive, for the tests of this folder."""

from pathlib import Path

import pytest

from sheets_decrypt.vault import volume
from sheets_decrypt.vault.interface import Place, Protection
from tests import mounts

BY_DESCRIPTOR = [pytest.param(True, marks=pytest.mark.system("posix", "Windows cannot hold a folder open")), False]


def own_folder(mounted: mounts.Mounted, request: pytest.FixtureRequest) -> Path:
    """Make a folder on the drive that no other test uses."""
    folder = mounted.point / f"{abs(hash(request.node.nodeid)):x}"
    folder.mkdir()
    return folder


def as_vault(path: Path) -> Place:
    """Report any file system as a vault, where a test needs one that cannot be a real vault."""
    return Place(Protection.VAULT, "test", volume.classify(path).where)
