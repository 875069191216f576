"""A session uses its own proxy, certificates and credentials."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import (
    ConfigurationError,
    NetworkUnreachable,
    NotGoogle,
)
from sheets_decrypt.google.network import NetworkSettings, network_settings
from sheets_decrypt.google.session import open_session
from sheets_decrypt.sandbox.google import Fault, Sandbox
from tests.google.pulling import pull, read
from tests.google.scripted_server import PROPERTIES, TOKEN, Scripted, json_reply


def test_the_configured_proxy_beats_the_environments(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """google.proxy is used for the token and the API, whatever HTTPS_PROXY and NO_PROXY say."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    assert read(google, config.Google(proxy=google.proxy)) == [["Ana"]]
    assert len(google.requests) == 3


def test_the_configured_certificates_beat_the_environments(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """google.ca_bundle is trusted, whatever REQUESTS_CA_BUNDLE names, even a missing file."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/not/there.pem")
    assert read(google, config.Google(ca_bundle=google.ca_bundle)) == [["Ana"]]


def test_the_other_environment_variable_for_certificates_works(
    google: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CURL_CA_BUNDLE is used where REQUESTS_CA_BUNDLE is not set, as requests always does."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(google.ca_bundle))
    assert read(google) == [["Ana"]]


def test_without_any_setting_the_usual_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bundle, the certificates that requests provides are trusted; verification is never off."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert network_settings(config.Google()).verify is True


def test_a_folder_of_certificates_is_accepted(tmp_path: Path) -> None:
    """A folder of hashed certificates is one of the two forms that requests accepts."""
    assert network_settings(config.Google(ca_bundle=tmp_path)).verify == str(tmp_path)


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_invalid_certificate_bundle_is_refused(tmp_path: Path, content: str | None) -> None:
    """A bundle that is missing or contains no certificate is a configuration error, found at once."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigurationError, match=r"google\.ca_bundle names .*ca\.pem") as caught:
        network_settings(config.Google(ca_bundle=bundle))
    assert caught.value.exit_code == 2


def test_an_invalid_bundle_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names the variable to correct."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE names"):
        network_settings(config.Google())


def test_an_untrusted_certificate_is_refused_at_once(
    google: Sandbox, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that opens TLS with an unknown certificate is named, with the setting to change; nothing is retried."""
    other = Sandbox(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca_bundle))
    with pytest.raises(
        NetworkUnreachable, match=r"certificate shown for oauth2.googleapis.com is not trusted"
    ) as caught:
        read(google)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert google.requests == []
    assert waits == []


def test_no_proxy_bypasses_the_environments_proxy(google: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY is honoured where the environment sets the proxy."""
    monkeypatch.setenv("NO_PROXY", "googleapis.com")
    monkeypatch.setenv("no_proxy", "googleapis.com")
    way = network_settings(config.Google())
    assert way.proxies("https://sheets.googleapis.com/v4") == {}
    assert way.proxies("https://example.org/")["https"] == google.proxy


def test_a_proxys_password_is_not_shown() -> None:
    """The repr of the settings hides the proxy's URL."""
    assert "password" not in repr(NetworkSettings(proxy="http://me:password@proxy:3128", verify=True))


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "http://no-such-proxy.invalid:3128"])
def test_an_unreachable_proxy_is_named(google: Sandbox, waits: list[float], proxy: str) -> None:
    """A proxy that cannot be reached is tried five times; then the error names the settings and the hosts."""
    with pytest.raises(NetworkUnreachable, match=r"the proxy.*; tried 5 times") as caught:
        read(google, config.Google(proxy=proxy))
    for word in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "oauth2.googleapis.com", "sheets.googleapis.com"):
        assert word in caught.value.hint
    assert caught.value.exit_code == 6
    assert len(waits) == 4


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "ftp://127.0.0.1:21", "http://[bad"])
def test_an_unusable_proxy_url_is_named(google: Sandbox, waits: list[float], proxy: str) -> None:
    """An unsupported URL is a mistake to correct, so it is not retried."""
    with pytest.raises(NetworkUnreachable, match="the proxy's URL cannot be used"):
        read(google, config.Google(proxy=proxy))
    assert waits == []


def test_netrc_is_not_read(scripted: Callable[..., Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login in ~/.netrc is sent to no host: not with a tunnel, the sign-in or a read."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    values = json_reply({"range": "x", "values": [["name"], ["Ana"]]})
    with (
        scripted(TOKEN, PROPERTIES, values) as server,
        open_session(server.settings.model_copy(update={"proxy": server.proxy})) as session,
    ):
        assert pull(session, "id") == [["Ana"]]
    assert len(server.heads) == 6
    assert not [head for head in server.heads if "Basic" in head]


def test_a_captive_portal_is_not_google(google: Sandbox, waits: list[float]) -> None:
    """A page with status 200 in place of JSON is recognised at each of the requests, and not retried."""
    for kind in ("token", "spreadsheet", "values"):
        google.fault(Fault(kind=kind, what="html"))
        with pytest.raises(NotGoogle, match="not google") as caught:
            read(google)
        assert "captive portal" in caught.value.hint
        assert caught.value.exit_code == 6
    assert waits == []


def test_an_unknown_host_name_is_named(google: Sandbox, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a proxy and without DNS, the error gives the unknown name."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)  # on Windows both spellings are one variable

    def unknown(*_args: object, **_named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(NetworkUnreachable, match=r"the name of oauth2\.googleapis\.com was not found \(DNS\)"):
        read(google)
