"""Read a secret from the environment, a file, a command, the keyring, a systemd credential or a prompt.

Each variable has three forms, as in restic and sops: `NAME`, `NAME_FILE` and `NAME_COMMAND`.
An error names the source and never its content.
"""

import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from sheets_decrypt.config import Keys, SecretSource, Section
from sheets_decrypt.errors import ConfigurationError, KeyMissing, reason_of
from sheets_decrypt.system import access, programs
from sheets_decrypt.system.console import is_terminal
from sheets_decrypt.system.regular_file import open_regular, read_small
from sheets_decrypt.table import Secret

_COMMAND_SECONDS: Final = 60
_LARGEST: Final = 64 * 1024

PRIVATE_KEY: Final = "SHEETS_DECRYPT_PRIVATE_KEY"
LEGACY_SECRET: Final = "SHEETS_DECRYPT_LEGACY_SECRET"
PASSPHRASE: Final = "SHEETS_DECRYPT_PASSPHRASE"
_BY_NAME: Final = frozenset({PRIVATE_KEY, LEGACY_SECRET, PASSPHRASE})
REPLACING: Final = "choose another name; --force replaces it, and what only it decrypts is lost"
# What a program of the system needs to run at all. An allowlist: a command that starts one may not have read the
# configuration, and so cannot know which variables hold secrets.
_SYSTEM: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
        "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "USERDOMAIN",
        "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PSMODULEPATH",
        "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS", "COMPUTERNAME", "HOMEDRIVE", "HOMEPATH",
    }
)  # fmt: skip
_taken: dict[str, Secret] = {}  # the secrets that `withheld` removed from the environment


@contextmanager
def withheld(section: Section) -> Iterator[None]:
    """Remove every secret from the environment, so that no process started meanwhile inherits one.

    Worker processes, programs that libraries start and our own children all get a copy of the environment. `resolve`
    still finds the secrets; at the end they are put back.

    Args:
        section: A configuration, or the part of one that names secrets.
    """
    names = _BY_NAME | {source.env for source in section.secret_sources() if source.env}
    taken = {name: os.environ.pop(name) for name in names if name in os.environ}
    _taken.update((_spelling(name), Secret(value)) for name, value in taken.items())
    try:
        yield
    finally:
        for name, value in taken.items():
            _taken.pop(_spelling(name), None)
            os.environ.setdefault(name, value)


def _spelling(name: str) -> str:
    return name.upper() if os.name == "nt" else name  # Windows ignores case in the names of variables


def _without_secrets() -> dict[str, str]:
    """Return the environment for a program that the user configured, which may need any of the user's variables."""
    return {name: value for name, value in os.environ.items() if name not in _BY_NAME}


def system_environment() -> dict[str, str]:
    """Return the environment for a system program, such as a scheduler's: only what it needs, and nothing of ours."""
    return {
        name: value for name, value in os.environ.items() if name.upper() in _SYSTEM or name.upper().startswith("LC_")
    }


def resolve(source: SecretSource) -> Secret:
    """Read one secret from where it is kept. A single line break at its end is not part of it.

    Raises:
        KeyMissing: The source cannot be read or is empty.
    """
    text = _READERS[source.kind](source)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise KeyMissing(f"the secret from {source.label} is empty", hint="put the secret there, or use another source")
    return Secret(text)


def from_environment() -> Keys:
    """Return the sources that the environment names, for a run without a configuration file.

    Raises:
        ConfigurationError: A command cannot be split, or a file's path is not valid.
    """

    def sources(name: str) -> tuple[SecretSource, ...]:
        if os.environ.get(name):
            return (SecretSource(env=name),)
        for form, make in _FORMS.items():
            if value := os.environ.get(name + form):
                try:
                    return (make(value),)
                except ValueError:  # pydantic's as well; the value is not shown
                    raise ConfigurationError(
                        f"{name}{form} is not valid", hint="check its quotes and its path"
                    ) from None
        return ()

    return Keys(
        private_keys=sources(PRIVATE_KEY), legacy_secrets=sources(LEGACY_SECRET), passphrases=sources(PASSPHRASE)
    )


def split_command(text: str, *, windows: bool) -> tuple[str, ...]:
    r"""Split a command into its program and arguments, by the shell's rules, or on Windows at blanks outside quotes.

    Raises:
        ValueError: A quote is not closed.
    """
    parts = shlex.split(text, posix=not windows)
    return tuple(part.replace('"', "") if windows else part for part in parts)  # on Windows `shlex` leaves the quotes


_FORMS: Final[Mapping[str, Callable[[str], SecretSource]]] = {
    "_FILE": lambda value: SecretSource(file=Path(value)),
    "_COMMAND": lambda value: SecretSource(command=split_command(value, windows=os.name == "nt")),
}


def store(entry: str, secret: Secret, *, replace: bool) -> None:
    """Store a secret in the system's keyring.

    Args:
        entry: `service/name`.
        secret: The secret.
        replace: Whether an existing entry may be replaced.

    Raises:
        ConfigurationError: The entry's name is not valid, or the entry already exists.
        KeyMissing: The keyring cannot be used here.
    """
    service, _, name = entry.partition("/")
    if not (service and name):
        raise ConfigurationError('a keyring entry is written "service/name"', hint="such as sheets-decrypt/private-key")
    if not replace and _from_system("get_password", service, name) is not None:
        raise ConfigurationError(f"the keyring already has {entry}", hint=REPLACING)
    _from_system("set_password", service, name, secret.reveal())


def _from_system(action: Literal["get_password", "set_password"], *arguments: str) -> str | None:
    """Ask the system's keyring.

    Raises:
        KeyMissing: It cannot be used here.
    """
    import keyring  # noqa: PLC0415  (80 ms that only its users should wait for)

    try:
        return getattr(keyring, action)(*arguments)  # type: ignore[no-any-return]  # both give a str or None
    except Exception as error:  # noqa: BLE001  (backends raise whatever their platform does: jaraco/keyring#620)
        raise KeyMissing(
            f"the keyring cannot be used here: {type(error).__name__}",
            hint='it needs a desktop session; elsewhere configure { file = "PATH" }, a command or a systemd credential',
        ) from None


def _from_env(source: SecretSource) -> str:
    name = source.env or ""
    value = os.environ.get(name)
    if value is None and (taken := _taken.get(_spelling(name))):
        value = taken.reveal()
    if value is None:
        raise KeyMissing(
            f"the environment variable {source.name} is not set",
            hint=f"set {source.name}, or name another source",
        )
    return value


def _from_file(source: SecretSource) -> str:
    path = source.file or Path()
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            _refuse_if_shared(path, os.fstat(file.fileno()))
            content = file.read(_LARGEST + 1)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.parent in {Path(), Path.cwd()}:
            raise KeyMissing(  # no name in the message: it may be the secret itself, given in place of its file
                "the current folder has no such file with a secret",
                hint="write the file's whole path, such as X:/keys/private, and not the secret itself",
            ) from None
        raise KeyMissing(
            f"the secret's file {path} cannot be read: {reason_of(error)}",
            hint="check the path; if it is on the vault drive, unlock the vault",
        ) from None
    if len(content) > _LARGEST:
        raise KeyMissing(
            f"the secret's file {path} is too large", hint="the file must hold the secret and nothing else"
        )
    return _text(content, source)


def _refuse_if_shared(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others can read."""
    if found := access.shared(path, status):
        raise KeyMissing(f"the secret's file {path} can be read by others", hint=found.mend)


def _from_command(source: SecretSource) -> str:
    command = source.command or ()
    try:
        done = programs.run(command, seconds=_COMMAND_SECONDS, env=_without_secrets())
    except OSError as error:
        reason = reason_of(error)
    except subprocess.TimeoutExpired:
        reason = f"no answer within {_COMMAND_SECONDS} seconds"
    else:
        if done.code == 0:
            return _text(done.stdout, source)
        reason = f"it ended with code {done.code}"
    raise KeyMissing(
        f"the command {command[0]} gave no secret: {reason}", hint="run the command by hand to see its error"
    ) from None


def _from_keyring(source: SecretSource) -> str:
    service, _, name = (source.keyring or "").partition("/")
    value = _from_system("get_password", service, name)
    if value is None:
        raise KeyMissing(f"the keyring has no entry {source.name}", hint=f"sheets-decrypt secret set {source.name}")
    return value


def _from_credential(source: SecretSource) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    name = source.credential or ""
    if not folder:
        raise KeyMissing(
            f"the systemd credential {source.name} is not available: CREDENTIALS_DIRECTORY is not set",
            hint="only a systemd service with LoadCredential= has credentials",
        )
    try:
        return _text(read_small(Path(folder) / Path(name).name, limit=_LARGEST), source)
    except OSError as error:
        raise KeyMissing(
            f"the systemd credential {source.name} cannot be read: {reason_of(error)}",
            hint=f"add LoadCredential={source.name}:/path to the service",
        ) from None


def _from_prompt(source: SecretSource) -> str:
    del source
    if not is_terminal(sys.stdin):
        raise KeyMissing(
            "the secret is asked for at a prompt, and this run has no terminal",
            hint="name another source, such as a file",
        )
    try:
        return getpass.getpass("secret key: ")
    except EOFError:
        raise KeyMissing("no secret was typed at the prompt", hint="run again and type it") from None


def _text(content: bytes, source: SecretSource) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeError:
        raise KeyMissing(
            f"the secret from {source.label} is not text in UTF-8", hint="save it again as UTF-8"
        ) from None


_READERS: Final = {
    "env": _from_env,
    "file": _from_file,
    "command": _from_command,
    "keyring": _from_keyring,
    "credential": _from_credential,
    "prompt": _from_prompt,
}
