"""The sandbox over TLS: connections, permissions, and gspread as it comes."""

import contextlib
import json
import socket
import ssl
from pathlib import Path

import gspread
import pytest
import requests

from sheets_decrypt.sandbox.google import Formula, Quota, Sandbox, Tab
from sheets_decrypt.sandbox.quota import RequestCounter
from sheets_decrypt.sandbox.refusals import Refusal
from tests import systems
from tests.sandbox.client import DRIVE, READING, SHEETS, TIMEOUT, Client, error_of


def test_gspread_and_google_auth_work_as_they_come(
    google: Sandbox, sheet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing but the environment, an independent client signs in, reads and writes."""
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


def test_a_client_that_stays_connected_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    """The thread that waits for the client's next request is woken, on every system."""
    with contextlib.ExitStack() as longer:
        with Sandbox(tmp_path) as sandbox:
            client = longer.enter_context(Client(sandbox))
            sheet = sandbox.add("Survey", [Tab("data", [["name"]])])
            assert client.get(sheet).status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            client.get(sheet)


def test_a_client_that_does_not_trust_the_authority_is_turned_away_by_itself(google: Sandbox) -> None:
    """The certificate is of the sandbox's own authority, which no program trusts by default."""
    with Client(google) as client:
        client.session.verify = True
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            client.session.get(SHEETS, timeout=TIMEOUT)


def test_the_files_are_private_and_hold_no_way_out(google: Sandbox) -> None:
    """The key file and the server's key are for their owner alone."""
    systems.only_on("posix", "mode bits mean nothing on Windows")
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


def test_a_request_needs_a_token_that_covers_it(google: Sandbox, client: Client, sheet: str) -> None:
    """None: 403; unknown: 401; for another purpose: 403 with the reason. Drive's scopes cover reading."""
    naked = client.session.get(f"{SHEETS}/{sheet}", timeout=TIMEOUT)
    assert error_of(naked)[:2] == (403, "PERMISSION_DENIED")
    unknown = client.session.get(f"{SHEETS}/{sheet}", headers={"Authorization": "Bearer ya29.x"}, timeout=TIMEOUT)
    assert error_of(unknown)[:2] == (401, "UNAUTHENTICATED")
    with Client(google, [READING]) as reader:
        assert reader.get(sheet).status_code == 200
        refused = reader.ask("POST", f"{SHEETS}/{sheet}/values/data:append?valueInputOption=RAW", json={})
        assert error_of(refused) == (403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
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
    assert error_of(client.get(sheet)) == (403, "PERMISSION_DENIED", "The caller does not have permission")
    google.share(sheet, editable=False)
    assert client.get(sheet).status_code == 200
    assert client.ask("PUT", address, json={"values": [["x"]]}).status_code == 403
    google.share(sheet)
    assert client.ask("PUT", address, json={"values": [["x"]]}).status_code == 200
    assert google.rows(sheet, "data") == [["x"]]


def test_what_is_not_emulated_is_refused(client: Client, sheet: str) -> None:
    """Another method of the Sheets API gets 501, any other address a page with 404."""
    assert client.ask("POST", f"{SHEETS}/{sheet}:batchUpdate", json={}).status_code == 501
    assert client.ask("GET", "https://oauth2.googleapis.com/other").status_code == 404


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
