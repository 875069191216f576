"""A Sheet, and the runtime that publishes to it: what the tests of the publishing function share."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sheets_decrypt.sandbox.google import Kind, Sandbox
from tests.twilio.runtime import Answer, Runtime
from tests.twilio.test_encrypt import PUBLIC_KEY

TAB: Final = "it's data"
HEADER: Final = ["name", "phone", "village"]
TOKEN: Final = "v2:" + "A" * 88
LONG_STALL: Final = 20.0  # seconds; Twilio ends a function after 10


@dataclass(frozen=True)
class Survey:
    """A Sheet, and a runtime that publishes to it.

    Args:
        google: The stand-in for Google.
        spreadsheet: The Sheet's id.
        runtime: Serves the functions.
    """

    google: Sandbox
    spreadsheet: str
    runtime: Runtime

    def publish(self, parameters: Mapping[str, str] | Sequence[tuple[str, str]]) -> Answer:
        """Call the function."""
        return self.runtime.call("publish_to_sheet", parameters)

    def rows(self) -> list[list[Any]]:
        """The rows under the header."""
        return [list(row) for row in self.google.rows(self.spreadsheet, TAB)[1:]]

    def asked(self, kind: Kind) -> int:
        """How many requests of a kind Google has got."""
        return sum(request.kind == kind for request in self.google.requests)

    def refill(self, rows: Sequence[list[str]]) -> None:
        """Put other rows into the tab, the header included."""
        self.google.replace_rows(self.spreadsheet, TAB, rows)


def environment(google: Sandbox, spreadsheet: str, **changes: str | None) -> dict[str, str]:
    """Return the functions' environment variables; a change to None leaves one out."""
    settings: dict[str, str | None] = {
        "ENCRYPTION_PUBLIC_KEY": PUBLIC_KEY,
        "GOOGLE_CLIENT_EMAIL": google.client_email,
        "GOOGLE_PRIVATE_KEY": json.dumps(json.loads(google.key_file.read_text())["private_key"]),
        "GOOGLE_SHEET_ID": spreadsheet,
        "GOOGLE_SHEET_TAB": TAB,
        "SANDBOX_PORT": str(google.direct_port),
        "SANDBOX_CA": str(google.ca_bundle),
    }
    return {name: value for name, value in {**settings, **changes}.items() if value is not None}


Other = Callable[..., Runtime]  # the settings that differ → the runtime with them


def failed(answer: Answer, *says: str) -> bool:
    """Return whether the flow's failure path is taken, and the reason says so."""
    return (
        answer.status == 500
        and answer.body["status"] == "failed"
        and all(word in answer.body["error"] for word in says)
    )
