"""`init` and `keygen`: a configuration and a key pair for someone who has neither."""

import errno
import os
import stat
import tomllib
from pathlib import Path

import pytest

from sheets_decrypt.config import load
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.system.private_file import write_private_text
from tests import mounts, systems
from tests.pseudo_terminal import on_a_terminal
from tests.survey import ENCRYPTED, World, assert_nothing_leaked

GEHEIM = "geheim-5521"


def _answers(world: World, **more: object) -> list[object]:
    options = {
        "config": world.folder / "new/sheets-decrypt.toml",
        "spreadsheet": world.google.url(world.spreadsheet, "data"),
        "columns": ",".join(ENCRYPTED),
        "output": world.folder / "drive/baseline.csv",
        "credentials": world.google.key_file,
        "private-key-from": f"file:{world.folder}/keys/private_keys",
        "legacy-secret-from": "file:keys/legacy_secrets",
        "passphrase-from": "env:SURVEY_PASSPHRASE",
    } | more
    return ["init", *(text for name, value in options.items() if value for text in (f"--{name}", value))]


def test_init_with_options_writes_what_a_pull_needs(world: World, tmp_path: Path) -> None:
    """Without a terminal, options are enough: what is written is valid, private, commented, and works."""
    path = world.folder / "new/sheets-decrypt.toml"
    with mounts.gocryptfs(tmp_path) as drive:
        done = world.run(*_answers(world, output=drive.point / "baseline.csv"))
        assert (done.code, done.err) == (0, "")
        assert done.out.splitlines() == [f"wrote {path}", f"next: sheets-decrypt check --config {path}"]
        assert os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text()
        assert "# the share of rows that may be gone before the run is refused\n# max_shrink = 0.1" in text
        job = load(path).jobs["baseline"]
        assert job.columns == ENCRYPTED
        assert load(path).keys.legacy_secrets[0].file == world.folder / "keys/legacy_secrets"
        google = {name: value for name, value in world.google.environment().items() if name != "GOOGLE"}
        environment = google | {"SURVEY_PASSPHRASE": world.survey.passphrase.reveal()}
        assert world.run("pull", "--config", path, environment=environment).code == 0
        assert (drive.point / "baseline.csv").read_bytes() == world.whole()


def test_init_writes_to_the_users_folder_by_default(world: World) -> None:
    """There every command finds it without an option."""
    assert world.run(*_answers(world, config="")).code == 0
    assert world.run("config", "validate").out.endswith("jobs: baseline\n")


def test_init_replaces_no_configuration_unasked(world: World) -> None:
    """Only with --force."""
    before = world.path.read_bytes()
    done = world.run(*_answers(world, config=world.path))
    assert done.code == 2
    assert "already exists" in done.err
    assert world.path.read_bytes() == before
    assert world.run(*_answers(world, config=world.path), "--force").code == 0
    assert world.path.read_bytes() != before


@pytest.mark.parametrize("name", ["spreadsheet", "columns", "output", "credentials"])
def test_init_without_a_terminal_names_the_option_that_is_missing(world: World, name: str) -> None:
    """It does not wait for an answer that no one gives, and writes nothing."""
    done = world.run(*_answers(world, **{name: ""}))
    assert done.code == 2
    assert f"--{name} is missing, and without a terminal it cannot be asked for" in done.err
    assert not (world.folder / "new").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"spreadsheet": "? ?"},
        {"columns": ","},
        {"columns": "a,a"},
        {"output": "X:/surveys/"},
        {"output": "X:/surveys/baseline"},
        {"output": "https://example.org/a.csv"},
        {"columns": "https://docs.google.com/spreadsheets/d/1"},
        {"spreadsheet": "baseline"},
        {"credentials": "https://example.org/credentials.json"},
        {"credentials": "~no-such-user/credentials.json"},
        {"job": "a b"},
        {"private-key-from": GEHEIM},
        {"private-key-from": f"value:{GEHEIM}"},
        {"private-key-from": "file:"},
        {"passphrase-from": f"prompt:{GEHEIM}"},
        {"legacy-secret-from": f"keyring:{GEHEIM}"},
    ],
)
def test_init_writes_no_configuration_that_is_not_valid(world: World, more: dict[str, object]) -> None:
    """A wrong answer is reported without its value where that could be a secret, and nothing is written."""
    done = world.run(*_answers(world, **more))
    assert done.code == 2
    assert GEHEIM not in done.err
    assert "hint: " in done.err
    assert not (world.folder / "new").exists()


@pytest.mark.parametrize("job", ["wave.2", "línea"])
def test_init_takes_any_job_name_that_the_configuration_takes(world: World, job: str) -> None:
    """Dots and accents need quotes in TOML; the file is valid all the same."""
    assert world.run(*_answers(world, job=job)).code == 0
    assert list(load(world.folder / "new/sheets-decrypt.toml").jobs) == [job]


def test_init_knows_every_kind_of_source(world: World) -> None:
    """And takes the keyring where none is named."""
    path = world.folder / "new/sheets-decrypt.toml"
    more = {"private-key-from": "credential:key", "legacy-secret-from": "prompt", "passphrase-from": "keyring:a/b"}
    assert world.run(*_answers(world, **more)).code == 0
    keys = load(path).keys
    found = [source[0].kind for source in (keys.private_keys, keys.legacy_secrets, keys.passphrases)]
    assert found == ["credential", "prompt", "keyring"]
    none = dict.fromkeys(more, "")
    assert world.run(*_answers(world, **none), "--force").code == 0
    assert load(path).keys.private_keys[0].keyring == "sheets-decrypt/private-key"


def test_init_writes_windows_paths_with_slashes(world: World) -> None:
    """A drive's path is taken as it was typed."""
    path = world.folder / "new/sheets-decrypt.toml"
    more = {"output": "X:\\surveys\\a.csv", "worksheet": 'Tab "1"', "columns": "auto"}
    assert world.run(*_answers(world, **more)).code == 0
    job = tomllib.loads(path.read_text())["jobs"]["baseline"]
    assert (job["output"], job["worksheet"], job["columns"]) == ("X:/surveys/a.csv", 'Tab "1"', "auto")


def test_init_marks_the_vault(world: World, tmp_path: Path) -> None:
    """The mark goes onto a mounted vault and nowhere else."""
    refused = world.run(*_answers(world, mark="drive-1"))
    assert refused.code == 7
    assert not (world.folder / "new").exists()
    with mounts.gocryptfs(tmp_path) as drive:
        output = drive.point / "baseline.csv"
        assert world.run(*_answers(world, output=output, mark="drive-1")).code == 0
        assert (drive.point / ".sheets-decrypt-vault").read_text() == "drive-1\n"
        assert load(world.folder / "new/sheets-decrypt.toml").jobs["baseline"].mark == "drive-1"
        assert world.run(*_answers(world, output=output, mark="drive-2"), "--force").code == 7


def test_init_that_cannot_write_is_told(world: World) -> None:
    """A place that is none is an error of the configuration."""
    done = world.run(*_answers(world, config=world.path / "below.toml"))
    assert done.code == 2
    assert "cannot be written" in done.err


def test_init_asks_on_a_terminal(world: World) -> None:
    """What the options leave open is asked for; a blank answer takes the default."""
    url = world.google.url(world.spreadsheet)
    path = world.folder / "asked.toml"
    shown, code = on_a_terminal(
        world, "init", "--config", path,
        answers=[url, "", "n", "name,phone", str(world.folder / "drive/a.csv"), "", ""],
    )  # fmt: skip
    assert (code, "the spreadsheet's URL: " in shown) == (0, True)
    assert "warning: the Sheet could not be read: " in shown
    found = load(path)
    assert found.jobs["baseline"].columns == ("name", "phone")
    assert found.google.credentials == world.folder / "credentials.json"
    assert found.keys.private_keys[0].keyring == "sheets-decrypt/private-key"


def test_init_asks_again_after_an_answer_that_cannot_be(world: World) -> None:
    """An answer is refused at its own question, and not when all of them have been given."""
    url = world.google.url(world.spreadsheet)
    shown, code = on_a_terminal(
        world, "init", "--config", world.folder / "asked.toml",
        answers=[
            "not a sheet", "baseline", url, "", "n", "name,name", url, "name", "https://x.org/a.csv", "drive/answers",
            str(world.folder / "drive/a.csv"), "4", "2", "mine", "file:key",
        ],
    )  # fmt: skip
    assert code == 0
    assert shown.count("the spreadsheet's URL: ") == 3
    assert "error: columns: this is an address, not the name of a column" in shown
    assert shown.count("error: output: ") == 2
    assert 'error: "4" is not one of them' in shown
    assert "Where is the passphrase stored?" in shown
    assert load(world.folder / "asked.toml").keys.passphrases[0].file == world.folder / "key"
    assert "error: spreadsheet: this is neither the address of a Google Sheet nor its id" in shown
    assert "error: columns: name at least one column, and each column once" in shown
    assert "error: this is not a valid location for a secret" in shown


def test_an_option_that_cannot_be_is_refused_before_anything_is_asked(world: World) -> None:
    """No one answers four questions to hear that the first word was wrong."""
    path = world.folder / "asked.toml"
    shown, code = on_a_terminal(world, "init", "--config", path, "--spreadsheet", "not a sheet", answers=[])
    assert code == 2
    assert "error: spreadsheet: this is neither the address of a Google Sheet nor its id" in shown
    assert "the columns to decrypt" not in shown


@pytest.mark.parametrize("address", ["https://www.dropbox.com/s/abc", "https://docs.google.com/document/d/abc/edit"])
def test_the_address_of_another_page_is_refused_with_where_to_find_the_right_one(world: World, address: str) -> None:
    """Whoever pasted the wrong tab of the browser is sent back to the browser."""
    done = world.run("init", "--config", world.folder / "asked.toml", "--spreadsheet", address)
    assert done.code == 2
    assert "hint: copy the address from the browser: https://docs.google.com/spreadsheets/d/" in done.err


def test_init_that_is_broken_off_writes_nothing(world: World) -> None:
    """Ctrl-C at a question is exit code 130."""
    shown, code = on_a_terminal(world, "init", "--config", world.folder / "asked.toml", answers=["\x03"])
    assert "\nerror: interrupted" in shown
    assert "csv" not in shown
    assert code == 130
    assert "interrupted" in shown
    assert not (world.folder / "asked.toml").exists()


def test_nothing_of_a_survey_is_in_a_configuration(world: World) -> None:
    """`init` writes where secrets are, never what they are."""
    world.run(*_answers(world))
    assert_nothing_leaked((world.folder / "new/sheets-decrypt.toml").read_text(), world.survey)


@pytest.mark.parametrize("links", [True, False])
def test_a_key_that_is_made_meanwhile_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Another run's key stays, also on a drive that knows no links; nothing is left of the new one."""
    path, sync = tmp_path / "key", os.fsync

    def meanwhile(descriptor: int) -> None:
        sync(descriptor)
        path.write_text("another's")

    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "links are not supported")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", meanwhile)
        with pytest.raises(ConfigurationError, match="already exists"):
            write_private_text(path, GEHEIM + "\n", force=False)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"key": "another's"}
    path.unlink()
    write_private_text(path, GEHEIM + "\n", force=False)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"key": f"{GEHEIM}\n"}
    assert os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("before", [0, 1])
def test_a_key_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """Where the disk is full for the first or, without links, for the second file, there is no half key."""
    results = iter([None] * before + [OSError(errno.ENOSPC, "No space left on device")])

    def full(_: int) -> None:
        if error := next(results):
            raise error

    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "links are not supported")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="cannot be written: no space left"):
        write_private_text(tmp_path / "key", GEHEIM + "\n", force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("force", [True, False])
def test_a_key_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    """The name of the file, and of each folder that was made for it, is synced after it was given."""
    systems.only_on("posix", "folders cannot be synced here")
    path, sync, synced = tmp_path / "new" / "folder" / "key", os.fsync, set[int]()

    def noted(descriptor: int) -> None:
        if path.exists():
            synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_private_text(path, GEHEIM + "\n", force=force)
    assert synced == {folder.stat().st_ino for folder in (path.parent, path.parent.parent, tmp_path)}
