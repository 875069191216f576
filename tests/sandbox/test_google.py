"""The sandbox over the wire: TLS, CONNECT, permissions, reading, writing, and gspread as it comes."""

import json
import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import gspread
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets_decrypt.sandbox import workbook
from sheets_decrypt.sandbox.google import Cell, Formula, GeneratedRows, Quota, Sandbox, Tab
from sheets_decrypt.sandbox.quota import RequestCounter
from sheets_decrypt.sandbox.refusals import Refusal
from tests import require
from tests.sandbox import discovery
from tests.sandbox.client import DRIVE, READING, SHEETS, TIMEOUT, Client


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox for the module."""
    with Sandbox(tmp_path_factory.mktemp("google")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(google: Sandbox) -> Iterator[Client]:
    """A signed-in client that may read and write."""
    with Client(google) as signed_in:
        yield signed_in


@pytest.fixture
def sheet(google: Sandbox) -> str:
    """A spreadsheet with two tabs."""
    rows: list[list[Cell]] = [["name", "n"], ["Ana", 7.0], [], ["", True, Formula("=1/2", 0.5)]]
    return google.add("Survey", [Tab("data", rows), Tab("T'itle", [], gid=42)])


def error(reply: requests.Response) -> tuple[int, str, str]:
    """Give status, code and message of an error."""
    content = reply.json()["error"]
    assert content["code"] == reply.status_code
    return reply.status_code, content.get("status"), content["message"]


def test_gspread_and_google_auth_work_as_they_come(
    google: Sandbox, sheet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given nothing but the environment, an independent client signs in, reads and writes."""
    for name, value in google.environment().items():
        monkeypatch.setenv(name, value)
    spreadsheet = gspread.service_account(filename=google.key_file).open_by_key(sheet)
    assert [(tab.title, tab.id) for tab in spreadsheet.worksheets()] == [("data", 0), ("T'itle", 42)]
    tab = spreadsheet.worksheet("data")
    assert tab.get_all_values() == [["name", "n", ""], ["Ana", "7", ""], ["", "", ""], ["", "TRUE", "0.5"]]
    assert tab.get("A1:B2") == [["name", "n"], ["Ana", "7"]]
    other = spreadsheet.worksheet("T'itle")
    assert other.get_all_values() == [[]]
    other.append_row(["v2:x", "+44"], value_input_option=gspread.utils.ValueInputOption.raw)
    other.append_rows([["a"], ["b"]], table_range="A1", insert_data_option=gspread.utils.InsertDataOption.insert_rows)
    other.update([["=abc"]], "C1", raw=False)
    assert google.rows(sheet, "T'itle") == [["v2:x", "+44", Formula("=abc", "#NAME?")], ["a"], ["b"]]
    assert other.batch_get(["A1:B1", "A3"]) == [[["v2:x", "+44"]], [["b"]]]


def test_the_certificates_pass_a_strict_check(google: Sandbox) -> None:
    """What Python 3.13 asks of certificates by default holds, and the name is checked."""
    context = ssl.create_default_context(cafile=google.ca_bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for host in ("sheets.googleapis.com", "oauth2.googleapis.com"):
        with (
            socket.create_connection(("127.0.0.1", google.direct_port)) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            assert secure.version() in {"TLSv1.2", "TLSv1.3"}
    with (
        socket.create_connection(("127.0.0.1", google.direct_port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="example.org")


def test_the_direct_port_needs_no_connect_and_keeps_connections(google: Sandbox, client: Client, sheet: str) -> None:
    """The Host header says who is meant; several requests go over one connection."""
    context = ssl.create_default_context(cafile=google.ca_bundle)
    request = (
        f"GET /v4/spreadsheets/{sheet}?fields=spreadsheetId HTTP/1.1\r\nHost: sheets.googleapis.com:443\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n\r\n"
    ).encode()
    with (
        socket.create_connection(("127.0.0.1", google.direct_port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname="sheets.googleapis.com") as secure,
    ):
        for _ in range(2):
            secure.sendall(request)
            received = b""
            while not received.endswith(b"}\n"):
                received += secure.recv(4096)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert json.loads(received.partition(b"\r\n\r\n")[2]) == {"spreadsheetId": sheet}


@pytest.mark.parametrize("address", ["https://example.org/", "https://sheets.googleapis.com:8443/"])
def test_no_tunnel_leads_anywhere_else(google: Sandbox, client: Client, address: str) -> None:
    """A CONNECT to another host or port is refused with 403 and listed."""
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        client.session.get(address, timeout=TIMEOUT)
    assert (google.requests[-1].method, google.requests[-1].status) == ("CONNECT", 403)


def test_a_client_that_does_not_trust_the_authority_is_turned_away_by_itself(google: Sandbox) -> None:
    """The certificate is of the sandbox's own authority, which nobody trusts unless told to."""
    with Client(google) as client:
        client.session.verify = True
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            client.session.get(SHEETS, timeout=TIMEOUT)


def test_the_files_are_private_and_hold_no_way_out(google: Sandbox) -> None:
    """The key file and the server's key are for their owner alone."""
    require.that(os.name == "posix", "mode bits mean nothing on Windows")
    for name in ("credentials.json", "server.pem"):
        assert (google.key_file.parent / name).stat().st_mode & 0o077 == 0
    assert json.loads(google.key_file.read_text())["client_email"] == google.client_email


def test_every_request_is_listed(google: Sandbox, client: Client, sheet: str) -> None:
    """In order, with what it asked for and what was answered, and without the token."""
    before = len(google.requests)
    client.get(f"{sheet}?fields=sheets.properties&ranges=data")
    client.get(f"{sheet}/values/nope")
    listed = google.requests[before:]
    assert [(each.method, each.host, str(each.kind), each.status) for each in listed] == [
        ("GET", "sheets.googleapis.com", "spreadsheet", 200),
        ("GET", "sheets.googleapis.com", "values", 400),
    ]
    assert listed[0].path == f"/v4/spreadsheets/{sheet}"
    assert listed[0].parameters == {"fields": ["sheets.properties"], "ranges": ["data"]}
    assert client.headers["Authorization"].split()[1] not in repr(listed)


def test_a_mask_narrows_the_spreadsheet(client: Client, sheet: str) -> None:
    """Only what the mask names comes; unless it names the data, there is none."""
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
    """Without ranges there are none."""
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
    assert error(client.get(f"{sheet}{path}")) == (400, "INVALID_ARGUMENT", message)


def test_a_request_needs_a_token_that_covers_it(google: Sandbox, client: Client, sheet: str) -> None:
    """None: 403; unknown: 401; for another purpose: 403 with the reason. Drive's scopes cover reading."""
    naked = client.session.get(f"{SHEETS}/{sheet}", timeout=TIMEOUT)
    assert error(naked)[:2] == (403, "PERMISSION_DENIED")
    unknown = client.session.get(f"{SHEETS}/{sheet}", headers={"Authorization": "Bearer ya29.x"}, timeout=TIMEOUT)
    assert error(unknown)[:2] == (401, "UNAUTHENTICATED")
    with Client(google, [READING]) as reader:
        assert reader.get(sheet).status_code == 200
        refused = reader.ask("POST", f"{SHEETS}/{sheet}/values/data:append?valueInputOption=RAW", json={})
        assert error(refused) == (403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        assert refused.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    with Client(google, [DRIVE]) as reader:
        assert reader.get(sheet).status_code == 200


def test_a_revoked_token_is_refused(tmp_path: Path) -> None:
    """As after a day, or where the account is gone."""
    with Sandbox(tmp_path) as google, Client(google) as client:
        sheet = google.add("x", [Tab("x", [])])
        assert client.get(sheet).status_code == 200
        google.revoke_tokens()
        assert client.get(sheet).status_code == 401


def test_sharing_decides(google: Sandbox, client: Client) -> None:
    """Not shared: 403; a viewer reads and does not write."""
    sheet = google.add("secret", [Tab("data", [])], shared=False)
    address = f"{SHEETS}/{sheet}/values/data!A1?valueInputOption=RAW"
    assert error(client.get(sheet)) == (403, "PERMISSION_DENIED", "The caller does not have permission")
    google.share(sheet, editable=False)
    assert client.get(sheet).status_code == 200
    assert client.ask("PUT", address, json={"values": [["x"]]}).status_code == 403
    google.share(sheet)
    assert client.ask("PUT", address, json={"values": [["x"]]}).status_code == 200
    assert google.rows(sheet, "data") == [["x"]]


def test_what_is_not_played_is_not_pretended(client: Client, sheet: str) -> None:
    """Another method of the Sheets API gets 501, any other address a page with 404."""
    assert client.ask("POST", f"{SHEETS}/{sheet}:batchUpdate", json={}).status_code == 501
    assert client.ask("GET", "https://oauth2.googleapis.com/other").status_code == 404


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


def test_an_update_writes_and_tells(google: Sandbox, client: Client, sheet: str) -> None:
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
    assert error(write(client, f"{sheet}/values/{path}", body)) == (400, "INVALID_ARGUMENT", message)
    assert google.rows(sheet, "data") == before


def test_an_append_beyond_a_limit_is_refused(google: Sandbox, client: Client) -> None:
    """Outside the grid, and in a spreadsheet that holds ten million cells already."""
    sheet = google.add("full", [Tab("data", [["x"] * 10], row_count=10**6, column_count=10)])
    beyond = write(client, f"{sheet}/values/data!K1:append?valueInputOption=RAW", {"values": [["a"]]}, "POST")
    assert "exceeds grid limits" in error(beyond)[2]
    query = "valueInputOption=RAW&insertDataOption=INSERT_ROWS"
    full = write(client, f"{sheet}/values/data:append?{query}", {"values": [["a"]]}, "POST")
    assert error(full) == (
        400,
        "INVALID_ARGUMENT",
        "This action would increase the number of cells in the workbook above the limit of 10000000 cells.",
    )
    assert len(google.rows(sheet, "data")) == 1


@pytest.mark.parametrize("option", ["INSERT_ROWS", "OVERWRITE"])
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


def test_answers_are_compressed_for_those_who_ask(tmp_path: Path, google: Sandbox, client: Client, sheet: str) -> None:
    """gzip, as Google does; not for others, and not where it is switched off."""
    assert client.get(sheet).headers["Content-Encoding"] == "gzip"
    headers = client.headers | {"Accept-Encoding": "identity"}
    assert "Content-Encoding" not in client.session.get(f"{SHEETS}/{sheet}", headers=headers, timeout=TIMEOUT).headers
    with Sandbox(tmp_path, compress=False) as plain, Client(plain) as other:
        assert "Content-Encoding" not in other.get(plain.add("x", [Tab("x", [])])).headers


def test_a_quota_is_counted_by_the_minute() -> None:
    """Reads and writes each have their own, a new minute begins anew, and the project's is named if smaller."""
    meter = RequestCounter(Quota(per_user=2, per_project=300))
    for now in (0.0, 59.0, 60.0, 61.0):
        meter.count(now, reads=True)
    meter.count(61.0, reads=False)
    with pytest.raises(Refusal) as caught:
        meter.count(62.0, reads=True)
    assert b"ReadRequestsPerMinutePerUser" in caught.value.reply.body
    meter = RequestCounter(Quota(per_user=2, per_project=1))
    meter.count(0.0, reads=False)
    with pytest.raises(Refusal) as caught:
        meter.count(0.0, reads=False)
    assert b"WriteRequestsPerMinutePerProject" in caught.value.reply.body


def test_a_spreadsheet_has_tabs_of_different_titles(google: Sandbox, sheet: str) -> None:
    """None at all, or two of the same title, is an error; a tab's address holds its gid."""
    for tabs in ([], [Tab("x", []), Tab("x", [])]):
        with pytest.raises(ValueError, match="tab"):
            google.add("x", tabs)
    assert google.url(sheet) == f"https://docs.google.com/spreadsheets/d/{sheet}/edit"
    assert google.url(sheet, "T'itle").endswith("/edit#gid=42")
    assert len(sheet) == 44


def test_a_closed_sandbox_can_be_opened_again(tmp_path: Path) -> None:
    """Its ports are closed at the end of the block, also where a client still holds a connection."""
    google = Sandbox(tmp_path)
    for _ in range(2):
        with google, Client(google) as client:
            sheet = google.add("x", [Tab("x", [])])
            assert client.get(sheet).status_code == 200
            port = google.direct_port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)


_ROWS = st.lists(st.lists(st.one_of(st.sampled_from(["", "x"]), st.text(max_size=5)), max_size=4), max_size=5)


@given(rows=_ROWS, title=st.text(min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
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
