"""A secret that a scheduled run cannot read is refused before anything is installed, with an alternative that works."""

from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt.config import Config, parse
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.schedule.unattended import left_behind, refuse_attended

JOB: dict[str, Any] = {"spreadsheet": "12345abcde", "columns": ["name"], "output": "a.csv"}
GOOD = {"file": "/keys/a"}


def _config(source: dict[str, object], place: str = "private_keys") -> Config:
    """Return a configuration with this source in one of the places for a secret."""
    job = JOB | {"keys": {"private_keys": [GOOD]}}
    match place:
        case "private_keys" | "legacy_secrets" | "passphrases":
            job["keys"] = {place: [GOOD, source]}
        case "vault":
            job["vault"] = {"cryptomator": "/vault", "passphrase": source}
        case "healthchecks":
            job["notify"] = {"healthchecks": source}
        case _:
            job["notify"] = {"urls": ["ntfys://topic", source]}
    return parse({"jobs": {"baseline": job}}, folder=Path("/conf"))


def _refused(config: Config, backend: str, platform: str = "linux", **credentials: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        refuse_attended(config, ["baseline"], backend, credentials, platform=platform)
    return caught.value


PLACES = ["private_keys", "legacy_secrets", "passphrases", "vault", "healthchecks", "urls"]


@pytest.mark.parametrize("place", PLACES)
def test_a_prompt_is_refused_in_every_place(place: str) -> None:
    """A scheduled run cannot ask for a key, a vault's passphrase, or a notification address."""
    error = _refused(_config({"prompt": True}, place), "systemd")
    assert error.message == (
        'job "baseline": a scheduled run cannot read the secret from prompt: it cannot ask for a password'
    )
    assert "a file that only you can read" in error.hint


@pytest.mark.parametrize(
    ("source", "backend", "platform", "why", "instead"),
    [
        ({"env": "KEY"}, "cron", "linux", "does not inherit your environment", "can read, or a command"),
        ({"env": "KEY"}, "systemd", "linux", "does not inherit your environment", "--credential NAME=FILE"),
        ({"env": "KEY"}, "task-scheduler", "win32", "does not inherit your environment", "use the keyring"),
        ({"keyring": "a/b"}, "cron", "linux", "no desktop session", "use a file"),
        ({"credential": "key"}, "cron", "linux", "only systemd", "use a file"),
        ({"credential": "key"}, "launchd", "darwin", "only systemd", "use the keyring"),
        ({"credential": "key"}, "systemd", "linux", "does not load it", "--credential NAME=FILE"),
    ],
)  # fmt: skip
def test_an_unreadable_source_is_refused_with_alternatives(
    source: dict[str, object], backend: str, platform: str, why: str, instead: str
) -> None:
    """The error names the source and the reason; the hint names only sources that work with this scheduler."""
    error = _refused(_config(source), backend, platform, other=Path("/f"))
    assert why in error.message
    assert instead in error.hint
    assert ("keyring" in error.hint) == (platform != "linux")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("source", "backend", "platform"),
    [
        (GOOD, "cron", "linux"),
        ({"command": ["pass", "show", "key"]}, "cron", "linux"),
        ({"keyring": "a/b"}, "systemd", "linux"),
        ({"keyring": "a/b"}, "launchd", "darwin"),
        ({"keyring": "a/b"}, "cron", "darwin"),
        ({"keyring": "a/b"}, "task-scheduler", "win32"),
        ({"credential": "key"}, "systemd", "linux"),
    ],
)
def test_a_readable_source_is_accepted(source: dict[str, object], backend: str, platform: str, place: str) -> None:
    """A source that needs no person is accepted."""
    refuse_attended(_config(source, place), ["baseline"], backend, {"key": Path("/f")}, platform=platform)


def test_a_job_without_a_key_is_refused() -> None:
    """A scheduled run has no environment with a key, and a vault's passphrase is not a key."""
    vault = {"cryptomator": "/vault", "passphrase": GOOD}
    config = parse({"jobs": {"baseline": JOB | {"vault": vault}}}, folder=Path("/conf"))
    error = _refused(config, "cron")
    assert error.message.startswith('job "baseline" has no key in the configuration')
    assert "private_keys" in error.hint


def test_only_scheduled_jobs_are_checked() -> None:
    """A job that needs a person does not prevent another from being scheduled."""
    jobs = {
        "attended": JOB | {"keys": {"private_keys": [{"prompt": True}]}, "output": "b.csv"},
        "baseline": JOB | {"keys": {"private_keys": [GOOD]}},
    }
    config = parse({"jobs": jobs}, folder=Path("/conf"))
    refuse_attended(config, ["baseline"], "cron", {}, platform="linux")
    with pytest.raises(ConfigurationError, match='job "attended"'):
        refuse_attended(config, ["baseline", "attended"], "cron", {}, platform="linux")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("HTTPS_PROXY", "proxy", "http://user:hunter2@proxy:3128"),
        ("https_proxy", "proxy", "http://user:hunter2@proxy:3128"),
        ("REQUESTS_CA_BUNDLE", "ca_bundle", "/hunter2/ca.pem"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "credentials", "/hunter2/key.json"),
    ],
)
def test_settings_of_the_terminal_that_a_scheduled_run_lacks_are_named(name: str, key: str, value: str) -> None:
    """The pull that works by hand would fail at half past six; the note names the key, never the value."""
    [note] = left_behind(parse({"jobs": {"baseline": JOB}}, folder=Path("/conf")).google, {name: value, "no_proxy": ""})
    assert note == f"{name} is set here, and a scheduled run may not have it: set {key} under [google]"
    content = {"google": {key: value}, "jobs": {"baseline": JOB}}
    assert list(left_behind(parse(content, folder=Path("/conf")).google, {name: value})) == []
    assert list(left_behind(parse({"jobs": {"baseline": JOB}}, folder=Path("/conf")).google, {name: ""})) == []
