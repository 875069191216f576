"""Nothing leaks: every command and every kind of failure, with everything that it shows, writes, sends and starts."""

import base64
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.cli.commands import sheets_decrypt
from tests.leaks.canaries import Canaries, Places, Watch
from tests.leaks.house import CASES, furnished
from tests.long import scaled

# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
for cases in ("runs", "failures", "commands"):
    importlib.import_module(f"tests.leaks.{cases}")


@pytest.mark.parametrize("name", list(CASES)[scaled(1, 0) :: scaled(5, 1)])
def test_nothing_leaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[[str, int], None], name: str
) -> None:
    """No answer, token, key or password is shown, logged, recorded, sent, handed to a child, or left in a folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))  # for the lock of runs in this process
    with furnished(tmp_path, 6) as house:
        CASES[name](house)
    leaks = house.end()
    count("leak suite: runs", house.runs)
    count("leak suite: canaries looked for", len(house.canaries))
    count("leak suite: forms of canaries looked for", house.canaries.form_count)
    count("leak suite: places searched", len(house.places.content))
    count("leak suite: bytes searched", sum(map(len, house.places.content.values())))
    count("leak suite: child processes looked at", house.children)
    assert not leaks, "\n".join(leaks)
    assert house.runs


def test_every_command_is_run() -> None:
    """A command that is added gets a case here."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("*.py"))
    paths = re.findall(r"(?:house\.run|here)\(\s*\(?([^)]*)", text) + re.findall(
        r"^        \((.*)\),$", text, re.MULTILINE
    )
    run = {tuple(re.findall(r'"([^"]*)"', path)[:2]) for path in paths}
    context = click.Context(sheets_decrypt)
    missing = set()
    for name in sheets_decrypt.list_commands(context):
        command = sheets_decrypt.get_command(context, name)
        for path in [(name, child) for child in command.commands] if isinstance(command, click.Group) else [(name,)]:
            if path not in {words[: len(path)] for words in run}:
                missing.add(path)
    assert missing == set()


@given(st.binary(max_size=5), st.text(min_size=9, max_size=20), st.binary(max_size=5))
def test_a_canary_is_found_in_every_form(before: bytes, text: str, after: bytes) -> None:
    """The search itself works: base64 of any alignment, hex, percent signs, JSON and UTF-16."""
    canaries = Canaries({"it": text})
    data = before + text.encode() + after
    utf16 = before * 2 + text.encode("utf-16-le") + after * 2
    for written in (
        data, utf16, base64.b64encode(data), base64.urlsafe_b64encode(data), base64.b64encode(utf16),
        data.hex().encode(), data.hex().upper().encode(), quote(text).encode(), quote_plus(text).encode(),
        json.dumps(text).encode(),
    ):  # fmt: skip
        assert canaries.found_in(b"x" + written + b"y") == {"it"}


@pytest.mark.system("linux", "a child is looked at in /proc")
def test_a_leak_is_noticed(tmp_path: Path) -> None:
    """In a file, a file's name, a link's target, and the arguments and environment of a child that is gone soon."""
    canaries = Canaries({"it": "a canary of this test"})
    places = Places()
    (tmp_path / "a canary of this test").touch()
    (tmp_path / "link").symlink_to("/a canary of this test")
    (tmp_path / "file").write_bytes("a canary of this test".encode("utf-16-be"))
    places.add_folder(tmp_path)
    assert len(places.leaks(canaries)) == 3
    code = "import subprocess; subprocess.run(['sleep', '0.2'], env={'A': 'a canary of this test'})"
    children = Places()
    with (
        subprocess.Popen([sys.executable, "-c", code]) as process,
        Watch(process.pid, tmp_path / "none", children) as watch,
    ):
        process.wait()
    assert len(watch.children) == 1
    assert any("environment" in leak for leak in children.leaks(canaries))
