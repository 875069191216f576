"""Reading from the sandbox: masks, options, ranges, and what is refused."""

from urllib.parse import quote

import gspread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.sandbox import workbook
from sheets_decrypt.sandbox.google import Cell, GeneratedRows, Sandbox, Tab
from tests.sandbox import discovery
from tests.sandbox.client import Client, error_of


def test_a_mask_narrows_the_spreadsheet(client: Client, sheet: str) -> None:
    """Only what the mask names is sent, whatever else is asked for."""
    reply = client.get(f"{sheet}?fields=sheets.properties(sheetId,title,gridProperties/rowCount)&includeGridData=true")
    assert reply.json() == {
        "sheets": [
            {"properties": {"sheetId": 0, "title": "data", "gridProperties": {"rowCount": 1000}}},
            {"properties": {"sheetId": 42, "title": "T'itle", "gridProperties": {"rowCount": 1000}}},
        ]
    }


@pytest.mark.parametrize("asked", ["includeGridData=true", "fields=sheets.data.rowData", "fields=sheets"])
def test_cells_come_from_values_alone(client: Client, sheet: str, asked: str) -> None:
    """`spreadsheets.get` does not emulate cells, and says so instead of leaving them out."""
    assert client.get(f"{sheet}?{asked}").status_code == 501


@pytest.mark.parametrize(
    ("option", "last"),
    [("FORMATTED_VALUE", ["", "TRUE", "0.5"]), ("UNFORMATTED_VALUE", ["", True, 0.5]), ("FORMULA", ["", True, "=1/2"])],
)
def test_values_come_as_the_option_asks(client: Client, sheet: str, option: str, last: list[Cell]) -> None:
    """Text, typed values or formulas; prettyPrint changes nothing but the spaces."""
    pretty = client.get(f"{sheet}/values/data!A4:C9?valueRenderOption={option}")
    dense = client.get(f"{sheet}/values/data!A4:C9?valueRenderOption={option}&prettyPrint=false")
    assert pretty.json() == dense.json() == {"range": "data!A4:C9", "majorDimension": "ROWS", "values": [last]}
    assert len(dense.content) < len(pretty.content)


def test_ranges_choose_the_tabs_of_a_spreadsheet(client: Client, sheet: str) -> None:
    """With ranges, only their tabs are described."""
    reply = client.get(f"{sheet}?ranges=T'itle!A1&ranges='T''itle'&fields=sheets.properties.title").json()
    assert reply == {"sheets": [{"properties": {"title": "T'itle"}}]}


def test_values_may_come_by_columns(client: Client, sheet: str) -> None:
    """What is empty at the end of a column is dropped as well."""
    reply = client.get(f"{sheet}/values/data!A:C?majorDimension=COLUMNS").json()
    discovery.check("ValueRange", reply)
    assert reply == {
        "range": "data!A1:C1000",
        "majorDimension": "COLUMNS",
        "values": [["name", "Ana"], ["n", "7", "", "TRUE"], ["", "", "", "0.5"]],
    }


def test_a_batch_may_ask_for_nothing(client: Client, sheet: str) -> None:
    """Without ranges the reply has none."""
    reply = client.get(f"{sheet}/values:batchGet").json()
    discovery.check("BatchGetValuesResponse", reply)
    assert reply == {"spreadsheetId": sheet}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/values/data!A1001", "Range (data!A1001) exceeds grid limits. Max rows: 1000, max columns: 26"),
        ("/values/data!1001:1003", "Range (data!1001:1003) exceeds grid limits. Max rows: 1000, max columns: 26"),
        ("/values/T'itle!AA:AB", "Range ('T''itle'!AA:AB) exceeds grid limits. Max rows: 1000, max columns: 26"),
        ("/values/nope!A1", "Unable to parse range: nope!A1"),
        ("?ranges=nope", "Unable to parse range: nope"),
        ("?fields=sheets/nope", "Request contains an invalid argument."),
        (
            "?nope=1",
            (
                'Invalid JSON payload received. Unknown name "nope": Cannot bind query parameter. '
                "Field 'nope' could not be found in request message."
            ),
        ),
        (
            "/values/data?valueRenderOption=PRETTY",
            (
                "Invalid value at 'value_render_option' (type.googleapis.com/google.apps.sheets.v4.ValueRenderOption), "
                '"PRETTY"'
            ),
        ),
    ],
)
def test_a_wrong_question_is_refused_in_google_s_words(client: Client, sheet: str, path: str, message: str) -> None:
    """400 INVALID_ARGUMENT, with the wording that clients look for."""
    assert error_of(client.get(f"{sheet}{path}")) == (400, "INVALID_ARGUMENT", message)


def test_gspread_s_row_values_gives_a_row(google: Sandbox, client: Client) -> None:
    """Gspread asks for a row as A2:2, from column A on without an end."""
    identity = google.add("rows", [Tab("data", [["a", "b"], ["1", "", "3"]])])
    client.session.headers.update(client.headers)
    spreadsheet = gspread.Client(auth=None, session=client.session).open_by_key(identity)  # type: ignore[arg-type]  # documented
    assert spreadsheet.worksheet("data").row_values(2) == ["1", "", "3"]
    reply = client.get(f"{identity}/values/data!B1:1").json()
    assert reply == {"range": "data!B1:Z1", "majorDimension": "ROWS", "values": [["b"]]}


def test_a_slash_after_the_id_makes_no_difference(client: Client, sheet: str) -> None:
    """Google answers `…/spreadsheets/ID/` as it answers `…/spreadsheets/ID`."""
    assert client.get(f"{sheet}/").json() == client.get(sheet).json()


def test_a_huge_tab_is_read_in_blocks_and_written_down_once(google: Sandbox, client: Client) -> None:
    """Ten million cells need no memory, and the same question makes no row twice until the sheet changes."""
    made: list[int] = []

    def row(number: int) -> list[str]:
        made.append(number)
        return [f"r{number}c{column}" for column in range(10)]

    sheet = google.add("Huge", [Tab("data", GeneratedRows(10**6, row, width=10), column_count=10)])
    path = f"{sheet}/values/'data'!A900001:J900100"
    first = client.get(path).json()
    assert first["values"][0][0] == "r900001c0"
    assert first["values"][-1][-1] == "r900100c9"
    assert client.get(path).json() == first
    assert made == list(range(900_001, 900_101))
    assert client.get(f"{sheet}/values/data!A1000001").status_code == 400
    google.replace_rows(sheet, "data", [["new"]])
    assert "values" not in client.get(path).json()


def test_what_is_remembered_has_a_bound(google: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is reached, a reply is made again each time, and is as good."""
    made: list[int] = []

    def row(number: int) -> list[str]:
        made.append(number)
        return ["x"]

    sheet = google.add("Huge", [Tab("data", GeneratedRows(2, row, width=1))])
    monkeypatch.setattr(workbook, "_CACHE_BYTES", 0)
    values = [client.get(f"{sheet}/values/data").json()["values"] for _ in range(2)]
    assert values == [[["x"], ["x"]]] * 2
    assert made == [1, 2, 1, 2]


_ROWS = st.lists(st.lists(st.one_of(st.sampled_from(["", "x"]), st.text(max_size=5)), max_size=4), max_size=5)


@given(rows=_ROWS, title=st.text(min_size=1, max_size=8))
def test_what_lies_in_a_tab_is_what_is_read(google: Sandbox, client: Client, rows: list[list[str]], title: str) -> None:
    """Whatever the text and the title: cells come as they are, and only what is empty at the end is missing."""
    try:
        title.encode()
        "".join(cell for row in rows for cell in row).encode()
    except UnicodeEncodeError:
        return
    sheet = google.add("Survey", [Tab(title, rows)])
    name = quote("'" + title.replace("'", "''") + "'", safe="")
    values = client.get(f"{sheet}/values/{name}").json().get("values", [])
    wide = [row + [""] * (4 - len(row)) for row in values] + [[""] * 4] * (len(rows) - len(values))
    assert wide == [row + [""] * (4 - len(row)) for row in rows]
    assert not values or values[-1]
    assert all(not row or row[-1] for row in values)
