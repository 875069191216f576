"""Every command that uses a key file reports when other users of the machine can read it."""

import pytest

from tests import systems
from tests.survey import World


@pytest.fixture(autouse=True)
def _posix() -> None:
    systems.only_on("posix", "only POSIX has mode bits")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_pull_warns_of_a_key_file_that_others_can_read(world: World, mode: int) -> None:
    """The CSV is written, and the record's warnings name the file and the command that fixes its permissions."""
    world.google.key_file.chmod(mode)
    record = world.pull("--json").records()[0]
    assert record["status"] == "written"
    assert record["warnings"] == [
        f"the key file {world.google.key_file} can be read by others: chmod 600 {world.google.key_file}"
    ]


def test_a_failed_pull_also_warns_of_a_key_file_that_others_can_read(world: World) -> None:
    """The pull fails because of the sheet, and the warning about the key file is still given."""
    world.google.key_file.chmod(0o644)
    world.configure(columns=["no such column"])
    record = world.pull("--json").records()[0]
    assert record["status"] == "failed"
    assert [warning.partition(":")[0] for warning in record["warnings"]] == [
        f"the key file {world.google.key_file} can be read by others"
    ]


def test_a_pull_does_not_warn_of_a_private_key_file(world: World) -> None:
    """A key file with mode 0600 causes no warning."""
    assert world.pull("--json").records()[0]["warnings"] == []


def test_the_environments_key_file_is_checked_too(world: World) -> None:
    """The warning also covers the key file named by GOOGLE_APPLICATION_CREDENTIALS."""
    world.google.key_file.chmod(0o644)
    del world.google_settings["credentials"]
    world.configure()
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(world.google.key_file)}
    assert "can be read by others" in world.pull("--json", environment=environment).records()[0]["warnings"][0]
