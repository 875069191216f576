"""A world whose every text is a canary: runs in it, and everything that leaves the program.

A run in a process of its own takes ten times as long as one in this process. Those that start programs are processes
always; with SHEETS_DECRYPT_LONG=1 every run is one.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar
from unittest import mock

from sheets_decrypt.config import report_of
from sheets_decrypt.sandbox.google import Cell, Sandbox
from tests.leaks.canaries import Canaries, Places, Watch
from tests.leaks.mail_server import mail_server
from tests.long import LONG
from tests.survey import CSV, HEADER, PROGRAM, VAULT_PASSPHRASE, Done, World, call
from tests.unattended_parts import web_server

Variant = TypeVar("Variant")
PING: Final = "5d0b2a14-canary-of-the-ping-url-77ae"
MAIL_PASSWORD: Final = "canary-of-the-mail-account-31c9"
PROXY_PASSWORD: Final = "canary-of-the-proxy-9fd2"
FREE: Final = "Ich wohne neben der blauen Tür, Kanarienvogel {}"
# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
QUIET: Final = ("-W", "ignore:'imghdr' is deprecated:DeprecationWarning")


@dataclass
class House:
    """A world whose every text is a canary, and everything that leaves the program."""

    world: World
    canaries: Canaries
    places: Places = field(default_factory=Places)
    allowed: list[Path] = field(default_factory=list)
    runs: int = 0
    children: int = 0

    def run(
        self,
        *arguments: object,
        code: int | tuple[int, ...],
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        process: bool = False,
    ) -> Done:
        """Run a command, keep what it said, and hold how it ended."""
        world = self.world
        temporary = world.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        variables = world.environment(
            {"TMPDIR": str(temporary), "PATH": f"{world.folder}/bin:{os.environ['PATH']}", **(environment or {})}
        )
        start = _process if process or LONG else here
        done, children = start(arguments, variables, world.folder, stdin, self.places)
        self.runs += 1
        self.children += children
        self.places.content |= {f"output {self.runs}": done.out.encode(), f"errors {self.runs}": done.err.encode()}
        assert "Traceback" not in done.out + done.err
        assert done.code in ((code,) if isinstance(code, int) else code), done.err
        return done

    def pull(self, *arguments: object, code: int | tuple[int, ...], **more: Any) -> Done:
        """Run the jobs with everything that a run can write."""
        log = self.world.folder / "logs/pull.log"
        return self.run("pull", "--config", self.world.path, "--log", log, *arguments, code=code, **more)

    def replace(self, column: str, cell: Cell, row: int = 2) -> None:
        """Change a cell of the sheet."""
        sheet = [list(line) for line in self.world.survey.sheet]
        sheet[row][HEADER.index(column)] = cell
        self.world.google.replace_rows(self.world.spreadsheet, "data", sheet)

    def end(self) -> list[str]:
        """Return every leak in what was shown, written and sent."""
        folder = self.world.folder
        own = [folder / "google", folder / "keys", self.world.path, *self.allowed]
        self.places.add_folder(folder, apart_from=own)
        for name in (CSV + ".runs.jsonl", str(report_of(PurePosixPath(CSV)))):
            content = self.world.csv(name) if self.world.vault_folder.exists() else b""
            self.places.content[f"{name} in the vault"] = content or b""
        return self.places.leaks(self.canaries)


def here(
    arguments: tuple[object, ...], environment: dict[str, str], folder: Path, stdin: str, places: Places
) -> tuple[Done, int]:
    """Run a command in this process."""
    with mock.patch.object(tempfile, "tempdir", environment["TMPDIR"]):
        return call(arguments, environment, folder=folder, stdin=stdin), 0


def _process(
    arguments: tuple[object, ...], environment: dict[str, str], folder: Path, stdin: str, places: Places
) -> tuple[Done, int]:
    command = [*PROGRAM[:3], *QUIET, *PROGRAM[3:], *map(str, arguments)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with (
        subprocess.Popen(command, env=environment, cwd=folder, **pipes) as process,
        Watch(process.pid, Path(environment["TMPDIR"]), places) as watch,
    ):
        out, err = process.communicate(stdin, timeout=200)
    return Done(process.returncode, out, err), len(watch.children)


@contextmanager
def furnished(folder: Path, rows: int) -> Iterator[House]:
    """Make a house whose job tells a web server and a mail server of everything, and keep what they were told."""
    with Sandbox(folder / "google") as google, web_server() as web, mail_server(MAIL_PASSWORD) as mails:
        world = World.make(folder, google, rows=rows)
        for number in range(rows):
            world.survey.answers[number][-1] = FREE.format(number)
            world.survey.sheet[number + 1][-1] = FREE.format(number)
        google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
        address = (
            f"mailto://user:{MAIL_PASSWORD}@127.0.0.1:{mails.port}?from=job@example.org&to=me@example.org&mode=insecure"
        )
        world.settings["notify"] = {
            "healthchecks": f"{web.url}/{PING}",
            "urls": [address, f"json://127.0.0.1:{web.port}/news"],
            "on": ["failure", "recovery", "success"],
        }
        world.configure()
        _programs(world)
        house = House(world, Canaries(texts_of(world)))
        yield house
        for number, (path, body) in enumerate(web.received):
            house.places.content[f"request {number}"] = f"{path.replace(PING, '')}\n{body}".encode()
        for number, mail in enumerate(mails.received):
            house.places.content[f"mail {number}"] = mail
            for part in message_from_bytes(mail).walk():
                content: Any = part.get_payload(decode=True)
                house.places.content[f"{part.get_content_type()} of mail {number}"] = content or b""


def texts_of(world: World) -> dict[str, str]:
    """Everything that may be nowhere but in the CSV, the keys' files and the configuration, by a name for each."""
    survey = world.survey
    key_file = json.loads(world.google.key_file.read_text(encoding="utf-8"))
    texts = {
        "private key": survey.private_key.reveal(),
        "legacy secret": survey.legacy_secret.reveal(),
        "passphrase": survey.passphrase.reveal(),
        "vault's passphrase": VAULT_PASSPHRASE,
        "service account's key": "".join(key_file["private_key"].splitlines()[2:-1]),
        "service account's key, a line": key_file["private_key"].splitlines()[3],
        "ping url": PING,
        "mail password": MAIL_PASSWORD,
        "proxy password": PROXY_PASSWORD,
    }
    for number, (answers, tokens) in enumerate(zip(survey.answers, survey.sheet[1:], strict=True)):
        texts |= {f"{HEADER[place]} {number}": answers[place] for place in range(1, len(HEADER))}
        texts |= {f"token of {HEADER[place]} {number}": str(tokens[place]) for place in (1, 2, 3)}
    return texts


def _programs(world: World) -> None:
    """Put a crontab that is a file, and a program that prints a key, first on the user's path."""
    folder = world.folder / "bin"
    folder.mkdir()
    table = world.folder / "crontab.txt"
    scripts = {
        "crontab": f"""case "$1" in
            -l) cat {table} 2>/dev/null || {{ echo no crontab for them >&2; exit 1; }};;
            -r) rm {table};;
            -) cat > {table};;
            *) cat {table};;
        esac""",
        "say-key": f"env > {world.folder}/inherited.txt; sleep 0.2; cat {world.folder}/keys/private_keys",
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)


def some(variants: Sequence[Variant], few: int = 2) -> Sequence[Variant]:
    """Return the first variants of a case, or all of them where that may take minutes."""
    return variants if LONG else variants[:few]


CASES: Final[dict[str, Callable[[House], object]]] = {}


def case(function: Callable[[House], object]) -> Callable[[House], object]:
    """Take a function for one of the cases, named after it."""
    CASES[function.__name__.removeprefix("_")] = function
    return function
