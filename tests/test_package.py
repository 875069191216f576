"""The public interface of `import sheets_decrypt`."""

import subprocess
import sys
from pathlib import Path

import pytest

import sheets_decrypt
from sheets_decrypt import config, errors
from sheets_decrypt.runs import record
from sheets_decrypt.story import options
from tests import require


def test_the_public_names_are_those_of_their_modules() -> None:
    """The options and errors are the same objects."""
    assert sheets_decrypt.Options is options.Options
    assert sheets_decrypt.KeyProblem is errors.KeyProblem
    assert all(getattr(sheets_decrypt, name) for name in sheets_decrypt.__all__)


@pytest.mark.system("posix", "types are checked only once")
def test_a_type_checker_knows_the_public_names(tmp_path: Path) -> None:
    """A user's program is checked against the real types.

    Each mypy run also checks this file: if the types were lost, the `ignore` below would be reported as unused.
    """

    def run(config: config.Config) -> int:
        done: record.Record = sheets_decrypt.pull("a", config.jobs["a"], config)
        wrong: int = sheets_decrypt.pull  # type: ignore[assignment]
        return done.rows_read + wrong

    require.patience("mypy reads every type from the start")
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "from sheets_decrypt import load, pull\n"
        "def run(config: Path) -> int:\n"
        "    record = pull('a', load(config).jobs['a'], load(config))\n"
        "    return record.rows_read\n"
        "wrong: int = pull\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "program.py:6: error" in done.stdout
    assert "Found 1 error in 1 file" in done.stdout


def test_importing_the_package_imports_no_library() -> None:
    """Importing the package alone does not wait for the libraries that a pull needs."""
    code = "import sys, sheets_decrypt; sys.exit(bool({'pydantic', 'gspread', 'cryptography'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


MODULES = sorted(path.stem for path in Path(sheets_decrypt.__file__).parent.glob("cli/*.py"))


def test_every_file_of_the_command_line_can_be_imported_first() -> None:
    """No module depends on another one being imported before: the whole package is unloaded each time."""
    require.patience("every file is imported again, and the import rules already forbid cycles")
    code = """
import importlib, sys
for module in sys.argv[1:]:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sheets_decrypt"]:
        del sys.modules[name]
    importlib.import_module(f"sheets_decrypt.cli.{module}")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, *MODULES], check=True)


def test_importing_a_module_does_not_import_the_library() -> None:
    """`from sheets_decrypt import errors` does not import the library, which would be a circular import."""
    code = "import sys; from sheets_decrypt import errors; sys.exit('sheets_decrypt.story.pull' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_public() -> None:
    """`sheets_decrypt.__version__` is the version that `--version` prints and that pip has installed."""
    from importlib.metadata import version

    assert sheets_decrypt.__version__ == version("sheets-decrypt")
