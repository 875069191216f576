"""Notifications around each run from the command line: who is notified of what, without changing the run's result."""

import base64
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sheets_decrypt.sandbox.google import Tab
from tests import survey
from tests.survey import VAULT_PASSPHRASE, World
from tests.unattended_parts import Web, memory, web_server

# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def web(world: World) -> Iterator[Web]:
    """Run a web server, and check that nothing sent to it contains an answer, a token or a secret."""
    with web_server() as server:
        yield server
    assert server.received
    for path, body in server.received:
        survey.assert_nothing_leaked(path + body, world.survey)


def _notify(world: World, web: Web, **more: object) -> None:
    """Configure a heartbeat for every run of `baseline` and messages for its news."""
    settings = {"healthchecks": f"{web.url}/ping", "urls": [f"json://127.0.0.1:{web.port}/news"], **more}
    world.configure(notify=settings)


def _breaking(world: World, web: Web, **more: object) -> None:
    """Do the same for a job that fails."""
    _notify(world, web, **more)
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text.replace('["name", "phone", "address"]', '["nobody"]'), encoding="utf-8")


def test_every_run_sends_a_heartbeat_and_a_failure_is_news(world: World, web: Web) -> None:
    """The heartbeat gets start and success, then the exit code; people get failure and recovery."""
    _notify(world, web)
    assert world.pull().code == 0
    assert "rows: 6" in web.received[-1][1]
    assert web.received[0][1] == "job: baseline\n"
    assert web.paths() == ["/ping/start", "/ping"]
    _breaking(world, web)
    for _ in range(2):
        assert world.pull().code == 9
        assert "exit code 9" in web.received[-2][1]
        assert web.paths() == ["/ping/start", "/ping/9", "/news"]
    _notify(world, web)
    assert world.pull().code == 0
    assert "works again" in web.received[-1][1]
    assert web.paths() == ["/ping/start", "/ping", "/news"]
    assert world.pull().code == 0
    assert web.paths() == ["/ping/start", "/ping"]


def test_success_is_news_if_configured(world: World, web: Web) -> None:
    """`on` chooses the events for messages."""
    _notify(world, web, on=["success"])
    world.pull()
    assert web.paths() == ["/ping/start", "/ping", "/news"]
    _breaking(world, web, on=["success"])
    world.pull()
    assert web.paths() == ["/ping/start", "/ping/9"]


def test_a_partial_run_is_a_failure_and_the_next_good_one_a_recovery(world: World, web: Web) -> None:
    """Exit code 3 is reported each time, and so is the recovery."""
    _notify(world, web)
    good = world.survey.sheet
    damaged = [list(row) for row in good]
    damaged[1][1] = str(damaged[1][1])[:-8] + "AAAAAAA="
    world.google.replace_rows(world.spreadsheet, "data", damaged)
    assert world.pull().code == 3
    assert "cells could not be decrypted" in web.received[-2][1]
    assert web.paths() == ["/ping/start", "/ping/3", "/news"]
    world.google.replace_rows(world.spreadsheet, "data", good)
    assert world.pull().code == 0
    assert "works again" in web.received[-1][1]
    assert web.paths() == ["/ping/start", "/ping", "/news"]


def test_a_locked_vault_is_reported_only_if_it_stays_locked(world: World, web: Web, tmp_path: Path) -> None:
    """A laptop whose vault is locked at night alarms no one, not even with a recovery; one that stays locked does."""
    _notify(world, web, locked_after=3)
    shutil.move(world.vault_folder, tmp_path / "away")
    for _ in range(2):
        assert world.pull().code == 7
        assert "skipped" in web.received[-1][1]
        assert web.paths() == ["/ping/start", "/ping"]
    shutil.move(tmp_path / "away", world.vault_folder)
    assert world.pull().code == 0
    assert web.paths() == ["/ping/start", "/ping"]
    shutil.move(world.vault_folder, tmp_path / "away")
    for expected in (["/ping"], ["/ping"], ["/ping/7", "/news"], ["/ping/7"]):
        assert world.pull().code == 7
        assert web.paths() == ["/ping/start", *expected]
    assert memory(world).locked_runs == 4
    shutil.move(tmp_path / "away", world.vault_folder)
    assert world.pull().code == 0
    assert web.paths() == ["/ping/start", "/ping", "/news"]


def test_a_damaged_vault_is_a_failure_at_once(world: World, web: Web) -> None:
    """Only a locked vault is tolerated for some runs; any other problem with it is reported the first time."""
    _notify(world, web)
    (world.vault_folder / "masterkey.cryptomator").write_bytes(b"{}")
    assert world.pull().code == 7
    assert web.paths() == ["/ping/start", "/ping/7", "/news"]
    assert memory(world).locked_runs == 0


@pytest.mark.parametrize("answer", [404, 500])
def test_a_notifier_that_refuses_changes_no_result(world: World, web: Web, waits: list[float], answer: int) -> None:
    """Each error of a server is a warning, and the exit code stays that of the run."""
    web.codes = {"/": answer}
    _notify(world, web, on=["success", "failure"])
    done = world.pull("--quiet")
    assert (done.code, done.out) == (0, "")
    assert [line.startswith("warning: baseline: the ") for line in done.err.splitlines()] == [True] * 3
    assert world.csv() == world.whole()
    _breaking(world, web)
    assert world.pull().code == 9


def test_a_notifier_that_is_down_or_never_answers_changes_no_result(world: World, web: Web, waits: list[float]) -> None:
    """A missing server and one that keeps the connection open are warnings as well."""
    web.seconds = 600
    world.configure(
        notify={"healthchecks": "http://127.0.0.1:9/secret-part", "urls": [f"json://127.0.0.1:{web.port}/"]}
    )
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text.replace('["name", "phone", "address"]', '["nobody"]'), encoding="utf-8")
    done = world.pull()
    assert done.code == 9
    warnings = [line for line in done.err.splitlines() if "heartbeat" in line or "message to" in line]
    assert len(warnings) == 3
    assert "secret-part" not in done.err


def test_addresses_can_be_secrets(world: World, web: Web, waits: list[float]) -> None:
    """An address from a file is used but never shown; an unreadable one is a warning that names its source."""
    world.keep("ping", f"{web.url}/{VAULT_PASSPHRASE}-address")
    web.codes = {"/": 500}
    world.configure(notify={"healthchecks": {"file": "keys/ping"}, "urls": [{"file": "keys/nowhere"}]})
    done = world.pull()
    assert done.code == 0
    assert set(web.paths()) == {f"/{VAULT_PASSPHRASE}-address", f"/{VAULT_PASSPHRASE}-address/start"}
    assert "[notify]: the secret's file" in done.err
    web.received[:] = [("", body) for _, body in web.received]


def test_an_unexpected_address_stops_no_run(world: World, web: Web) -> None:
    """Whatever reading an address raises, the run continues."""
    _notify(world, web)
    world.configure(
        notify={"healthchecks": {"command": ["printf", "a\0b"]}, "urls": [f"json://127.0.0.1:{web.port}/a"]}
    )
    done = world.pull()
    assert done.code == 0
    assert "[notify]" in done.err
    world.configure(notify={"urls": [f"json://127.0.0.1:{web.port}/a"], "on": ["success"]})
    assert world.pull().code == 0


def test_a_job_may_notify_another_address(world: World, web: Web) -> None:
    """A job's own [notify] replaces the shared one."""
    jobs: dict[str, dict[str, object]] = {
        "one": {"output": "one.csv"},
        "two": {"output": "two.csv", "notify": {"healthchecks": f"{web.url}/two"}},
    }
    world.configure(jobs)
    with world.path.open("a", encoding="utf-8") as file:
        file.write(f'[notify]\nhealthchecks = "{web.url}/all"\n')
    assert world.pull().code == 0
    assert web.paths() == ["/all/start", "/all", "/two/start", "/two"]


def test_a_dry_run_notifies_no_one_and_is_not_recorded(world: World, web: Web) -> None:
    """A trial run is not news."""
    _breaking(world, web)
    assert world.pull("--dry-run").code == 9
    assert web.paths() == []
    assert memory(world).last_run == ""
    assert world.pull().code == 9
    assert memory(world).failed_runs == 1


# Messages that leave this computer


def _broken_token(world: World) -> str:
    """Return a legacy token whose padding is wrong under the right key."""
    key = world.survey.legacy_secret.reveal()[:16].encode()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(bytes(16) + encryptor.update(b"A" * 16) + encryptor.finalize()).decode()


def test_an_editor_learns_no_more_than_that_cells_failed(world: World, web: Web) -> None:
    """One broken phone number, two or all six, with a CSV or without: the messages are the same."""
    _notify(world, web)
    good, codes, sent = world.survey.sheet, [], []
    for broken in (1, 2, 6):
        sheet = [list(row) for row in good]
        for row in sheet[1 : broken + 1]:
            row[2] = _broken_token(world)
        world.google.replace_rows(world.spreadsheet, "data", sheet)
        codes.append(world.pull().code)
        sent.append([(path, _without_time(body)) for path, body in web.asked])
        web.asked.clear()
    assert codes == [3, 9, 4]  # 9: far fewer answers decrypt than last time
    assert [path for path, _ in sent[0]] == ["/ping/start", "/ping/3", "/news"]
    assert sent[0] == sent[1] == sent[2]


def _without_time(body: str) -> str:
    """Remove what apprise adds."""
    return re.sub(r'"(?:timestamp|uuid)": ?"[^"]*"', "", body)


def test_the_heartbeat_does_not_reveal_whether_an_answer_changed(world: World, web: Web) -> None:
    """A run that wrote the CSV and one that left it unchanged send the same heartbeat."""
    _notify(world, web)
    assert world.pull("--json").records()[0]["status"] == "written"
    assert world.pull("--json").records()[0]["status"] == "unchanged"
    assert len(web.received) == 4
    assert web.received[:2] == web.received[2:]


def test_a_title_from_the_sheet_is_not_sent(world: World, web: Web) -> None:
    """Errors and hints name tabs and columns only to the user of this computer."""
    _notify(world, web)
    sheet = [list(row) for row in world.survey.sheet]
    sheet[0][4] = "phishing-link"
    link = '<a href="https://phishing-link.example">open</a>'
    spreadsheet = world.google.add("Survey", [Tab(link, sheet)])
    text = world.path.read_text(encoding="utf-8")
    for job in ({"worksheet": "no such tab"}, {"columns": ["phishing-lonk"]}):
        world.settings |= {"spreadsheet": spreadsheet}
        world.configure(**job)
        world.path.write_text(world.path.read_text(encoding="utf-8") + text[text.index("notify") :], encoding="utf-8")
        done = world.pull()
        assert done.code in {5, 9}
        assert "phishing-link" in done.err
        assert web.paths() == ["/ping/start", f"/ping/{done.code}", "/news"]
    assert not [body for _, body in web.received if "phishing-link" in body]


# A run that hangs


# A stand-in for a password manager that waits for a person. Its answer file appears in one step.
_KEY_TOOL = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "asked").touch()
while not (folder / "answer").exists():
    time.sleep(0.01)
print((folder / "answer").read_text("utf-8"))
"""


@contextmanager
def _hanging(world: World, *, killed: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """Start a pull that waits for its key, and provide the key at the end of the block."""
    tool = world.folder / "key-tool"
    tool.mkdir()
    world.keys["private_keys"] = [{"command": [sys.executable, "-c", _KEY_TOOL, str(tool)]}]
    world.configure()
    # Without `-W error`, because apprise imports a module that Python 3.11 deprecates.
    command = [sys.executable, "-m", "sheets_decrypt", "pull", "--config", str(world.path), "--quiet"]
    with subprocess.Popen(command, env=world.environment(), stderr=subprocess.PIPE, text=True) as run:
        try:
            while not (tool / "asked").exists():
                assert run.poll() is None
                time.sleep(0.01)
            yield run
        finally:
            (tool / "prepared").write_text(world.survey.private_key.reveal(), encoding="utf-8")
            (tool / "prepared").rename(tool / "answer")
        assert (run.wait(60) != 0) == killed


def test_a_run_that_hangs_is_found(world: World, web: Web) -> None:
    """`status` shows its start and how many runs found it; the third of those is reported, and then its end."""
    world.settings["notify"] = {"healthchecks": f"{web.url}/ping", "urls": [f"json://127.0.0.1:{web.port}/news"]}
    with _hanging(world):
        assert web.paths() == ["/ping/start"]
        assert memory(world).running_since
        assert "running since 2" in world.run("status", "--config", world.path).out
        for expected in ([], [], ["/ping/8", "/news"], ["/ping/8"]):
            assert world.pull().code == 8
            assert web.paths() == expected
        assert "another run was under way, 3 runs in a row; it may hang" in web.received[-2][1]
        [shown] = world.run("status", "--config", world.path, "--json").records()
        assert (shown["running"], shown["busy_runs"], shown["exit_code"]) == (True, 4, None)
        assert "(4 runs in a row found it under way)" in world.run("status", "--config", world.path).out
    assert web.paths() == ["/ping", "/news"]
    assert "works again" in web.received[-1][1]
    [shown] = world.run("status", "--config", world.path, "--json").records()
    assert (shown["running"], shown["running_since"], shown["busy_runs"], shown["exit_code"]) == (False, "", 0, 0)


def test_a_killed_run_does_not_look_like_one_that_hangs(world: World, web: Web) -> None:
    """`status` says that it was stopped, and the next run is not blocked."""
    _notify(world, web)
    with _hanging(world, killed=True) as run:
        run.kill()
        run.wait(60)
    assert "was stopped before its end" in world.run("status", "--config", world.path).out
    world.keys["private_keys"] = [{"file": "keys/private_keys"}]
    _notify(world, web)
    assert world.pull().code == 0
    assert "ok" in world.run("status", "--config", world.path).out
