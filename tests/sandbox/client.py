"""A client for the tests of the sandbox: requests and google-auth, as they come."""

from collections.abc import Sequence
from typing import Any, Self

import requests
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from sheets_decrypt.sandbox.google import Sandbox

SHEETS = "https://sheets.googleapis.com/v4/spreadsheets"
READING = "https://www.googleapis.com/auth/spreadsheets.readonly"
WRITING = "https://www.googleapis.com/auth/spreadsheets"
DRIVE = "https://www.googleapis.com/auth/drive.readonly"
TIMEOUT = 30


class Client:
    """A signed-in session through the sandbox's proxy. It signs in with the first request."""

    def __init__(self, sandbox: Sandbox, scopes: Sequence[str] = (WRITING, DRIVE)) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": sandbox.proxy}
        self.session.verify = str(sandbox.ca_bundle)
        self._credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(sandbox.key_file), scopes=list(scopes)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def sign_in(self) -> None:
        """Get a token."""
        self._credentials.refresh(Request(session=self.session))

    @property
    def headers(self) -> dict[str, str]:
        """The Authorization header."""
        if not self._credentials.token:
            self.sign_in()
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def ask(self, method: str, url: str, **more: Any) -> requests.Response:
        """Send a request with the token."""
        return self.session.request(method, url, headers=self.headers, timeout=TIMEOUT, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        """Ask the Sheets API; `path` begins with the spreadsheet's id."""
        return self.ask("GET", f"{SHEETS}/{path}", **more)


def error_of(reply: requests.Response) -> tuple[int, str, str]:
    """Return status, code and message of an error."""
    content = reply.json()["error"]
    assert content["code"] == reply.status_code
    return reply.status_code, content.get("status"), content["message"]
