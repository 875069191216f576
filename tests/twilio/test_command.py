"""`sheets-decrypt twilio export`: the sending half for a job, in a folder."""

import csv
import json
from pathlib import Path

import pytest

from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from tests.survey import ENCRYPTED, Done, World, public_key_of

FILES = {
    *("functions/encrypt_fields.protected.js", "functions/publish_to_sheet.protected.js"),
    *("functions/answer_queue.private.js", "functions/answer_store.private.js", "functions/google_sheet.private.js"),
    *("studio_flow.json", ".env.example", "header.csv", "STEPS.md", "package.json"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a folder that is not there yet."""
    return tmp_path / "out" / "twilio"


@pytest.fixture
def public_key(world: World) -> str:
    """Configure the survey's public key, and give it."""
    key = sealed_box.encode_key(public_key_of(world.survey))
    world.keys["public_key"] = key
    world.configure()
    return key


def _export(world: World, folder: Path, *arguments: object) -> Done:
    return world.run("twilio", "export", folder, "--config", world.path, *arguments)


def _written(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


def _settings(folder: Path) -> dict[str, str]:
    lines = (folder / ".env.example").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _refused(done: Done, *words: str, code: int = 2) -> None:
    assert (done.code, done.out) == (code, "")
    error, hint = done.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    for word in words:
        assert word in done.err


def test_the_files_are_written_and_named(world: World, folder: Path, public_key: str) -> None:
    """Each file is named as it is written, and the steps come next; a missing folder is created."""
    done = _export(world, folder)
    assert (done.code, done.err) == (0, "")
    *wrote, following = done.out.splitlines()
    assert {line.removeprefix("wrote ") for line in wrote} == {str(folder / name) for name in FILES}
    assert following == f"next: follow {folder / 'STEPS.md'}"
    assert set(_written(folder)) == FILES


def test_the_columns_the_sheet_and_the_public_key_are_the_jobs(world: World, folder: Path, public_key: str) -> None:
    """The header asks for the job's columns in their order; the settings name its spreadsheet, tab and public key."""
    world.configure(worksheet="data")
    assert _export(world, folder).code == 0
    assert (folder / "header.csv").read_bytes() == (",".join(ENCRYPTED) + "\r\n").encode()
    settings = _settings(folder)
    assert settings["ENCRYPTION_PUBLIC_KEY"] == public_key
    assert settings["GOOGLE_SHEET_ID"] == world.spreadsheet
    assert settings["GOOGLE_SHEET_TAB"] == "data"
    assert settings["GOOGLE_PRIVATE_KEY"] == ""


def test_a_jobs_own_public_key_counts(world: World, folder: Path, public_key: str) -> None:
    """A job with keys of its own is sent to by its own public key."""
    private, public = sealing.generate()
    own = sealed_box.encode_key(public)
    assert own != public_key
    world.keep("private_keys", private.reveal())
    world.configure(keys={"private_keys": [{"file": "keys/private_keys"}], "public_key": own})
    assert _export(world, folder).code == 0
    assert _settings(folder)["ENCRYPTION_PUBLIC_KEY"] == own


def test_a_private_key_pasted_as_the_public_one_is_not_exported(world: World, folder: Path) -> None:
    """The configured private key is recognised, nothing is written, and the key is not shown."""
    private = world.survey.private_key.reveal()
    world.keys["public_key"] = private
    world.configure()
    done = _export(world, folder)
    _refused(done, "public_key", code=4)
    assert private not in done.err
    assert not folder.exists()
    check = world.run("check", "--config", world.path, "--no-network")
    assert check.code == 4
    assert private not in check.out + check.err


def test_private_keys_that_cannot_be_read_do_not_stop_the_export(world: World, folder: Path, public_key: str) -> None:
    """The sending half may be set up on a computer that never sees the private key; the export asks for none."""
    world.keys["private_keys"] = [{"file": "keys/elsewhere"}, {"prompt": True}]
    world.configure()
    assert _export(world, folder).code == 0
    assert _settings(folder)["ENCRYPTION_PUBLIC_KEY"] == public_key


def test_without_a_public_key_its_place_stays_blank(world: World, folder: Path) -> None:
    """Whoever has not made a key pair yet fills it in later."""
    assert _export(world, folder).code == 0
    assert _settings(folder)["ENCRYPTION_PUBLIC_KEY"] == ""


def test_plain_columns_are_asked_last_and_not_encrypted(world: World, folder: Path) -> None:
    """`--plain` takes names with blanks around them, and the steps say who can read them."""
    assert _export(world, folder, "--plain", " district , age,").code == 0
    with (folder / "header.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [[*ENCRYPTED, "district", "age"]]
    assert "readable for everybody who can open the Sheet: `district`, `age`." in _written(folder)["STEPS.md"]


def test_the_domain_stands_in_the_flow_and_in_the_steps(world: World, folder: Path) -> None:
    """The flow calls the functions where they were deployed."""
    assert _export(world, folder, "--domain", "survey-1234-dev.twil.io").code == 0
    files = _written(folder)
    for name in ("encrypt_fields", "publish_to_sheet"):
        assert f"https://survey-1234-dev.twil.io/{name}" in files["STEPS.md"]
        assert f"https://survey-1234-dev.twil.io/{name}" in json.dumps(json.loads(files["studio_flow.json"]))


def test_a_domain_that_is_none_is_refused(world: World, folder: Path) -> None:
    """Nothing is written."""
    _refused(_export(world, folder, "--domain", "not a host"), "domain", "survey-1234-dev.twil.io")
    assert not folder.exists()


def test_one_of_several_jobs_must_be_named(world: World, folder: Path) -> None:
    """With two jobs the choice is the user's; the hint lists them, and refuses a name that is not a job's."""
    world.configure({"baseline": {}, "endline": {"output": "surveys/endline.csv", "columns": ["phone"]}})
    _refused(_export(world, folder), "there are several jobs", "--job takes one of baseline, endline")
    _refused(_export(world, folder, "--job", "midline"), 'unknown job "midline"', "baseline, endline")
    assert not folder.exists()
    assert _export(world, folder, "--job", "endline").code == 0
    assert (folder / "header.csv").read_bytes() == b"phone\r\n"


def test_columns_that_are_found_by_themselves_cannot_be_asked_for(world: World, folder: Path) -> None:
    """`"auto"` names no question, and the hint says what to write."""
    world.configure(columns="auto")
    _refused(_export(world, folder), '"auto"', 'columns = ["name", "phone"]')
    assert not folder.exists()


def test_a_file_that_was_changed_is_never_overwritten(world: World, folder: Path, public_key: str) -> None:
    """Someone's own settings or steps stay, and nothing else is written beside them."""
    assert _export(world, folder).code == 0
    (folder / "STEPS.md").write_text("my own notes", "utf-8")
    (folder / "header.csv").unlink()
    before = _written(folder)
    _refused(_export(world, folder), str(folder / "STEPS.md"), "already exists", "choose a new folder")
    assert _written(folder) == before


def test_the_same_export_again_is_no_error(world: World, folder: Path, public_key: str) -> None:
    """Files that are as they would be written stay unchanged."""
    assert _export(world, folder).code == 0
    before = _written(folder)
    assert _export(world, folder).code == 0
    assert _written(folder) == before


def test_a_folder_that_cannot_be_written_is_named(world: World, tmp_path: Path) -> None:
    """A file in the folder's place is an error that names it."""
    (tmp_path / "taken").write_text("a file", "utf-8")
    done = _export(world, tmp_path / "taken")
    _refused(done, str(tmp_path / "taken"))


def test_no_secret_goes_into_any_file(world: World, folder: Path, public_key: str) -> None:
    """Neither the private key nor any other secret is in the folder that goes to Twilio."""
    assert _export(world, folder, "--plain", "district").code == 0
    everything = "\n".join(_written(folder).values())
    assert public_key in everything
    for secret in world.survey.confidential():
        assert secret not in everything
    google_key = json.loads(world.google.key_file.read_text("utf-8"))["private_key"]
    assert google_key.splitlines()[1] not in everything
