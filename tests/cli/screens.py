"""What a person sees of a table on a screen of some width."""

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from sheets_decrypt.cli.listing import fitted


def seen_at(width: int, table: Table, *, whole: bool = True) -> list[str]:
    """Return the words that a screen shows, from its top; with `whole`, hold that no line is longer than the screen."""
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(fitted(table, console), crop=False)
    lines = out.getvalue().splitlines()
    assert not whole or max(len(line.rstrip()) for line in lines) <= width
    return out.getvalue().split()


def assert_in_order(words: Sequence[str], seen: Iterable[str]) -> None:
    """Hold that the words are seen in this order; in a table, those of another column may come in between."""
    rest = iter(seen)
    missing = [word for word in words if word not in rest]
    assert not missing
