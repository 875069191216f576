"""The sandbox's token endpoint: which assertions it takes, and what it says of the others."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from sheets_decrypt.sandbox.refusals import Refusal
from sheets_decrypt.sandbox.sign_in import GRANT_TYPE, TOKEN_URI, ServiceAccount
from tests import systems

NOW = 1_700_000_000.0
SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)

Account = tuple[ServiceAccount, Path]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """A service account and its key file."""
    path = tmp_path_factory.mktemp("account") / "credentials.json"
    return ServiceAccount(path), path


def assertion(path: Path, *, key_id: str | None = None, **claims: Any) -> str:
    """Sign an assertion with google-auth."""
    content = json.loads(path.read_text())
    signer = crypt.RSASigner.from_service_account_info(content)  # type: ignore[no-untyped-call]  # google-auth
    payload = {"iss": content["client_email"], "aud": TOKEN_URI, "iat": NOW, "exp": NOW + 3600, "scope": SCOPE} | claims
    signed: bytes = jwt.encode(signer, payload, key_id=key_id)  # type: ignore[no-untyped-call]  # google-auth
    return signed.decode()


def form(signed: str, grant_type: str = GRANT_TYPE) -> bytes:
    """Return the body of the request."""
    return urlencode({"grant_type": grant_type, "assertion": signed}).encode()


def test_a_good_assertion_gets_a_token(account: Account) -> None:
    """The token lasts 3599 seconds and carries the scopes that were asked for."""
    service, path = account
    reply = json.loads(service.grant(form(assertion(path)), NOW).body)
    assert reply["expires_in"] == 3599
    assert reply["token_type"] == "Bearer"
    header = f"Bearer {reply['access_token']}"
    assert service.scopes(header, NOW + 3599) == frozenset({SCOPE})
    assert service.scopes(header, NOW + 3600) is None
    assert service.scopes(f"Basic {reply['access_token']}", NOW) is None
    assert service.scopes("Bearer nope", NOW) is None
    assert service.scopes(None, NOW) is None


def test_the_key_file_is_private(account: Account) -> None:
    """Only the owner may read it."""
    systems.only_on("posix", "mode bits mean nothing on Windows")
    assert account[1].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"iss": "someone@else.example"}, "invalid_grant", "Invalid grant: account not found"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "invalid_grant", TIMEFRAME),
        ({"iat": NOW - 7200, "exp": NOW - 3600}, "invalid_grant", TIMEFRAME),
        ({"exp": NOW + 7200}, "invalid_grant", TIMEFRAME),
        ({"iat": NOW + 100, "exp": NOW}, "invalid_grant", TIMEFRAME),
        ({"iat": "today"}, "invalid_grant", TIMEFRAME),
        ({"exp": None}, "invalid_grant", TIMEFRAME),
        ({"scope": "email"}, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
        (
            {"aud": "https://example.org/token"},
            "invalid_grant",
            f"Invalid JWT: Failed audience check. The right audience is {TOKEN_URI}",
        ),
    ],
)
def test_a_wrong_claim_is_refused(account: Account, claims: dict[str, Any], error: str, description: str) -> None:
    """Issuer, time, audience and scope are checked, and the refusal is worded as Google's."""
    service, path = account
    with pytest.raises(Refusal) as caught:
        service.grant(form(assertion(path, **claims)), NOW)
    assert caught.value.reply.status == 400
    assert json.loads(caught.value.reply.body) == {"error": error, "error_description": description}


def _flipped(signed: str) -> str:
    head, _, signature = signed.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


@pytest.mark.parametrize(
    ("spoil", "description"),
    [
        (_flipped, "Invalid JWT Signature."),
        (lambda signed: signed + ".AAAA", "Invalid JWT Signature."),
        (lambda _: "no.t", "Invalid JWT: The JWT must consist of header, payload, and signature."),
        (lambda _: "W10.W10.AAAA", "Invalid JWT: The JWT must consist of header, payload, and signature."),
        (lambda _: "", "Invalid JWT: The JWT must consist of header, payload, and signature."),
    ],
)
def test_a_wrong_signature_is_refused(account: Account, spoil: Callable[[str], str], description: str) -> None:
    """An assertion that was changed, or is none, gets no token."""
    service, path = account
    with pytest.raises(Refusal) as caught:
        service.grant(form(spoil(assertion(path))), NOW)
    assert json.loads(caught.value.reply.body)["error_description"] == description


def test_an_unknown_key_is_refused(account: Account) -> None:
    """A key that was deleted gives Google's "Invalid JWT Signature."."""
    service, path = account
    with pytest.raises(Refusal) as caught:
        service.grant(form(assertion(path, key_id="0" * 40)), NOW)
    assert b"Invalid JWT Signature." in caught.value.reply.body


def test_the_key_s_id_may_be_left_out(account: Account) -> None:
    """Google's library for Node sends none, and is let in."""
    service, path = account
    signer = crypt.RSASigner.from_string(json.loads(path.read_text())["private_key"])  # type: ignore[no-untyped-call]
    claims = {"iss": service.email, "aud": TOKEN_URI, "iat": NOW, "exp": NOW + 3600, "scope": SCOPE}
    signed = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]  # google-auth
    assert b'"kid"' not in base64.urlsafe_b64decode(signed.partition(b".")[0] + b"===")
    assert service.grant(form(signed.decode()), NOW).status == 200


def test_another_grant_type_is_refused(account: Account) -> None:
    """Only the JWT bearer grant is emulated."""
    service, path = account
    with pytest.raises(Refusal) as caught:
        service.grant(form(assertion(path), "refresh_token"), time.time())
    assert json.loads(caught.value.reply.body)["error"] == "unsupported_grant_type"
