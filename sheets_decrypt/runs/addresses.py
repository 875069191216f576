"""The addresses under [notify]: read from their sources, and checked before a run needs them."""

import os
from collections.abc import Iterator

from sheets_decrypt.config import Notify, SecretSource
from sheets_decrypt.errors import KeyMissing
from sheets_decrypt.runs import notify
from sheets_decrypt.runs.notify import Recipients
from sheets_decrypt.secret_sources import resolve


def recipients_of(section: Notify) -> tuple[Recipients, list[str]]:
    """Read the addresses, which may be secrets.

    Returns:
        The recipients, and a warning for each address that cannot be read; such an address is blank.
    """
    warnings: list[str] = []

    def address(source: str | SecretSource) -> str:
        if isinstance(source, str):
            return source
        try:
            return resolve(source).reveal()
        except Exception as error:  # noqa: BLE001  (no error here may change a run's result)
            reason = error.message if isinstance(error, KeyMissing) else type(error).__name__
            warnings.append(f"[notify]: {reason}")
            return ""

    recipients = Recipients(
        healthchecks=(address(section.healthchecks) or None) if section.healthchecks else None,
        urls=tuple(map(address, section.urls)),
        on=frozenset(section.on),
        locked_after=section.locked_after,
    )
    return recipients, warnings


def problems(section: Notify) -> list[str]:
    """Return the problems of the addresses, including their secrets, without sending anything."""
    recipients, warnings = recipients_of(section)
    return [*warnings, *_unusable(recipients)]


def problems_without_secrets(section: Notify) -> list[str]:
    """Return the problems that can be found without reading a secret; files and variables only have to exist."""
    readable = Recipients(
        healthchecks=section.healthchecks if isinstance(section.healthchecks, str) else None,
        urls=tuple(url if isinstance(url, str) else "" for url in section.urls),
    )
    return [*_absent(section), *_unusable(readable)]


def _unusable(recipients: Recipients) -> Iterator[str]:
    for found in notify.look_at(recipients):
        if found.problem:
            yield f"[notify] {found.where}: {found.problem}"


def _absent(section: Notify) -> Iterator[str]:
    for source in section.secret_sources():
        if (source.file and not os.path.lexists(source.file)) or (source.env and source.env not in os.environ):
            yield f"[notify]: the secret from {source.label} does not exist"
