"""The sign-in: a service account with a throw-away key, the check of its assertions, and its access tokens.

Sources: "Using OAuth 2.0 for server to server applications" in Google's guide; RFC 7523 and RFC 7515; the wording of
the refusals is Google's, from public issue threads.
"""

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sheets_decrypt.sandbox.refusals import Refusal, token_error
from sheets_decrypt.sandbox.replies import Reply, document
from sheets_decrypt.system.private_file import write_private

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME: Final = 3599
_SCOPE: Final = "https://www.googleapis.com/auth/"
WRITING: Final = frozenset(_SCOPE + name for name in ("spreadsheets", "drive", "drive.file"))
READING: Final = WRITING | {_SCOPE + name for name in ("spreadsheets.readonly", "drive.readonly")}
_KNOWN: Final = READING | {_SCOPE + name for name in ("drive.metadata", "drive.metadata.readonly")}

_LONGEST: Final = 3600
_SKEW: Final = 300  # seconds; roughly the clock difference that Google tolerates
_TIMEFRAME: Final = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


@dataclass(frozen=True, slots=True)
class _Grant:
    scopes: frozenset[str]
    expires: float


def new_key() -> rsa.RSAPrivateKey:
    """Make a service account's key of the same size as Google's."""
    return rsa.generate_private_key(65537, 2048)


class ServiceAccount:
    """A service account, its key file, and the access tokens issued for it.

    Args:
        path: Where the key file goes; only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        key = new_key()
        number = secrets.randbelow(10**6)
        self.email: Final = f"survey-reader@sandbox-{number:06}.iam.gserviceaccount.com"
        self._key_id: Final = secrets.token_hex(20)
        self._public: Final = key.public_key()
        self._grants: dict[str, _Grant] = {}
        self._lock: Final = threading.Lock()
        write_private(path, json.dumps(self._file(key, f"sandbox-{number:06}"), indent=2).encode())

    def _file(self, key: rsa.RSAPrivateKey, project: str) -> dict[str, str]:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": self._key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": str(10**20 + secrets.randbelow(10**20)),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URI,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{self.email}",
            "universe_domain": "googleapis.com",
        }

    def grant(self, body: bytes, now: float) -> Reply:
        """Answer the token endpoint.

        Args:
            body: The form that was posted.
            now: Google's time, in seconds since 1970.

        Raises:
            Refusal: The assertion is refused.
        """
        form = parse_qs(body.decode("utf-8", "replace"))
        kind = form.get("grant_type", [""])[0]
        if kind != GRANT_TYPE:
            raise Refusal(token_error("unsupported_grant_type", f"Invalid grant_type: {kind}"))
        claims = self._verified(form.get("assertion", [""])[0])
        _check_time(claims, now)
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes & _KNOWN:
            raise Refusal(token_error("invalid_scope", "Invalid OAuth scope or ID token audience provided."))
        token = f"ya29.c.{secrets.token_urlsafe(96)}"
        with self._lock:
            self._grants[token] = _Grant(scopes, now + LIFETIME)
        return Reply(200, document({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}))

    def scopes(self, authorization: str | None, now: float) -> frozenset[str] | None:
        """Return the scopes of a bearer token, or None for an unknown or expired one."""
        scheme, _, token = (authorization or "").partition(" ")
        with self._lock:
            grant = self._grants.get(token.strip())
        if scheme.lower() != "bearer" or grant is None or grant.expires < now:
            return None
        return grant.scopes

    def revoke(self) -> None:
        """Revoke every token."""
        with self._lock:
            self._grants.clear()

    def _verified(self, assertion: str) -> dict[str, Any]:
        """Check the signature and the audience, and return the claims."""
        header, claims, signature, signed = _parts(assertion)
        if claims.get("iss") != self.email:
            raise _refused("Invalid grant: account not found")
        # Without a key id, Google tries every key of the account; google-auth-library for Node sends no key id.
        if header.get("alg") != "RS256" or header.get("kid", self._key_id) != self._key_id:
            raise _refused("Invalid JWT Signature.")
        try:
            self._public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise _refused("Invalid JWT Signature.") from None
        if claims.get("aud") != TOKEN_URI:
            raise _refused(f"Invalid JWT: Failed audience check. The right audience is {TOKEN_URI}")
        return claims


def _parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        pieces: Sequence[bytes] = [_decoded(piece) for piece in assertion.split(".")]
        header, claims = json.loads(pieces[0]), json.loads(pieces[1])
        signature = pieces[2]
    except (ValueError, IndexError, binascii.Error):
        raise _refused("Invalid JWT: The JWT must consist of header, payload, and signature.") from None
    if not (isinstance(header, dict) and isinstance(claims, dict)):
        raise _refused("Invalid JWT: The JWT must consist of header, payload, and signature.")
    return header, claims, signature, assertion.rpartition(".")[0].encode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _check_time(claims: dict[str, Any], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise _refused(_TIMEFRAME)
    if issued > now + _SKEW or expires < now - _SKEW or not 0 <= expires - issued <= _LONGEST:
        raise _refused(_TIMEFRAME)


def _refused(description: str) -> Refusal:
    return Refusal(token_error("invalid_grant", description))
