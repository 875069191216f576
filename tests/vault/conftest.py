"""Unlocked vaults for the tests of this folder."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import mounts
from tests.vault.drives import own_folder


@pytest.fixture(scope="module")
def gocryptfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mounts.Mounted]:
    """An unlocked gocryptfs vault for the whole module."""
    with mounts.gocryptfs(tmp_path_factory.mktemp("gocryptfs")) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def cryfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mounts.Mounted]:
    """An unlocked CryFS vault for the whole module."""
    with mounts.cryfs(tmp_path_factory.mktemp("cryfs")) as mounted:
        yield mounted


@pytest.fixture
def folder(gocryptfs: mounts.Mounted, request: pytest.FixtureRequest) -> Path:
    """An empty folder of the test's own on the gocryptfs drive."""
    return own_folder(gocryptfs, request)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[mounts.Mounted]:
    """An unlocked gocryptfs vault for one test, which may break it."""
    with mounts.gocryptfs(tmp_path) as mounted:
        yield mounted


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Check after every test that nothing on a drive is still open, since that would keep the vault from locking."""
    yield
    if sys.platform == "linux":
        held = [path for number in Path("/proc/self/fd").iterdir() if "/drive" in (path := os.path.realpath(number))]
        assert held == []
