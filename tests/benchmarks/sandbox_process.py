"""The stand-in for Google in a process of its own, so that its work is not counted as ours.

It makes each reply once: the first round of a measurement warms it up and is not counted.
"""

import csv
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sheets_decrypt.sandbox.google import GeneratedRows, Quota, Sandbox, Tab
from sheets_decrypt.sandbox.grid import Row
from tests.benchmarks.sheets import HEADER, Kind, Sheet, encrypted_rows, questions

_TOKENS: Final = 500  # rows whose tokens come again and again in a sheet that is made while it is read


class SandboxProcess:
    """A Google; use it in a `with` block.

    Args:
        folder: Gets its certificates and the key file.
        quota: Whether it counts requests as Google does.
    """

    def __init__(self, folder: Path, *, quota: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process: Final = context.Process(target=serve, args=(other, folder, quota), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.environment: dict[str, str] = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.send(None)
        self._process.join(30)

    @property
    def credentials(self) -> str:
        """The key file of the account."""
        return self.environment["GOOGLE_APPLICATION_CREDENTIALS"]

    def add(self, sheet: Sheet) -> str:
        """Serve a sheet; gives the spreadsheet's id."""
        return str(self._ask("add", sheet.file))

    def add_generated(self, rows: int) -> str:
        """Serve a legacy sheet of `rows` rows, header included, that is in no memory; gives the spreadsheet's id."""
        return str(self._ask("generate", rows))

    def requests(self) -> int:
        """Return how many requests were answered since the last call."""
        return int(self._ask("requests"))

    def _ask(self, *command: Any) -> Any:
        self._pipe.send(command)
        return self._pipe.recv()


def serve(pipe: Connection, folder: Path, quota: bool) -> None:
    """Run the sandbox and obey, until nothing is asked any more."""
    with Sandbox(folder, quota=Quota() if quota else None) as google:
        pipe.send(google.environment())
        while command := pipe.recv():
            match command:
                case ("add", Path() as file):
                    pipe.send(google.add("Survey", [_tab(_rows(file))]))
                case ("generate", int(rows)):
                    pipe.send(google.add("Survey", [_tab(_generated(rows))]))
                case _:
                    pipe.send(len(google.requests))
                    google.requests.clear()


def _tab(rows: Sequence[Row]) -> Tab:
    return Tab("data", rows, row_count=len(rows), column_count=len(HEADER))


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source))


def _generated(rows: int) -> GeneratedRows:
    tokens = [row[1:4] for row in encrypted_rows(Kind.LEGACY, b"", 1, _TOKENS)]

    def row(number: int) -> Sequence[str]:
        if number == 1:
            return HEADER
        return [str(number), *tokens[number % _TOKENS], *questions(number)]

    return GeneratedRows(rows, row, len(HEADER))
