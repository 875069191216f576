"""Addresses under [notify], and the guard around every service: nothing of them is sent in these tests."""

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
def test_an_address_is_named_without_what_may_be_secret(url: str, named: str) -> None:
    """By its scheme, and by its host where that is not a part of a password or a token."""
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
    """With a host, and without a blank or a character that cannot be seen."""
    assert heartbeat.is_web_address(url) == usable


def test_a_step_is_below_the_checks_address() -> None:
    """Whatever its path ends with."""
    assert heartbeat._below("http://hc.example/aX/?create=1", "start") == "http://hc.example/aX/start?create=1"
    assert heartbeat._below("http://hc.example/aX/", "") == "http://hc.example/aX/"


def test_a_service_never_holds_the_program_back_nor_breaks_it() -> None:
    """It runs in a thread that ends with the program; of what it raises only the name is told."""
    assert heartbeat.guarded(lambda: str(threading.current_thread().daemon), heartbeat.LIMITS) == "True"

    def broken() -> str:
        raise ZeroDivisionError("https://hc.example/secret")

    assert heartbeat.guarded(broken, heartbeat.LIMITS) == "ZeroDivisionError"
