"""No reply, or only a part of one → our error, with a hint.

requests and urllib3 nest the cause several levels deep, each release a little differently, so every level is searched
for the system's own error. The libraries' messages are never shown, because they may hold the proxy's password.
"""

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import requests
import urllib3

from sheets_decrypt.errors import GoogleDown, NetworkUnreachable, NotGoogle
from sheets_decrypt.google.failures import (
    LATER,
    NETWORK,
    PORTAL,
    Failure,
    Transient,
    cut_off,
    may_pass,
    proxy_login,
)

_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


def explain(error: BaseException, *, host: str) -> Failure:
    """Return the error that explains why no reply from `host` arrived, or only a part of one."""
    causes = list(_causes(error))
    for of_kind in (_of_certificate, _of_tunnel, _of_setting, _of_header, _of_time, _of_part):
        failure = of_kind(causes, host)
        if failure is not None:
            return failure
    return Transient(NetworkUnreachable, _unreachable(causes, host), hint=NETWORK)


def _of_certificate(causes: list[BaseException], host: str) -> Failure | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            clock = cause.verify_code in {_NOT_YET_VALID, _EXPIRED}
            return NetworkUnreachable(
                f"the certificate shown for {host} is not trusted"
                + (": it is not valid at this machine's time" if clock else ""),
                hint=("check this machine's clock; " if clock else "") + NETWORK,
            )
    return None


def _of_tunnel(causes: list[BaseException], host: str) -> Failure | None:
    found = next(filter(None, (_TUNNEL.search(str(cause)) for cause in causes)), None)
    if found is None:
        return None
    status = int(found[1])
    if status == requests.codes.proxy_authentication_required:
        return proxy_login()
    message = f"the proxy does not connect to {host} ({status})"
    if may_pass(status) or status == requests.codes.too_many_requests:
        return Transient(NetworkUnreachable, message, hint=NETWORK)
    return NetworkUnreachable(message, hint=NETWORK)


def _of_setting(causes: list[BaseException], host: str) -> Failure | None:
    """Explain an error that requests raises before sending anything; only a setting or the environment can cause it."""
    del host
    refused = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        urllib3.exceptions.LocationValueError,
        urllib3.exceptions.ProxySchemeUnknown,
    )
    if isinstance(causes[0], refused):
        return NetworkUnreachable("the proxy's URL cannot be used", hint=f"write it as http://host:port; {NETWORK}")
    return None


def _of_header(causes: list[BaseException], host: str) -> Failure | None:
    """Explain a token that is not valid in a header; the original message holds the token, so it is not shown."""
    if isinstance(causes[0], ValueError) and not isinstance(causes[0], requests.RequestException):
        return NotGoogle(f"the sign-in returned something that cannot be sent to {host}", hint=PORTAL)
    return None


def _of_time(causes: list[BaseException], host: str) -> Failure | None:
    if any(isinstance(cause, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)) for cause in causes):
        return Transient(GoogleDown, f"{host} did not answer in time", hint=LATER)
    return None


def _of_part(causes: list[BaseException], host: str) -> Failure | None:
    part = (http.client.IncompleteRead, urllib3.exceptions.DecodeError)
    return cut_off(host) if any(isinstance(cause, part) for cause in causes) else None


def _unreachable(causes: list[BaseException], host: str) -> str:
    whom = "the proxy" if any(isinstance(cause, urllib3.exceptions.ProxyError) for cause in causes) else host
    for cause in causes:
        match cause:
            case socket.gaierror() | urllib3.exceptions.NameResolutionError():
                return f"the name of {whom} was not found (DNS)"
            case ConnectionRefusedError():
                return f"{whom} refused the connection"
            case requests.ConnectTimeout() | urllib3.exceptions.ConnectTimeoutError():
                return f"{whom} could not be reached in time"
            case TimeoutError():
                return f"{whom} did not answer in time"
            case ssl.SSLError():
                return f"{whom} broke off the TLS handshake"
    return f"the connection to {whom} broke"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and every error that it wraps, as requests and urllib3 nest them, each once."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and not any(cause is other for other in seen):
            seen.append(cause)
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
