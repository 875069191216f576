"""Nothing leaks: every command and every kind of failure, with everything that it shows, writes, sends and starts.

A run in a process of its own takes ten times as long as one in this process. Those that start programs are processes
always; with SHEETS_DECRYPT_LONG=1 every run is one.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest import mock
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from sheets_decrypt.decryption.ciphers.sealing import seal
from sheets_decrypt.runs.lock import one_run
from sheets_decrypt.sandbox.google import Cell, Fault, Sandbox
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import mounts, require
from tests.canaries import Canaries, Places, Watch
from tests.long import LONG
from tests.mail_server import mail_server
from tests.survey import CSV, HEADER, PROGRAM, VAULT_PASSPHRASE, Done, World, call, csv_of, public_key_of
from tests.unattended_parts import KEYRING, web_server

Variant = TypeVar("Variant")
PING: Final = "5d0b2a14-canary-of-the-ping-url-77ae"
MAIL_PASSWORD: Final = "canary-of-the-mail-account-31c9"
PROXY_PASSWORD: Final = "canary-of-the-proxy-9fd2"
FREE: Final = "Ich wohne neben der blauen Tür, Kanarienvogel {}"
# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
QUIET: Final = ("-W", "ignore:'imghdr' is deprecated:DeprecationWarning")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@dataclass
class House:
    """A world whose every text is a canary, and everything that leaves the program."""

    world: World
    canaries: Canaries
    places: Places = field(default_factory=Places)
    allowed: list[Path] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)
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
        start = _process if process or LONG else _here
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
        history = self.world.csv(CSV + ".runs.jsonl") if self.world.vault_folder.exists() else b""
        self.places.content["history in the vault"] = history or b""
        return self.places.leaks(self.canaries.without(self.typed))


def _here(
    arguments: tuple[object, ...], environment: dict[str, str], folder: Path, stdin: str, places: Places
) -> tuple[Done, int]:
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
def _house(folder: Path, rows: int) -> Iterator[House]:
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
        house = House(world, Canaries(_texts(world)))
        yield house
        for number, (path, body) in enumerate(web.told):
            house.places.content[f"request {number}"] = f"{path.replace(PING, '')}\n{body}".encode()
        for number, mail in enumerate(mails.received):
            house.places.content[f"mail {number}"] = mail
            for part in message_from_bytes(mail).walk():
                content: Any = part.get_payload(decode=True)
                house.places.content[f"{part.get_content_type()} of mail {number}"] = content or b""


def _texts(world: World) -> dict[str, str]:
    """Everything that may be nowhere but in the CSV, the keys' files and the configuration, by a name for each."""
    survey = world.survey
    key_file = json.loads(world.google.key_file.read_text(encoding="utf-8"))
    texts = {
        "private key": survey.private_key.reveal(),
        "legacy secret": survey.legacy_secret.reveal(),
        "passphrase": survey.passphrase.reveal(),
        "vault's passphrase": VAULT_PASSPHRASE,
        "service account's key": "".join(key_file["private_key"].splitlines()[1:-1]),
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


def _some(variants: Sequence[Variant], few: int = 2) -> Sequence[Variant]:
    """Return the first variants of a case, or all of them where that may take minutes."""
    return variants if LONG else variants[:few]


CASES: Final[dict[str, Callable[[House], object]]] = {}


def case(function: Callable[[House], object]) -> Callable[[House], object]:
    """Take a function for one of the cases, named after it."""
    CASES[function.__name__.removeprefix("_")] = function
    return function


# Runs that write


@case
def _a_pull_a_second_one_and_their_history(house: House) -> None:
    house.pull("--json", code=0)
    house.pull(code=0)
    house.run("history", "--config", house.world.path, code=0)
    house.run("history", "--config", house.world.path, "--json", code=0)
    house.run("status", "--config", house.world.path, code=0)
    page = house.world.folder / "status.html"
    house.run("status", "--config", house.world.path, "--html", page, "--json", code=0)


@case
def _a_dry_run(house: House) -> None:
    house.pull("--dry-run", "--json", code=0)


@case
def _a_pull_with_copies_and_a_second_csv(house: House) -> None:
    second = house.world.folder / "open/second.csv"
    second.parent.mkdir()
    house.allowed.append(second)
    house.world.configure(keep=2, deidentified={"output": str(second)})
    house.pull("--json", code=0)
    house.world.google.replace_rows(
        house.world.spreadsheet, "data", [*house.world.survey.sheet, ["99", "", "", "", "x"]]
    )
    house.pull("--json", code=0)
    readable = house.canaries.without(name for name in _texts(house.world) if name.startswith("free"))
    assert not readable.found_in(second.read_bytes())


@case
def _a_pull_with_worker_processes(house: House) -> None:
    world = house.world
    public_key = public_key_of(world.survey)
    rows: list[list[Cell]] = [[str(number), seal(["x"], public_key)[0], "", "", "x"] for number in range(7_500)]
    world.google.replace_rows(world.spreadsheet, "data", [*world.survey.sheet, *rows])
    world.path.write_text("workers = 2\n" + world.path.read_text(encoding="utf-8"), encoding="utf-8")
    house.pull("--json", code=0, process=True)
    assert house.children >= 2


@case
def _a_pull_onto_a_mounted_drive(house: House) -> None:
    del house.world.settings["vault"]
    with mounts.gocryptfs(house.world.folder) as drive:
        house.allowed.append(drive.point)
        house.world.configure(output=str(drive.point / "a.csv"))
        house.pull("--json", code=0, process=True)
        history = (drive.point / "a.csv.runs.jsonl").read_bytes()
    house.places.content["history on the drive"] = history


@case
def _keys_in_the_environment_and_a_program_that_prints_one(house: House) -> None:
    world = house.world
    world.keys = {
        "private_keys": [{"command": [str(world.folder / "bin/say-key")]}],
        "legacy_secrets": [{"env": "SURVEY_SECRET"}],
        "passphrases": [{"env": "SHEETS_DECRYPT_PASSPHRASE"}],
    }
    world.configure()
    keys = {
        "SURVEY_SECRET": world.survey.legacy_secret.reveal(),
        "SHEETS_DECRYPT_PASSPHRASE": world.survey.passphrase.reveal(),
        "SHEETS_DECRYPT_LEGACY_SECRET": world.survey.legacy_secret.reveal(),
    }
    house.pull("--json", code=0, environment=keys, process=True)
    assert house.children
    assert (world.folder / "inherited.txt").exists()


@case
def _a_one_off_run(house: House) -> None:
    world = house.world
    with mounts.gocryptfs(world.folder) as drive:
        house.allowed.append(drive.point)
        options = ("--spreadsheet", world.google.url(world.spreadsheet, "data"), "--columns", "name,phone,address")
        environment = world.google.environment() | world.survey.environment()
        done = house.run(
            "pull", *options, "--output", drive.point / "one.csv", "--json", code=0, environment=environment
        )
        assert (drive.point / "one.csv").read_bytes() == world.whole()
    assert done.records()[0]["rows_written"] == len(world.survey.answers)


@case
def _a_file_that_was_downloaded(house: House) -> None:
    world = house.world
    file = world.folder / "download.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    house.allowed.append(file)
    with mounts.gocryptfs(world.folder) as drive:
        house.allowed.append(drive.point)
        options = (file, "--columns", "name,phone,address", "--config", world.path)
        house.run("decrypt-file", *options, "--output", drive.point / "a.csv", "--json", code=0)
    for broken in _some((b'id,name\n1,"' + world.survey.answers[0][1].encode(), b"\xff\xfe" + file.read_bytes(), b"")):
        file.write_bytes(broken)
        house.run("decrypt-file", *options, "--output", drive.point / "a.csv", code=(7, 9))


# Cells that do not decrypt


@case
def _damaged_tokens_of_every_format(house: House) -> None:
    house.world.configure(max_shrink=1)
    for column in ("name", "phone", "address"):
        token = str(house.world.survey.sheet[3][HEADER.index(column)])
        changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
        for cell in _some((token[:-4], changed, f" {token}", token[4:], "#NAME?")):
            house.replace(column, cell, row=3)
            house.pull("--json", code=(0, 3))  # an old format shows not every change


@case
def _cells_that_fail_the_run(house: House) -> None:
    house.world.configure(on_error="fail")
    house.replace("name", str(house.world.survey.sheet[3][1])[:-4])
    house.pull("--json", code=9)


@case
def _readable_answers_among_tokens(house: House) -> None:
    house.replace("phone", house.world.survey.answers[3][2])
    house.replace("free", str(house.world.survey.sheet[2][1]))
    house.pull("--json", code=0)


@case
def _wrong_keys_of_every_format(house: House) -> None:
    others = {
        "private_keys": sealing.generate()[0].reveal(),
        "legacy_secrets": "another secret 12",
        "passphrases": "another one",
    }
    for name, other in others.items():
        file = house.world.folder / "keys" / name
        former = file.read_text(encoding="utf-8")
        file.write_text(other, encoding="utf-8")
        house.pull("--json", code=4)
        house.run("check", "--config", house.world.path, "--json", code=4)
        file.write_text(former, encoding="utf-8")


@case
def _keys_that_are_none(house: House) -> None:
    survey = house.world.survey
    pasted = (
        survey.legacy_secret.reveal(),
        survey.private_key.reveal()[:-3],
        survey.private_key.reveal() + "\nmore",
        "é" * 20,
        "",
    )
    for text in _some(pasted):
        house.world.keep("private_keys", text)
        house.pull("--json", code=4)
        house.run("check", "--config", house.world.path, "--no-network", code=4)


@case
def _secrets_in_place_of_their_sources(house: House) -> None:
    """A file's and a program's name are left out: they are what the user must see."""
    survey = house.world.survey
    for source in ("env", "keyring", "credential"):
        for secret in _some((survey.passphrase.reveal(), survey.private_key.reveal()), 1):
            value = f"service/{secret}" if source == "keyring" else secret
            house.world.keys = {"private_keys": [{source: value}], "passphrases": [{source: value}]}
            house.world.configure()
            house.pull("--json", code=4)
            house.run("check", "--config", house.world.path, "--no-network", code=4)


# A configuration that is wrong


@case
def _secrets_pasted_into_the_configuration(house: House) -> None:
    survey, path = house.world.survey, house.world.path
    key, secret = survey.private_key.reveal(), survey.passphrase.reveal()
    right = path.read_text(encoding="utf-8")
    wrong = (
        f'[keys]\nprivate_keys = ["{key}"]\n', f'[keys]\nprivate_keys = "{key}"\n', f"[keys]\nprivate_keys = {key}\n",
        f'[keys]\npassphrases = [{{ passphrase = "{secret}" }}]\n', f'[keys]\npassphrases = [{{ file = "{secret}\n',
        f'[keys]\npublic_key = "{secret}"\n', f'[keys]\nlegacy_secrets = [{{ env = ["{secret}"] }}]\n',
    )  # fmt: skip
    for text in _some((right.replace("deadline = 30", f'deadline = "{secret}"'), *wrong), 4):
        path.write_text(text if "[jobs" in text else text + right[right.index("[jobs") :], encoding="utf-8")
        house.pull("--json", code=2)
        house.run("config", "validate", "--config", path, code=2)
        house.run("check", "--config", path, "--no-network", "--json", code=2)


@case
def _secrets_as_options_and_arguments(house: House) -> None:
    survey = house.world.survey
    for secret in _some([survey.private_key.reveal(), survey.passphrase.reveal(), survey.legacy_secret.reveal()], 1):
        for option in ("--secret-key", "--secret_key", "--private-key", "--private_key", "--passphrase"):
            house.run("pull", option, secret, code=2)
            house.run("pull", f"{option}={secret}", code=2)
        house.run("pull", secret, code=2)


# Google, the network and the vault


@case
def _what_google_refuses(house: House) -> None:
    google = house.world.google
    house.world.google_settings["deadline"] = 2
    house.world.configure()
    faults = [Fault("token", "invalid_grant", None), Fault("values", "status", None, status=403)]
    faults += [Fault("values", what, None) for what in ("truncate", "disabled", "scope", "html", "page", "reset")]
    faults += [Fault(kind, what, None) for kind in ("token", "spreadsheet") for what in ("html", "truncate", "page")]
    for fault in _some(faults):
        google.fault(fault)
        house.pull("--json", code=(5, 6))
        google.clear_faults()


@case
def _a_proxy_with_a_password_that_cannot_be_reached(house: House) -> None:
    house.world.google_settings |= {"proxy": f"http://me:{PROXY_PASSWORD}@127.0.0.1:1", "deadline": 1}
    house.world.configure()
    house.pull("--json", code=6)
    house.run("check", "--config", house.world.path, "--json", code=6)


@case
def _a_key_file_that_is_none(house: House) -> None:
    file = house.world.folder / "keys/credentials.json"
    content = json.loads(house.world.google.key_file.read_text(encoding="utf-8"))
    house.world.google_settings["credentials"] = str(file)
    house.world.configure()
    broken = content | {"private_key": content["private_key"][:-90]}
    pem = content["private_key"]
    for text in _some((json.dumps(content)[:-9], json.dumps(broken), pem, json.dumps(pem))):
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        house.pull("--json", code=5)
        house.run("check", "--config", house.world.path, "--json", code=5)


@case
def _a_sheet_that_is_refused(house: House) -> None:
    world = house.world
    house.pull(code=0)
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[:2])
    house.pull("--json", code=9)
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet[1:])  # answers where the names should be
    house.pull("--json", code=9)
    house.run("check", "--config", world.path, "--json", code=9)


@case
def _a_vault_that_does_not_open(house: House) -> None:
    house.world.keep("vault", house.world.survey.passphrase.reveal())
    house.pull("--json", code=7)
    house.run("vault", "ls", "--config", house.world.path, code=7)
    shutil.rmtree(house.world.vault_folder)
    house.pull("--json", code=7)


@case
def _a_place_that_is_not_encrypted(house: House) -> None:
    del house.world.settings["vault"]
    house.world.configure(output=str(house.world.folder / "plain/a.csv"))
    (house.world.folder / "plain").mkdir()
    house.pull("--json", code=7)
    assert not list((house.world.folder / "plain").iterdir())


@case
def _a_vault_on_a_full_disk(house: House) -> None:
    world = house.world
    with mounts.tmpfs(world.folder / "small", "256k") as small:
        CryptomatorVault.create(small / "vault", Secret(VAULT_PASSPHRASE))
        world.settings["vault"] = {"cryptomator": str(small / "vault"), "passphrase": {"file": "keys/vault"}}
        world.configure()
        with contextlib.suppress(OSError), (small / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        house.pull("--json", code=7)
        house.places.add_folder(small)


@case
def _another_run_under_way(house: House) -> None:
    with one_run(house.world.vault.identity(CSV)):
        house.pull("--json", code=8)


# The other commands


@case
def _checks(house: House) -> None:
    house.run("check", "--config", house.world.path, code=0)
    house.run("check", "--config", house.world.path, "--no-network", "--json", code=0)


@case
def _files_in_the_vault(house: House) -> None:
    world = house.world
    house.pull(code=0)
    house.run("vault", "ls", "--config", world.path, code=0)
    house.run(
        "vault", "put", "--config", world.path, "notes.txt", code=0, stdin=world.survey.answers[0][1], process=True
    )
    house.run(
        "vault", "put", "--config", world.path, "notes.txt", code=(2, 7), stdin=world.survey.answers[0][1], process=True
    )
    house.run("vault", "cat", "--config", world.path, "nothing.txt", code=(2, 7))


@case
def _a_schedule_installed_shown_run_and_removed(house: House) -> None:
    cron = ("--backend", "cron")
    at = ("--config", house.world.path, "--daily", "06:30")
    house.run("schedule", "show", *at, *cron, code=0)
    house.run("schedule", "install", *at, *cron, code=0)
    house.run("schedule", "status", *cron, code=0)
    house.run("schedule", "run-now", *cron, code=0)
    house.run("schedule", "remove", *cron, code=0)


@case
def _an_export_for_twilio(house: House) -> None:
    world = house.world
    world.keys["public_key"] = sealed_box.encode_key(public_key_of(world.survey))
    world.configure()
    house.run("twilio", "export", world.folder / "twilio", "--config", world.path, code=0)


@case
def _an_export_with_a_private_key_pasted_as_the_public_one(house: House) -> None:
    world = house.world
    world.keys["public_key"] = world.survey.private_key.reveal()
    world.configure()
    house.run("twilio", "export", world.folder / "twilio", "--config", world.path, code=(2, 4))


@case
def _secrets_set_and_tested(house: House) -> None:
    require.module("keyrings.alt")
    data = house.world.folder / "data"
    house.allowed.append(data)  # the keyring itself
    environment = KEYRING | {"XDG_DATA_HOME": str(data)}
    for name in ("private_key", "passphrase"):
        secret = getattr(house.world.survey, name).reveal()
        house.run("secret", "set", f"survey/{name}", code=0, stdin=secret + "\n", environment=environment, process=True)
        house.run("secret", "set", f"survey/{name}", code=2, stdin=secret + "\n", environment=environment, process=True)
        house.run("secret", "test", f"survey/{name}", code=0, environment=environment, process=True)
        house.run("secret", "set", f"survey/{name}", code=4, stdin=secret + "\n")  # there is no keyring


@case
def _a_new_key(house: House) -> None:
    file = house.world.folder / "keys/new"
    house.run("keygen", "--file", file, code=0, process=True)
    house.run("keygen", "--file", file, code=2)
    house.canaries = Canaries(_texts(house.world) | {"new key": file.read_text(encoding="utf-8").strip()})


@case
def _a_new_configuration(house: House) -> None:
    secret = house.world.survey.private_key.reveal()
    answers = (
        "--spreadsheet",
        house.world.spreadsheet,
        "--columns",
        "name",
        "--output",
        house.world.folder / "X/a.csv",
    )
    place = house.world.folder / "new.toml"
    house.run("init", "--config", place, *answers, "--private-key-from", secret, code=(2, 4))
    house.run("init", "--config", place, *answers, "--private-key-from", f"keyring:a/{secret}", code=(0, 2))
    place.unlink(missing_ok=True)
    house.run("init", "--config", place, *answers, "--private-key-from", "file:keys/private_keys", code=(0, 2, 7))


@case
def _explanations_of_the_configuration(house: House) -> None:
    for arguments in (
        ("config", "example"),
        ("config", "keys"),
        ("config", "validate", "--config", house.world.path),
        ("--help",),
    ):
        house.run(*arguments, code=0, environment=house.world.survey.environment())


@case
def _the_demonstration_and_the_sandbox(house: House) -> None:
    environment = house.world.survey.environment()
    house.run("demo", "--folder", house.world.folder / "demo", code=0, environment=environment, process=True)
    file = house.world.folder / "keys/answers.csv"
    file.write_bytes(csv_of([[str(cell) for cell in row] for row in house.world.survey.sheet]))
    house.run("sandbox", "--workbook", file, "--fault", "values:nothing", code=2)


# Mistakes of ours


@case
def _an_error_of_our_own(house: House) -> None:
    """An exception whose text is a secret ends in a line without it, in the log and the record as well."""
    secret = house.world.survey.passphrase.reveal()
    for place in ("sheets_decrypt.story.open_vault", "sheets_decrypt.config.load"):
        with mock.patch(place, side_effect=RuntimeError(secret)):
            done, _ = _here(
                ("pull", "--config", house.world.path, "--json"),
                house.world.environment({"TMPDIR": str(house.world.folder)}),
                house.world.folder,
                "",
                house.places,
            )
        house.runs += 1
        house.places.content[f"a bug in {place}"] = (done.out + done.err).encode()
        assert done.code == 1


@pytest.mark.parametrize("name", list(CASES))
def test_nothing_leaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[[str, int], None], name: str
) -> None:
    """No answer, token, key or password is shown, logged, recorded, sent, handed to a child, or left in a folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/.local/state"))  # for the lock of runs in this process
    with _house(tmp_path, 6) as house:
        CASES[name](house)
    leaks = house.end()
    count("leak suite: runs", house.runs)
    count("leak suite: canaries looked for", len(house.canaries))
    count("leak suite: forms of canaries looked for", house.canaries.form_count)
    count("leak suite: places searched", len(house.places.content))
    count("leak suite: bytes searched", sum(map(len, house.places.content.values())))
    count("leak suite: child processes looked at", house.children)
    assert leaks == []
    assert house.runs


@given(st.binary(max_size=5), st.text(min_size=9, max_size=20), st.binary(max_size=5))
def test_a_canary_is_found_in_every_form(before: bytes, text: str, after: bytes) -> None:
    """The search itself works: base64 of any alignment, hex, percent signs, JSON and UTF-16."""
    canaries = Canaries({"it": text})
    data = before + text.encode() + after
    utf16 = before * 2 + text.encode("utf-16-le") + after * 2
    for written in (
        data, utf16, base64.b64encode(data), base64.urlsafe_b64encode(data), base64.b64encode(utf16),
        data.hex().encode(), data.hex().upper().encode(), quote(text).encode(), quote_plus(text).encode(),
        json.dumps(text).encode(),
    ):  # fmt: skip
        assert canaries.found_in(b"x" + written + b"y") == {"it"}


def test_a_leak_is_noticed(tmp_path: Path) -> None:
    """In a file, a file's name, a link's target, and the arguments and environment of a child that is gone soon."""
    canaries = Canaries({"it": "a canary of this test"})
    places = Places()
    (tmp_path / "a canary of this test").touch()
    (tmp_path / "link").symlink_to("/a canary of this test")
    (tmp_path / "file").write_bytes("a canary of this test".encode("utf-16-be"))
    places.add_folder(tmp_path)
    assert len(places.leaks(canaries)) == 3
    code = "import subprocess; subprocess.run(['sleep', '0.2'], env={'A': 'a canary of this test'})"
    children = Places()
    with (
        subprocess.Popen([sys.executable, "-c", code]) as process,
        Watch(process.pid, tmp_path / "none", children) as watch,
    ):
        process.wait()
    assert len(watch.children) == 1
    assert any("environment" in leak for leak in children.leaks(canaries))
