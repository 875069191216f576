"""Pull through a session, and check that its errors hold no secret."""

import json
import traceback

from sheets_decrypt import config
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import open_sheet
from sheets_decrypt.sandbox.google import Sandbox, Tab

ROWS = [["name"], ["Ana"]]


def pull(session: Session, spreadsheet_id: str) -> list[list[str]]:
    """Read the rows of a spreadsheet's first tab."""
    sheet = open_sheet(session, spreadsheet_id=spreadsheet_id, worksheet=None, gid=None, values="stored")
    return [row for page in sheet.pages() for row in page.rows]


def assert_no_secret(error: BaseException, session: Session, google: Sandbox, cell: str) -> None:
    """Assert that not even a frame's locals hold the token, the key, the signed assertion or the cell."""
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    text += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(session)
    key = json.loads(google.key_file.read_text())["private_key"]
    token = session._credentials.token
    assert token is None or (len(token) > 20 and token not in text)
    assert key.splitlines()[1] not in text
    assert "eyJ" not in text
    assert "assertion=" not in text
    assert cell not in text


def read(google: Sandbox, settings: config.Google | None = None) -> list[list[str]]:
    """Pull a new spreadsheet in its own session."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(settings or config.Google()) as session:
        return pull(session, identity)


def kinds(google: Sandbox) -> list[str]:
    """Return the kinds of the requests that a sandbox received."""
    return [request.kind.value for request in google.requests]
