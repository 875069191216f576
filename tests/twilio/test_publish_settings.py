"""The publishing function's settings: whoever sets it up reads what to do; nothing is faked but Google's servers."""

import json
from collections.abc import Callable

import pytest

from sheets_decrypt.sandbox.google import Sandbox
from tests.twilio.survey import Start, Survey, failed


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_EMAIL", "GOOGLE_PRIVATE_KEY", "GOOGLE_SHEET_ID", "GOOGLE_SHEET_TAB"])
@pytest.mark.parametrize("value", [None, '"  "'])
def test_a_missing_setting_is_named(start: Start, name: str, value: str | None) -> None:
    """Whoever sets it up reads in the log which one it is."""
    with start(**{name: value}) as runtime:
        assert failed(runtime.call("publish_to_sheet", {"name": "Ana"}), name)
        assert f"the environment variable {name} is not set" in runtime.log


@pytest.mark.parametrize(
    "form",
    [
        json.dumps,  # the runtime reads \n in double quotes as real line breaks
        lambda pem: json.dumps(pem)[1:-1],  # literal \n, as copied from the key file
        lambda pem: f"'{json.dumps(pem)}'",  # copied with its quotes
        lambda pem: pem.replace("\n", " "),  # as some forms paste it
        lambda pem: json.dumps(pem.replace("\n", "\r\n")),
    ],
    ids=["real line breaks", "literal line breaks", "with quotes", "one line", "windows"],
)
def test_the_private_key_is_read_however_it_was_pasted(
    google: Sandbox, start: Start, form: Callable[[str], str]
) -> None:
    """Consoles and files change line breaks, and no respondent should pay for it."""
    pem = json.loads(google.key_file.read_text())["private_key"]
    with start(GOOGLE_PRIVATE_KEY=form(pem)) as runtime:
        assert runtime.call("publish_to_sheet", {"name": "Ana"}).body.get("error") is None


def test_a_damaged_private_key_fails_and_is_not_shown(google: Sandbox, start: Start) -> None:
    """The error says where to copy it from."""
    pem = json.dumps(json.loads(google.key_file.read_text())["private_key"])[1:-1]
    for damaged in (pem.replace("MII", "MIX", 1), pem[:-80], "x" * 40):
        with start(GOOGLE_PRIVATE_KEY=damaged) as runtime:
            answer = runtime.call("publish_to_sheet", {"name": "Ana"})
            assert failed(answer, "GOOGLE_PRIVATE_KEY is not a private key")
            assert damaged[40:60] not in (runtime.log + str(answer.body)) or damaged == "x" * 40


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"GOOGLE_SHEET_TAB": "dato"}, "check GOOGLE_SHEET_TAB"),
        ({"GOOGLE_SHEET_ID": "1nosuchspreadsheet"}, "check GOOGLE_SHEET_ID"),
        ({"GOOGLE_CLIENT_EMAIL": "somebody@else.iam.gserviceaccount.com"}, "copy GOOGLE_CLIENT_EMAIL"),
        ({"SANDBOX_PORT": "9"}, "Google did not answer"),
    ],
)
def test_a_wrong_setting_fails_with_the_next_step(start: Start, changes: dict[str, str], says: str) -> None:
    """The log says what to check."""
    with start(**changes) as runtime:
        assert failed(runtime.call("publish_to_sheet", {"name": "Ana"}), says)


def test_a_sheet_that_is_not_shared_or_only_to_be_read_fails(survey: Survey) -> None:
    """Publishing needs an Editor."""
    survey.google.share(survey.spreadsheet, shared=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "share the Sheet as Editor")
    survey.google.share(survey.spreadsheet, editable=False)
    assert failed(survey.publish({"name": "Ana"}), "403", "not as Viewer")
    assert survey.rows() == []
