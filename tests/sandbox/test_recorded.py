"""The sandbox answers as Google did: recorded requests, sent again, get the recorded replies."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sheets_decrypt.sandbox import refusals
from sheets_decrypt.sandbox.google import Cell, Fault, Formula, Quota, Sandbox, Tab
from tests import require
from tests.sandbox import discovery
from tests.sandbox.client import Client

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "google" / "recorded"

RAGGED: list[list[Cell]] = [["A1", "B1", "", "D1"], ["", "b2"], [], ["A4", "B4", "", "D4"]]
TYPED: list[list[Cell]] = [[Formula("=4/2", 2), 43831, "string", 53], [Formula("=3/2", 1.5), 0.12, 36162]]

# name of the recording → the tab that the spreadsheet had then, and the discovery document's name of the reply
SAME: dict[str, tuple[Tab, str | None]] = {
    "error_400_details": (Tab("Sheet1", []), None),
    "spreadsheets_get": (Tab("Sheet1", []), "Spreadsheet"),
    "values_append_raw": (Tab("Sheet1", []), "AppendValuesResponse"),
    "values_append_shifted": (Tab("Sheet1", [["", "", "x"]]), "AppendValuesResponse"),
    "values_batchGet": (
        Tab("Sheet1", [["A1", "B1", "", "D1"], ["", "b2"], [], ["A4", "B4", "", "D4"]]),
        "BatchGetValuesResponse",
    ),
    "values_formula": (Tab("Sheet1", TYPED, row_count=2, column_count=4), "ValueRange"),
    "values_get_empty": (Tab("Sheet1", []), "ValueRange"),
    "values_get_ragged": (Tab("Sheet1", RAGGED), "ValueRange"),
    "values_get_unicode_title": (
        Tab("🌵 test_values_get 1", [["🍇", "🍉", "🍋"], ["🍐", "🍎", "🍓"]], row_count=10, column_count=10),
        "ValueRange",
    ),
    "values_range_unbounded": (Tab("Sheet1", []), "ValueRange"),
    "values_title_like_a1": (
        Tab("D3", [*RAGGED[:3], ["A4", "B4", "", "d4"]], row_count=4, column_count=4),
        "ValueRange",
    ),
    "values_unformatted_serial": (Tab("Sheet1", TYPED, row_count=2, column_count=4), "ValueRange"),
    "error_sheets-spreadsheets-get-bad-field-mask_400": (Tab("Sheet1", []), None),
    "error_sheets-spreadsheets-get-nonexistent-range_400": (Tab("Sheet1", []), None),
}


def recording(name: str) -> dict[str, Any]:
    """Read a recording."""
    path = RECORDED / f"{name}.json"
    require.that(path.is_file(), f"the recorded replies are not here ({path.name})")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def spreadsheet_id(uri: str) -> str:
    """Return the id in a recorded address."""
    return urlsplit(uri).path.split("/")[4 if "/drive/" in uri else 3].partition(":")[0]


def replay(client: Client, recorded: dict[str, Any]) -> tuple[int, Any, str]:
    """Send a recorded request; give status, content and type of the reply."""
    request = recorded["request"]
    reply = client.ask(request["method"], request["uri"], json=request.get("body"))
    kind = reply.headers["Content-Type"]
    return reply.status_code, reply.json() if "json" in kind else reply.text, kind


@pytest.mark.parametrize("name", SAME)
def test_a_recorded_request_gets_the_recorded_reply(google: Sandbox, client: Client, name: str) -> None:
    """Status and content are Google's to the letter, and fit Google's description of its API."""
    recorded = recording(name)
    tab, schema = SAME[name]
    title = recorded["response"]["body"].get("properties", {}).get("title", "x") if schema == "Spreadsheet" else "x"
    google.add(title, [tab], spreadsheet_id=spreadsheet_id(recorded["request"]["uri"]))
    status, content, kind = replay(client, recorded)
    assert content == _without_looks(recorded["response"]["body"])
    assert status == recorded["response"]["status"]["code"]
    if "Content-Type" in recorded["response"]["headers"]:
        assert kind == recorded["response"]["headers"]["Content-Type"][0]
    if schema:
        discovery.check(schema, content)


def _without_looks(content: Any) -> Any:
    """Leave out the formats and the theme of a spreadsheet, which nothing asks for."""
    for name in ("defaultFormat", "spreadsheetTheme"):
        content.get("properties", {}).pop(name, None)
    return content


def test_a_spreadsheet_that_is_not_shared_is_refused_as_recorded(google: Sandbox, client: Client) -> None:
    """403; an unknown id gets 404."""
    recorded = recording("error_403")
    google.add("secret", [Tab("x", [])], spreadsheet_id=spreadsheet_id(recorded["request"]["uri"]), shared=False)
    for name in ("error_403", "error_404"):
        recorded = recording(name)
        status, content, _ = replay(client, recorded)
        assert (status, content) == (recorded["response"]["status"]["code"], recorded["response"]["body"])


def test_a_disabled_api_is_refused_as_recorded(google: Sandbox, client: Client) -> None:
    """403 SERVICE_DISABLED with the address where it is switched on."""
    recorded = recording("error_sheets-service-disabled_403_2025")
    google.fault(Fault("spreadsheet", "disabled"))
    reply = client.get("anything")
    assert (reply.status_code, reply.json()) == (403, recorded["response"]["body"])


def test_a_used_up_quota_is_refused_as_recorded(tmp_path: Path) -> None:
    """429 with Google's body, but for the project's number."""
    recorded = recording("error_sheets-spreadsheets-get-quota-exceeded-readgroup_429")["response"]["body"]
    wanted = json.loads(json.dumps(recorded).replace("603366585132", refusals.PROJECT))
    with Sandbox(tmp_path, quota=Quota()) as sandbox, Client(sandbox) as client:
        spreadsheet = sandbox.add("x", [Tab("x", [])])
        statuses = [client.get(spreadsheet).status_code for _ in range(60)]
        assert statuses == [200] * 60
        reply = client.get(spreadsheet)
        assert (reply.status_code, reply.json()) == (429, wanted)


def test_a_plain_400_has_the_recorded_shape(google: Sandbox, client: Client) -> None:
    """An error without details has code, message and status, and nothing else."""
    recorded = recording("error_400_plain")["response"]["body"]
    spreadsheet = google.add("x", [Tab("x", [])])
    content = client.get(f"{spreadsheet}/values/nope").json()
    assert set(content["error"]) == set(recorded["error"])
    assert content["error"]["status"] == recorded["error"]["status"]
