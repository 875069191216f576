"""Every reply from Google becomes a helpful error."""

import json
from pathlib import Path

import pytest

from sheets_decrypt import config
from sheets_decrypt.errors import (
    ApiDisabled,
    ClockWrong,
    CredentialsRefused,
    GoogleDown,
    GoogleRefused,
    NetworkUnreachable,
    NotASpreadsheet,
    NotGoogle,
    NotShared,
    QuotaExhausted,
    ScopeInsufficient,
    SheetMoved,
    SheetsDecryptError,
    SpreadsheetNotFound,
    WorksheetNotFound,
)
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.google.replies import Reply, from_api, from_sign_in
from sheets_decrypt.google.session import open_session
from sheets_decrypt.sandbox.google import Fault, Sandbox, Tab
from tests.google.pulling import assert_no_secret, pull
from tests.google.scripted_server import CELL

ROWS = [["name"], ["Ana"]]


@pytest.fixture(autouse=True)
def _no_waiting(waits: list[float]) -> None:
    """Let waits take no time."""


def _failure(google: Sandbox, *faults: Fault, spreadsheet_id: str | None = None) -> SheetsDecryptError:
    """Pull with faults and return the error, after asserting that it holds no secret."""
    google.fault(*faults)
    identity = spreadsheet_id or google.add("Survey", [Tab("data", [["name"], [CELL]])])
    with open_session(config.Google()) as session, pytest.raises(SheetsDecryptError) as caught:
        pull(session, identity)
    assert_no_secret(caught.value, session, google, CELL)
    return caught.value


# The Sheets API


def test_a_spreadsheet_that_is_not_shared_names_the_account(google: Sandbox) -> None:
    """The hint contains the address to share with."""
    identity = google.add("Survey", [Tab("data", ROWS)], shared=False)
    error = _failure(google, spreadsheet_id=identity)
    assert type(error) is NotShared
    assert f"share the Sheet as Viewer with {google.client_email}" in error.hint
    assert error.exit_code == 5


def test_an_unknown_id_says_where_to_look(google: Sandbox) -> None:
    """A 404 means a wrong ID."""
    error = _failure(google, spreadsheet_id="1doesNotExist")
    assert type(error) is SpreadsheetNotFound
    assert "URL" in error.hint


def test_the_error_for_a_disabled_api_links_the_page_that_enables_it(google: Sandbox) -> None:
    """The hint contains the activation URL from Google's own reply."""
    error = _failure(google, Fault(kind="spreadsheet", what="disabled"))
    assert type(error) is ApiDisabled
    assert "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=" in error.hint
    assert "wait a few minutes" in error.hint


def test_a_login_without_the_scope_says_how_to_log_in(google: Sandbox) -> None:
    """The command in the hint contains the scope."""
    error = _failure(google, Fault(kind="spreadsheet", what="scope"))
    assert type(error) is ScopeInsufficient
    assert "log in again: gcloud auth application-default login --scopes=https://" in error.hint
    assert "spreadsheets.readonly" in error.hint


@pytest.mark.parametrize("kind", ["spreadsheet", "values"])
def test_an_excel_file_says_how_to_convert_it(google: Sandbox, kind: str) -> None:
    """The error says that it is an Office file in Drive."""
    error = _failure(google, Fault(kind=kind, what="unsupported"))
    assert type(error) is NotASpreadsheet
    assert "Save as Google Sheets" in error.hint


def test_a_quota_is_named(google: Sandbox) -> None:
    """The error says which quota it is, that others share it, and how often the request was tried."""
    error = _failure(google, Fault(kind="values", status=429, times=None))
    assert type(error) is QuotaExhausted
    assert "ReadRequestsPerMinutePerUser (60)" in error.message
    assert "tried 5 times" in error.message
    assert "same account" in error.hint
    assert error.exit_code == 6


@pytest.mark.parametrize("status", [408, 500, 503])
def test_an_error_on_googles_side_is_named(google: Sandbox, status: int) -> None:
    """The error gives the status and the number of tries, and says that nothing is lost."""
    error = _failure(google, Fault(kind="values", status=status, times=None))
    assert type(error) is GoogleDown
    assert str(status) in error.message
    assert "tried 5 times" in error.message
    assert "the previous CSV is unchanged" in error.hint


def test_a_token_that_the_api_rejects_is_a_credentials_error(google: Sandbox) -> None:
    """A token that was revoked during the session causes a credentials error."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:
        session.sign_in()
        google.revoke_tokens()
        with pytest.raises(CredentialsRefused) as caught:
            pull(session, identity)
        assert_no_secret(caught.value, session, google, CELL)


def test_an_html_page_is_not_google(google: Sandbox) -> None:
    """A proxy's 403 in HTML is not an answer from Google."""
    error = _failure(google, Fault(kind="values", what="page", status=403))
    assert type(error) is NotGoogle
    assert "captive portal" in error.hint


def test_a_reply_that_is_cut_off_every_time_is_googles_error(google: Sandbox) -> None:
    """A body that ends in the middle five times is reported as cut off."""
    error = _failure(google, Fault(kind="values", what="truncate", times=None))
    assert type(error) is GoogleDown
    assert "cut off; tried 5 times" in error.message


def test_a_connection_that_breaks_every_time_is_a_network_error(google: Sandbox) -> None:
    """Five resets without an answer are a network error."""
    error = _failure(google, Fault(kind="token", what="reset", times=None))
    assert type(error) is NetworkUnreachable
    assert "sheets.googleapis.com" in error.hint


# The sign-in


@pytest.mark.parametrize(("skew", "words"), [(7200, "2 hours behind google's"), (-259_200, "3 days ahead of google's")])
def test_a_wrong_clock_shows_the_skew(google: Sandbox, skew: float, words: str) -> None:
    """The time in the reply shows how far the clock is off, and in which direction."""
    error = _failure(google, Fault(kind="token", what="skew", seconds=skew, times=None))
    assert type(error) is ClockWrong
    assert words in error.message
    assert "set the clock" in error.hint
    assert error.exit_code == 5


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("Invalid JWT Signature.", "revoked"),
        ("Invalid grant: account not found", "deleted"),
        ("Invalid JWT: Failed audience check.", "Failed audience check"),
    ],
)
def test_the_error_says_why_google_rejects_a_key(google: Sandbox, description: str, words: str) -> None:
    """A revoked key, a deleted account and anything else are distinguished, with a new key as the next step."""
    error = _failure(google, Fault(kind="token", what="invalid_grant", description=description))
    assert type(error) is CredentialsRefused
    assert words in error.message
    assert "new JSON key" in error.hint


def test_a_key_of_another_account_is_refused_by_the_real_check(google: Sandbox, tmp_path: Path) -> None:
    """A key file whose email Google does not know is refused over the wire, without a scripted fault."""
    content = json.loads(google.key_file.read_text())
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content | {"client_email": "other@project.iam.gserviceaccount.com"}))
    with open_session(config.Google(credentials=path)) as session, pytest.raises(CredentialsRefused, match="deleted"):
        session.sign_in()


# Replies that the sandbox does not make


def _api(status: int, error: object) -> Reply:
    return Reply("sheets.googleapis.com", status, {}, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (_api(400, {"message": "Unable to parse range: 'x'"}), WorksheetNotFound, "the tab was not found"),
        (_api(400, {"message": "Range ('x'!A9) exceeds grid limits."}), SheetMoved, "fewer rows"),
        (_api(400, {"message": "Request contains an invalid argument."}), GoogleRefused, "invalid argument"),
        (_api(400, {"status": "FAILED_PRECONDITION", "message": "?"}), NotASpreadsheet, "Excel"),
        (_api(403, {"message": "Request had insufficient authentication scopes."}), ScopeInsufficient, "login"),
        (_api(403, {"message": "Billing is off."}), NotShared, "Billing is off"),
        (_api(403, {"message": "x", "details": [{"reason": "CONSUMER_INVALID"}]}), NotShared, "x"),
        (_api(409, {"message": "Conflict with Bearer abcdef ya29.abc"}), GoogleRefused, "Conflict with … …"),
        (_api(403, "forbidden"), NotGoogle, "status 403"),
        (Reply("sheets.googleapis.com", 302, {}, b""), NotGoogle, "status 302"),
        (Reply("sheets.googleapis.com", 407, {}, b"<html>"), NetworkUnreachable, "407"),
        (Reply("sheets.googleapis.com", 404, {}, b"[" * 100_000), NotGoogle, "404"),
    ],
)
def test_other_replies_of_the_api_are_explained(reply: Reply, kind: type[Exception], words: str) -> None:
    """Each reply gets its error class, and Google's message is shown on one line, without anything like a token."""
    error = from_api(reply, account="")
    assert type(error) is kind
    assert words in str(error)
    assert isinstance(error, SheetsDecryptError)
    assert error.hint


def test_an_older_reply_of_a_disabled_api_also_gives_the_page() -> None:
    """Before 2025 the URL of the page was among the links, and earlier only in the message."""
    url = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1"
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    links = {"links": [{"description": "Google developers console API activation", "url": url}]}
    for error in (
        {"message": "It is disabled.", "details": [links, info]},
        {"message": f"Enable it by visiting {url} then retry.", "details": [info]},
    ):
        failure = from_api(_api(403, error), account="")
        assert isinstance(failure, ApiDisabled)
        assert url in failure.hint
    bare = from_api(_api(403, {"message": "It is disabled.", "details": [info]}), account="")
    assert isinstance(bare, ApiDisabled)
    assert "Google Cloud console" in bare.hint


def test_an_account_without_a_known_address_is_described() -> None:
    """Where the email is unknown, the hint describes the account."""
    failure = from_api(_api(403, {"message": "The caller does not have permission"}), account="")
    assert isinstance(failure, NotShared)
    assert "the account that this machine signs in with" in failure.hint


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"slow down", "google's quota is used up"),
        (b'{"error":{"message":"limit \'Reads\' of"}}', "quota Reads is used"),
    ],
)
def test_a_429_without_details_is_a_quota_error(body: bytes, words: str) -> None:
    """Every 429 is a quota error, whatever its body."""
    failure = from_api(Reply("sheets.googleapis.com", 429, {"Retry-After": "9"}, body), account="")
    assert isinstance(failure, Transient)
    assert words in str(failure)
    assert (failure.quota, failure.retry_after) == (True, 9)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ({"error": "invalid_scope", "error_description": "x"}, ScopeInsufficient, "login"),
        (
            {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
            CredentialsRefused,
            "login",
        ),
        (
            {"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)"},
            CredentialsRefused,
            "login",
        ),
        (
            {"error": "disabled_client", "error_description": "The OAuth client was disabled."},
            CredentialsRefused,
            "off",
        ),
        ({"error": "unauthorized_client"}, CredentialsRefused, "unauthorized_client"),
        ({"error": {"message": "Permission 'iam' denied"}}, CredentialsRefused, "Permission 'iam' denied"),
        ({"error": {}}, CredentialsRefused, "no reason given"),
        ({"error": "temporarily_unavailable"}, Transient, "failed with status 400"),
        ({"nothing": 1}, NotGoogle, "status 400"),
        ([1], NotGoogle, "status 400"),
    ],
)
def test_other_replies_of_the_sign_in_are_explained(content: object, kind: type[Exception], words: str) -> None:
    """Each error that a token endpoint can return gets its error class."""
    error = from_sign_in(Reply("oauth2.googleapis.com", 400, {}, json.dumps(content).encode()), skew=None)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("skew", "words"),
    [(None, "too far off"), (600.0, "10 minutes ahead"), (-90.0, "90 seconds behind"), (200_000.0, "2 days ahead")],
)
def test_the_skew_is_given_in_a_suitable_unit(skew: float | None, words: str) -> None:
    """The skew is given in seconds to days, or without a number where the reply has no Date."""
    body = b'{"error":"invalid_grant","error_description":"Invalid JWT: ... in a reasonable timeframe."}'
    assert words in str(from_sign_in(Reply("oauth2.googleapis.com", 400, {}, body), skew=skew))
