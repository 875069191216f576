"""Transient failures of a request, hints that several errors share, and errors raised in several places."""

from typing import Final

import requests

from sheets_decrypt.errors import (
    GoogleDown,
    GoogleUnavailable,
    NetworkUnreachable,
    NotGoogle,
    SheetsDecryptError,
)

SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets.readonly"
LOGIN: Final = f"gcloud auth application-default login --scopes={SCOPE},https://www.googleapis.com/auth/cloud-platform"
NETWORK: Final = (
    "behind a proxy set HTTPS_PROXY or google.proxy; where it opens TLS, name its certificates in REQUESTS_CA_BUNDLE "
    "or google.ca_bundle; a firewall must let oauth2.googleapis.com and sheets.googleapis.com through"
)
LATER: Final = "run again later; nothing was written, and the previous CSV is unchanged"
PORTAL: Final = (
    "a captive portal or a proxy's page answered in google's place: open a web page in a browser and log in there, or "
    "ask for oauth2.googleapis.com and sheets.googleapis.com to be let through"
)
NEW_KEY: Final = "make a new JSON key for the service account (Google Cloud console, IAM, Service accounts, Keys)"


class Transient(Exception):
    """A failure that may be temporary, so another try is worthwhile; `retry` turns it into its final error.

    Args:
        kind: The error that it becomes when every try has failed.
        message: Its message, without the number of tries.
        hint: Its hint.
        retry_after: Seconds that the server asked to wait, or None.
        quota: Whether a quota is used up; its window is a minute.
    """

    def __init__(
        self,
        kind: type[GoogleUnavailable],
        message: str,
        *,
        hint: str,
        retry_after: float | None = None,
        quota: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint
        self.retry_after = retry_after
        self.quota = quota

    def given_up(self, tries: int) -> GoogleUnavailable:
        """Return the final error after this many tries."""
        return self.kind(f"{self}; tried {'once' if tries == 1 else f'{tries} times'}", hint=self.hint)


Failure = SheetsDecryptError | Transient


def out_of_time(whom: str) -> Transient:
    """Make the error for a request that did not finish by the deadline."""
    return Transient(GoogleDown, f"{whom} took longer than google.deadline allows", hint=LATER)


def strange_json(host: str) -> NotGoogle:
    """Make the error for JSON that does not have the shape of Google's."""
    return NotGoogle(
        f"what answered for {host} is not google: its JSON is of another kind",
        hint=f"a proxy answered in google's place; ask for {host} to be let through",
    )


def cut_off(host: str) -> Transient:
    """Make the error for a reply that arrived only in part."""
    return Transient(GoogleDown, f"the reply of {host} was cut off", hint=LATER)


def too_large(host: str, limit: int) -> NotGoogle:
    """Make the error for a reply of more than `limit` bytes."""
    return NotGoogle(
        f"what answered for {host} is not google: the reply is larger than {limit >> 20} MiB",
        hint="google's replies are far smaller; find out which proxy or other machine answers in its place",
    )


def proxy_login() -> NetworkUnreachable:
    """Make the error for a proxy that asks for a login."""
    return NetworkUnreachable(
        "the proxy asks for a login (407)",
        hint=f"write it into the proxy's URL, HTTPS_PROXY=http://user:password@host:port; {NETWORK}",
    )


def may_pass(status: int) -> bool:
    """Return whether a later try may succeed, which is so after 408 and 5xx."""
    return bool(status == requests.codes.request_timeout or status >= requests.codes.server_error)
