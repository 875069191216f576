"""The vault is checked before Google or a secret is asked."""

import json
import os
import sys
from pathlib import Path

from tests import mounts, systems
from tests.story.refusals import FORMER
from tests.survey import World, assert_nothing_leaked


def test_a_refused_vault_is_told_before_google_or_a_secret_is_asked(world: World) -> None:
    """A path that is not encrypted: no request is sent, and no secret is read."""
    plain = world.folder / "plain"
    plain.mkdir()
    asked = world.folder / "asked"
    world.keys = {"private_keys": {"command": [sys.executable, "-c", f"open({str(asked)!r}, 'w')"]}}
    del world.settings["vault"]
    world.configure(output=str(plain / "a.csv"))
    done = world.pull()
    assert done.code == 7
    assert ("encrypted" if systems.WINDOWS else "not encrypted") in done.err  # whether C: is, BitLocker knows
    assert "hint: unlock the vault" in done.err
    assert world.google.requests == []
    assert not asked.exists()
    assert list(plain.iterdir()) == []


def test_a_wrong_passphrase_changes_nothing(former: World) -> None:
    """A Cryptomator vault that stays locked is exit code 7, before Google is asked."""
    former.keep("vault", "not the passphrase")
    done = former.pull()
    assert done.code == 7
    assert "passphrase" in done.err
    assert former.google.requests == []
    assert former.csv() == FORMER


def test_a_wrong_passphrase_is_a_failure_and_not_a_locked_vault(former: World) -> None:
    """No unlocking mends it, so it is neither called skipped nor tried again, and is reported after the first run."""
    former.keep("vault", "not the passphrase")
    assert former.pull("--retry", "1").code == 7
    [found] = former.run("status", "--config", former.path, "--json").records()
    assert (found["failed_runs"], found["locked_runs"]) == (1, 0)
    assert "failed with exit code 7: the passphrase does not open" in former.run("status", "--config", former.path).out


def test_an_output_inside_a_locked_vault_is_refused(world: World) -> None:
    """Plaintext beside a vault's encrypted files would go to the cloud: no configuration allows it."""
    del world.settings["vault"]
    world.configure(output=str(world.vault_folder / "a.csv"), accept=["vault", "encrypted disk", "cannot tell"])
    before = world.encrypted_files()
    done = world.pull()
    assert done.code == 7
    assert "the encrypted storage folder of a locked Cryptomator vault" in done.err
    assert world.encrypted_files() == before
    assert world.google.requests == []


def test_a_pull_onto_a_mounted_drive(world: World, tmp_path: Path) -> None:
    """On a real gocryptfs mount: written, unchanged to the nanosecond, remembered, and gone with the mount."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / "baseline.csv"
        world.configure(output=str(csv), keep=1)
        run = world.run if systems.WINDOWS else world.process  # only this process takes the letter for a vault
        assert run("pull", "--config", world.path).code == 0
        assert csv.read_bytes() == world.whole()
        before = csv.stat()
        assert world.pull().out.startswith("baseline: nothing changed")
        assert (csv.stat().st_mtime_ns, csv.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
        history = (drive.point / "baseline.csv.runs.jsonl").read_text()
        assert_nothing_leaked(history, world.survey)
        assert [json.loads(line)["status"] for line in history.splitlines()] == ["written", "unchanged"]
        assert sorted(path.name for path in drive.point.iterdir()) == [
            "baseline.csv",
            "baseline.csv.runs.jsonl",
            "baseline.report.txt",
        ]
    asked = len(world.google.requests)
    done = world.pull()
    assert (done.code, len(world.google.requests)) == (7, asked)
    assert os.listdir(drive.point) == []  # noqa: PTH208  (scandir does not find the empty root of a drive)


def test_a_drive_is_known_by_its_mark(world: World, tmp_path: Path) -> None:
    """With `mark`, a mounted drive that is not the one that the configuration names is refused."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        world.configure(output=str(drive.point / "a.csv"), mark="survey-drive")
        assert world.pull().code == 7
        (drive.point / ".sheets-decrypt-vault").write_text("survey-drive\n")
        assert world.pull().code == 0


def test_a_history_that_cannot_be_written_is_a_warning(world: World, tmp_path: Path) -> None:
    """The run is over and its result is kept, but it is not silent."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        world.configure(output=str(drive.point / "a.csv"))
        (drive.point / "a.csv.runs.jsonl").mkdir()
        done = world.pull()
        assert done.code == 0
        assert "warning: baseline: the history could not be written: " in done.err
        assert (drive.point / "a.csv").read_bytes() == world.whole()
