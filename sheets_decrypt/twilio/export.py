"""The files of `sheets-decrypt twilio export`: the functions, the flow, and the instructions to set them up.

Pure except for `write`. No private key ever goes into a file.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

from sheets_decrypt.config import Job
from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.table import Secret
from sheets_decrypt.twilio import flow, settings
from sheets_decrypt.twilio.flow import Question

# The suffix sets the visibility for Twilio's tools: only Twilio may call a `.protected` function, no one a `.private`.
_FUNCTIONS: Final = {
    "functions/encrypt_fields.protected.js": "encrypt_fields.js",
    "functions/publish_to_sheet.protected.js": "publish_to_sheet.js",
    "functions/answer_queue.private.js": "answer_queue.js",
    "functions/answer_store.private.js": "answer_store.js",
    "functions/google_sheet.private.js": "google_sheet.js",
}
_RUNTIME_HANDLER: Final = "2.1.0"  # Twilio's own; its tools refuse a project that does not name one exactly
_DOMAIN: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def for_job(
    job: Job,
    *,
    plain: Sequence[str] = (),
    public_key: str = "",
    private_keys: Sequence[Secret] = (),
    domain: str = "",
) -> Mapping[str, str]:
    """Return the files for a job of the configuration; see `export`.

    Raises:
        ConfigurationError: The job's columns are "auto", or one of `export`'s reasons.
    """
    if job.columns == "auto":
        raise ConfigurationError(
            'the job\'s columns are "auto", so there is nothing to ask for yet',
            hint='list them in the configuration, such as columns = ["name", "phone"]',
        )
    return export(
        job.columns,
        plain=plain,
        public_key=public_key,
        private_keys=private_keys,
        spreadsheet=job.spreadsheet_id,
        worksheet=job.worksheet or "",
        domain=domain,
    )


def export(
    columns: Sequence[str],
    *,
    plain: Sequence[str] = (),
    public_key: str = "",
    private_keys: Sequence[Secret] = (),
    spreadsheet: str = "",
    worksheet: str = "",
    domain: str = "",
) -> Mapping[str, str]:
    """Return the files, by their paths relative to the folder.

    Args:
        columns: The columns whose answers are encrypted, in the order of the questions.
        plain: The columns whose answers stay readable in the Sheet; they are asked last.
        public_key: Urlsafe base64 of 32 bytes; empty if not known yet.
        private_keys: The private keys that can be read here; they are only compared with the public key.
        spreadsheet: The spreadsheet's id; empty where it is not known yet.
        worksheet: The tab's title; empty if not known yet.
        domain: The host name under which Twilio serves the functions; empty before they are deployed.

    Raises:
        ConfigurationError: A name, the domain or a setting cannot be used.
        KeyWrong: The public key is a private one, or none of `private_keys` belongs to it.
    """
    _check_columns(columns, plain)
    settings.check_public_key(public_key, private_keys)
    asked = flow.questions(columns, plain)
    host = _host(domain)
    made = flow.build(asked, host)
    environment = {
        "ENCRYPTION_PUBLIC_KEY": public_key,
        "GOOGLE_CLIENT_EMAIL": "",
        "GOOGLE_PRIVATE_KEY": "",
        "GOOGLE_SHEET_ID": spreadsheet,
        "GOOGLE_SHEET_TAB": worksheet,
        "SYNC_SERVICE_SID": "",
    }
    return {
        **{name: _packaged(source) for name, source in _FUNCTIONS.items()},
        "studio_flow.json": json.dumps(made, ensure_ascii=False, indent=2) + "\n",
        ".env.example": _packaged("env.example") + "\n" + settings.lines(environment),
        "header.csv": _header([question.column for question in asked]),
        "package.json": _package(),
        "STEPS.md": _steps(asked, made, host),
    }


def write(folder: Path, files: Mapping[str, str]) -> Sequence[Path]:
    """Write the files and return their paths. An existing file is never changed.

    Args:
        folder: Where the files go; it is created if it does not exist.
        files: Path relative to the folder → text.

    Raises:
        ConfigurationError: One of the files exists with other content, or cannot be written. If one exists, nothing
            is written.
    """
    targets = {folder / name: text.encode() for name, text in files.items()}
    try:
        for path, content in targets.items():
            if path.exists() and not (path.is_file() and path.read_bytes() == content):
                raise ConfigurationError(
                    f"{path} already exists, with other content",
                    hint="choose a new folder, or move the old file away; it may contain changes of yours",
                )
        for path, content in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {(error.strerror or 'unknown').lower()}",
            hint="choose a folder that you may write to",
        ) from None
    return tuple(targets)


def _check_columns(columns: Sequence[str], plain: Sequence[str]) -> None:
    if not columns:
        raise ConfigurationError(
            "no column to encrypt", hint="name at least one, such as `name`; plain columns come in addition"
        )
    seen = set()
    for column in (*columns, *plain):
        comparable = unicodedata.normalize("NFC", column).strip()
        if not comparable or not column.isprintable():
            raise ConfigurationError(
                f"the column name {column!r} is blank or contains a line break", hint="rename the column"
            )
        if comparable == "request" or comparable in flow.CONTROLS or "{{" in column or "{%" in column:
            raise ConfigurationError(
                f'a column cannot be called "{column}" in a Studio flow',
                hint="rename it: `request` and names such as `_tries` have a meaning, and {{ and {% begin Liquid",
            )
        if comparable[0] in "=+-@":
            raise ConfigurationError(
                f'a column cannot be called "{column}": a spreadsheet would take the name for a formula',
                hint="rename it: the first character may not be =, +, - or @",
            )
        if comparable in seen:
            raise ConfigurationError(f'the column "{comparable}" is named twice', hint="name each column once")
        seen.add(comparable)


def _host(domain: str) -> str:
    host = domain.removeprefix("https://").rstrip("/")
    if not host:
        return flow.PATTERN_DOMAIN
    if not _DOMAIN.fullmatch(host):
        raise ConfigurationError(
            f'"{domain}" is not the functions\' domain', hint="it looks like survey-1234-dev.twil.io"
        )
    return host


def _packaged(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _header(columns: Sequence[str]) -> str:
    """Return one row of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerow(columns)
    return text.getvalue()


def _package() -> str:
    """Return the package.json that Twilio's command line needs to deploy a folder; it has no dependencies."""
    package = {
        "name": "sheets-decrypt-functions",
        "version": "0.0.0",
        "private": True,
        "dependencies": {"@twilio/runtime-handler": _RUNTIME_HANDLER},
    }
    return json.dumps(package, indent=2) + "\n"


def _steps(asked: Sequence[Question], made: Mapping[str, Any], host: str) -> str:
    """Return the page of manual steps at Twilio and Google."""
    return Template(_packaged("steps.md")).substitute(
        header=_code(", ".join(question.column for question in asked)),
        encrypt_url=f"https://{host}/encrypt_fields",
        publish_url=f"https://{host}/publish_to_sheet",
        encrypt_parameters=_parameters(made, flow.ENCRYPT),
        publish_parameters=_parameters(made, flow.PUBLISH),
        deliver_parameters=_parameters(made, flow.DELIVER),
        sync_plain=_readable_in_sync(asked),
        questions=_table([(q.widget, q.column, "yes" if q.encrypted else "no") for q in asked]),
        readable=_readable(asked),
    )


def _parameters(made: Mapping[str, Any], widget: str) -> str:
    """Return a widget's parameters as rows of a Markdown table."""
    state = next(state for state in made["states"] if state["name"] == widget)
    return _table([(pair["key"], pair["value"]) for pair in state["properties"]["parameters"]])


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(_code(cell) for cell in row) + " |" for row in rows)


def _code(text: str) -> str:
    """Return text as code in a Markdown table."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _readable(asked: Sequence[Question]) -> str:
    names = [_code(question.column) for question in asked if not question.encrypted]
    return f"These columns stay readable for everybody who can open the Sheet: {', '.join(names)}." if names else ""


def _readable_in_sync(asked: Sequence[Question]) -> str:
    names = [_code(question.column) for question in asked if not question.encrypted]
    if not names:
        return "which nobody can read without the private key."
    return f"but the columns {', '.join(names)} readable for everybody who can open your Twilio account."
