"""What `import sheets_decrypt` offers."""

import importlib
import subprocess
import sys

import pytest

import sheets_decrypt


@pytest.mark.parametrize("name", sheets_decrypt.__all__)
def test_a_public_name_is_the_one_of_its_module(name: str) -> None:
    """Every name that the package offers is there, and is what its module has."""
    found = getattr(sheets_decrypt, name)
    assert found is getattr(importlib.import_module(found.__module__), name)
    assert found.__module__.startswith("sheets_decrypt.")


def test_every_public_name_has_a_home() -> None:
    """What is offered to a type checker is what is found when the program runs."""
    assert set(sheets_decrypt.__all__) == set(sheets_decrypt._HOMES)


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    """A slip is told as Python tells it everywhere."""
    with pytest.raises(AttributeError, match="module 'sheets_decrypt' has no attribute 'Konfig'"):
        _ = sheets_decrypt.Konfig


def test_importing_the_package_imports_no_library() -> None:
    """Nobody waits for what a pull needs who has not asked for it."""
    code = "import sys, sheets_decrypt; sys.exit(bool({'pydantic', 'gspread', 'cryptography'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
