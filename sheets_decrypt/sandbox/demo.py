"""The demonstration: the real job, with the sandbox as Google and a new vault.

Only Google's servers are simulated: the pull signs in, reads over TLS, decrypts and writes as usual.
"""

import csv
import io
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sheets_decrypt.config import Config, load, template
from sheets_decrypt.runs.record import Record
from sheets_decrypt.sandbox import sample
from sheets_decrypt.sandbox.google import Sandbox, Tab
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.story.pull import pull
from sheets_decrypt.system.private_file import write_private_text
from sheets_decrypt.table import Secret
from sheets_decrypt.vault import open_vault
from sheets_decrypt.vault.cryptomator import CryptomatorVault

JOB: Final = "demo"
OUTPUT: Final = "surveys/demo.csv"
_SHOWN: Final = (0, 13, 2, 9)  # the header, and one row of each format, newest first


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The result of the demonstration.

    Args:
        vault: The Cryptomator vault's folder.
        passphrase: Its passphrase; it protects made-up data only.
        config: The configuration file that the pull used.
        sheet: Some rows, as Google holds them.
        csv: The same rows, as stored in the vault.
        record: The pull's record.
        whole: Whether the CSV contains exactly the answers.
    """

    vault: Path
    passphrase: Secret
    config: Path
    sheet: list[list[str]]
    csv: list[list[str]]
    record: Record
    whole: bool


def demonstrate(folder: Path) -> Demonstration:
    """Create a survey, a Google and a vault in `folder`, and pull the survey into the vault.

    Args:
        folder: An empty folder, in which the vault and the configuration stay.
    """
    survey = sample.make()
    passphrase = Secret("-".join(secrets.token_hex(3) for _ in range(4)))
    CryptomatorVault.create(folder / "vault", passphrase)
    with Sandbox(folder / "google") as google:
        sheet = google.add("Demo survey", [Tab("data", survey.sheet)])
        path = _configure(folder, survey, passphrase, google.url(sheet, "data"), google)
        config = load(path)
        record = pull(JOB, config.jobs[JOB], config)
    rows = list(_read_back(config)) if record.error is None else []
    whole = rows == [list(sample.HEADER), *survey.answers]
    return Demonstration(folder / "vault", passphrase, path, _shown(survey.sheet), _shown(rows), record, whole)


def _shown(rows: list[list[str]]) -> list[list[str]]:
    return [rows[place] for place in _SHOWN if place < len(rows)]


def _configure(folder: Path, survey: sample.Sample, passphrase: Secret, url: str, google: Sandbox) -> Path:
    """Write keys and configuration as a user would."""
    keys = {
        "private_keys": survey.private_key,
        "legacy_secrets": survey.legacy_secret,
        "passphrases": survey.passphrase,
    }
    for name, secret in keys.items():
        write_private_text(folder / "keys" / name, secret.reveal() + "\n")
    write_private_text(folder / "keys" / "vault", passphrase.reveal() + "\n")
    job = {
        "spreadsheet": url,
        "columns": list(sample.ENCRYPTED),
        "output": OUTPUT,
        "vault": {"cryptomator": "vault", "passphrase": {"file": "keys/vault"}},
        "formula_guard": "off",
    }
    text = template.render(
        JOB,
        job,
        google={"credentials": google.key_file, "proxy": google.proxy, "ca_bundle": google.ca_bundle},
        keys={name: [{"file": f"keys/{name}"}] for name in keys},
    )
    path = folder / "sheets-decrypt.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _read_back(config: Config) -> Iterator[list[str]]:
    vault, name = open_vault(config.jobs[JOB], config.vault_of(config.jobs[JOB]), resolve)
    with vault.read(name) as file:
        yield from csv.reader(io.StringIO(file.read().decode("utf-8-sig"), newline=""))
