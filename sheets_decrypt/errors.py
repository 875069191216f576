"""Every error that the program raises on purpose, each with its exit code and its hint.

    SheetsDecryptError
    ├── ConfigurationError        2   the configuration or an option is wrong
    ├── KeyProblem                4
    │   ├── KeyMissing                no key is configured for the tokens, or its source has none
    │   └── KeyWrong                  the key does not decrypt the tokens
    ├── GoogleRefused             5
    │   ├── CredentialsRefused        the key file cannot be used, or Google refuses it
    │   ├── ClockWrong                this machine's clock is off
    │   ├── NotShared                 the spreadsheet is not shared with the account
    │   ├── ApiDisabled               the Sheets API is off in the project
    │   ├── ScopeInsufficient         the login may not read spreadsheets
    │   ├── SpreadsheetNotFound       no spreadsheet has that id
    │   ├── NotASpreadsheet           an Excel file in Drive
    │   └── WorksheetNotFound         no tab has that title or gid
    ├── GoogleUnavailable         6
    │   ├── QuotaExhausted            429 on every try
    │   ├── GoogleDown                5xx, 408 or a time-out on every try
    │   ├── NetworkUnreachable        proxy, TLS, DNS, connection refused
    │   └── NotGoogle                 something that is not Google answered
    ├── VaultError                7
    │   ├── VaultLocked               the target is inside a locked vault, or its drive is missing
    │   ├── VaultNotEncrypted         the target is not encrypted, or not known to be
    │   ├── VaultUnusable             another user's, dead, full or read-only
    │   ├── VaultFileMissing          no such file in the vault
    │   └── VaultDamaged              the vault's content cannot be decrypted
    ├── RunUnderWay               8   another run of this job holds the lock
    ├── SheetRefused              9
    │   ├── ColumnNotFound            a configured column is missing, or appears twice
    │   ├── SheetEmpty                the tab has no header
    │   ├── SheetShrunk               far fewer rows than last time
    │   ├── CellsRefused              cells cannot be decrypted, and the job says `on_error = "fail"`
    │   └── SheetMoved                rows moved while they were read
    ├── NeedsAttention           10   a job failed or is overdue, or a test message did not arrive
    └── Interrupted             130   Ctrl-C

An error's message is lower case, names the thing, and never holds a cell's value, a token or a secret.
Anything else that reaches the command line is a bug, exit code 1. Exit code 3 is not an error but the outcome of a
run: the CSV is written, and some cells could not be decrypted.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "done, or nothing changed",
    1: "a bug: unexpected error",
    2: "usage or configuration",
    3: "CSV written, but some cells could not be decrypted",
    4: "key missing or wrong; nothing written",
    5: "Google refused: credentials, clock, not shared, API off, wrong id or tab",
    6: "Google could not be reached or had no quota left; try later",
    7: "vault not unlocked, not encrypted, full, or not writable",
    8: "another run of this job is under way",
    9: "the Sheet's content was refused: column missing, empty, shrunk",
    10: "`status --fail`: a job failed or is overdue; `notify test`: a message was not delivered",
    130: "interrupted",
}


class SheetsDecryptError(Exception):
    """An error with a message for the user, a hint at the next step and an exit code.

    Args:
        message: What happened, in lower case, naming the thing; never a value, token or secret.
        hint: The next step for the user; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the error with its hint, so that both reach another process."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[SheetsDecryptError], message: str, hint: str) -> SheetsDecryptError:
    return kind(message, hint=hint)


class ConfigurationError(SheetsDecryptError):
    """The configuration or an option is wrong."""

    exit_code = 2


class KeyProblem(SheetsDecryptError):
    """No key, or the wrong one; nothing was written."""

    exit_code = 4


NO_KEY: Final = (
    "a survey that sends answers already has a key: ask who set up Twilio, and name it in [keys] or in"
    " SHEETS_DECRYPT_PRIVATE_KEY_FILE; only a new survey needs `sheets-decrypt keygen`"
)


class KeyMissing(KeyProblem):
    """No key is configured for the tokens, or its source has none."""


class KeyWrong(KeyProblem):
    """The configured key does not decrypt the tokens."""


class GoogleRefused(SheetsDecryptError):
    """Google answered and refused."""

    exit_code = 5


class CredentialsRefused(GoogleRefused):
    """The key file cannot be used, or Google does not accept it."""


class ClockWrong(GoogleRefused):
    """This machine's clock is too far off for a sign-in."""


class NotShared(GoogleRefused):
    """The spreadsheet is not shared with the account."""


class ApiDisabled(GoogleRefused):
    """The Google Sheets API is switched off in the account's project."""


class ScopeInsufficient(GoogleRefused):
    """The login does not cover reading spreadsheets."""


class SpreadsheetNotFound(GoogleRefused):
    """No spreadsheet has this id."""


class NotASpreadsheet(GoogleRefused):
    """The id names an Excel file in Drive."""


class WorksheetNotFound(GoogleRefused):
    """The spreadsheet has no such tab."""


class GoogleUnavailable(SheetsDecryptError):
    """Google could not be reached or had no quota left; a later try may succeed."""

    exit_code = 6


class QuotaExhausted(GoogleUnavailable):
    """429 on every try."""


class GoogleDown(GoogleUnavailable):
    """5xx, 408 or a time-out on every try."""


class NetworkUnreachable(GoogleUnavailable):
    """A proxy, TLS, DNS or a refused connection keeps this machine from reaching Google."""


class NotGoogle(GoogleUnavailable):
    """Something that is not Google answered: a captive portal or a proxy's page."""


class VaultError(SheetsDecryptError):
    """The CSV may not, or cannot, be put where the configuration says."""

    exit_code = 7


class VaultLocked(VaultError):
    """The target is inside a locked vault, or the vault's drive is missing."""


class VaultNotEncrypted(VaultError):
    """The target is not on an encrypted volume, or is not known to be."""


class VaultUnusable(VaultError):
    """The vault is another user's, its process died, it is full, cannot be written, or has another passphrase."""


class VaultFileMissing(VaultError):
    """The vault holds no such file."""


class VaultDamaged(VaultError):
    """The vault's content cannot be decrypted."""


class RunUnderWay(SheetsDecryptError):
    """Another run of this job is in progress."""

    exit_code = 8


class SheetRefused(SheetsDecryptError):
    """The sheet's content is not what the job expects; nothing was written."""

    exit_code = 9


class ColumnNotFound(SheetRefused):
    """A configured column is missing from the header, or appears twice."""

    guessed = False  # whether the hint suggests columns


class SheetEmpty(SheetRefused):
    """The tab has no header."""


class SheetShrunk(SheetRefused):
    """The sheet has far fewer rows than the CSV that it would replace."""


class CellsRefused(SheetRefused):
    """Cells could not be decrypted, and the job asks for all or nothing."""


class SheetMoved(SheetRefused):
    """Rows moved while the sheet was read."""


class NeedsAttention(SheetsDecryptError):
    """A job, or an address under [notify], that a command was asked to look at is not in order."""

    exit_code = 10


class Interrupted(SheetsDecryptError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def place_of(error: BaseException) -> str:
    """Describe a foreign error by its type and the line that raised it; its text could hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace is not None else ""
    return type(error).__name__ + where


def reason_of(error: OSError) -> str:
    """Return the system's reason, such as `permission denied`, without the path, which the caller names."""
    return (error.strerror or type(error).__name__).lower()
