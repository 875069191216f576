"""The named checks behind `sheets-decrypt check`: everything that a pull needs, tried one by one.

A check that depends on one that failed is skipped. Only errors fail.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from sheets_decrypt.config import Config, Job
from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from sheets_decrypt.decryption.ciphers.public_key import check as check_public_key
from sheets_decrypt.decryption.sheet import Decryption, Rules
from sheets_decrypt.decryption.verdict import Ciphers
from sheets_decrypt.errors import KeyMissing, KeyWrong, SheetsDecryptError, WorksheetNotFound
from sheets_decrypt.google.session import Session, open_session
from sheets_decrypt.google.sheet import Sheet, open_sheet
from sheets_decrypt.keys import read_keys
from sheets_decrypt.output import deidentified as deidentify
from sheets_decrypt.output.outputs import refuse_elsewhere
from sheets_decrypt.runs import addresses
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.system import access
from sheets_decrypt.table import Format, Page
from sheets_decrypt.vault import open_also, open_vault

SAMPLE: Final = 50  # rows
_CLOCK_TOLERANCE: Final = 60.0  # seconds; Google refuses a sign-in when the clock is off by a few minutes


class Outcome(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result.

    Args:
        job: The job's name; blank if the check concerns all jobs.
        name: The check's name.
        outcome: How it went.
        message: What was found.
        hint: What to do, in one line; blank if there is nothing to do.
        exit_code: The exit code that a pull would have; 0 unless the outcome is an error.
    """

    job: str
    name: str
    outcome: Outcome
    message: str
    hint: str = ""
    exit_code: int = 0


class _Skip(Exception):
    """The check cannot be tried."""


class _Warn(Exception):
    """The check found something that needs attention.

    Args:
        message: What was found.
        hint: What to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class _Job:
    """What the checks of one job find and pass on to later checks."""

    name: str
    job: Job
    config: Config
    network: bool
    session: Session | None = None
    signed_in: bool = False
    missing_tab: WorksheetNotFound | None = None
    sheet: Sheet | None = None
    sample: Page | None = None
    ciphers: Ciphers = field(default_factory=dict)

    def need_session(self) -> Session:
        if not self.network:
            raise _Skip("not tried: --no-network")
        if self.session is None:
            raise _Skip("not tried: no key file")
        return self.session

    def need_sign_in(self) -> Session:
        session = self.need_session()
        if not self.signed_in:
            raise _Skip("not tried: not signed in")
        return session

    def need_sheet(self) -> Sheet:
        self.need_sign_in()
        if self.sheet is None:
            raise _Skip("not tried: the sheet could not be read")
        return self.sheet


def check(path: Path, config: Config, names: Sequence[str], *, network: bool = True) -> Iterator[Check]:
    """Try everything that the jobs need, in the order of a pull.

    Args:
        path: The configuration's file.
        config: Its validated content.
        names: The jobs to check.
        network: Whether Google may be asked.
    """
    yield _configuration(path, config)
    for name in names:
        job = _Job(name, config.jobs[name], config, network)
        try:
            for title, attempt in _CHECKS.items():
                yield _try(job, title, attempt)
            if job.job.deidentified is not None:
                yield _try(job, "second csv", _second_csv)
            if any(_notified(config, job.job)):
                yield _try(job, "notify", _notify)
        finally:
            if job.session is not None:
                job.session.close()


def _try(job: _Job, title: str, attempt: Callable[[_Job], str]) -> Check:
    try:
        return Check(job.name, title, Outcome.OK, attempt(job))
    except _Skip as reason:
        return Check(job.name, title, Outcome.SKIPPED, str(reason))
    except _Warn as warning:
        return Check(job.name, title, Outcome.WARNING, warning.message, warning.hint)
    except SheetsDecryptError as error:
        return Check(job.name, title, Outcome.ERROR, error.message, error.hint, error.exit_code)


def _configuration(path: Path, config: Config) -> Check:
    """Warn of a file that holds addresses and that other users can read: an address may contain a password."""
    written = [address for job in config.jobs.values() for address in _notified(config, job)]
    secret = "@" in (config.google.proxy or "") or any(isinstance(address, str) for address in written)
    if secret and (found := access.shared(path, path.stat())):
        message = f"{path} can be read by others, and it holds addresses, which often contain passwords"
        return Check("", "configuration", Outcome.WARNING, message, found.mend)
    return Check("", "configuration", Outcome.OK, f"{len(config.jobs)} jobs" if len(config.jobs) > 1 else "1 job")


def _vault(job: _Job) -> str:
    vault, name = open_vault(job.job, job.config.vault_of(job.job), resolve)
    place = vault.check()
    also = refuse_elsewhere(open_also(job.job, vault), (vault, name), place)
    files = ", ".join([vault.path(name), *(file.path for file in also)])
    return f"{files}: {place.protection} ({place.what} at {place.where})"


def _keys(job: _Job) -> str:
    job.ciphers = read_keys(job.config.keys_of(job.job))
    return ", ".join(f"{kind} {' '.join(cipher.fingerprints)}" for kind, cipher in job.ciphers.items())


def _key_file(job: _Job) -> str:
    if not (job.network or job.config.google.credentials or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")):
        raise _Skip("not tried: --no-network, and application default credentials may ask the network")
    session = open_session(job.config.google)
    job.session = session
    account = session.account.email or "application default credentials"
    for warning in session.warnings:
        raise _Warn(f"{account}: {warning.message}", warning.hint)
    return account


def _token(job: _Job) -> str:
    job.need_session().sign_in()
    job.signed_in = True
    return "google signed the account in"


def _clock(job: _Job) -> str:
    skew = job.need_session().clock_skew
    if skew is None:
        raise _Skip("not tried: google did not answer")
    if abs(skew) > _CLOCK_TOLERANCE:
        raise _Warn(
            f"this machine's clock is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}", "set the clock"
        )
    return "right within a minute"


def _sheet(job: _Job) -> str:
    """Open the sheet. A missing tab is left to the next check, because the spreadsheet is shared nevertheless."""
    session = job.need_sign_in()
    try:
        job.sheet = _open(job, session)
    except WorksheetNotFound as error:
        job.missing_tab = error
        return f"shared with {session.account.email or 'this account'}"
    return f'"{job.sheet.title}" is shared with {session.account.email or "this account"}'


def _tab(job: _Job) -> str:
    if job.missing_tab is not None:
        raise job.missing_tab
    sheet = job.need_sheet()
    tab = sheet.tab
    return f'"{tab.title}" (gid {tab.gid}), {len(sheet.header.names)} columns'


def _open(job: _Job, session: Session) -> Sheet:
    return open_sheet(
        session,
        spreadsheet_id=job.job.spreadsheet_id,
        worksheet=job.job.worksheet,
        gid=job.job.gid,
        values=job.job.values,
        page_rows=SAMPLE,
    )


def _columns(job: _Job) -> str:
    sheet = job.need_sheet()
    Decryption(sheet.header, {}, _rules(job.job))
    job.sample = next(sheet.pages(), Page(2, []))
    return "auto" if job.job.columns == "auto" else ", ".join(job.job.columns)


def _second_csv(job: _Job) -> str:
    """Check where the de-identified CSV goes, and that the columns named for it exist."""
    second = job.job.deidentified
    if second is None:
        raise _Skip("not configured")
    deidentify.check(second)
    if job.sheet is None:
        raise _Skip(f"{second.output.parent} can be written; its columns were not tried")
    decrypted = () if job.job.columns == "auto" else job.job.columns
    places = deidentify.kept(job.sheet.header, second, decrypted)
    return f"{second.output}: {len(places)} columns"


def _notified(config: Config, job: Job) -> Sequence[object]:
    section = config.notify_of(job)
    return [*([section.healthchecks] if section.healthchecks else []), *section.urls]


def _notify(job: _Job) -> str:
    """Check the addresses without sending anything; a run succeeds without them, so this is never an error."""
    if found := addresses.problems(job.config.notify_of(job.job)):
        raise _Warn("; ".join(found), "correct [notify], then try it with `sheets-decrypt notify test`")
    number = len(_notified(job.config, job.job))
    return f"{number} addresses look right" if number > 1 else "1 address looks right"


def _fit(job: _Job) -> str:
    """Try the keys on the first rows."""
    sheet = job.need_sheet()
    if job.sample is None or not job.ciphers:
        raise _Skip("not tried: columns or keys are missing")
    if not job.sample.rows:
        raise _Warn("the sheet has no rows to try the key on", "run the check again when the first answers are in")
    decryption = Decryption(sheet.header, job.ciphers, _rules(job.job))
    decryption.page(job.sample)
    decryption.judge_keys()
    if warnings := [*decryption.warnings(), *(_failed(decryption))]:
        hint = f"`pull-and-decrypt --dry-run --job {job.name}` names the rows, and writes nothing"
        raise _Warn("; ".join(warnings), hint)
    decrypted = sum(count.decrypted for count in decryption.counts().values())
    if not decrypted:
        raise _Warn("no cell of the first rows holds a token", "check that these are the encrypted columns")
    return f"{decrypted} cells of the first {len(job.sample.rows)} rows decrypt"


def _failed(decryption: Decryption) -> Iterator[str]:
    if number := decryption.failure_count():
        yield f"{number} cell{' of the first rows does' if number == 1 else 's of the first rows do'} not decrypt"


def _key_pair(job: _Job) -> str:
    """Make a token with the configured public key, as Twilio would, and decrypt it with the private keys."""
    public_key = job.config.keys_of(job.job).public_key
    if public_key is None:
        raise _Skip("optional: no public_key is set")
    cipher = job.ciphers.get(Format.SEALED_BOX)
    key = check_public_key(public_key, cipher.secrets if isinstance(cipher, sealed_box.SealedBox) else ())
    if cipher is None and job.config.keys_of(job.job).private_keys:
        raise _Skip("not tried: the private key could not be read")
    if cipher is None:
        raise KeyMissing("the public key has no private key beside it", hint="add the private key to private_keys")
    body = sealed_box.read(sealing.seal(["test"], key)[0]) or b""
    if cipher.decrypt([body]).values[0] != "test":
        raise KeyWrong(
            f"what is encrypted for the public key {sealed_box.fingerprint(key)} is not decrypted by"
            f" {' '.join(cipher.fingerprints)}",
            hint="the public key belongs to another private key; see what Twilio's ENCRYPTION_PUBLIC_KEY is",
        )
    return f"what is encrypted for {sealed_box.fingerprint(key)} decrypts"


def _rules(job: Job) -> Rules:
    return Rules(job.columns, frozenset(job.missing_values))


_CHECKS: Final[Mapping[str, Callable[[_Job], str]]] = {
    "vault": _vault,
    "keys": _keys,
    "key pair": _key_pair,
    "key file": _key_file,
    "token": _token,
    "clock": _clock,
    "sheet": _sheet,
    "tab": _tab,
    "columns": _columns,
    "key fits": _fit,
}
