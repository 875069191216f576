"""How to reach Google: which proxy to use, and which certificates to trust.

requests lets REQUESTS_CA_BUNDLE and HTTPS_PROXY win over what a session is configured with. So its own look at the
environment is switched off, and the environment is read here.
"""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import requests

from sheets_decrypt import config
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.system.regular_file import open_regular

_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The proxy and the certificates; the configuration wins over the environment.

    Args:
        proxy: An HTTP proxy's URL, which may hold a password and is never shown. None: the environment decides.
        verify: A file or folder of trusted certificates, or True for those that come with requests.
    """

    proxy: str | None = field(repr=False)
    verify: str | bool

    def proxies(self, url: str) -> dict[str, str]:
        """Return requests' table of proxies for `url`; NO_PROXY counts only if the environment decides."""
        return {"https": self.proxy} if self.proxy else requests.utils.get_environ_proxies(url)


def network_settings(settings: config.Google) -> NetworkSettings:
    """Find the proxy and the certificates.

    Raises:
        ConfigurationError: The file of trusted certificates does not exist or contains none.
    """
    named = {"google.ca_bundle": settings.ca_bundle} | {name: os.environ.get(name) for name in _BUNDLES}
    name, place = next(((name, place) for name, place in named.items() if place), ("", None))
    if place is None:
        return NetworkSettings(proxy=settings.proxy, verify=True)
    if not (Path(place).is_dir() or _holds_certificates(Path(place))):
        raise ConfigurationError(
            f"{name} names {place}, which is not a file of trusted certificates (PEM)",
            hint="ask for the certificates of the proxy that opens TLS, or leave the setting out",
        )
    return NetworkSettings(proxy=settings.proxy, verify=str(place))


def _holds_certificates(place: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        os.close(open_regular(place))  # OpenSSL would wait for the other end of a named pipe
        context.load_verify_locations(place)
    except OSError:  # ssl.SSLError is one
        return False
    return True
