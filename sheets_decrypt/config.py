"""TOML → a frozen, validated `Config`. No network, and no secret is resolved here.

The models are the one source of the configuration's rules, of its documentation and of the commented example:
every field's description is the sentence that a user reads. Unknown keys are errors with a "did you mean".
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sheets_decrypt.errors import ConfigurationError

ENVIRONMENT: Final = "SHEETS_DECRYPT_CONFIG"
FILE_NAME: Final = "sheets-decrypt.toml"

_SPREADSHEET_URL: Final = re.compile(
    r"https://docs\.google\.com/(?:a/[^/]+/)?spreadsheets/(?:u/\d+/)?d/([\w-]+)(.*)", re.DOTALL
)
_GID: Final = re.compile(r"[#?&]gid=(\d+)")
_SPREADSHEET_ID: Final = re.compile(r"[\w-]{5,}")


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """Read a relative path as relative to the configuration file, and `~` as the user's home."""
    folder = (info.context or {}).get("folder", Path())
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    try:
        return Path(folder) / path.expanduser()
    except RuntimeError as error:
        raise ValueError("the home folder that `~` names is not known") from error


def _spelt_alike(path: Path) -> str:
    """Give one spelling for every one that names the same file, as far as that can be told without looking."""
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100  (links may lead elsewhere while the vault is locked)


def _one_or_many(value: object) -> object:
    """Accept a single entry where a list is asked for."""
    return [value] if isinstance(value, (str, Mapping)) else value


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SecretSource(_Section):
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
        value = getattr(self, self.kind)
        return {"command": f"command {(self.command or ('',))[0]}", "prompt": "prompt"}.get(
            self.kind, f"{self.kind} {value}"
        )


Secrets = Annotated[tuple[SecretSource, ...], BeforeValidator(_one_or_many)]


class Google(_Section):
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
        300, gt=0, le=3600, description="seconds after which a request and its repetitions are given up"
    )


class Keys(_Section):
    """The keys that decrypt, newest first."""

    private_keys: Secrets = Field(
        (),
        description="for sealed boxes (v2: tokens): X25519 private keys",
        examples=[[{"keyring": "sheets-decrypt/private-key"}]],
    )
    public_key: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{43}=?$",
        description="the public key that Twilio encrypts to, no secret: `check` tries it, `twilio export` hands it on",
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
        """Tell whether any key is named."""
        return bool(self.private_keys or self.legacy_secrets or self.passphrases)


class VaultFolder(_Section):
    """A Cryptomator vault that is written directly, without a mounted drive."""

    cryptomator: FilePath = Field(description="the vault's folder, the one that holds vault.cryptomator")
    passphrase: SecretSource = Field(description="where the vault's passphrase comes from")


class Notify(_Section):
    """Whom to tell how runs went."""

    healthchecks: str | SecretSource | None = Field(
        None,
        description="a check's ping URL, in the Healthchecks convention: told of every start, success and failure",
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
        3, ge=1, description="how many runs in a row may find the vault locked before that is told"
    )


class Deidentified(_Section):
    """A second CSV, without any decrypted column."""

    output: FilePath = Field(
        description="the CSV to write; it may lie outside the vault", examples=["D:/analysis/baseline_deidentified.csv"]
    )
    drop: tuple[str, ...] = Field((), description="columns to leave out as well", examples=[["free_text"]])
    keep: tuple[str, ...] | None = Field(
        None,
        description="the only columns to keep; default: every column that is not decrypted",
        examples=[["district"]],
    )


class Conversion(_Section):
    """How cells are decrypted and written."""

    columns: Literal["auto"] | tuple[str, ...] = Field(
        description='the columns to decrypt, by their names; or "auto": every column that holds tokens',
        examples=[["name", "phone"]],
    )
    encoding: Literal["utf-8-sig", "utf-8"] = Field("utf-8-sig", description="utf-8-sig lets Excel read accents right")
    formula_guard: Literal["smart", "owasp", "off"] = Field(
        "smart", description="puts ' before a cell that a spreadsheet program would run"
    )
    on_error: Literal["keep", "blank", "fail"] = Field(
        "keep", description="a cell that cannot be decrypted keeps its token, becomes blank, or fails the run"
    )
    missing_values: tuple[str, ...] = Field(("No Data",), description="what stands for an unanswered question")
    keep: int = Field(0, ge=0, le=10_000, description="how many dated copies of former CSVs stay beside it")
    max_shrink: Share = Field(0.1, description="the share of rows that may be gone before the run is refused")

    @field_validator("columns", mode="before")
    @classmethod
    def _list_of_columns(cls, value: object) -> object:
        if isinstance(value, str) and value != "auto":
            return [value]
        if isinstance(value, list) and not all(isinstance(name, str) for name in value):
            raise ValueError("write each column's name in quotes")
        if isinstance(value, list) and (not value or len(set(value)) != len(value)):
            raise ValueError("name at least one column, and each column once")
        return value


class Job(Conversion):
    """One spreadsheet tab that becomes one CSV."""

    spreadsheet: str = Field(
        description="the spreadsheet's URL or id; a gid in the URL names the tab",
        examples=["https://docs.google.com/spreadsheets/d/…/edit#gid=0"],
    )
    worksheet: str | None = Field(
        None, min_length=1, description="the tab's title; default: the URL's gid, else the first tab", examples=["data"]
    )
    output: Path = Field(
        description="the CSV to write, on a mounted vault drive (or a path inside `vault`)",
        examples=["X:/surveys/baseline.csv"],
    )
    vault: VaultFolder | str | None = Field(
        None,
        description="a Cryptomator vault to write into directly: a name under [vaults], or the vault itself",
        examples=[{"cryptomator": "D:/Box/Surveys", "passphrase": {"keyring": "sheets-decrypt/vault"}}],
    )
    values: Literal["stored", "displayed"] = Field(
        "stored", description="cells as they are stored, or as the sheet shows them"
    )
    accept: tuple[Literal["vault", "encrypted disk", "cannot tell"], ...] = Field(
        ("vault",), min_length=1, description="the kinds of place that the CSV may be put on"
    )
    mark: str | None = Field(
        None,
        min_length=1,
        description="the id in the vault's .sheets-decrypt-vault, which must be there",
        examples=["baseline-vault"],
    )
    keys: Keys | None = Field(None, description="keys of this job alone, in place of [keys]")
    notify: Notify | None = Field(None, description="whom to tell of this job, in place of [notify]")
    deidentified: Deidentified | None = Field(
        None,
        description="a second CSV without any decrypted column",
        examples=[{"output": "D:/analysis/baseline_deidentified.csv", "drop": ["free_text"]}],
    )

    @field_validator("spreadsheet")
    @classmethod
    def _names_a_spreadsheet(cls, value: str) -> str:
        if not (_SPREADSHEET_URL.match(value) or _SPREADSHEET_ID.fullmatch(value)):
            raise ValueError("give the spreadsheet's URL (https://docs.google.com/spreadsheets/d/…) or its id")
        return value

    @field_validator("output", mode="before")
    @classmethod
    def _names_a_file(cls, value: object) -> object:
        if isinstance(value, str) and (value.endswith(("/", "\\")) or Path(value).name in {"", ".."}):
            raise ValueError("name a file, such as baseline.csv")
        return value

    @model_validator(mode="after")
    def _output_is_in_its_place(self, info: ValidationInfo) -> Self:
        if self.vault is None:
            object.__setattr__(self, "output", _beside_the_file(self.output, info))
        elif self.output.is_absolute() or ".." in PurePosixPath(self.output.as_posix()).parts:
            raise ValueError("output: with a vault, give a path inside it, such as surveys/baseline.csv")
        return self

    @model_validator(mode="after")
    def _deidentified_holds_nothing_decrypted(self) -> Self:
        second = self.deidentified
        if second is None:
            return self
        if self.columns == "auto" and second.keep is None:
            raise ValueError('deidentified: with columns = "auto", name the columns to keep')
        for name in second.keep or ():
            if self.columns != "auto" and name in self.columns:
                raise ValueError(f'deidentified.keep: column "{name}" is decrypted, so it cannot be kept there')
            if name in second.drop:
                raise ValueError(f'deidentified: column "{name}" is to be kept and dropped')
        return self

    @property
    def spreadsheet_id(self) -> str:
        """The id in the URL, or the id itself."""
        found = _SPREADSHEET_URL.match(self.spreadsheet)
        return found[1] if found else self.spreadsheet

    @property
    def gid(self) -> int | None:
        """The tab's gid where the URL names one."""
        found = _SPREADSHEET_URL.match(self.spreadsheet)
        gid = _GID.search(found[2]) if found else None
        return int(gid[1]) if gid else None


JobName = Annotated[str, Field(pattern=r"^[\w.-]+$")]


class Config(_Section):
    """The whole configuration."""

    google: Google = Field(Google(), description="how to reach and sign in to Google")
    keys: Keys = Field(Keys(), description="the keys of every job that has none of its own")
    vaults: dict[str, VaultFolder] = Field({}, description="Cryptomator vaults that several jobs share, by name")
    notify: Notify = Field(Notify(), description="whom to tell how runs went")
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        "auto", description="how many processes decrypt a large sheet; auto: one for each processor"
    )
    jobs: dict[JobName, Job] = Field(min_length=1, description="the jobs, by name")

    @model_validator(mode="after")
    def _vaults_exist(self) -> Self:
        for name, job in self.jobs.items():
            if isinstance(job.vault, str) and job.vault not in self.vaults:
                raise ValueError(f"jobs.{name}.vault: there is no [vaults.{job.vault}]")
        return self

    @model_validator(mode="after")
    def _each_file_is_one_output(self) -> Self:
        """Two outputs of the same name would replace each other at every run."""
        taken: set[tuple[str, str]] = set()
        for name, job in self.jobs.items():
            folder = self.vault_of(job)
            inside = (_spelt_alike(folder.cryptomator), job.output.as_posix()) if folder else None
            outputs = {"output": inside or ("", _spelt_alike(job.output))}
            if job.deidentified is not None:
                outputs["deidentified.output"] = ("", _spelt_alike(job.deidentified.output))
            for key, place in outputs.items():
                if place in taken:
                    raise ValueError(f"jobs.{name}.{key}: name another file; this one is the output of something else")
                taken.add(place)
        return self

    def keys_of(self, job: Job) -> Keys:
        """Give the keys that `job` decrypts with."""
        return job.keys if job.keys is not None else self.keys

    def notify_of(self, job: Job) -> Notify:
        """Give whom to tell of `job`."""
        return job.notify if job.notify is not None else self.notify

    def vault_of(self, job: Job) -> VaultFolder | None:
        """Give the Cryptomator vault that `job` writes into, or None for a mounted drive."""
        return self.vaults[job.vault] if isinstance(job.vault, str) else job.vault


def places(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Give the files that are looked for, in order, when `--config` names none."""
    if environment.get(ENVIRONMENT):
        yield Path(environment[ENVIRONMENT])
        return
    yield Path("config") / FILE_NAME
    yield user_file()


def user_file() -> Path:
    """Give the configuration file in the user's configuration folder."""
    return platformdirs.user_config_path("sheets-decrypt") / FILE_NAME


def find(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Give the configuration file that is in use.

    Raises:
        ConfigurationError: There is none.
    """
    if path is not None:
        return path
    looked = list(places(environment))
    for place in looked:
        if environment.get(ENVIRONMENT) or os.path.isfile(place):  # noqa: PTH113  (False where it may not be looked at)
            return place
    raise ConfigurationError(
        f"there is no configuration file; looked for {' and '.join(map(str, looked))}",
        hint="run `sheets-decrypt init` to write one, or name one with --config",
    )


def load(path: Path) -> Config:
    """Read and validate a configuration file.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML, or breaks a rule.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"the configuration {path} cannot be read: {_reason(error)}",
            hint="check the path and that it is a text file in UTF-8",
        ) from None
    try:
        return parse(tomllib.loads(text), folder=path.absolute().parent)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"the configuration {path} is not TOML: {str(error).lower()}",
            hint="strings stand in quotes; on Windows write paths with / or in '…'",
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.message}", hint=error.hint) from None


def parse(content: Mapping[str, object], *, folder: Path) -> Config:
    """Validate a configuration's content.

    Args:
        content: What a TOML file holds.
        folder: What relative paths are relative to.

    Raises:
        ConfigurationError: It breaks a rule; the first one broken is named.
    """
    try:
        return Config.model_validate(dict(content), context={"folder": folder})
    except ValidationError as error:
        raise _explain(error) from None


def parse_conversion(content: Mapping[str, object]) -> Conversion:
    """Validate how cells are decrypted and written, for a run without a job.

    Raises:
        ConfigurationError: It breaks a rule.
    """
    try:
        return Conversion.model_validate(dict(content))
    except ValidationError as error:
        raise _explain(error) from None


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror or "unknown").lower() if isinstance(error, OSError) else "it is not UTF-8"


def _explain(error: ValidationError) -> ConfigurationError:
    """Turn the first broken rule into one line; the value itself is never shown, it could be a secret.

    An unknown key comes before a missing one: more often than not it is the missing one, misspelt.
    """
    problems = error.errors(include_url=False, include_input=False)
    problem = next((found for found in problems if found["type"] == "extra_forbidden"), problems[0])
    where = [str(step) for step in problem["loc"] if not _is_a_branch(str(step))]
    name = ".".join(where)
    match problem["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(where[-1], _keys_beside(where[:-1]), n=1)
            hint = f'did you mean "{close[0]}"?' if close else "remove it, or see the README's list of keys"
            return ConfigurationError(f"unknown key {name}", hint=hint)
        case "missing":
            return ConfigurationError(f"{name} is missing", hint="add it; the README lists every key")
        case _:
            message = str(problem["msg"]).removeprefix("Value error, ")
            text = message[:1].lower() + message[1:]
            return ConfigurationError(f"{name}: {text}" if name else text, hint="see the README's list of keys")


def _is_a_branch(step: str) -> bool:
    """Tell pydantic's name for a branch of a union from a key of the user's."""
    return step in {"VaultFolder", "SecretSource", "str", "tuple[str, ...]", "[key]"} or step.startswith(
        ("literal[", "function-")
    )


_SECTIONS: Final[Mapping[str, type[_Section]]] = {
    "google": Google,
    "keys": Keys,
    "vault": VaultFolder,
    "notify": Notify,
    "deidentified": Deidentified,
}


def _keys_beside(path: list[str]) -> list[str]:
    """List the keys that the section at `path` knows."""
    model: Any = Config
    for step in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = {"jobs": Job, "vaults": VaultFolder}.get(path[0], SecretSource) if model is dict else SecretSource
            continue
        model = dict if step in {"jobs", "vaults"} else _SECTIONS.get(step, SecretSource)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
