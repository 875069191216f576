"""The Sheet's column names → names that Stata accepts: valid and unique ([U] 11.3, naming conventions). Pure."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

LONGEST_NAME: Final = 32  # characters
LONGEST_LABEL: Final = 80
_SHORTENED: Final = LONGEST_NAME - len("_32767")  # characters left before the longest number
_RESERVED: Final = re.compile(
    r"_all|_b|byte|_coef|_cons|double|float|if|in|int|long|_n|_N|_pi|_pred|_rc|_skip|str\d+|strL|using|with"
)


def variable_names(names: Sequence[str]) -> list[str]:
    """Return a unique name for each column: at most 32 letters, digits and `_`."""
    made: dict[str, None] = {}
    numbers: dict[str, int] = {}  # the last number tried for each name, so that many equal names stay fast
    for place, name in enumerate(names, 1):
        valid = unique = _valid(name) or f"v{place}"
        start = valid[:_SHORTENED]
        while unique in made:
            numbers[start] = number = numbers.get(start, 1) + 1
            unique = f"{valid[: LONGEST_NAME - len(f'_{number}')]}_{number}"
        made[unique] = None
    return list(made)


def variable_label(name: str) -> str:
    """Return the first 80 characters of a column's name, on one line, as a label."""
    return " ".join(name.replace("\0", " ").split())[:LONGEST_LABEL]


def _valid(name: str) -> str:
    text = unicodedata.normalize("NFC", name.strip())
    text = "".join(char if char.isalpha() or char in "0123456789_" else "_" for char in text)
    if text[:1].isdigit() or _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text[:LONGEST_NAME] if text.strip("_") else ""
