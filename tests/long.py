"""How much a test that needs many repetitions does: little in an ordinary run, much with SHEETS_DECRYPT_LONG=1."""

import os
from typing import Final, TypeVar

LONG: Final = os.environ.get("SHEETS_DECRYPT_LONG") == "1"

_Amount = TypeVar("_Amount")


def scaled(short: _Amount, long: _Amount) -> _Amount:
    """Return `short`, or `long` where the long form was asked for."""
    return long if LONG else short
