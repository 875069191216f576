"""The sections of a configuration except the jobs; users read every field's description."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sheets_decrypt.config.outputs import with_known_ending

# `X:surveys.csv` is relative to the current folder on X:, which depends on the program that starts us.
_DRIVE_ALONE: Final = re.compile(r"[A-Za-z]:(?![\\/])")
# Windows cannot look up another user's home; Python assumes a folder beside this user's own.
_OTHER_HOME: Final = re.compile(r"~[^\\/]")


def from_the_root(path: Path) -> str | None:
    """Return the path from its drive's root if it depends on the drive's current folder; else None."""
    text = str(path)
    return f"{text[:2]}\\{text[2:]}" if _DRIVE_ALONE.match(text) else None


def beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path: relative to the configuration file, with `~` as the user's home."""
    folder = (info.context or {}).get("folder", Path())
    if "\0" in str(path):
        raise ValueError("a path cannot contain a NUL character")
    if whole := from_the_root(path):
        raise ValueError(f"write the path from the drive's root, such as {whole}")
    if os.name == "nt" and _OTHER_HOME.match(str(path)):
        raise ValueError("`~` is your own home folder alone: write the whole path of another")
    try:
        return Path(folder) / path.expanduser()
    except RuntimeError as error:
        raise ValueError("the home folder that `~` means is unknown") from error


def one_or_many(value: object) -> object:
    """Accept a single entry in place of a list."""
    return [value] if isinstance(value, (str, Mapping)) else value


FilePath = Annotated[Path, AfterValidator(beside_the_file)]
Fraction = Annotated[float, Field(ge=0, le=1)]

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")  # 32 bytes in urlsafe base64
_BACKUP: Final = re.compile(r"[A-Za-z0-8]{64}")  # the same in the form of a backup, without its blanks
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_ENTRY: Final = re.compile(r"\S{1,100}")


class Section(BaseModel):
    """The base of every section: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def secret_sources(self) -> "Iterator[SecretSource]":
        """Yield the source of every secret named anywhere in the section."""
        return _sources(self)


def _sources(value: object) -> "Iterator[SecretSource]":
    if isinstance(value, SecretSource):
        yield value
    elif isinstance(value, Section):
        for _, part in value:
            yield from _sources(part)
    elif isinstance(value, (tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _sources(part)


class SecretSource(Section):
    """Where one secret comes from; exactly one key."""

    env: str | None = Field(None, description="the environment variable that holds it")
    file: FilePath | None = Field(None, description="a file that only you can read and that holds nothing else")
    command: tuple[str, ...] | None = Field(None, min_length=1, description="a program and its arguments that print it")
    keyring: str | None = Field(None, description="service/name in the system's keyring")
    credential: str | None = Field(None, description="a systemd credential's name")
    prompt: bool | None = Field(None, description="true: ask on the terminal")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name, value in self if value is not None and value is not False]
        if len(given) != 1:
            raise ValueError(f"name one source, of {', '.join(type(self).model_fields)}")
        if self.keyring is not None and not all(self.keyring.partition("/")):
            raise ValueError('a keyring entry is written "service/name"')
        return self

    @property
    def kind(self) -> str:
        """The one key that is given."""
        return next(name for name, value in self if value is not None and value is not False)

    @property
    def label(self) -> str:
        """The source in words, such as `file X:/keys/private`; a command's arguments are left out."""
        return "prompt" if self.prompt else f"{self.kind} {self.name}"

    @property
    def name(self) -> str:
        """The source's name, safe to show: "…" if the secret itself may have been pasted in its place."""
        if self.file is not None:
            return str(self.file)
        if self.command is not None:
            return self.command[0]
        name = self.env or self.keyring or self.credential or ""
        pattern = _VARIABLE if self.env else _ENTRY
        is_a_key = any(_KEY.fullmatch(part) or _BACKUP.fullmatch(part) for part in name.split("/"))
        return name if pattern.fullmatch(name) and name.isprintable() and not is_a_key else "…"


Secrets = Annotated[tuple[SecretSource, ...], BeforeValidator(one_or_many)]


class Google(Section):
    """How to reach and sign in to Google."""

    credentials: FilePath | None = Field(
        None,
        description="the service account's key file; leave out for Application Default Credentials",
        examples=["credentials.json"],
    )
    proxy: str | None = Field(
        None,
        description="an HTTP proxy, http://host:port; default: the environment's HTTPS_PROXY",
        examples=["http://proxy:3128"],
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="a file of trusted certificates (PEM), for a proxy that opens TLS",
        examples=["corporate-ca.pem"],
    )
    deadline: float = Field(
        300,
        gt=0,
        le=3600,
        description="seconds after which a request is given up, with its repetitions, the sign-in and name resolution;"
        " 100 or more let a used-up quota refill",
    )


class Keys(Section):
    """The keys that decrypt, newest first."""

    private_keys: Secrets = Field(
        (),
        description="for sealed boxes (v2: tokens): X25519 private keys",
        examples=[[{"keyring": "sheets-decrypt/private-key"}]],
    )
    public_key: str | None = Field(
        None,
        pattern=f"^{_KEY.pattern}$",
        description="the public key that Twilio encrypts for, not a secret: `check` tries it, `twilio export` uses it",
        examples=["the line that keygen printed"],
    )
    legacy_secrets: Secrets = Field(
        (),
        description="for legacy CBC tokens: the secret that the old function used",
        examples=[[{"file": "X:/keys/legacy_secret"}]],
    )
    passphrases: Secrets = Field(
        (), description="for CryptoJS passphrase tokens", examples=[[{"env": "SURVEY_PASSPHRASE"}]]
    )

    def given(self) -> bool:
        """Return whether any key is named."""
        return bool(self.private_keys or self.legacy_secrets or self.passphrases)


class VaultFolder(Section):
    """A Cryptomator vault that is written directly, without a mounted drive."""

    cryptomator: FilePath = Field(description="the vault's folder, the one that holds vault.cryptomator")
    passphrase: SecretSource = Field(description="where the vault's passphrase comes from")


class Notify(Section):
    """Who is notified how runs went."""

    healthchecks: str | SecretSource | None = Field(
        None,
        description="a check's ping URL, in the Healthchecks convention: hears of every start, success and failure",
        examples=["https://hc-ping.com/your-uuid-here"],
    )
    urls: tuple[str | SecretSource, ...] = Field(
        (),
        description="where messages go, as apprise writes it: ntfy, mail, Slack, Teams …",
        examples=[["ntfys://topic"]],
    )
    on: tuple[Literal["failure", "recovery", "success"], ...] = Field(
        ("failure", "recovery"), description="what the messages are about"
    )
    locked_after: int = Field(
        3,
        ge=1,
        description="how many runs in a row may find the vault locked, or another run under way, before it is reported",
    )


class Deidentified(Section):
    """A second CSV, without any decrypted column."""

    output: FilePath = Field(
        description="the file to write (.csv, .xlsx or .dta); it may be outside the vault",
        examples=["D:/analysis/baseline_deidentified.csv"],
    )
    drop: tuple[str, ...] = Field((), description="columns to leave out as well", examples=[["free_text"]])
    keep: tuple[str, ...] | None = Field(
        None,
        description="the only columns to keep; default: every column that is not decrypted",
        examples=[["district"]],
    )

    @field_validator("output")
    @classmethod
    def _can_be_written(cls, value: Path) -> Path:
        with_known_ending(value)
        return value
