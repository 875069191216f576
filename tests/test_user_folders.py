"""The folders of the user's configuration, state and logs."""

import sys
from pathlib import Path

import platformdirs
import pytest

from sheets_decrypt.system import user_folders

FOLDERS = {
    "configuration": (user_folders.configuration, "XDG_CONFIG_HOME"),
    "state": (user_folders.state, "XDG_STATE_HOME"),
    "logs": (user_folders.logs, "XDG_STATE_HOME"),
}


@pytest.mark.parametrize(("folder", "variable"), FOLDERS.values(), ids=FOLDERS)
def test_xdg_variables_move_the_folders_on_every_system(
    folder: "object", variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test, a demo or a service account can have its own folders, on Windows and macOS as well."""
    assert callable(folder)
    monkeypatch.setenv(variable, str(tmp_path))
    assert (tmp_path / "sheets-decrypt") in {folder(), folder().parent}


@pytest.mark.parametrize(("folder", "variable"), FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("value", ["", " ", "relative"])
def test_a_relative_path_is_ignored(
    folder: "object", variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path relative to the current folder would differ between runs."""
    assert callable(folder)
    monkeypatch.setenv(variable, value)
    assert folder().is_absolute()
    assert not folder().is_relative_to(Path.cwd())


def test_each_folder_has_our_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    r"""On Windows the author's name comes first and defaults to the program's: `…\X\X\`."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    if sys.platform != "win32":  # the answers of Windows
        from platformdirs.windows import Windows

        monkeypatch.setattr(platformdirs, "PlatformDirs", Windows)
        monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda name: f"/home/me/{name}")
    for folder, _ in FOLDERS.values():
        assert list(folder().parts).count("sheets-decrypt") == 1
        assert "sheets-decrypt" in str(folder()).replace("\\", "/").split("/")
