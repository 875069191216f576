"""Twilio's own local runtime (npm `twilio-run`), which the tests call over HTTP as Studio does.

Install it once: `npm install --no-package-lock` in `tests/node/twilio`. Where Node.js or the runtime is missing the
tests skip with the reason.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.sandbox import certificates
from tests import require, systems

_NODE: Final = Path(__file__).parents[1] / "node"
_PACKAGES: Final = _NODE / "twilio" / "node_modules"
_WITH_SETTINGS: Final = _NODE / "with_settings.js"
_START_SECONDS: Final = 60
_TWILIOS_LIMIT: Final = 10.0  # seconds after which Twilio ends a function

_MOST_STEPS: Final = 1000  # Studio's limits for an execution
_SAME_WIDGET: Final = 10
_COUNTER: Final = re.compile(r"\{%- if ([\w.]+) -%\} (.*) \{%- else -%\} (.*) \{%- endif -%\}")

Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What a function answered.

    Args:
        status: The HTTP status code.
        body: The JSON object, as Studio's `parsed`.
    """

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Runtime:
    """A runtime that serves one folder of functions.

    Args:
        address: Where it listens, without a slash at the end.
        log_file: Everything that it and the functions print.
        patience: Seconds after which a call is given up with a TimeoutError.
        settings: Environment variables of the functions that differ from the runtime's; None for one that is missing.
    """

    address: str
    log_file: Path
    patience: float = _TWILIOS_LIMIT
    settings: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """Everything printed so far, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log_file.read_text("utf-8", "replace"))

    def with_settings(self, **changes: str | None) -> "Runtime":
        """Return the same runtime, whose functions see other settings, each call in a new container."""
        return replace(self, settings={**self.settings, **changes})

    def call(self, function: str, parameters: Parameters) -> Answer:
        """Call a function as Studio does: a form, POSTed."""
        return self._post(function, urllib.parse.urlencode(parameters).encode(), "application/x-www-form-urlencoded")

    def call_json(self, function: str, content: object) -> Answer:
        """Call a function with JSON, as a Make HTTP Request widget may."""
        return self._post(function, json.dumps(content).encode(), "application/json")

    def _post(self, function: str, data: bytes, kind: str) -> Answer:
        headers = {"Content-Type": f"{kind}; charset=utf-8", "User-Agent": "TwilioProxy/1.1"}
        if self.settings:
            headers |= {"X-Function": function, "X-Settings": json.dumps(self.settings)}
            function = _WITH_SETTINGS.stem
        request = urllib.request.Request(f"{self.address}/{function}", data=data, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.patience) as reply:
                status, content = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        return Answer(status, json.loads(content))


@dataclass(frozen=True)
class Execution:
    """What became of one respondent.

    Args:
        visited: The widgets, in order.
        said: The messages that the respondent was sent and need not answer.
        variables: What the flow noted.
    """

    visited: tuple[str, ...]
    said: tuple[str, ...]
    variables: Mapping[str, str]


def questions(flow: Mapping[str, Any]) -> list[str]:
    """Return the flow's question widgets, in the order of the columns."""
    names = [state["name"] for state in flow["states"] if state["type"] == "send-and-wait-for-reply"]
    return [name for name in names if name != "one_moment"]


def execute(flow: Mapping[str, Any], runtime: Runtime, answers: Mapping[str, str | None]) -> Execution:
    """Lead one respondent through a flow as Studio does, with the functions called over HTTP.

    Args:
        flow: A flow's definition.
        runtime: Serves the functions; of their addresses only the path counts.
        answers: Question widget → answer; None, or no entry, for silence until the time is over.
    """
    states = {state["name"]: state for state in flow["states"]}
    variables: dict[str, str] = {}
    widgets: dict[str, dict[str, Any]] = {}
    results = {"widgets": widgets, "flow": {"variables": variables}}
    visited: list[str] = []
    said = []
    name, event, value = flow["initial_state"], "incomingMessage", ""
    while (name := _next(states[name], event, value)) is not None:
        visited.append(name)
        assert len(visited) <= _MOST_STEPS, visited[-20:]
        assert set(visited[-10:]) != {name} or len(visited) < _SAME_WIDGET, name
        state, value = states[name], ""
        match state["type"]:
            case "send-and-wait-for-reply":
                answer = answers.get(name)
                event = "timeout" if answer is None else "incomingMessage"
                widgets[name] = {} if answer is None else {"inbound": {"Body": answer}}
            case "run-function":
                parameters = {
                    pair["key"]: _liquid(pair["value"], results) for pair in state["properties"]["parameters"]
                }
                try:
                    reply = runtime.call(state["properties"]["url"].rpartition("/")[2], parameters)
                except (OSError, HTTPException):  # it took too long, or died
                    event = "fail"
                    continue
                event = "success" if reply.status < 300 else "fail"
                widgets[name] = {"parsed": reply.body}
            case "split-based-on":
                event, value = "match", _liquid(state["properties"]["input"], results)
            case "set-variables":
                event = "next"
                variables.update(
                    {pair["key"]: _liquid(pair["value"], results) for pair in state["properties"]["variables"]}
                )
            case "send-message":
                event = "sent"
                said.append(state["properties"]["body"])
    return Execution(tuple(visited), tuple(said), variables)


def _next(state: Mapping[str, Any], event: str, value: str) -> str | None:
    """Return the widget that an outcome leads to; None where the flow ends."""
    for step in state["transitions"]:
        if step["event"] == event and all(
            value == ("" if condition["type"] == "is_blank" else condition["value"])
            for condition in step.get("conditions", [])
        ):
            following: str | None = step.get("next")
            return following
    return _next(state, "noMatch", value) if event == "match" else None


def _liquid(text: str, results: Mapping[str, Any]) -> str:
    """Fill in `{{widgets.NAME.…}}` and `{{flow.variables.…}}`, the latter counted up; what is missing is blank."""

    def look_up(path: str) -> str:
        value: Any = results
        for step in path.split("."):
            value = value.get(step, "") if isinstance(value, Mapping) else ""
        return str(value)

    def fill(found: re.Match[str]) -> str:
        value = look_up(found[1])
        return str(int(value) + int(found[2])) if found[2] else value

    if counter := _COUNTER.fullmatch(text):
        text = counter[2] if look_up(counter[1]) else counter[3]
    return re.sub(r"\{\{([\w.]+)(?: \| plus: (\d+))?\}\}", fill, text)


@contextmanager
def sync(folder: Path) -> Iterator[Mapping[str, str]]:
    """Serve a Twilio Sync until the block ends, and return the environment variables that lead a runtime there.

    Args:
        folder: Gets the certificates.
    """
    node = require.program("node")
    folder.mkdir()
    ca, _ = certificates.make(folder, ["sync.twilio.com"])
    command = [node, str(_NODE / "load" / "serve_sync.js"), str(folder / "server.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            port = server.stdout.readline().strip()
            yield {
                "SYNC_SERVICE_SID": "IS00000000000000000000000000000000",
                "ACCOUNT_SID": "AC1",
                "AUTH_TOKEN": "secret",
                "SYNC_PORT": port,
                "SYNC_CA": str(ca),
            }
        finally:
            server.kill()


@contextmanager
def running(folder: Path, environment: Mapping[str, str], *, fork: bool = False) -> Iterator[Runtime]:
    """Serve the exported project in `folder` until the block ends.

    Args:
        folder: A project as `sheets-decrypt twilio export` writes it; its `.env` is written here.
        environment: The functions' environment variables; a value in double quotes may hold line breaks,
            written as backslash and n.
        fork: Start a process for each call, as the runtime does by default. It is slow; the functions cannot tell.
    """
    systems.only_on("posix", "the tests start Twilio's runtime on Linux and macOS only")
    node = require.program("node")
    require.that((_PACKAGES / "twilio-run").is_dir(), "twilio-run is not installed (npm install in tests/node/twilio)")
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()), "utf-8")
    shutil.copy(_WITH_SETTINGS, folder / "functions")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(_PACKAGES, target_is_directory=True)
    port, log_file = _free_port(), folder / "runtime.log"
    command = [
        *(node, "--require", str(_NODE / "route.js")),
        *(str(_PACKAGES / "twilio-run" / "bin" / "twilio-run.js"), "start", "--port", str(port), "--no-live"),
        "--fork-process" if fork else "--no-fork-process",
    ]
    home = {"HOME": str(folder), "PATH": os.environ.get("PATH", ""), "NO_COLOR": "1"}
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            runtime = Runtime(f"http://127.0.0.1:{port}", log_file)
            _wait_until_it_listens(process, port, runtime)
            yield runtime
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, runtime: Runtime) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"twilio-run did not start: {runtime.log}")
