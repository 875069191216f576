"""Configurations and files that another user may have planted or can read, and outputs that are the same file."""

import os
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.config import load, parse
from sheets_decrypt.errors import ConfigurationError
from tests import systems
from tests.survey import World

JOB: dict[str, Any] = {"spreadsheet": "1AbCdEfGh", "columns": ["name"], "output": "out/a.csv"}


# A configuration in the current folder


def _put_in_current_folder(world: World) -> Path:
    """Put the configuration where it is found without being named; its command leaves a trace."""
    place = world.folder / "work/config/sheets-decrypt.toml"
    place.parent.mkdir(parents=True)
    trace = world.folder / "trace"
    world.keys = {"private_keys": [{"command": ["touch", str(trace)]}]}
    world.settings["vault"] = {
        "cryptomator": str(world.vault_folder),
        "passphrase": {"file": str(world.keep("v", "x"))},
    }
    place.write_bytes(world.configure().read_bytes())
    return place


def _assert_refused(world: World, place: Path, words: str) -> None:
    done = world.run("pull", folder=place.parent.parent)
    assert (done.code, done.out) == (2, "")
    assert str(place) in done.err
    assert words in done.err
    assert "--config" in done.err.splitlines()[1]
    assert not (world.folder / "trace").exists()


@pytest.mark.parametrize("part", ["file", "folder", "current folder"])
@pytest.mark.parametrize("sticky", [0, 0o1000])
def test_a_world_writable_configuration_here_is_refused(world: World, part: str, sticky: int) -> None:
    """Anyone could make it run their commands; a user who trusts it can name it."""
    systems.only_on("posix", "mode bits mean nothing here")
    place = _put_in_current_folder(world)
    shared = {"file": place, "folder": place.parent, "current folder": place.parent.parent}[part]
    shared.chmod(0o666 if part == "file" else 0o777 | sticky)
    _assert_refused(world, place, f"{shared} can be written by everybody")
    for named in ({}, {"SHEETS_DECRYPT_CONFIG": str(place)}):
        options = [] if named else ["--config", "config/sheets-decrypt.toml"]
        done = world.run("config", "validate", *options, folder=place.parent.parent, environment=named)
        assert done.code == 0


@pytest.mark.parametrize("part", ["file", "folder", "current folder"])
def test_a_configuration_here_of_another_user_is_refused(world: World, part: str) -> None:
    """Another user's folder does not decide what this user runs."""
    systems.root("posix", "only root can give a file away")
    place = _put_in_current_folder(world)
    theirs = {"file": place, "folder": place.parent, "current folder": place.parent.parent}[part]
    os.chown(theirs, 12345, -1)
    _assert_refused(world, place, f"{theirs} belongs to another user")


def test_the_users_own_configuration_here_is_used(world: World) -> None:
    """In a folder that only its owner, or a group, can write to, the configuration need not be named."""
    place = _put_in_current_folder(world)
    place.parent.chmod(0o775)
    assert world.run("config", "validate", folder=place.parent.parent).code == 0


# Outputs that are the same file


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"output": "out/a.csv"}, {"output": "out/A.CSV"}),
        ({"output": "out/straße.csv"}, {"output": "out/STRASSE.csv"}),
        ({"output": "a.csv", "vault": "v"}, {"output": "A.csv", "vault": "V"}),
        ({"output": "a.csv", "deidentified": {"output": "A.CSV"}}, {"output": "b.csv"}),
        ({"output": "zo\u00eb.csv"}, {"output": "zoe\u0308.csv"}),
    ],
)
def test_two_outputs_that_are_one_file_on_a_drive_are_refused(one: dict[str, Any], other: dict[str, Any]) -> None:
    """On Windows, on macOS and in vaults, several spellings name the same file."""
    folder = {"cryptomator": "vault", "passphrase": {"prompt": True}}
    content = {"vaults": {"v": folder, "V": folder}, "jobs": {"a": JOB | one, "b": JOB | other}}
    with pytest.raises(ConfigurationError, match="name another file"):
        parse(content, folder=Path("/base"))


def test_outputs_of_different_names_are_accepted() -> None:
    """The same name in another vault, in another place, or with another extension, is another file."""
    folder = {"passphrase": {"prompt": True}}
    vaults = {name: folder | {"cryptomator": name} for name in ("v", "w")}
    jobs = {
        "a": JOB | {"output": "a.csv", "vault": "v"},
        "b": JOB | {"output": "a.csv", "vault": "w"},
        "c": JOB | {"output": "a.csv", "deidentified": {"output": "a.csv.csv"}},
        "d": JOB | {"output": "d.csv"},
    }
    assert list(parse({"vaults": vaults, "jobs": jobs}, folder=Path("/base")).jobs) == list("abcd")


# A key file that others can read


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
@pytest.mark.parametrize("named", [True, False])
def test_a_key_file_that_others_can_read_is_a_warning(world: World, mode: int, named: bool) -> None:
    """`check` shows the command to run, and still uses the key."""
    systems.only_on("posix", "mode bits mean nothing here")
    environment = {} if named else {"GOOGLE_APPLICATION_CREDENTIALS": str(world.google.key_file)}
    if not named:
        del world.google_settings["credentials"]
        world.configure()
    world.google.key_file.chmod(mode)
    done = world.run("check", "--config", world.path, "--json", environment=environment)
    checks = {line["name"]: line for line in done.records()}
    assert checks["key file"]["outcome"] == "warning"
    assert "can be read by others" in checks["key file"]["message"]
    assert checks["key file"]["hint"] == f"chmod 600 {world.google.key_file}"
    assert (done.code, checks["token"]["outcome"]) == (0, "ok")
    world.google.key_file.chmod(0o600)
    again = world.run("check", "--config", world.path, "--json", environment=environment)
    assert {line["name"]: line["outcome"] for line in again.records()}["key file"] == "ok"


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_a_configuration_is_a_small_regular_file(tmp_path: Path, kind: str) -> None:
    """A named pipe would block forever; a device or a large file would fill the memory."""
    place = tmp_path / "sheets-decrypt.toml"
    if kind == "pipe":
        systems.only_on("posix", "only POSIX has named pipes in folders")
        os.mkfifo(place)
    elif kind == "device":
        systems.only_on("posix", "only POSIX has device files in folders")
        place.symlink_to("/dev/zero")
    else:
        place.touch()
        os.truncate(place, 1 << 40)  # sparse
    with pytest.raises(ConfigurationError, match=r"not a regular file|larger than") as caught:
        load(place)
    assert str(place) in caught.value.message
