"""Who signs in: a service account's key file, else Application Default Credentials.

The key file's format is Google's: https://cloud.google.com/iam/docs/keys-create-delete#creating
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any, Final

import google.auth
import google.auth.credentials
import google.auth.exceptions
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.credentials import Credentials
from google.oauth2 import service_account

from sheets_decrypt.errors import CredentialsRefused, reason_of
from sheets_decrypt.google.errors import LOGIN, SCOPE

_ENVIRONMENT: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_FIELDS: Final = ("client_email", "private_key", "token_uri")
_DOWNLOAD: Final = (
    "download the JSON key of the service account again (Google Cloud console, IAM, Service accounts, Keys) and use "
    "the file as it comes"
)
_OTHERS: Final = {
    "authorized_user": "a person's login",
    "external_account": "an external account's settings",
    "external_account_authorized_user": "an external account's login",
    "impersonated_service_account": "the settings of an impersonation",
    "gdch_service_account": "a key of google distributed cloud",
}


def find(key_file: Path | None) -> Credentials:
    """Find the credentials that the configuration or this machine offers; no token is fetched.

    Args:
        key_file: A service account's key file. None: the file that GOOGLE_APPLICATION_CREDENTIALS names, else what
            Application Default Credentials find; the last may ask this machine's metadata server.

    Raises:
        CredentialsRefused: There are none, or they cannot be used.
    """
    if key_file is not None:
        return from_key_file(key_file)
    named = os.environ.get(_ENVIRONMENT)
    if named and _content(Path(named)).get("type") not in _OTHERS:
        return from_key_file(Path(named))
    return _application_default()


def from_key_file(path: Path) -> service_account.Credentials:
    """Read a service account's key file.

    Raises:
        CredentialsRefused: It cannot be read, is of another kind, or a field is missing or damaged; the field is named.
    """
    content = _content(path)
    _refuse_other_kinds(path, content)
    for field in _FIELDS:
        if not (isinstance(content.get(field), str) and content[field].strip()):
            raise CredentialsRefused(f"the key file {path} has no {field}", hint=_DOWNLOAD)
    _refuse_damaged_key(path, content["private_key"])
    if not content["token_uri"].startswith("https://"):
        raise CredentialsRefused(f"the field token_uri of the key file {path} is not an https address", hint=_DOWNLOAD)
    found: service_account.Credentials = service_account.Credentials.from_service_account_info(content, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    return found


def email_of(credentials: Credentials) -> str:
    """Give the e-mail address that a spreadsheet must be shared with, as far as it is known."""
    for name in ("service_account_email", "signer_email", "account"):
        address = getattr(credentials, name, None)
        if isinstance(address, str) and "@" in address:
            return address
    return ""


def _content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = "it is a folder" if path.is_dir() else reason_of(error)
        raise CredentialsRefused(
            f"the key file {path} cannot be read: {reason}", hint="check the path in google.credentials"
        ) from None
    except UnicodeError:
        text = "not UTF-8"
    if not text.strip():
        raise CredentialsRefused(f"the key file {path} is empty", hint=_DOWNLOAD)
    content = _parsed(text)
    if not isinstance(content, dict):
        raise CredentialsRefused(f"the key file {path} is not JSON", hint=_DOWNLOAD)
    return content


def _parsed(text: str) -> Any:
    """Parse JSON, or give None: the error of `json` would carry the whole text, and with it the key."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _refuse_other_kinds(path: Path, content: dict[str, Any]) -> None:
    kind = content.get("type")
    if kind in _OTHERS:
        raise CredentialsRefused(
            f"the key file {path} holds {_OTHERS[kind]}, not a service account's key",
            hint=f"leave google.credentials out and set {_ENVIRONMENT} to this file, or name a service account's key",
        )
    if {"installed", "web"} & content.keys():
        raise CredentialsRefused(
            f"the key file {path} holds an OAuth client, not a service account's key", hint=_DOWNLOAD
        )
    if kind not in {None, "service_account"}:
        raise CredentialsRefused(f"the field type of the key file {path} does not say service_account", hint=_DOWNLOAD)


def _refuse_damaged_key(path: Path, pem: str) -> None:
    if "\\n" in pem:
        raise CredentialsRefused(
            f"the field private_key of the key file {path} holds the characters \\n where line breaks belong",
            hint=_DOWNLOAD,
        )
    try:
        sound = isinstance(load_pem_private_key(pem.encode(), password=None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        sound = False
    if not sound:
        raise CredentialsRefused(
            f"the field private_key of the key file {path} holds no private key of RSA", hint=_DOWNLOAD
        )


def _application_default() -> Credentials:
    """Ask google-auth; without scopes at first, since with them it would look up an external account's project."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of a person's login, which this program does accept
            found, _ = google.auth.default()
    except google.auth.exceptions.GoogleAuthError:
        found = None
    if found is None:
        raise CredentialsRefused(
            "this machine has no credentials for google",
            hint="name a service account's key file in google.credentials (or --credentials), or set up Application "
            f"Default Credentials: {LOGIN}",
        )
    scoped: Credentials = google.auth.credentials.with_scopes_if_required(found, [SCOPE])  # type: ignore[no-untyped-call]
    return scoped
