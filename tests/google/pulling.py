"""What the tests of `google` do with a session, and what its errors must not hold."""

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
    """Look for the token, the key and the signed assertion, even in the locals of every frame."""
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
    """Pull a new spreadsheet in a session of its own."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(settings or config.Google()) as session:
        return pull(session, identity)


def kinds(google: Sandbox) -> list[str]:
    """Return the kinds of the requests that a sandbox got."""
    return [request.kind.value for request in google.requests]
