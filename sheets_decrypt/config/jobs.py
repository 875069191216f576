"""The jobs, and the whole configuration: every field's description is what a user reads."""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sheets_decrypt.config.outputs import report_of, with_known_ending
from sheets_decrypt.config.sections import (
    Deidentified,
    Fraction,
    Google,
    Keys,
    Notify,
    Section,
    VaultFolder,
    beside_the_file,
    one_or_many,
)

_SPREADSHEET_URL: Final = re.compile(
    r"https://docs\.google\.com/(?:a/[^/]+/)?spreadsheets/(?:u/\d+/)?d/([\w-]+)(.*)", re.DOTALL
)
_GID: Final = re.compile(r"[#?&]gid=(\d+)")
_SPREADSHEET_ID: Final = re.compile(r"[\w-]{5,}")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def _spelt_alike(name: str) -> str:
    """Return one spelling for all names that some drive or vault treats as the same.

    So "a.csv" beside "A.csv" is refused, even on drives where they are two files.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _place(path: Path) -> str:
    """Return one spelling for all paths to the same file, as far as is known without looking at the disk."""
    return _spelt_alike(os.path.abspath(path))  # noqa: PTH100  (links may lead elsewhere while the vault is locked)


class Conversion(Section):
    """How cells are decrypted and written."""

    columns: Literal["auto"] | tuple[str, ...] = Field(
        description='the columns to decrypt, by their names; or "auto": every column that holds tokens',
        examples=[["name", "phone"]],
    )
    encoding: Literal["utf-8-sig", "utf-8"] = Field(
        "utf-8-sig", description='"utf-8-sig" lets Excel read accents right; "utf-8" has no mark'
    )
    formula_guard: Literal["smart", "owasp", "off"] = Field(
        "smart",
        description="puts ' before a cell that Excel would run as a formula: smart (not before numbers), owasp or off",
    )
    on_error: Literal["keep", "blank", "fail"] = Field(
        "keep",
        description="a cell that cannot be decrypted keeps its token (keep), becomes blank, or fails the run (fail)",
    )
    missing_values: tuple[str, ...] = Field(("No Data",), description="what an unanswered question contains")
    keep: int = Field(0, ge=0, le=10_000, description="how many dated copies of former CSVs stay beside it")
    max_shrink: Fraction = Field(0.1, description="the share of rows that may be gone before the run is refused")

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
        description="the file to write, on a mounted vault drive (or a path inside `vault`): .csv, .xlsx or .dta",
        examples=["X:/surveys/baseline.csv"],
    )
    also: Annotated[tuple[Path, ...], BeforeValidator(one_or_many)] = Field(
        (),
        description="further files of the same rows, in the same vault: .csv, .xlsx (Excel) or .dta (Stata)",
        examples=[["X:/surveys/baseline.xlsx"]],
    )
    vault: VaultFolder | str | None = Field(
        None,
        description="a Cryptomator vault to write into directly: a name under [vaults], or the vault itself",
        examples=[{"cryptomator": "D:/Box/Surveys", "passphrase": {"keyring": "sheets-decrypt/vault"}}],
    )
    values: Literal["stored", "displayed"] = Field(
        "stored", description='"stored": cells as they are stored; "displayed": as the sheet shows them'
    )
    accept: tuple[Literal["vault", "encrypted disk", "cannot tell"], ...] = Field(
        ("vault",),
        min_length=1,
        description='the places that are accepted: "vault", "encrypted disk", "cannot tell"',
    )
    mark: str | None = Field(
        None,
        min_length=1,
        description="the id in the vault's .sheets-decrypt-vault, which must be there",
        examples=["baseline-vault"],
    )
    keys: Keys | None = Field(None, description="keys of this job alone, in place of [keys]")
    notify: Notify | None = Field(None, description="who is notified of this job, in place of [notify]")
    deidentified: Deidentified | None = Field(
        None,
        description="a second CSV without any decrypted column",
        examples=[{"output": "D:/analysis/baseline_deidentified.csv", "drop": ["free_text"]}],
    )

    @field_validator("spreadsheet")
    @classmethod
    def _names_a_spreadsheet(cls, value: str) -> str:
        if not (_SPREADSHEET_URL.match(value) or _SPREADSHEET_ID.fullmatch(value)):
            raise ValueError("use the spreadsheet's URL (https://docs.google.com/spreadsheets/d/…) or its id")
        return value

    @field_validator("output", "also", mode="before")
    @classmethod
    def _names_a_file(cls, value: object) -> object:
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and (name.endswith(("/", "\\")) or Path(name).name in {"", ".."}):
                raise ValueError("name a file, such as baseline.csv")
        return value

    @field_validator("output", "also")
    @classmethod
    def _can_be_written(cls, value: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
        for file in value if isinstance(value, tuple) else [value]:
            with_known_ending(file)
        return value

    @model_validator(mode="after")
    def _outputs_are_in_their_place(self, info: ValidationInfo) -> Self:
        if self.vault is None:
            object.__setattr__(self, "output", beside_the_file(self.output, info))
            object.__setattr__(self, "also", tuple(beside_the_file(file, info) for file in self.also))
            return self
        for key, files in (("output", (self.output,)), ("also", self.also)):
            if any(_DRIVE.match(str(file)) or file.is_absolute() or ".." in file.parts for file in files):
                raise ValueError(f"{key}: with a vault, use a path inside it, such as surveys/{files[0].name}")
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
        """The id from the URL, or the id as configured."""
        found = _SPREADSHEET_URL.match(self.spreadsheet)
        return found[1] if found else self.spreadsheet

    @property
    def gid(self) -> int | None:
        """The tab's gid, if the URL has one."""
        found = _SPREADSHEET_URL.match(self.spreadsheet)
        gid = _GID.search(found[2]) if found else None
        return int(gid[1]) if gid else None


JobName = Annotated[str, Field(pattern=r"^[\w.-]+$")]


class Config(Section):
    """The whole configuration."""

    google: Google = Field(Google(), description="how to reach and sign in to Google")
    keys: Keys = Field(Keys(), description="the keys of every job that has none of its own")
    vaults: dict[str, VaultFolder] = Field({}, description="Cryptomator vaults that several jobs share, by name")
    notify: Notify = Field(Notify(), description="who is notified how runs went")
    workers: Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=256)] = Field(
        "auto", description="how many processes decrypt a large sheet; auto: one for each processor"
    )
    jobs: dict[JobName, Job] = Field(min_length=1, description="the jobs, by name")

    @model_validator(mode="after")
    def _vaults_exist(self) -> Self:
        for name, job in self.jobs.items():
            if isinstance(job.vault, str) and job.vault not in self.vaults:
                raise ValueError(f"jobs.{name}.vault: [vaults.{job.vault}] does not exist")
        return self

    @model_validator(mode="after")
    def _each_file_is_one_output(self) -> Self:
        """Refuse two outputs of the same name: they would replace each other at every run."""
        taken: dict[tuple[str, str], str] = {}
        for name, job in self.jobs.items():
            for key, files in self._files_of(job).items():
                if (other := next((taken[file] for file in files if file in taken), None)) is not None:
                    raise ValueError(f"jobs.{name}.{key}: name another file; {other} already writes this one")
                taken |= dict.fromkeys(files, f"jobs.{name}.{key}")
        return self

    def _files_of(self, job: Job) -> Mapping[str, set[tuple[str, str]]]:
        """Return the files that a job writes, by the key that names them: the vault's folder or blank, and the file."""
        folder = self.vault_of(job)
        vault = _place(folder.cryptomator) if folder else ""

        def placed(file: Path) -> tuple[str, str]:
            return vault, _spelt_alike(file.as_posix()) if folder else _place(file)

        files = {"output": {placed(job.output), placed(report_of(job.output))}}
        files |= {f"also[{place}]": {placed(file)} for place, file in enumerate(job.also)}
        if job.deidentified is not None:
            files["deidentified.output"] = {("", _place(job.deidentified.output))}
        return files

    def keys_of(self, job: Job) -> Keys:
        """Return the keys that `job` decrypts with."""
        return job.keys if job.keys is not None else self.keys

    def notify_of(self, job: Job) -> Notify:
        """Return who is notified of `job`."""
        return job.notify if job.notify is not None else self.notify

    def vault_of(self, job: Job) -> VaultFolder | None:
        """Return the Cryptomator vault that `job` writes into, or None for a mounted drive."""
        return self.vaults[job.vault] if isinstance(job.vault, str) else job.vault
