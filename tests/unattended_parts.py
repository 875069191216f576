"""Helpers for tests of unattended runs: saved states, schedules as data, a web server, a browser, a keyring."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sheets_decrypt import config
from sheets_decrypt.config import Config
from sheets_decrypt.errors import SheetsDecryptError, VaultLocked
from sheets_decrypt.runs import state
from sheets_decrypt.runs.record import Failure, Record, Result
from sheets_decrypt.runs.state import JobState
from sheets_decrypt.schedule import interface
from tests import require
from tests.survey import World

JOB = {"spreadsheet": "12345abcde", "columns": ["name"]}
KEYRING = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}


def configuration(folder: Path, **jobs: dict[str, Any]) -> Config:
    """Return a configuration with these jobs, each with its own CSV."""
    content = {name: {"output": f"{name}.csv", **JOB, **job} for name, job in (jobs or {"baseline": {}}).items()}
    return config.parse({"jobs": content}, folder=folder)


def record(code: int = 0, *, finished: str = "2026-03-06T06:30:10Z", rows: int = 6, locked: bool = False) -> Record:
    """Return the record of a run that ended with `code`."""
    done = Record(job="baseline", spreadsheet_id="12345abcde", rows_read=rows, failure_count=int(code == 3))
    kind = VaultLocked if locked else SheetsDecryptError
    failure = Failure(code, "it broke", "mend it", kind) if code not in {0, 3} else None
    done = done.finish(Result.FAILED if failure else Result.PARTIAL if code else Result.WRITTEN, code, failure)
    return replace(done, finished=finished)


def memory(world: World, job: str = "baseline") -> JobState:
    """Return the saved state of a job of this world."""
    return state.load(world.load(), job)


def scheduled(timing: str, name: str = "baseline", **more: Any) -> interface.Status:
    """Return an installed schedule."""
    return interface.Status(True, name, "cron", timing, **more)


@dataclass
class Web:
    """A web server's requests and its answers.

    Args:
        codes: The status code for paths with a prefix; otherwise 200.
        seconds: The delay of its answers.
        asked: Path and body of every request since the last `paths()`.
        received: Path and body of every request.
    """

    port: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    received: list[tuple[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """Return the requested paths, in order, since the last call."""
        paths = [path for path, _ in self.asked]
        self.asked.clear()
        return paths


@contextmanager
def web_server() -> Iterator[Web]:
    """Run a web server that accepts every POST."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            web.asked.append((self.path, body))
            web.received.append((self.path, body))
            web.closing.wait(web.seconds)
            code = next((code for path, code in web.codes.items() if self.path.startswith(path)), 200)
            try:
                self.send_response(code)
                self.end_headers()
            except OSError:  # the client did not wait for the answer
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def browser_dom(page: Path, profile: Path, *more: str) -> str:
    """Open a page in a real browser, and return its final DOM."""
    chromium = require.program("chromium")
    options = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    )  # fmt: skip
    done = subprocess.run(
        [chromium, *options, *more, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        env={**os.environ, "HOME": str(profile.parent)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return done.stdout
