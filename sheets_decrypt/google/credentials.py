"""Who signs in: a service account's key file, else Application Default Credentials.

The key file's format is Google's: https://cloud.google.com/iam/docs/keys-create-delete#creating
"""

import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import google.auth
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.credentials import Credentials
from google.auth.crypt import RSASigner
from google.oauth2 import service_account
from requests.exceptions import InvalidURL
from requests.models import PreparedRequest

from sheets_decrypt.errors import CredentialsRefused, GoogleDown, reason_of
from sheets_decrypt.google.deadline import Deadline, in_background
from sheets_decrypt.google.failures import LATER, LOGIN, SCOPE
from sheets_decrypt.system import access
from sheets_decrypt.system.regular_file import read_small

_ENVIRONMENT: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_FIELDS: Final = ("client_email", "private_key", "token_uri")
_DOWNLOAD: Final = (
    "download the JSON key of the service account again (Google Cloud console, IAM, Service accounts, Keys) and use "
    "the file as it comes"
)
_CHECK_PATH: Final = "check the path in google.credentials"
_LARGEST: Final = 16 << 10  # bytes; a key file has about 2,400, and a key of 80,000 bits would take a minute to check
_OTHERS: Final = {
    "authorized_user": "a person's login",
    "external_account": "an external account's settings",
    "external_account_authorized_user": "an external account's login",
    "impersonated_service_account": "the settings of an impersonation",
    "gdch_service_account": "a key of google distributed cloud",
}


@dataclass(frozen=True, slots=True)
class KeyFileWarning:
    """A problem with a key file that can be used nevertheless.

    Args:
        message: What was found.
        hint: The next step.
    """

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Found:
    """The credentials that were found.

    Args:
        credentials: The credentials; no token was fetched.
        warnings: What should be fixed.
    """

    credentials: Credentials
    warnings: tuple[KeyFileWarning, ...] = ()


def find(key_file: Path | None, request: google.auth.transport.Request, deadline: Deadline) -> Found:
    """Find the credentials that the configuration or this machine offers.

    Args:
        key_file: A service account's key file. None: the file that GOOGLE_APPLICATION_CREDENTIALS names, else what
            Application Default Credentials find.
        request: Asks this machine's metadata server, if Application Default Credentials need it.
        deadline: When the search must be over.

    Raises:
        CredentialsRefused: There are none, or they cannot be used.
        GoogleDown: The deadline passed.
    """
    path = key_file or (Path(named) if (named := os.environ.get(_ENVIRONMENT)) else None)
    if path is None:
        found = _application_default(request, deadline)
        return Found(found, _warnings_of(found))
    if key_file is None and _kind_of(_content(path)) in _OTHERS:
        return Found(_application_default(request, deadline), _warnings(path))
    return Found(from_key_file(path), _warnings(path))


def _warnings(path: Path) -> tuple[KeyFileWarning, ...]:
    """Warn of a file that others can read. It is not refused: browsers save a downloaded key with such a mode."""
    found = access.shared(path, path.stat())
    return (KeyFileWarning(f"the key file {path} can be read by others", found.mend),) if found else ()


def _warnings_of(found: Credentials) -> tuple[KeyFileWarning, ...]:
    """Warn likewise of the file that google-auth found on its own, if any."""
    info: Mapping[str, str] = found.get_cred_info() or {}  # type: ignore[no-untyped-call]
    path = Path(info.get("credential_source", ""))
    return _warnings(path) if path.is_file() else ()


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
    key = _private_key(path, content["private_key"])
    if not _is_https(content["token_uri"]):
        raise CredentialsRefused(f"the field token_uri of the key file {path} is not an https address", hint=_DOWNLOAD)
    key_id = content.get("private_key_id")
    signer = RSASigner(key, key_id if isinstance(key_id, str) else None)  # type: ignore[no-untyped-call]
    return service_account.Credentials(  # type: ignore[no-untyped-call]
        signer, content["client_email"], content["token_uri"], scopes=[SCOPE]
    )


def _is_https(address: str) -> bool:
    request = PreparedRequest()
    try:
        request.prepare_url(address, None)
    except (InvalidURL, ValueError):
        return False
    return (request.url or "").startswith("https://")


def email_of(credentials: Credentials) -> str:
    """Return the e-mail address that a spreadsheet must be shared with, or nothing if it is not known."""
    for name in ("service_account_email", "signer_email", "account"):
        address = getattr(credentials, name, None)
        if isinstance(address, str) and "@" in address:
            return address
    return ""


def _content(path: Path) -> dict[str, Any]:
    try:
        text = read_small(path, limit=_LARGEST).decode("utf-8-sig")
    except IsADirectoryError:
        raise CredentialsRefused(f"the key file {path} is a folder", hint=_CHECK_PATH) from None
    except OSError as error:
        raise CredentialsRefused(f"the key file {path} cannot be read: {reason_of(error)}", hint=_CHECK_PATH) from None
    except UnicodeError:
        text = "not UTF-8"
    if not text.strip():
        raise CredentialsRefused(f"the key file {path} is empty", hint=_DOWNLOAD)
    content = _parsed(text)
    if not isinstance(content, dict):
        raise CredentialsRefused(f"the key file {path} is not JSON", hint=_DOWNLOAD)
    return content


def _parsed(text: str) -> Any:
    """Parse JSON, or return None: the error of `json` would hold the whole text, and with it the key."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _kind_of(content: dict[str, Any]) -> str:
    kind = content.get("type")
    return kind if isinstance(kind, str) else ""


def _refuse_other_kinds(path: Path, content: dict[str, Any]) -> None:
    kind = _kind_of(content)
    if kind in _OTHERS:
        raise CredentialsRefused(
            f"the key file {path} holds {_OTHERS[kind]}, not a service account's key",
            hint=f"leave google.credentials out and set {_ENVIRONMENT} to this file, or name a service account's key",
        )
    if {"installed", "web"} & content.keys():
        raise CredentialsRefused(
            f"the key file {path} holds an OAuth client, not a service account's key", hint=_DOWNLOAD
        )
    if "type" in content and kind != "service_account":
        raise CredentialsRefused(f"the field type of the key file {path} is not service_account", hint=_DOWNLOAD)


def _private_key(path: Path, pem: str) -> RSAPrivateKey:
    """Load the key once: checking it takes 50 ms, which google-auth would spend again on the same text."""
    if "\\n" in pem:
        raise CredentialsRefused(
            f"the field private_key of the key file {path} has the characters \\n in place of line breaks",
            hint=_DOWNLOAD,
        )
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(pem.encode(errors="replace"), password=None)
        if isinstance(key, RSAPrivateKey):
            return key
    raise CredentialsRefused(
        f"the field private_key of the key file {path} does not contain a valid RSA private key", hint=_DOWNLOAD
    )


def _application_default(request: google.auth.transport.Request, deadline: Deadline) -> Credentials:
    """Let google-auth look for credentials.

    In the background: it may run the program gcloud, without a time limit, for a project's name that is not needed.
    """
    attempt = in_background(lambda: _detect(request))
    try:
        found = deadline.wait_for(attempt)
    except TimeoutError:
        raise GoogleDown(
            "looking for this machine's credentials took longer than google.deadline allows", hint=LATER
        ) from None
    except Exception:  # noqa: BLE001  (google-auth lets through whatever an odd file or reply brings about)
        found = None
    if found is None:
        raise CredentialsRefused(
            "this machine has no credentials for google",
            hint="name a service account's key file in google.credentials (or --credentials), or set up Application "
            f"Default Credentials: {LOGIN}",
        )
    scoped: Credentials = google.auth.credentials.with_scopes_if_required(found, [SCOPE])  # type: ignore[no-untyped-call]
    return scoped


def _detect(request: google.auth.transport.Request) -> Credentials:
    """Find credentials, at first without scopes: with them google-auth would look up an external account's project."""
    with warnings.catch_warnings(action="ignore"):  # about a person's login, which this program accepts
        found, _ = google.auth.default(request=request)
    return found
