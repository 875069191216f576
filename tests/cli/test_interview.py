"""`init` on a terminal, with a Sheet that can be read: it offers what is there, and asks for the right secret."""

import os
import re
from importlib.util import find_spec

import pytest

from sheets_decrypt.config import load
from sheets_decrypt.decryption.ciphers import sealing
from sheets_decrypt.sandbox.google import Tab
from tests import require
from tests.pseudo_terminal import on_a_terminal
from tests.survey import HEADER, World, assert_nothing_leaked, public_key_of
from tests.unattended_parts import KEYRING

pytestmark = pytest.mark.system("posix", "a pseudo-terminal stands in for the person")


def _google(world: World) -> dict[str, str]:
    """Return the environment that leads to this world's Google; its key file is asked for."""
    return {name: value for name, value in world.google.environment().items() if not name.startswith("GOOGLE")}


def _init(world: World, *options: object, answers: list[object]) -> tuple[str, int]:
    path = world.folder / "asked.toml"
    return on_a_terminal(
        world, "init", "--config", path, *options, answers=[str(answer) for answer in answers], more=_google(world)
    )


def test_what_the_sheet_has_is_offered(world: World) -> None:
    """The tabs by name or number, the columns that hold tokens, and a question for each kind of secret they need."""
    key = world.folder / "keys"
    shown, code = _init(
        world,
        answers=[
            world.google.url(world.spreadsheet), world.google.key_file, "dat", "2", "",
            world.folder / "drive/a.csv", f"file:{key}/private_keys", f"file:{key}/passphrases",
            f"file:{key}/legacy_secrets",
        ],
    )  # fmt: skip
    assert code == 0
    assert 'the Sheet "Survey" has these tabs:' in shown
    assert "  2  data" in shown
    assert 'error: "dat" is not one of them' in shown
    assert "columns with encrypted answers: name, phone, address" in shown
    assert "the secret of the old function is needed for: phone" in shown
    assert "the secret of the old function decrypts 6 of 6 cells" in shown
    assert "warning" not in shown
    found = load(world.folder / "asked.toml")
    job = found.jobs["baseline"]
    assert (job.worksheet, job.columns) == ("data", ("name", "phone", "address"))
    named = (found.keys.private_keys, found.keys.passphrases, found.keys.legacy_secrets)
    assert [source.file for (source,) in named] == [key / "private_keys", key / "passphrases", key / "legacy_secrets"]


def test_an_old_survey_is_asked_for_the_old_secret(world: World) -> None:
    """Where the chosen columns hold legacy tokens alone, no private key is asked for."""
    shown, code = _init(
        world,
        answers=[
            world.google.url(world.spreadsheet, "data"), world.google.key_file, "phon", "phone",
            world.folder / "drive/a.csv", "file:keys/private_keys-that-do-not-exist",
        ],
    )  # fmt: skip
    assert code == 0
    assert 'the Sheet "Survey", tab "data"' in shown
    assert 'error: "phon" not found in row 1' in shown
    assert 'hint: did you mean "phone"?' in shown
    assert "Where is the secret of the old function stored?" in shown
    assert "private key" not in shown
    assert "warning: the secret's file" in shown
    found = load(world.folder / "asked.toml")
    assert found.jobs["baseline"].worksheet is None
    assert not found.keys.private_keys
    assert found.keys.legacy_secrets


def test_a_secret_of_another_kind_is_noticed(world: World) -> None:
    """A passphrase where the private key is asked for is a warning before the first pull; it is not shown."""
    shown, code = _init(
        world, "--columns", "name", "--output", world.folder / "drive/a.csv",
        answers=[world.google.url(world.spreadsheet, "data"), world.google.key_file, "file:keys/passphrases"],
    )  # fmt: skip
    assert code == 0
    assert "warning: a private key is not 32 bytes in urlsafe base64" in shown
    assert world.survey.passphrase.reveal() not in shown


@pytest.mark.parametrize("kind", ["private key", "old secret"])
def test_a_secret_of_another_survey_is_noticed(world: World, kind: str) -> None:
    """It is tried on the first answers, so that its owner hears at once that it is another one."""
    world.keep("other", sealing.generate()[0].reveal() if kind == "private key" else "another-secret-9")
    shown, code = _init(
        world, "--columns", "name" if kind == "private key" else "phone", "--output", world.folder / "drive/a.csv",
        answers=[world.google.url(world.spreadsheet, "data"), world.google.key_file, f"file:{world.folder}/keys/other"],
    )  # fmt: skip
    assert code == 0
    what = "the private key" if kind == "private key" else "the secret of the old function"
    # A legacy secret that is wrong fits one token in 256.
    assert re.search(f"warning: {what} decrypts [012] of 6 cells; it is not this survey's", shown)
    assert "hint: ask who set up the survey for the right one" in shown
    assert_nothing_leaked(shown, world.survey)


def test_a_sheet_that_is_not_shared_names_the_address_and_can_be_tried_again(world: World) -> None:
    """Whoever is asked to share it needs the address; without an answer the questions go on by hand."""
    world.google.share(world.spreadsheet, shared=False)
    shown, code = _init(
        world,
        answers=[
            world.google.url(world.spreadsheet), world.google.key_file, "y", "n", "name", world.folder / "drive/a.csv",
            "3", "keyring:a/b",
        ],
    )  # fmt: skip
    assert code == 0
    assert shown.count("warning: the Sheet could not be read: the spreadsheet is not shared with the account") == 2
    assert shown.count(world.google.client_email) == 2
    assert "warning: the keyring cannot be used here" in shown
    assert "next: sheets-decrypt secret set" not in shown
    assert load(world.folder / "asked.toml").keys.legacy_secrets[0].keyring == "a/b"


def test_without_a_network_the_questions_go_on_by_hand(world: World) -> None:
    """The reason is said, with the address that the Sheet must be shared with."""
    require.patience("the network is tried for ten seconds")
    path = world.folder / "asked.toml"
    answers = [
        world.google.url(world.spreadsheet),
        world.google.key_file,
        "n",
        "name",
        world.folder / "d/a.csv",
        "",
        "",
    ]
    shown, code = on_a_terminal(
        world, "init", "--config", path, answers=[str(answer) for answer in answers],
        more=_google(world) | {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert code == 0
    assert "warning: the Sheet could not be read: " in shown
    assert f"the Sheet must be shared with {world.google.client_email}, as Viewer" in shown
    assert load(path).jobs["baseline"].columns == ("name",)


def test_a_tab_without_a_header_and_a_survey_without_answers_stop_nothing(world: World) -> None:
    """A survey that has not begun has no tokens: the kind of secret is asked for."""
    sheet = world.google.add("New", [Tab("empty", [[]]), Tab("begun", [list(HEADER)])])
    for tab, words in (("empty", "has no header"), ("begun", "columns with encrypted answers: none yet")):
        shown, code = _init(
            world, "--force",
            answers=[world.google.url(sheet), world.google.key_file, tab, "name", world.folder / "d/a.csv", "", ""],
        )  # fmt: skip
        assert (code, words in shown) == (0, True)
        assert load(world.folder / "asked.toml").jobs["baseline"].worksheet == tab


def test_names_in_the_sheet_reach_the_terminal_spelt_out(world: World) -> None:
    """Its title, a tab's and a column's, also where a column is what Enter takes."""
    token = sealing.seal(["Ana"], public_key_of(world.survey))[0]
    hostile = "na\x1b]0;x\x07me"
    sheet = world.google.add(hostile, [Tab(hostile, [[hostile], [token]]), Tab("other", [["a"]])])
    shown, code = _init(
        world, "--private-key-from", "prompt",
        answers=[world.google.url(sheet), world.google.key_file, "1", "", world.folder / "d/a.csv"],
    )  # fmt: skip
    assert code == 0
    assert shown.count("na\\u001b]0;x\\u0007me") == 4
    assert "\x1b]" not in shown
    assert load(world.folder / "asked.toml").jobs["baseline"].columns == (hostile,)


def test_an_address_whose_tab_is_gone_gets_the_name_of_another(world: World) -> None:
    """The gid of a deleted tab in the URL leads to no configuration that fails: the tab that is chosen counts."""
    sheet = world.google.add("One", [Tab("only", world.survey.sheet)])
    shown, code = _init(
        world, "--columns", "name", "--private-key-from", "prompt",
        answers=[f"{world.google.url(sheet)}#gid=99", world.google.key_file, world.folder / "d/a.csv"],
    )  # fmt: skip
    assert (code, "has these tabs" in shown) == (0, False)  # nothing is left to ask of the Sheet
    shown, code = _init(
        world, "--private-key-from", "prompt", "--force",
        answers=[f"{world.google.url(sheet)}#gid=99", world.google.key_file, "name", world.folder / "d/a.csv"],
    )  # fmt: skip
    assert code == 0
    assert load(world.folder / "asked.toml").jobs["baseline"].worksheet == "only"


def test_a_keyring_without_the_secret_says_how_to_store_it(world: World) -> None:
    """Enter takes the keyring; what is not there yet is the first thing to do next."""
    require.that(find_spec("keyrings.alt"), "keyrings.alt is not installed")
    answers = [world.google.url(world.spreadsheet, "data"), world.google.key_file, "name", world.folder / "d/a.csv", ""]
    shown, code = on_a_terminal(
        world, "init", "--config", world.folder / "asked.toml", answers=[str(answer) for answer in answers],
        more=_google(world) | KEYRING | {"XDG_DATA_HOME": str(world.folder / "data")},
    )  # fmt: skip
    assert code == 0
    assert "warning: the keyring has no entry sheets-decrypt/private-key" in shown
    lines = [line for line in shown.splitlines() if line.startswith("next: ")]
    assert lines[0] == "next: sheets-decrypt secret set sheets-decrypt/private-key"
    assert lines[1].startswith("next: sheets-decrypt check")


# A second job


def test_a_second_job_is_added_to_what_is_there(world: World) -> None:
    """After a question; the configuration's own remarks and settings stay, and the key may be the same."""
    world.path.write_text("# mine\n" + world.path.read_text(encoding="utf-8"), encoding="utf-8")
    before = world.path.read_text(encoding="utf-8")
    second = world.google.add("Endline", [Tab("answers", world.survey.sheet)])
    shown, code = on_a_terminal(
        world, "init", "--config", world.path, "--output", "endline.csv",
        answers=["y", "baseline", "endline", world.google.url(second), "name", ""], more=_google(world),
    )  # fmt: skip
    assert code == 0
    assert "error: the configuration already has the job baseline" in shown
    assert "Enter = as for the other jobs" in shown
    assert f"added the job endline to {world.path}" in shown
    after = world.path.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    assert load(world.path).jobs["endline"].keys is None


@pytest.mark.parametrize("source", ["", "file:keys/other"])
def test_a_second_job_without_a_terminal(world: World, source: str) -> None:
    """`--add` asks nothing; a key of its own goes into the job, and the job pulls with it."""
    private_key, public_key = sealing.generate()
    world.keep("other", private_key.reveal())
    token = sealing.seal(["Ana"], public_key if source else public_key_of(world.survey))[0]
    second = world.google.add("Endline", [Tab("answers", [["name"], [token]])])
    options = ["--job", "endline", "--spreadsheet", second, "--columns", "name", "--output", world.folder / "e.csv"]
    options += ["--private-key-from", source] if source else []
    done = world.run("init", "--config", world.path, "--add", *options)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"added the job endline to {world.path}"
    assert (load(world.path).jobs["endline"].keys is not None) is bool(source)
    assert list(load(world.path).jobs) == ["baseline", "endline"]
    with_vault = world.path.read_text(encoding="utf-8").replace(
        f'output = "{(world.folder / "e.csv").as_posix()}"',
        'output = "e.csv"\nvault = { cryptomator = "vault", passphrase = { file = "keys/vault" } }',
    )
    world.path.write_text(with_vault, encoding="utf-8")
    assert world.pull("--job", "endline").code == 0
    assert world.csv("e.csv") == b"\xef\xbb\xbfname\r\nAna\r\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "already has the job baseline"),
        (["--job", "b", "--credentials", "x.json"], "all jobs share [google]"),
        (["--job", "b", "--force"], "--add and --force exclude each other"),
        (["--job", "b", "--output", "surveys/baseline.csv"], ""),
    ],
)
def test_a_job_that_cannot_be_added_changes_nothing(world: World, options: list[str], words: str) -> None:
    """The file stays as it was, byte for byte."""
    if not words:
        world.configure(output=str(world.folder / "surveys/baseline.csv"), vault=None)
        text = world.path.read_text(encoding="utf-8")
        world.path.write_text("\n".join(line for line in text.splitlines() if not line.startswith("vault")))
    before = world.path.read_bytes()
    base = ["--spreadsheet", world.spreadsheet, "--columns", "name", "--output", "b.csv"]
    done = world.run("init", "--config", world.path, "--add", *base, *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert world.path.read_bytes() == before


def test_no_program_that_looks_for_a_login_inherits_a_secret(world: World) -> None:
    """Without a key file, Google's library may ask gcloud for a project."""
    require.patience("a terminal, and a sign-in that Google refuses")
    login = world.folder / "application_default_credentials.json"
    login.write_text('{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}')
    gcloud = world.folder / "bin/gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(f"#!/bin/sh\nenv >{world.folder}/inherited\nexit 1\n")
    gcloud.chmod(0o755)
    del world.google_settings["credentials"]
    world.keys["private_keys"] = [{"env": "SURVEY_KEY"}]
    secret = world.survey.private_key.reveal()
    world.configure()
    _, code = on_a_terminal(
        world, "init", "--config", world.path, "--add", "--job", "second", "--columns", "name", "--output", "b.csv",
        "--spreadsheet", world.google.url(world.spreadsheet),
        answers=["n", ""],
        more={
            "CLOUDSDK_CONFIG": str(world.folder), "SURVEY_KEY": secret,
            "PATH": f"{gcloud.parent}{os.pathsep}{os.environ['PATH']}",
        },
    )  # fmt: skip
    assert code == 0
    assert secret not in (world.folder / "inherited").read_text()
