"""The `fields` parameter: partial replies.

The grammar follows Google's "partial response": `a,b`, `a/b` or `a.b`, `a(b,c)` and `*`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

# A mask maps a name to the mask below it; an empty one selects everything below.
Mask: TypeAlias = dict[str, "Mask"]
# A schema maps a name to the schema below it: None for a plain value, ANYTHING for content that is not checked.
Schema: TypeAlias = Mapping[str, "Schema | None"]

ANYTHING: Final[Schema] = {"*": None}
_TOKEN: Final = re.compile(r"[A-Za-z0-9_]+|[*,()/.]")


class MaskUnreadable(Exception):
    """The text is not a mask, or names a field that the schema lacks; the argument is the wrong path."""


def parse(text: str, schema: Schema) -> Mask:
    """Parse a mask and check it.

    Raises:
        MaskUnreadable: It breaks the grammar, or names an unknown field.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise MaskUnreadable(text)
    feed = iter([*tokens, ")"])
    try:
        mask = _selection(feed)
    except StopIteration:
        raise MaskUnreadable(text) from None
    if next(feed, None) is not None:
        raise MaskUnreadable(text)
    _check(mask, schema, ())
    return mask


def apply(value: Any, mask: Mask) -> Any:
    """Return the part of a reply that the mask selects; for a list, of each of its items."""
    if not mask:
        return value
    if isinstance(value, list):
        return [apply(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: apply(member, mask.get(name, mask.get("*", {}))) for name, member in value.items() if covers(mask, name)
    }


def covers(mask: Mask, *path: str) -> bool:
    """Return whether a mask selects a path, or something below it."""
    for name in path:
        if not mask:
            return True
        if name not in mask and "*" not in mask:
            return False
        mask = mask.get(name, mask.get("*", {}))
    return True


def _selection(feed: Iterator[str]) -> Mask:
    """Parse `a,b/c(d)` up to its closing bracket."""
    mask: Mask = {}
    while True:
        end = _path(feed, mask)
        if end == ")":
            return mask
        if end != ",":
            raise StopIteration


def _path(feed: Iterator[str], mask: Mask) -> str:
    """Parse one path into the mask; return the character that ends it."""
    fresh = False
    while True:
        name = next(feed)
        if not (name == "*" or name[0].isalnum() or name[0] == "_"):
            raise StopIteration
        fresh = name not in mask
        whole = not fresh and not mask[name]
        below = mask.setdefault(name, {})
        sign = next(feed)
        if sign in ",)":
            mask[name] = {}
            return sign
        target: Mask = {} if whole else below  # if everything is already selected, a part adds nothing
        if sign == "(":
            target.update(_selection(feed))
            return next(feed)
        mask = target


def _check(mask: Mask, schema: Schema, path: tuple[str, ...]) -> None:
    if schema is ANYTHING:
        return
    for name, below in mask.items():
        here = (*path, name)
        members = list(schema.values()) if name == "*" else [schema.get(name)]
        if name != "*" and name not in schema:
            raise MaskUnreadable(".".join(here))
        for member in members:
            if below and member is None and name != "*":
                raise MaskUnreadable(".".join((*here, next(iter(below)))))
            if member is not None:
                _check(below, member, here)
