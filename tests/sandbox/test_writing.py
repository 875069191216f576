"""Writing to the sandbox: updates, appends, and what is refused."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sheets_decrypt.sandbox.google import Sandbox, Tab
from tests.long import scaled
from tests.sandbox import discovery
from tests.sandbox.client import SHEETS, TIMEOUT, Client, error_of


def test_a_body_may_come_in_chunks(google: Sandbox, client: Client, sheet: str) -> None:
    """As programs send one whose length they do not know; the connection goes on afterwards."""
    pieces = [b'{"values": ', b'[["x"', b"]]}"]
    address = f"{SHEETS}/{sheet}/values/data!A1?valueInputOption=RAW"
    for _ in range(2):
        assert client.ask("PUT", address, data=iter(pieces)).status_code == 200
    assert google.rows(sheet, "data")[0] == ["x", "n"]


def write(client: Client, path: str, body: object, method: str = "PUT") -> requests.Response:
    """Send values."""
    return client.ask(method, f"{SHEETS}/{path}", data=body if isinstance(body, str) else json.dumps(body))


def test_an_update_writes_and_reports_what(google: Sandbox, client: Client, sheet: str) -> None:
    """RAW keeps text, USER_ENTERED reads it, columns are turned, and the cells come back where asked for."""
    reply = write(client, f"{sheet}/values/data!A1?valueInputOption=RAW", {"values": [["+44", None, 1]]}).json()
    discovery.check("UpdateValuesResponse", reply)
    assert reply == {
        "spreadsheetId": sheet,
        "updatedRange": "data!A1:C1",
        "updatedRows": 1,
        "updatedColumns": 2,
        "updatedCells": 2,
    }
    typed = f"{sheet}/values/data!A2:B3?valueInputOption=USER_ENTERED&includeValuesInResponse=true"
    typed += "&responseValueRenderOption=UNFORMATTED_VALUE"
    reply = write(client, typed, {"majorDimension": "COLUMNS", "values": [["+44", "'0044"], ["=abc", "x"]]}).json()
    discovery.check("UpdateValuesResponse", reply)
    assert reply["updatedData"] == {
        "range": "data!A2:B3",
        "majorDimension": "ROWS",
        "values": [[44, "#NAME?"], ["0044", "x"]],
    }
    assert google.rows(sheet, "data")[0] == ["+44", "n", 1]


def test_rows_and_columns_of_nothing_but_nulls_are_not_counted(client: Client, sheet: str) -> None:
    """The counts are of rows and columns in which at least one cell was written, though the range covers all."""
    values = [["x", None, None], [None, None, None], ["y", None, "z"]]
    reply = write(client, f"{sheet}/values/data!A1?valueInputOption=RAW", {"values": values}).json()
    assert reply == {
        "spreadsheetId": sheet,
        "updatedRange": "data!A1:C3",
        "updatedRows": 2,
        "updatedColumns": 2,
        "updatedCells": 3,
    }


def test_an_append_may_be_empty(client: Client, sheet: str) -> None:
    """Counts of nothing are left out, as everywhere in proto3's JSON."""
    reply = write(client, f"{sheet}/values/T'itle:append?valueInputOption=RAW", "", "POST").json()
    discovery.check("AppendValuesResponse", reply)
    assert reply == {
        "spreadsheetId": sheet,
        "updates": {"spreadsheetId": sheet, "updatedRange": "'T''itle'!A1"},
    }


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("data!A1", {"values": []}, "'valueInputOption' is required but not specified"),
        ("data!A1?valueInputOption=RAW", "{", "Invalid JSON payload received. Unexpected token."),
        (
            "data!A1?valueInputOption=RAW",
            {"value": []},
            "Invalid JSON payload received. Unknown name \"value\" at 'data': Cannot find field.",
        ),
        (
            "data!A1?valueInputOption=RAW",
            {"values": ["x"]},
            "Invalid value at 'data.values' (type.googleapis.com/google.protobuf.ListValue), \"x\"",
        ),
        ("data!A1?valueInputOption=RAW", {"values": [[{}]]}, "Invalid values[0][0]: {}"),
        (
            "data!A1?valueInputOption=RAW",
            {"values": [["x" * 50_001]]},
            "Your input contains more than the maximum of 50000 characters in a single cell.",
        ),
        (
            "data!A1:A2?valueInputOption=RAW",
            {"values": [["a", "b"]]},
            "Requested writing within range [data!A1:A2], but tried writing to column [B]",
        ),
        (
            "data!AA1?valueInputOption=RAW",
            {"values": [["a"]]},
            "Range (data!AA1) exceeds grid limits. Max rows: 1000, max columns: 26",
        ),
        ("nope!A1?valueInputOption=RAW", {"values": [["a"]]}, "Unable to parse range: nope!A1"),
    ],
)
def test_a_wrong_write_is_refused_and_changes_nothing(
    google: Sandbox, client: Client, sheet: str, path: str, body: object, message: str
) -> None:
    """400 with Google's words, and the tab is as before."""
    before = google.rows(sheet, "data")
    assert error_of(write(client, f"{sheet}/values/{path}", body)) == (400, "INVALID_ARGUMENT", message)
    assert google.rows(sheet, "data") == before


def test_an_append_beyond_a_limit_is_refused(google: Sandbox, client: Client) -> None:
    """Outside the grid, and in a spreadsheet that holds ten million cells already."""
    sheet = google.add("full", [Tab("data", [["x"] * 10], row_count=10**6, column_count=10)])
    beyond = write(client, f"{sheet}/values/data!K1:append?valueInputOption=RAW", {"values": [["a"]]}, "POST")
    assert "exceeds grid limits" in error_of(beyond)[2]
    query = "valueInputOption=RAW&insertDataOption=INSERT_ROWS"
    full = write(client, f"{sheet}/values/data:append?{query}", {"values": [["a"]]}, "POST")
    assert error_of(full) == (
        400,
        "INVALID_ARGUMENT",
        "This action would increase the number of cells in the workbook above the limit of 10000000 cells.",
    )
    assert len(google.rows(sheet, "data")) == 1


@pytest.mark.parametrize("option", scaled(["INSERT_ROWS"], ["INSERT_ROWS", "OVERWRITE"]))
def test_two_hundred_appends_at_once_lose_no_row(google: Sandbox, client: Client, option: str) -> None:
    """Every row is there once, each reply names a range of its own, and every row is whole."""
    sheet = google.add("Survey", [Tab("data", [["id", "value"]], row_count=50)])
    address = f"{SHEETS}/{sheet}/values/'data'!A1:append?valueInputOption=RAW&insertDataOption={option}"
    headers = client.headers

    def append(numbers: range) -> list[str]:
        with Client(google) as own:
            return [
                own.session.post(
                    address, headers=headers, json={"values": [[f"{n}", f"v{n}"]]}, timeout=TIMEOUT
                ).json()["updates"]["updatedRange"]
                for n in numbers
            ]

    with ThreadPoolExecutor(20) as pool:
        ranges = [each for some in pool.map(append, [range(k, k + 10) for k in range(0, 200, 10)]) for each in some]
    rows = google.rows(sheet, "data")
    assert sorted(map(str, rows[1:])) == sorted(str([f"{n}", f"v{n}"]) for n in range(200))
    assert len(set(ranges)) == 200
    assert client.get(f"{sheet}/values/data").json()["range"].endswith("Z201" if option == "OVERWRITE" else "Z250")
