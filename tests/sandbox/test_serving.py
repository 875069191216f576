"""The sandbox for a person: CSV files, and the lines that lead a shell to it."""

import socket
import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.sandbox.faults import parse_fault
from sheets_decrypt.sandbox.serving import serve_csv
from tests import require
from tests.sandbox.client import Client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A CSV file such as Excel writes."""
    path = tmp_path / "baseline data.csv"
    path.write_bytes('\ufeffname,phone\r\n"Ana, Eva",0044\r\n'.encode())
    return path


def test_csv_files_become_tabs_of_text(file: Path, tmp_path: Path) -> None:
    """A tab is called like its file; numbers stay text; faults are at work."""
    other = tmp_path / "endline.csv"
    other.write_text("x\n", encoding="utf-8")
    with (
        serve_csv([file, other], tmp_path / "google", faults=[parse_fault("values:503")]) as served,
        Client(served.sandbox) as client,
    ):
        path = f"{served.spreadsheet_id}/values/'baseline data'"
        assert client.get(path).status_code == 503
        reply = client.get(f"{path}?valueRenderOption=UNFORMATTED_VALUE").json()
        assert reply["values"] == [["name", "phone"], ["Ana, Eva", "0044"]]
        sheets = client.get(served.spreadsheet_id).json()["sheets"]
        assert [sheet["properties"]["title"] for sheet in sheets] == ["baseline data", "endline"]


def test_the_lines_set_a_shell_up(file: Path, tmp_path: Path) -> None:
    """A POSIX shell that runs the lines has the sandbox's environment, whatever the folder's name."""
    shell = require.program("sh")
    with serve_csv([file], tmp_path / "it's a folder") as served:
        script = "\n".join([*served.lines(), 'printf "%s\\n" "$HTTPS_PROXY" "$REQUESTS_CA_BUNDLE" "[$NO_PROXY]"'])
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
        environment = served.sandbox.environment()
        assert done.stdout.splitlines() == [environment["HTTPS_PROXY"], environment["REQUESTS_CA_BUNDLE"], "[]"]
        assert Path(environment["REQUESTS_CA_BUNDLE"]).is_file()


def test_the_lines_name_the_spreadsheet_and_the_account(file: Path, tmp_path: Path) -> None:
    """Address, id and the address to share with are in comments; PowerShell's quotes are doubled."""
    with serve_csv([file], tmp_path / "it's ‘a’ folder") as served:
        lines = served.lines(powershell=True)
        comments = "\n".join(line for line in lines if line.startswith("# "))
        assert f"https://docs.google.com/spreadsheets/d/{served.spreadsheet_id}/edit" in comments
        assert served.sandbox.client_email in comments
        assert f"$env:HTTPS_PROXY = '{served.sandbox.proxy}'" in lines
        assert any(
            line.endswith("it''s ‘‘a’’ folder/ca.pem'".replace("/", "\\" if "\\" in line else "/")) for line in lines
        )


def test_a_file_that_cannot_be_served_is_an_error(file: Path, tmp_path: Path) -> None:
    """Missing, not UTF-8, too long a cell, the same name twice, none at all: each is named."""
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"caf\xe9")
    long = tmp_path / "long.csv"
    long.write_text("x" * 50_001, encoding="utf-8")
    twin = tmp_path / "twin" / file.name
    twin.parent.mkdir()
    twin.write_text("x", encoding="utf-8")
    for files, reason in (
        ([tmp_path / "nope.csv"], "no such file"),
        ([latin], "not a CSV in UTF-8"),
        ([long], "50000 characters"),
        ([file, twin], "two files would become the tab baseline data"),
        ([], "no file to serve"),
    ):
        with pytest.raises(ConfigurationError, match=reason), serve_csv(files, tmp_path / "google"):
            pass


def test_a_port_that_is_taken_is_an_error(file: Path, tmp_path: Path) -> None:
    """The error names the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)), serve_csv([file], tmp_path / "google", port=port):
            pass
