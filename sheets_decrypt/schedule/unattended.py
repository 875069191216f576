"""Whether a scheduled run can read a job's secrets."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from sheets_decrypt.config import Config, Google, SecretSource
from sheets_decrypt.errors import ConfigurationError

_SETTINGS: Final[Mapping[str, Sequence[str]]] = {
    "proxy": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    "ca_bundle": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "credentials": ("GOOGLE_APPLICATION_CREDENTIALS",),
}


def refuse_attended(
    config: Config, jobs: Sequence[str], backend: str, credentials: Mapping[str, Path], *, platform: str = sys.platform
) -> None:
    """Refuse jobs with a secret that a scheduled run cannot read.

    Args:
        config: The configuration.
        jobs: Names of the jobs to schedule.
        backend: The scheduler's name.
        credentials: The systemd credentials that the service loads.
        platform: As in `sys.platform`.

    Raises:
        ConfigurationError: A job has no key or such a secret; the hint says what to do.
    """
    for job in jobs:
        if not config.keys_of(config.jobs[job]).given():
            raise ConfigurationError(
                f'job "{job}" has no key in the configuration; a scheduled run does not inherit your environment',
                hint='add one to [keys], such as private_keys = [{ file = "…" }]',
            )
        for source in _sources(config, job):
            problem = _problem(source, backend, credentials, platform)
            if problem:
                raise ConfigurationError(
                    f'job "{job}": a scheduled run cannot read the secret from {source.label}: {problem}',
                    hint=_hint(backend, platform),
                )


def left_behind(google: Google, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a note for each Google setting that only the environment has: a scheduled run does not inherit it.

    Args:
        google: The configuration's section [google].
        environment: The environment variables of this process; their values, which may hold a password, are not shown.
    """
    for key, names in _SETTINGS.items():
        found = next((name for name in names if environment.get(name)), None)
        if found and getattr(google, key) is None:
            yield f"{found} is set here, and a scheduled run may not have it: set {key} under [google]"


def _sources(config: Config, job: str) -> Iterator[SecretSource]:
    keys = config.keys_of(config.jobs[job])
    yield from (*keys.private_keys, *keys.legacy_secrets, *keys.passphrases)
    vault = config.vault_of(config.jobs[job])
    if vault is not None:
        yield vault.passphrase
    notify = config.notify_of(config.jobs[job])
    yield from (place for place in (notify.healthchecks, *notify.urls) if isinstance(place, SecretSource))


def _problem(source: SecretSource, backend: str, credentials: Mapping[str, Path], platform: str) -> str:
    match source.kind:
        case "prompt":
            return "it cannot ask for a password"
        case "env":
            return "it does not inherit your environment"
        case "keyring" if backend == "cron" and platform == "linux":
            return "cron has no desktop session, hence no keyring"
        case "credential" if backend != "systemd":
            return "only systemd loads credentials"
        case "credential" if source.credential not in credentials:
            return "the service does not load it"
        case _:
            return ""


def _hint(backend: str, platform: str) -> str:
    if backend == "systemd":
        return "use a file that only you can read, a command, or --credential NAME=FILE with { credential = … }"
    if platform == "linux":
        return "use a file that only you can read, or a command"
    return "use the keyring (`sheets-decrypt secret set NAME`), a file that only you can read, or a command"
