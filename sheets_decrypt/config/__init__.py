"""TOML → a frozen, validated `Config`. No network, and no secret is resolved here.

The models are the one source of the configuration's rules, of its documentation and of the commented example:
every field's description is the sentence that a user reads. Unknown keys are errors with a "did you mean".
"""

from sheets_decrypt.config.jobs import Config, Conversion, Job, JobName
from sheets_decrypt.config.loading import (
    ENVIRONMENT,
    FILE_NAME,
    find,
    load,
    parse,
    parse_conversion,
    places,
    user_file,
)
from sheets_decrypt.config.outputs import Kind, kind_of, report_of
from sheets_decrypt.config.sections import (
    Deidentified,
    FilePath,
    Fraction,
    Google,
    Keys,
    Notify,
    Secrets,
    SecretSource,
    Section,
    VaultFolder,
)

__all__ = [
    "ENVIRONMENT",
    "FILE_NAME",
    "Config",
    "Conversion",
    "Deidentified",
    "FilePath",
    "Fraction",
    "Google",
    "Job",
    "JobName",
    "Keys",
    "Kind",
    "Notify",
    "SecretSource",
    "Secrets",
    "Section",
    "VaultFolder",
    "find",
    "kind_of",
    "load",
    "parse",
    "parse_conversion",
    "places",
    "report_of",
    "user_file",
]
