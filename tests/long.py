"""The amount of work in tests with many repetitions: little by default, much with SHEETS_DECRYPT_LONG=1."""

import os
from typing import Final, TypeVar

LONG: Final = os.environ.get("SHEETS_DECRYPT_LONG") == "1"

_Amount = TypeVar("_Amount")


def scaled(short: _Amount, long: _Amount) -> _Amount:
    """Return `short`, or `long` in the long form."""
    return long if LONG else short
