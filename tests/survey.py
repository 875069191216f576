"""A survey for the tests of the commands: answers, a sheet with their tokens, a Google, a vault, and runs.

Every answer, token and secret is unique, so that a test can detect whether any of them leaked.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sheets_decrypt import cli, config
from sheets_decrypt.config import template
from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from sheets_decrypt.sandbox.google import Cell, Sandbox, Tab
from sheets_decrypt.sandbox.sample import cryptojs_passphrase, legacy_cbc
from sheets_decrypt.system.private_file import write_private
from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault

HEADER = ("id", "name", "phone", "address", "free")
ENCRYPTED = ("name", "phone", "address")
VAULT_PASSPHRASE = "wide-open-barn-door-8841"
CSV = "surveys/baseline.csv"
# The keys of a run record (design, "Run record"); `output` or `error` come in addition.
RECORD_KEYS = (
    "run_id", "job", "status", "started", "finished", "exit_code", "version", "host", "user", "spreadsheet_id",
    "worksheet", "gid", "rows_read", "rows_written", "requests", "columns", "failures", "failure_count",
    "guarded_cells", "warnings", "notes", "dry_run",
)  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """The answers, in plaintext and in the sheet.

    Args:
        answers: The rows of the CSV, without its header.
        sheet: The rows of the tab, with its header.
    """

    answers: list[list[str]]
    sheet: list[list[Cell]]
    private_key: Secret
    legacy_secret: Secret
    passphrase: Secret

    def confidential(self) -> set[str]:
        """Return everything that no output may contain."""
        first, last = HEADER.index(ENCRYPTED[0]), HEADER.index(ENCRYPTED[-1])
        rows: list[Sequence[Cell]] = [*self.answers, *self.sheet[1:]]
        values = {str(cell) for row in rows for cell in row[first : last + 1]}
        secrets = {secret.reveal() for secret in (self.private_key, self.legacy_secret, self.passphrase)}
        return {text for text in values | secrets if len(text) > 3} | {VAULT_PASSPHRASE}

    def environment(self) -> dict[str, str]:
        """Return the secrets as environment variables of a one-off run."""
        return {
            "SHEETS_DECRYPT_PRIVATE_KEY": self.private_key.reveal(),
            "SHEETS_DECRYPT_LEGACY_SECRET": self.legacy_secret.reveal(),
            "SHEETS_DECRYPT_PASSPHRASE": self.passphrase.reveal(),
        }


def make(rows: int = 6) -> Survey:
    """Create a survey whose names are sealed boxes, phones legacy CBC, and addresses CryptoJS tokens."""
    private_key, public_key = sealing.generate()
    legacy, passphrase = Secret("legacy-Geheim-77"), Secret("a passphrase that nobody guesses")
    answers = [
        [str(number), f"Zoë Nguyễn-{number:04}", f"+57 300 555 {number:04}", f"Calle {number:04}\n2. Stock", "ok"]
        for number in range(1, rows + 1)
    ]
    sheet: list[list[Cell]] = [list(HEADER)]
    for number, name, phone, address, free in answers:
        sealed = sealing.seal([name], public_key)[0]
        sheet.append([number, sealed, legacy_cbc(phone, legacy), cryptojs_passphrase(address, passphrase), free])
    return Survey(answers, sheet, private_key, legacy, passphrase)


def csv_of(rows: Iterable[Sequence[str]], *, mark: bool = True) -> bytes:
    """Encode a CSV by hand, as the design requires: RFC 4180 and CRLF."""
    lines = [",".join(_quoted(cell) for cell in row) + "\r\n" for row in rows]
    return (b"\xef\xbb\xbf" if mark else b"") + "".join(lines).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\r\n') else cell


def assert_nothing_leaked(output: str | bytes, survey: Survey) -> None:
    """Check that an output has no answer, token or secret, and no traceback that could contain one."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    for secret in survey.confidential():
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            assert form not in text, "a value, token or secret leaked"
    assert "Traceback" not in text


PROGRAM = (sys.executable, "-W", "error", "-m", "sheets_decrypt")


@dataclass(frozen=True)
class Done:
    """The result of a finished command."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Return the JSON objects of the standard output, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class World:
    """A folder with everything that a user has: Google, keys, a vault and a configuration."""

    folder: Path
    google: Sandbox
    survey: Survey
    spreadsheet: str
    settings: dict[str, object] = field(default_factory=dict)
    google_settings: dict[str, object] = field(default_factory=dict)
    keys: dict[str, object] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, google: Sandbox, *, rows: int = 6) -> "World":
        """Create a world, with the sheet in the tab `data` and the job `baseline`."""
        survey = make(rows)
        spreadsheet = google.add("Survey", [Tab("notes", [["nothing"]]), Tab("data", survey.sheet, gid=7)])
        world = cls(folder, google, survey, spreadsheet)
        quick_vault.create(world.vault_folder, Secret(VAULT_PASSPHRASE))
        sources = {
            "private_keys": survey.private_key,
            "legacy_secrets": survey.legacy_secret,
            "passphrases": survey.passphrase,
            "vault": Secret(VAULT_PASSPHRASE),
        }
        for name, secret in sources.items():
            world.keep(name, secret.reveal())
        world.settings = {
            "spreadsheet": google.url(spreadsheet, "data"),
            "columns": list(ENCRYPTED),
            "output": CSV,
            "vault": {"cryptomator": "vault", "passphrase": {"file": "keys/vault"}},
        }
        world.google_settings = {
            "credentials": str(google.key_file),
            "proxy": google.proxy,
            "ca_bundle": str(google.ca_bundle),
            "deadline": 30,
        }
        world.keys = {name: [{"file": f"keys/{name}"}] for name in sources if name != "vault"}
        world.configure()
        return world

    @property
    def vault_folder(self) -> Path:
        """The Cryptomator vault's folder."""
        return self.folder / "vault"

    @property
    def vault(self) -> CryptomatorVault:
        """The vault, opened again on each access."""
        return CryptomatorVault(self.vault_folder, Secret(VAULT_PASSPHRASE))

    @property
    def path(self) -> Path:
        """The configuration file."""
        return self.folder / "sheets-decrypt.toml"

    def keep(self, name: str, text: str) -> Path:
        """Store a secret in a file that only its owner can read."""
        path = self.folder / "keys" / name
        path.parent.mkdir(exist_ok=True)
        write_private(path, f"{text}\n".encode())
        return path

    def configure(self, jobs: Mapping[str, Mapping[str, object]] | None = None, **settings: object) -> Path:
        """Write the configuration with the job `baseline` and these extra settings, or with these jobs."""
        sections: dict[str, Mapping[str, object]] = {"google": self.google_settings, "keys": self.keys}
        for name, more in (jobs or {"baseline": settings}).items():
            sections[f"jobs.{template.toml(name)}"] = {**self.settings, **more}
        lines = [
            line
            for section, content in sections.items()
            for line in (f"[{section}]", *(f"{key} = {template.toml(value)}" for key, value in content.items()))
        ]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.path

    def load(self) -> config.Config:
        """Read the configuration."""
        return config.load(self.path)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a user's environment, with our variables removed and its own folders."""
        return clean_environment(self.folder) | dict(more or {})

    def run(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        folder: Path | None = None,
    ) -> Done:
        """Run `sheets-decrypt` with these arguments in this process, and check that it leaks nothing."""
        done = call(arguments, self.environment(environment), folder=folder or self.folder, stdin=stdin)
        assert_nothing_leaked(done.out + done.err, self.survey)
        return done

    def process(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        folder: Path | None = None,
    ) -> Done:
        """Do the same in a separate process, as a user does."""
        done = run(arguments, self.environment(environment), folder=folder or self.folder, stdin=stdin)
        assert_nothing_leaked(done.out + done.err, self.survey)
        return done

    def pull(self, *arguments: object, environment: Mapping[str, str] | None = None) -> Done:
        """Run the configured jobs."""
        return self.run("pull", "--config", self.path, *arguments, environment=environment)

    def csv(self, name: str = CSV) -> bytes | None:
        """Return the content of the CSV in the vault, or None."""
        vault = self.vault
        if vault.size(name) is None:
            return None
        with vault.read(name) as file:
            return file.read()

    def history(self, name: str = CSV) -> list[dict[str, Any]]:
        """Return the history in the vault, and check that it leaks nothing."""
        lines = self.csv(name + ".runs.jsonl") or b""
        assert_nothing_leaked(lines, self.survey)
        return [json.loads(line) for line in lines.splitlines()]

    def whole(self) -> bytes:
        """Return the expected CSV."""
        return csv_of([HEADER, *self.survey.answers])

    def encrypted_files(self) -> dict[str, tuple[bytes, int]]:
        """Return the files in the vault's folder: name → content and time of change."""
        return {
            str(path.relative_to(self.vault_folder)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.vault_folder.rglob("*")
            if path.is_file()
        }


def clean_environment(folder: Path) -> dict[str, str]:
    """Return an environment without variables for a configuration, a key or Google, and with homes in `folder`."""
    ours = ("SHEETS_DECRYPT_", "GOOGLE_", "CLOUDSDK_", "REQUESTS_", "SSL_CERT", "CURL_CA", "XDG_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy") and name != "COLUMNS"
    }
    homes = {"XDG_CONFIG_HOME": "home/.config", "XDG_STATE_HOME": "home/.local/state", "HOME": "home"}
    return (
        kept
        | {name: str(folder / place) for name, place in homes.items()}
        | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "NO_GCE_CHECK": "true"}
    )


def run(arguments: Iterable[object], environment: Mapping[str, str], *, folder: Path, stdin: str = "") -> Done:
    """Run `python -m sheets_decrypt` as a user does."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env=environment,
        cwd=folder,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def call(arguments: Iterable[object], environment: Mapping[str, str], *, folder: Path, stdin: str = "") -> Done:
    """Run the same entry point in this process, for tests to which a separate process adds nothing but a second."""
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    handler = signal.getsignal(signal.SIGTERM)
    code: object = "it did not exit"
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["sheets-decrypt", *map(str, arguments)]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")),
        mock.patch.object(threading, "excepthook", threading.excepthook),  # pytest's, restored at the end
        mock.patch.object(sys, "unraisablehook", sys.unraisablehook),
        mock.patch("keyring.core._keyring_backend", None),  # chosen again, for this environment
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(folder),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        finally:
            signal.signal(signal.SIGTERM, handler)
    assert isinstance(code, int)
    # the same line ends as `run` returns
    said, complained = (stream.buffer.getvalue().decode().replace(os.linesep, "\n") for stream in (out, err))
    return Done(code, said, complained)


def public_key_of(survey: Survey) -> bytes:
    """Return the public key with which the survey's names were sealed."""
    raw = sealed_box.decode_key(survey.private_key.reveal())
    assert raw is not None
    return X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
