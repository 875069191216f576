"""Addresses under [notify], and the guard around every service; these tests send nothing."""

import threading

import pytest

from sheets_decrypt.runs import heartbeat, notify


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://hc.example/uuid", "https://hc.example"),
        ("HTTPS://hc.example/uuid", "HTTPS://hc.example"),
        ("json://user:word@host/x://y", "json://host"),
        ("json://user:word/x@host/", "json://…"),
        ("json:///x", "json://…"),
        ("slack://token", "slack://…"),
        ("http://[broken", "http://…"),
        ("hc.example/uuid", "an address without a scheme"),
    ],
)
def test_an_address_is_named_without_possible_secrets(url: str, named: str) -> None:
    """It is named by its scheme, and by its host unless that may be part of a password or a token."""
    assert notify._where(url) == named


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("http://hc.example", True),
        ("https://user:word@hc.example:1/x?y", True),
        ("ftp://hc.example", False),
        ("http:///x", False),
        ("http://hc.example/a b", False),
        ("http://hc.example/\x07", False),
        ("http://[broken", False),
        ("hc.example", False),
    ],
)
def test_a_heartbeat_needs_a_web_address(url: str, usable: bool) -> None:
    """The address has a host, and neither a blank nor an invisible character."""
    assert heartbeat.is_web_address(url) == usable


def test_a_step_is_appended_to_the_checks_path() -> None:
    """The step is appended to the path, however that ends."""
    assert heartbeat._below("http://hc.example/aX/?create=1", "start") == "http://hc.example/aX/start?create=1"
    assert heartbeat._below("http://hc.example/aX/", "") == "http://hc.example/aX/"


def test_a_service_never_blocks_or_breaks_the_program() -> None:
    """It runs in a thread that ends with the program, and only the name of an exception is reported."""
    assert heartbeat.guarded(lambda: str(threading.current_thread().daemon), heartbeat.LIMITS) == "True"

    def broken() -> str:
        raise ZeroDivisionError("https://hc.example/secret")

    assert heartbeat.guarded(broken, heartbeat.LIMITS) == "ZeroDivisionError"
