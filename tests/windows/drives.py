r"""Drive letters, such as `X:`, that represent unlocked vaults: real files on a file system with an injected name.

No vault can be mounted under wine. `prefix` creates the letters; each test process has half of them.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sheets_decrypt.vault.windows_calls import Windows
from tests import require
from tests.windows.prefix import LETTERS

_HALF: Final = len(LETTERS) // 2
_in_use: dict[str, str] = {}


@contextlib.contextmanager
def lettered(kind: str) -> Iterator[Path]:
    """Yield the root of an empty drive whose file system is named `kind`."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2
    mine = LETTERS[number * _HALF : (number + 1) * _HALF]
    letter = next(letter for letter in mine if f"{letter}:\\" not in _in_use)
    root = Path(f"{letter}:\\")
    require.that(root.exists(), f"the drive {letter}: does not exist; `python -m tests.windows` makes it")
    _in_use[str(root)] = kind
    _empty(root)
    try:
        yield root
    finally:
        del _in_use[str(root)]
        _empty(root)


def announce() -> None:
    """Inject the names of these drives' file systems."""
    real = Windows.file_system
    patch = pytest.MonkeyPatch()
    patch.setattr(Windows, "file_system", lambda self, root: _in_use.get(root) or real(self, root))


def _empty(root: Path) -> None:
    # Not `iterdir`: Python's scandir reports the empty root of a drive as not found, but listdir does not.
    for path in (root / name for name in os.listdir(root)):  # noqa: PTH208
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
