"""The documentation's pictures are linked, small and up to date, and load nothing."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import require
from tests.pictures import PICTURES, demo

ROOT = PICTURES.parents[1]
FILES = sorted(PICTURES.iterdir())
DRAWN = [file for file in FILES if file.suffix == ".svg"]


def _text(svg: str) -> str:
    """Return a picture's text without the parts that differ between runs: tokens and the passphrase."""
    root = ET.fromstring(svg)
    lines = "\n".join(part.text or "" for part in root.iter("{http://www.w3.org/2000/svg}text"))
    # Versions of rich end a picture with more or fewer empty lines.
    return re.sub(r"\S*…|(?:[0-9a-f]{6}-){3}[0-9a-f]{6}", "…", lines.replace("\u00a0", " ")).rstrip("\n")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_picture_is_small_and_linked_with_an_alternative_text(file: Path) -> None:
    """It is smaller than 100 kB, and a page shows it with an alternative text."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert file.stat().st_size < 100_000
    assert re.search(rf"!\[[^\]]{{20,}}\]\((?:docs/)?pictures/{re.escape(file.name)}\)", text)


@pytest.mark.parametrize("file", DRAWN, ids=lambda file: file.name)
def test_a_drawing_loads_nothing_from_elsewhere(file: Path) -> None:
    """It has no font, script, picture or link, and only addresses inside the file itself."""
    text = file.read_text(encoding="utf-8")
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}
    assert not tags & {"script", "image", "a", "foreignObject", "use", "iframe"}
    assert "@font-face" not in text
    assert "@import" not in text
    assert "href" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") == 1


@pytest.mark.system("posix", "a pseudo-terminal stands in for the person")
def test_the_terminal_picture_matches_the_demonstration() -> None:
    """They match line for line; to renew it: `python -m tests.pictures`."""
    require.patience("the demonstration runs at a terminal")
    assert _text((PICTURES / "demo.svg").read_text(encoding="utf-8")) == _text(demo())
