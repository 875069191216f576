"""Names from a Sheet, a vault or a history cannot control the terminal that shows them."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.cli import job_page
from sheets_decrypt.cli import job_table as status
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.sandbox.google import Tab
from sheets_decrypt.system.printable import printable
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests.survey import VAULT_PASSPHRASE, World
from tests.unattended_parts import configuration

ESCAPE = "\x1b]0;owned\x07\x9b2J\u202egnp\u2066\x7f"
ESCAPED = r"\u001b]0;owned\u0007\u009b2J\u202egnp\u2066\u007f"


@given(st.text())
def test_printable_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    """No control character and no override of the writing's direction is left, and the rest is as it was."""
    shown = printable(text)
    obeyed = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e"}
    obeyed |= set("\u2066\u2067\u2068\u2069")
    assert not obeyed & set(shown)
    assert shown == "".join(f"\\u{ord(letter):04x}" if letter in obeyed else letter for letter in text)


@given(st.text())
def test_printable_json_says_the_same(text: str) -> None:
    """The escapes are JSON's own."""
    assert json.loads(printable(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_printable_text_may_keep_its_lines() -> None:
    """Where a text has lines, they stay; nothing else does."""
    assert printable("a\n\tb\r\x1b", keep="\n\t") == "a\n\tb\\u000d\\u001b"


def _nothing_obeyed(text: str) -> None:
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x7f"} & set(text)


def _named(world: World, name: str) -> None:
    """Let the survey lie in a spreadsheet, a tab and a column whose names end so."""
    sheet = [list(row) for row in world.survey.sheet]
    sheet[0][4] = f"free{name}"
    spreadsheet = world.google.add(f"Survey{name}", [Tab(f"data{name}", sheet)])
    world.settings |= {"spreadsheet": spreadsheet, "worksheet": f"data{name}"}
    world.configure()


def test_names_in_a_sheet_do_not_reach_the_terminal_as_they_are(world: World) -> None:
    """A spreadsheet's title, a tab's and a column's name are shown with their escape sequences spelt out."""
    _named(world, ESCAPE)
    for more in ([], ["--json"]):
        done = world.run("check", "--config", world.path, *more)
        assert done.code == 0
        assert f"Survey{ESCAPED}" in done.out
        assert f"data{ESCAPED}" in done.out
        _nothing_obeyed(done.out + done.err)
    world.configure(columns=["name", f"free{ESCAPE}"])
    log = world.folder / "pull.log"
    done = world.pull("--log", log)
    assert done.code == 0
    assert f"free{ESCAPED}" in done.err
    assert f"free{ESCAPED}" in log.read_text(encoding="utf-8")
    _nothing_obeyed(done.out + done.err + log.read_text(encoding="utf-8"))


def test_a_tab_title_cannot_forge_a_check(world: World) -> None:
    """A line break in it stays on its line."""
    _named(world, "\nok      baseline: key fits")
    done = world.run("check", "--config", world.path)
    assert r"data\u000aok      baseline: key fits" in done.out
    assert '\nok      baseline: key fits"' not in done.out


def test_a_json_line_with_escapes_is_json(world: World) -> None:
    """What a program reads comes back as it was."""
    world.configure(worksheet=f"no{ESCAPE}")
    done = world.pull("--json")
    assert done.code == 5
    _nothing_obeyed(done.out)
    assert f"no{ESCAPE}" in done.records()[0]["error"]["message"]


def test_tables_show_escapes_spelt_out(world: World) -> None:
    """The history and the status say what a run said of a sheet; neither does the page for a browser turn it round."""
    world.configure(worksheet=f"no{ESCAPE}")
    assert world.pull().code == 5
    page = world.folder / "page.html"
    shown = world.run("status", "--config", world.path).out
    as_json = world.run("status", "--config", world.path, "--html", page, "--json").out
    assert r"\u001b]0;owned" in shown
    assert "owned" not in page.read_text(encoding="utf-8")  # it has no error text at all
    _nothing_obeyed(shown + page.read_text(encoding="utf-8") + as_json)
    assert f"no{ESCAPE}" in json.loads(as_json)["message"]


def test_the_history_shows_escapes_spelt_out(world: World) -> None:
    """Whoever can write into the vault does not write on the terminal of who reads the history."""
    line = json.dumps({"job": f"base{ESCAPE}", "status": "written", "error": {"message": ESCAPE}})
    with world.vault.replace("surveys/baseline.csv.runs.jsonl") as sink:
        sink.write(line.encode() + b"\n")
    table = world.run("history", "--config", world.path)
    assert table.code == 0
    assert r"base\u001b]0;owned" in table.out
    as_json = world.run("history", "--config", world.path, "--json")
    _nothing_obeyed(table.out + as_json.out)
    assert as_json.records()[0]["job"] == f"base{ESCAPE}"


def test_a_status_of_another_host_shows_escapes_spelt_out(tmp_path: Path) -> None:
    """Every column of the table is text that someone else chose."""
    config = configuration(tmp_path)
    found = status.survey(config, ["baseline"], [], datetime.now(UTC))
    shown = job_page.page([_with(found[0], ESCAPE)], datetime.now(UTC))
    _nothing_obeyed(shown)
    assert shown.count(r"\u001b]0;owned") == 4


def _with(one: status.JobStatus, text: str) -> status.JobStatus:
    return status.JobStatus("j" + text, JobState(), None, text, text, csv=text)


def test_names_in_a_vault_are_listed_spelt_out_and_files_printed_as_they_are(world: World) -> None:
    """`vault ls` is for the terminal; `vault cat` gives the bytes."""
    with CryptomatorVault(world.vault_folder, Secret(VAULT_PASSPHRASE)).replace("a\n\tb\u202e.txt") as sink:
        sink.write(ESCAPE.encode())
    listed = world.run("vault", "ls", "--config", world.path).out.splitlines()
    assert r"a\u000a\u0009b\u202e.txt" in listed
    assert world.run("vault", "cat", "--config", world.path, "a\n\tb\u202e.txt").out == ESCAPE


def test_texts_of_several_lines_keep_them(world: World) -> None:
    """The commented example is a file, and prints as one."""
    done = world.run("config", "example")
    assert "\n[google]\n" in done.out
    assert "\\u000a" not in done.out
