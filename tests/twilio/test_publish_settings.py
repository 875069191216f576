"""The publishing function's settings: whoever sets it up reads what to do; nothing is faked but Google's servers."""

import json
from pathlib import Path
from typing import Final

import pytest

from sheets_decrypt.sandbox.google import Sandbox
from sheets_decrypt.twilio.export import export, write
from tests import require
from tests.twilio.load import simulate
from tests.twilio.runtime import running
from tests.twilio.survey import HEADER, Other, Survey, environment, failed

ALONE: Final = {"respondents": 1, "seconds": 1, "sync": False}  # in the simulation: starting a runtime takes seconds


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    """Whoever sets it up reads in the log which one it is."""
    names = [f"GOOGLE_{name}" for name in ("CLIENT_EMAIL", "PRIVATE_KEY", "SHEET_ID", "SHEET_TAB")]
    missing = [(name, value) for name in names for value in ("", "  ")]
    crowds = simulate(tmp_path, *({**ALONE, "context": dict([setting])} for setting in missing))
    for (name, _), crowd in zip(missing, crowds, strict=True):
        assert (crowd["not_saved"], crowd["rows"]) == (1, 0)
        assert crowd["errors"] == [f"publish_to_sheet: the environment variable {name} is not set"]


def test_the_private_key_is_read_with_real_and_with_literal_line_breaks(google: Sandbox, other: Other) -> None:
    """Consoles and files change line breaks, and no respondent should pay for it."""
    pem = json.loads(google.key_file.read_text())["private_key"]
    for form in (pem, json.dumps(pem)[1:-1]):
        runtime = other(GOOGLE_PRIVATE_KEY=form)
        assert runtime.call("publish_to_sheet", {"name": "Ana"}).body.get("error") is None


def test_the_private_key_is_read_in_quotes_on_one_line_and_with_line_breaks_of_windows(
    google: Sandbox, tmp_path: Path
) -> None:
    """The same, as the Console hands them to the function."""
    pem = json.loads(google.key_file.read_text())["private_key"]
    forms = [json.dumps(pem), f"'{json.dumps(pem)}'", pem.replace("\n", " "), pem.replace("\n", "\r\n")]
    crowds = simulate(tmp_path, *({**ALONE, "context": {"GOOGLE_PRIVATE_KEY": form}} for form in forms))
    assert [crowd["rows"] for crowd in crowds] == [1] * len(forms)


def test_a_damaged_private_key_fails_and_is_not_shown(google: Sandbox, tmp_path: Path) -> None:
    """The error says where to copy it from."""
    pem = json.dumps(json.loads(google.key_file.read_text())["private_key"])[1:-1]
    damaged = [pem.replace("MII", "MIX", 1), pem[:-80], "x" * 40]
    says = 'GOOGLE_PRIVATE_KEY is not a private key; copy "private_key" from the key file again'
    for crowd in simulate(tmp_path, *({**ALONE, "context": {"GOOGLE_PRIVATE_KEY": key}} for key in damaged)):
        assert crowd["not_saved"] == 1
        assert crowd["errors"] == [f"publish_to_sheet: {says}"]  # and nothing else


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"GOOGLE_SHEET_TAB": "dato"}, "check GOOGLE_SHEET_TAB"),
        ({"GOOGLE_SHEET_ID": "1nosuchspreadsheet"}, "check GOOGLE_SHEET_ID"),
        ({"GOOGLE_CLIENT_EMAIL": "somebody@else.iam.gserviceaccount.com"}, "copy GOOGLE_CLIENT_EMAIL"),
    ],
)
def test_a_wrong_setting_fails_with_the_next_step(other: Other, changes: dict[str, str], says: str) -> None:
    """The log says what to check."""
    assert failed(other(**changes).call("publish_to_sheet", {"name": "Ana"}), says)


def test_a_google_that_cannot_be_reached_is_named(google: Sandbox, started: Survey, tmp_path: Path) -> None:
    """Nothing listens there; test_load has a Google that is silent."""
    require.patience("the function tries for eight seconds")
    write(tmp_path, export(HEADER))
    with running(tmp_path, environment(google, started.spreadsheet, SANDBOX_PORT="9")) as runtime:
        assert failed(runtime.call("publish_to_sheet", {"name": "Ana"}), "Google did not answer")


def test_a_sheet_that_is_not_shared_or_only_to_be_read_fails(survey: Survey) -> None:
    """Publishing needs an Editor."""
    survey.google.share(survey.spreadsheet, shared=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "share the Sheet as Editor")
    survey.google.share(survey.spreadsheet, editable=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "not as Viewer")
    assert survey.rows() == []
