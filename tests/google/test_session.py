"""A session signs in once, with the least scope, and measures the clock's skew."""

from datetime import datetime

import pytest

from sheets_decrypt import config
from sheets_decrypt.google.session import open_session
from sheets_decrypt.sandbox.google import Fault, Sandbox, Tab
from tests.google.pulling import ROWS, kinds, pull


def test_opening_a_session_sends_nothing(google: Sandbox) -> None:
    """A session knows its account before anything is sent."""
    with open_session(config.Google()) as session:
        assert session.account.email == google.client_email
        assert session.requests == 0
        assert session.clock_skew is None
    assert google.requests == []


def test_signing_in_fetches_one_token(google: Sandbox) -> None:
    """`sign_in` fetches one token, and later requests use it."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google(credentials=google.key_file)) as session:
        session.sign_in()
        session.sign_in()
        assert kinds(google) == ["token"]
        assert pull(session, identity) == [["Ana"]]
        assert session.requests == 3


@pytest.mark.parametrize("ahead", [3600, -90])
def test_the_clocks_skew_is_known_after_a_reply(google: Sandbox, ahead: float) -> None:
    """The skew is this machine's clock minus the reply's Date, so it is positive where this clock is ahead."""
    google.fault(Fault(kind="spreadsheet", what="skew", seconds=-ahead))
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:
        session.sign_in()
        assert session.clock_skew == pytest.approx(0, abs=5)
        session.get_metadata(identity, fields="properties.title")
        assert session.clock_skew == pytest.approx(ahead, abs=5)


def test_a_token_that_runs_out_between_two_tries_is_fetched_anew(
    google: Sandbox, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry is not sent with a token that expired during the wait."""
    identity = google.add("Survey", [Tab("data", ROWS)])
    with open_session(config.Google()) as session:

        def run_out(seconds: float) -> None:
            waits.append(seconds)
            session._credentials.expiry = datetime(2020, 1, 1)  # noqa: DTZ001  (google-auth's times have no zone)

        monkeypatch.setattr("time.sleep", run_out)
        google.fault(Fault(kind="spreadsheet", status=503))
        session.get_metadata(identity, fields="properties.title")
    assert kinds(google) == ["token", "spreadsheet", "token", "spreadsheet"]
