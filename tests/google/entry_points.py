"""The functions through which bytes from outside enter `google`, for the tests here and for fuzzing.

Each returns nothing and may raise only `SheetsDecryptError` or `Transient`.
"""

from pathlib import Path

from sheets_decrypt.cells import Number, page, text_of
from sheets_decrypt.google.credentials import from_key_file
from sheets_decrypt.google.replies import Reply, from_api, from_sign_in
from sheets_decrypt.google.sheet import MOST_CELLS, _checked, _tabs
from sheets_decrypt.google.timed_session import parsed
from sheets_decrypt.table import Header

HOST = "sheets.googleapis.com"


def page_of_json(body: bytes) -> None:
    """Read a reply to `values.get`, down to what the CSV would hold."""
    rows = _checked(parsed(body, host=HOST, number=Number))
    names = tuple(map(text_of, rows[0])) if rows else ()
    for row in page(2, rows[1:], Header(names or ("a",))).rows:
        ",".join(row).encode()


def properties_of_json(body: bytes) -> None:
    """Read a reply to `spreadsheets.get`."""
    title, tabs = _tabs(parsed(body, host=HOST))
    title.encode()
    for tab in tabs:
        tab.title.encode()
        assert 0 <= tab.rows * tab.columns <= MOST_CELLS
        assert min(tab.rows, tab.columns) >= 0


def refusal(status: int, headers: dict[str, str], body: bytes) -> None:
    """Explain a reply other than 200, from the API and from the sign-in."""
    reply = Reply(HOST, status, headers, body)
    for failure in (from_api(reply, account=""), from_sign_in(reply, skew=None)):
        assert len(str(failure)) < 1000
        assert str(failure).isprintable()
        str(failure).encode()
    assert reply.retry_after is None or reply.retry_after >= 0


def key_file(path: Path) -> None:
    """Read a service account's key file."""
    from_key_file(path)
