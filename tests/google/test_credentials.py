"""Every mistake in a key file is named, and the key itself is never shown."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request

from sheets_decrypt.errors import CredentialsRefused
from sheets_decrypt.google.credentials import email_of, find, from_key_file
from sheets_decrypt.google.deadline import Deadline
from sheets_decrypt.google.failures import SCOPE
from sheets_decrypt.sandbox.google import Sandbox


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the content of a valid key file."""
    content: dict[str, Any] = json.loads(Sandbox(tmp_path_factory.mktemp("key")).key_file.read_text())
    return content


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    """Return a function that writes a key file."""

    def put(content: object) -> Path:
        path = tmp_path / "key.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return put


@pytest.fixture(autouse=True)
def _no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove this machine's own credentials."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "True")


def _find(key_file: Path | None) -> Credentials:
    return find(key_file, Request(), Deadline(60)).credentials


def _ec_key() -> str:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_a_valid_key_file_gets_only_the_least_scope(key: dict[str, Any], write: Callable[[object], Path]) -> None:
    """The credentials may only read spreadsheets, and they know the address to share with."""
    credentials = from_key_file(write(key))
    assert credentials.scopes == [SCOPE] == ["https://www.googleapis.com/auth/spreadsheets.readonly"]
    assert email_of(credentials) == key["client_email"]


def test_a_byte_order_mark_is_accepted(key: dict[str, Any], write: Callable[[object], Path]) -> None:
    """A key file that Notepad saved again is still valid."""
    path = write(b"\xef\xbb\xbf" + json.dumps(key).encode())
    assert email_of(from_key_file(path)) == key["client_email"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"client_email": None}, "has no client_email"),
        ({"client_email": " "}, "has no client_email"),
        ({"private_key": 5}, "has no private_key"),
        ({"token_uri": ""}, "has no token_uri"),
        ({"token_uri": "http://oauth2.googleapis.com/token"}, "token_uri .* is not an https address"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, "private_key .* RSA"),
        ({"private_key": "secret words"}, "private_key .* RSA"),
        ({"private_key": _ec_key()}, "private_key .* RSA"),
        ({"type": "authorized_user"}, "a person's login"),
        ({"type": "external_account"}, "an external account's settings"),
        ({"type": "something"}, "type .* is not service_account"),
    ],
)
def test_a_damaged_field_is_named(
    key: dict[str, Any], write: Callable[[object], Path], change: dict[str, object], message: str
) -> None:
    """The error names the field and the file, gives the next step, and has the exit code for a refusal by Google."""
    path = write(key | change)
    with pytest.raises(CredentialsRefused, match=message) as caught:
        from_key_file(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 5
    text = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert "PRIVATE KEY-----" not in text
    assert "secret words" not in text


def test_literal_line_breaks_in_the_key_are_explained(key: dict[str, Any], write: Callable[[object], Path]) -> None:
    r"""A private_key that contains the two characters \n, as an environment variable leaves them, is reported."""
    path = write(key | {"private_key": key["private_key"].replace("\n", "\\n")})
    with pytest.raises(CredentialsRefused, match=r"private_key .* has the characters \\n") as caught:
        from_key_file(path)
    assert "download" in caught.value.hint
    assert key["private_key"][40:80] not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("private_key = x", "is not JSON"),
        ("[1, 2]", "is not JSON"),
        ("[" * 16_000, "is not JSON"),
        (b"\xff\xfe{\x00}\x00", "is not JSON"),
        ({"installed": {"client_id": "x"}}, "holds an OAuth client"),
        ({"web": {"client_id": "x"}}, "holds an OAuth client"),
        ({}, "has no client_email"),
    ],
)
def test_a_file_of_another_kind_is_named(write: Callable[[object], Path], content: object, message: str) -> None:
    """The error says what the file is instead."""
    with pytest.raises(CredentialsRefused, match=message):
        from_key_file(write(content))


def test_a_folder_or_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says whether the path is a folder or does not exist."""
    with pytest.raises(CredentialsRefused, match="is a folder"):
        from_key_file(tmp_path)
    with pytest.raises(CredentialsRefused, match="no such file") as caught:
        from_key_file(tmp_path / "missing.json")
    assert caught.value.hint == "check the path in google.credentials"


def test_without_credentials_both_ways_are_named() -> None:
    """On a machine without any login, the error names both the key file and Application Default Credentials."""
    with pytest.raises(CredentialsRefused, match="no credentials") as caught:
        _find(None)
    assert "google.credentials" in caught.value.hint
    assert "gcloud auth application-default login --scopes=" in caught.value.hint
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_environments_key_file_is_found(
    key: dict[str, Any], write: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOOGLE_APPLICATION_CREDENTIALS replaces the configured key file, and errors name that file as well."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(write(key)))
    assert email_of(_find(None)) == key["client_email"]
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(write("")))
    with pytest.raises(CredentialsRefused, match="is empty"):
        _find(None)


def test_the_configurations_key_file_beats_the_environments(
    key: dict[str, Any], write: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The configured key file is used, whatever the environment says."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing"))
    assert email_of(_find(write(key))) == key["client_email"]


def test_a_persons_login_works_without_a_key_file(
    write: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authorized_user file works where Application Default Credentials find it; its email is unknown."""
    login = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(write(login)))
    assert email_of(_find(None)) == ""


def test_a_broken_login_does_not_count(write: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that google-auth cannot read counts as no credentials."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(write({"type": "authorized_user", "client_id": "a"})))
    with pytest.raises(CredentialsRefused, match="no credentials"):
        _find(None)


@pytest.mark.system("posix", "mode bits mean nothing on Windows")
def test_a_login_that_others_can_read_is_a_warning(
    write: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning also covers a login that Google's library finds where gcloud keeps it."""
    login = write({"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"})
    login = login.rename(login.with_name("application_default_credentials.json"))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(login.parent))
    monkeypatch.setenv("PATH", str(login.parent))  # otherwise gcloud would be asked for a project
    for mode, words in ((0o644, [f"the key file {login} can be read by others"]), (0o600, [])):
        login.chmod(mode)
        found = find(None, Request(), Deadline(30))
        assert [warning.message for warning in found.warnings] == words
