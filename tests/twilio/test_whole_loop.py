"""The whole way, nothing faked but Google's servers: answers → encrypt → publish → Sheet → pull → CSV in a vault."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sheets_decrypt import config as configuration
from sheets_decrypt.config import template
from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from sheets_decrypt.runs.record import Record, Result
from sheets_decrypt.sandbox.google import Sandbox, Tab
from sheets_decrypt.sandbox.sample import legacy_cbc
from sheets_decrypt.story.pull import pull
from sheets_decrypt.table import Secret
from sheets_decrypt.twilio.export import for_job, write
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault
from tests.twilio.runtime import Runtime, execute, questions, running
from tests.twilio.test_encrypt import ANSWERS

PASSPHRASE = Secret("a-vault-for-the-loop")
COLUMNS = ["name", "phone", "remarks"]
EXTRA = [
    "x" * 4000,
    "first line\r\nsecond line\n\nfourth",
    "👩🏽‍🌾👨‍👩‍👧‍👦",
    "محمد بن سلمان",
    '=HYPERLINK("http://evil.example","click")',
]


@dataclass(frozen=True)
class Loop:
    """A survey from end to end.

    Args:
        google: Stands in for Google's servers.
        spreadsheet: The Sheet's id.
        config: The configuration of the pull.
        vault: Where the CSV goes.
        legacy_secret: The secret of the first-generation function.
    """

    google: Sandbox
    spreadsheet: str
    config: configuration.Config
    folder: Path
    vault: CryptomatorVault
    public_key: bytes
    legacy_secret: Secret

    def pull(self) -> Record:
        """Run the job."""
        return pull("loop", self.config.jobs["loop"], self.config)

    def csv(self) -> list[list[str]]:
        """The CSV's rows, header first."""
        with self.vault.read("surveys/loop.csv") as file:
            return list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"), newline="")))

    def environment(self) -> dict[str, str]:
        """What the functions are given at Twilio."""
        return {
            "ENCRYPTION_PUBLIC_KEY": sealed_box.encode_key(self.public_key),
            "GOOGLE_CLIENT_EMAIL": self.google.client_email,
            "GOOGLE_PRIVATE_KEY": json.dumps(json.loads(self.google.key_file.read_text())["private_key"]),
            "GOOGLE_SHEET_ID": self.spreadsheet,
            "GOOGLE_SHEET_TAB": "data",
            "SANDBOX_PORT": str(self.google.direct_port),
            "SANDBOX_CA": str(self.google.ca_bundle),
        }


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """A Sheet with a header, keys, a vault, and a configuration that leads from one to the other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    private_key, public_key = sealing.generate()
    legacy = Secret("old-secret")
    monkeypatch.setenv("LOOP_PRIVATE", private_key.reveal())
    monkeypatch.setenv("LOOP_LEGACY", legacy.reveal())
    monkeypatch.setenv("LOOP_PASSPHRASE", PASSPHRASE.reveal())
    vault = quick_vault.create(tmp_path / "vault", PASSPHRASE)
    with Sandbox(tmp_path / "google") as google:
        spreadsheet = google.add("Survey", [Tab("data", [COLUMNS])])
        job = {
            "spreadsheet": spreadsheet,
            "worksheet": "data",
            "columns": COLUMNS,
            "output": "surveys/loop.csv",
            "vault": {"cryptomator": "vault", "passphrase": {"env": "LOOP_PASSPHRASE"}},
            "formula_guard": "off",
        }
        text = template.render(
            "loop",
            job,
            google={"credentials": google.key_file, "proxy": google.proxy, "ca_bundle": google.ca_bundle},
            keys={
                "private_keys": [{"env": "LOOP_PRIVATE"}],
                "legacy_secrets": [{"env": "LOOP_LEGACY"}],
                "public_key": sealed_box.encode_key(public_key),
            },
        )
        path = tmp_path / "sheets-decrypt.toml"
        path.write_text(text, encoding="utf-8")
        yield Loop(google, spreadsheet, configuration.load(path), tmp_path, vault, public_key, legacy)


def exported(loop: Loop) -> tuple[Path, dict[str, Any]]:
    """Write what `sheets-decrypt twilio export` writes; give its folder and the flow."""
    folder = loop.folder / "functions"
    write(folder, for_job(loop.config.jobs["loop"], public_key=sealed_box.encode_key(loop.public_key)))
    flow: dict[str, Any] = json.loads((folder / "studio_flow.json").read_text("utf-8"))
    return folder, flow


def answer(runtime: Runtime, flow: dict[str, Any], row: list[str | None]) -> None:
    """Let one respondent answer every question; None stays unanswered."""
    done = execute(flow, runtime, dict(zip(questions(flow), row, strict=True)))
    assert done.said, "the respondent learns how it ended"


def test_what_people_answered_is_what_the_csv_says(loop: Loop) -> None:
    """Every kind of answer comes out of the vault's CSV as it went into Studio; an unanswered question is `No Data`."""
    values = [value for value in dict.fromkeys([*ANSWERS, *EXTRA]) if value]
    rows: list[list[str | None]] = [[value, f"+57 300 {place:07}", None] for place, value in enumerate(values)]
    folder, flow = exported(loop)
    with running(folder, loop.environment()) as runtime:
        for row in rows:
            answer(runtime, flow, row)
        assert not [value for value in values if len(value) > 3 and value in runtime.log]

    record = loop.pull()

    assert (record.status, record.failure_count, record.warnings) == (Result.WRITTEN, 0, ())
    assert loop.csv() == [COLUMNS, *[[name, phone, "No Data"] for name, phone, _ in rows]]


def test_a_sheet_whose_format_changes_half_way_loses_no_row(loop: Loop) -> None:
    """Rows of the first-generation function and of ours share one Sheet, and all of them decrypt."""
    old = [[f"Old {place}", f"+57 1 {place:04}", "vieja"] for place in range(5)]
    loop.google.replace_rows(
        loop.spreadsheet,
        "data",
        [COLUMNS, *[[legacy_cbc(value, loop.legacy_secret) for value in row] for row in old]],
    )
    new: list[list[str | None]] = [[f"New {place}", f"+57 2 {place:04}", "nueva"] for place in range(5)]
    folder, flow = exported(loop)
    with running(folder, loop.environment()) as runtime:
        for row in new:
            answer(runtime, flow, row)

    record = loop.pull()

    assert (record.status, record.rows_read, record.rows_written) == (Result.WRITTEN, 10, 10)
    assert loop.csv() == [COLUMNS, *old, *new]
    assert record.columns["name"].formats == {"legacy-cbc": 5, "sealed-box": 5}


def test_a_row_that_was_put_together_from_several_is_reported_and_decrypted(loop: Loop) -> None:
    """Tokens of one call share their key; a row in which only some do is called rearranged, and still decrypts."""
    first, second = sealing.seal(["Ana", "1", "a"], loop.public_key), sealing.seal(["Bo", "2", "b"], loop.public_key)
    apart = [sealing.seal([value], loop.public_key)[0] for value in ("Cy", "3", "c")]
    loop.google.replace_rows(loop.spreadsheet, "data", [COLUMNS, first, [*second[:2], first[2]], apart])

    record = loop.pull()

    assert loop.csv()[1:] == [["Ana", "1", "a"], ["Bo", "2", "a"], ["Cy", "3", "c"]]
    assert [warning for warning in record.warnings if "rearranged" in warning] == [
        "row 3: rearranged: its encrypted cells come from several submissions"
    ]
